/** How a spec says a parameter's value, and which values tuning is to try. */
import { z } from 'zod';
import { accepts, describeRule, type Parameter, type SearchDimension } from './parameters.ts';

/** Of a value that is given. */
export function parameterValueSchema(parameter: Parameter): z.ZodType<number | string> {
  const base =
    parameter.kind === 'choice'
      ? z.enum(parameter.choices as [string, ...string[]])
      : parameter.kind === 'integer'
        ? z.int().min(parameter.min).max(parameter.max)
        : z.number().min(parameter.min).max(parameter.max);
  return base.describe(`${parameter.doc} Must ${describeRule(parameter)}.`);
}

/** Of the values that tuning is to try: a list, or a range. */
export function searchSchema(parameter: Parameter) {
  if (parameter.kind === 'choice') {
    return z
      .array(z.enum(parameter.choices as [string, ...string[]]))
      .min(1)
      .describe(parameter.doc);
  }
  const bound = parameter.kind === 'integer' ? z.int() : z.number();
  return z
    .strictObject({
      min: bound,
      max: bound,
      log: z.boolean().optional().describe('Draw on a logarithmic scale.'),
    })
    .refine((range) => accepts(parameter, range.min) && accepts(parameter, range.max), {
      message: `must lie within the parameter's own range: ${describeRule(parameter)}`,
      params: { remedy: `Keep min and max within [${parameter.min}, ${parameter.max}].` },
    })
    .refine((range) => range.min < range.max, {
      path: ['min'],
      message: 'must be less than max',
      params: { remedy: 'Swap them or widen the range; a value that stays fixed belongs under "parameters".' },
    })
    .refine((range) => !range.log || range.min > 0, {
      path: ['min'],
      message: 'must be above 0 on a logarithmic scale',
      params: { remedy: 'Raise it, or leave "log" out.' },
    })
    .describe(parameter.doc);
}

export type Range = readonly string[] | { min: number; max: number; log?: boolean | undefined };

/** A parameter's dimension in a search space. */
export function dimensionOf(parameter: Parameter, range: Range): SearchDimension {
  if (isList(range)) return { kind: 'choice', choices: [...new Set(range)] };
  if (parameter.kind === 'choice') throw new TypeError('The search of a choice must be a list.');
  // A table's logarithmic default is dropped where the range starts at 0, which has no logarithm.
  const log = range.log ?? (parameter.log === true && range.min > 0);
  return { kind: parameter.kind, min: range.min, max: range.max, log };
}

function isList(range: Range): range is readonly string[] {
  return Array.isArray(range);
}
