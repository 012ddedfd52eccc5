/**
 * Parameter tables: one declaration gives an algorithm's defaults, its validation, its search range and its bad-value
 * tests (the habit of scikit-learn's `_parameter_constraints`).
 */
import { TradewindError } from './errors.ts';

interface Documented {
  doc: string;
}
export interface IntegerParameter extends Documented {
  kind: 'integer';
  min: number;
  max: number;
  default: number;
  /** Search on a logarithmic scale. */
  log?: boolean;
}
export interface NumberParameter extends Documented {
  kind: 'number';
  /** Inclusive. */
  min: number;
  max: number;
  default: number;
  log?: boolean;
}
export interface ChoiceParameter extends Documented {
  kind: 'choice';
  choices: readonly string[];
  default: string;
}
export type Parameter = IntegerParameter | NumberParameter | ChoiceParameter;
export type ParameterTable = Record<string, Parameter>;

export type ParameterValue = number | string;
export type ParameterValues = Record<string, ParameterValue>;

/** The values' type that a table stands for. */
export type ValuesOf<T extends ParameterTable> = {
  [K in keyof T]: T[K] extends { kind: 'choice'; choices: readonly (infer C)[] } ? C : number;
};

/** A searched range of one parameter, narrowed from its table. */
export type SearchDimension = (
  | { kind: 'integer' | 'number'; min: number; max: number; log: boolean }
  | { kind: 'choice'; choices: readonly ParameterValue[] }
) & {
  /** Searched only where another dimension, which comes earlier and is searched itself, has one of these values. */
  when?: { dimension: string; in: readonly ParameterValue[] };
};
export type SearchSpace = Record<string, SearchDimension>;

export function describeRule(parameter: Parameter): string {
  switch (parameter.kind) {
    case 'integer':
      return `be an integer in [${parameter.min}, ${parameter.max}]`;
    case 'number':
      return `be a number in [${parameter.min}, ${parameter.max}]`;
    case 'choice':
      return `be one of ${parameter.choices.map((c) => `"${c}"`).join(', ')}`;
  }
}

export function accepts(parameter: Parameter, value: unknown): boolean {
  if (parameter.kind === 'choice') return typeof value === 'string' && parameter.choices.includes(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (parameter.kind === 'integer' && !Number.isInteger(value)) return false;
  return value >= parameter.min && value <= parameter.max;
}

/**
 * Fills in defaults and checks every value.
 * @throws TradewindError `PARAMETER_INVALID`, e.g. `The "factors" parameter of als must be an integer in [1, 1024].
 * Got 0. …`
 */
export function completeParameters(
  algorithm: string,
  table: ParameterTable,
  given: Readonly<Record<string, unknown>>,
): ParameterValues {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(table, name)) {
      throw new TradewindError('PARAMETER_INVALID', {
        subject: `The "${name}" parameter of ${algorithm}`,
        rule: `be one that ${algorithm} has: ${Object.keys(table).join(', ') || 'none'}`,
        remedy: 'Remove it or correct its name.',
      });
    }
  }
  const values: ParameterValues = {};
  for (const [name, parameter] of Object.entries(table)) {
    const value = given[name] ?? parameter.default;
    if (!accepts(parameter, value)) {
      throw new TradewindError('PARAMETER_INVALID', {
        subject: `The "${name}" parameter of ${algorithm}`,
        rule: describeRule(parameter),
        value: JSON.stringify(value),
        remedy: `Its default is ${JSON.stringify(parameter.default)}.`,
      });
    }
    values[name] = value as ParameterValue;
  }
  return values;
}
