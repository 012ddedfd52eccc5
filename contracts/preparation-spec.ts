/** The section "preparation" of a table's spec: which columns go through which steps, and what of it tuning is to find. */
import { z } from 'zod';
import {
  columnSteps,
  selectionSteps,
  type ColumnStepName,
  type Preparation,
  type SelectionStepName,
} from './preparation.ts';
import {
  completeParameters,
  type ParameterTable,
  type ParameterValue,
  type ParameterValues,
  type SearchDimension,
  type SearchSpace,
} from './parameters.ts';
import { dimensionOf, parameterValueSchema, searchSchema } from './search.ts';

/** A parameter's value, or `search` with the values that tuning is to try. */
function settingsSchema(table: ParameterTable) {
  return z.strictObject(
    Object.fromEntries(
      Object.entries(table).map(([name, parameter]) => [
        name,
        z.union([parameterValueSchema(parameter), z.strictObject({ search: searchSchema(parameter) })]).optional(),
      ]),
    ),
  );
}

/** `scale`, or `scale: { method: robust }`. */
function stepSchema(steps: Record<string, { title: string; parameters: ParameterTable }>) {
  const names = Object.keys(steps) as [string, ...string[]];
  const shape = Object.fromEntries(
    Object.entries(steps).map(([name, { title, parameters }]) => [
      name,
      settingsSchema(parameters).optional().describe(title),
    ]),
  );
  return z.union([
    z.enum(names),
    z.strictObject(shape).refine((step) => Object.keys(step).length === 1, {
      message: 'must name one step',
      params: { remedy: 'Begin each step with a hyphen of its own.' },
    }),
  ]);
}

function sequenceSchema(steps: Record<string, { title: string; parameters: ParameterTable }>) {
  const step = stepSchema(steps);
  const choice = z.strictObject({
    oneOf: z
      .array(z.union([z.literal('none'), step]))
      .min(2)
      .describe('Steps of which tuning chooses one; "none" leaves the step out.'),
  });
  return z.array(z.union([step, choice]));
}

export const preparationSectionSchema = z
  .strictObject({
    columns: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[A-Za-z][\w-]*$/, 'must be letters, digits, hyphens or underscores')
            .optional()
            .describe('What to call the group in trial tables; columns1, columns2, … when left out.'),
          columns: z
            .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
            .describe('Names of columns; * stands for any letters, as in frequency_*.'),
          steps: sequenceSchema(columnSteps).min(1),
        }),
      )
      .optional()
      .describe('Columns that no group names are left out. Without groups each column goes the way of its kind.'),
    select: sequenceSchema(selectionSteps).default([]).describe('Which features to keep, of all groups together.'),
  })
  .prefault({});
export type PreparationSection = z.output<typeof preparationSectionSchema>;

type Settings = Record<
  string,
  ParameterValue | { search: string[] | { min: number; max: number; log?: boolean } } | undefined
>;
type Step = string | Record<string, Settings | undefined>;
type Place = Step | { oneOf: Step[] };

const none = 'none';

/** Every place of a section where something may be searched, with its name in the space. */
function* placesOf(section: PreparationSection): Generator<{ name: string; place: Place; tables: Tables }> {
  for (const [i, group] of (section.columns ?? []).entries()) {
    for (const [j, place] of group.steps.entries()) {
      yield { name: `${group.name ?? `columns${i + 1}`}.${j + 1}`, place: place as Place, tables: columnSteps };
    }
  }
  for (const [j, place] of section.select.entries()) {
    yield { name: `select.${j + 1}`, place: place as Place, tables: selectionSteps };
  }
}
type Tables = Readonly<Record<string, { parameters: ParameterTable }>>;

function read(step: Step): { step: string; settings: Settings } {
  if (typeof step === 'string') return { step, settings: {} };
  const [[name, settings]] = Object.entries(step);
  return { step: name, settings: settings ?? {} };
}

const alternatives = (place: Place): Step[] =>
  typeof place === 'object' && 'oneOf' in place ? (place.oneOf as Step[]) : [place as Step];

/** `scale` twice in one choice is `scale` and `scale#2`. */
function labelled(steps: readonly Step[]): { label: string; step: string; settings: Settings }[] {
  const seen = new Map<string, number>();
  return steps.map((written) => {
    const { step, settings } = read(written);
    const times = (seen.get(step) ?? 0) + 1;
    seen.set(step, times);
    return { label: times === 1 ? step : `${step}#${times}`, step, settings };
  });
}

/**
 * What a preparation leaves for tuning to find: dimensions such as `numbers.2` (which of several steps) and
 * `numbers.2.scale.method`, conditional on the choice that they belong to.
 */
export function preparationSpace(section: PreparationSection): SearchSpace {
  const space: SearchSpace = {};
  for (const { name, place, tables } of placesOf(section)) {
    const steps = labelled(alternatives(place));
    if (steps.length > 1) space[name] = { kind: 'choice', choices: steps.map(({ label }) => label) };
    for (const { label, step, settings } of steps) {
      if (step === none) continue;
      const when = steps.length > 1 ? { when: { dimension: name, in: [label] } } : {};
      for (const [parameter, rule] of Object.entries(tables[step].parameters)) {
        const range = rangeOf(settings[parameter]);
        if (range === undefined) continue;
        space[`${name}.${label}.${parameter}`] = { ...dimensionOf(rule, range), ...when } as SearchDimension;
      }
    }
  }
  return space;
}

function rangeOf(value: Settings[string]) {
  return typeof value === 'object' ? value.search : undefined;
}

/**
 * The preparation of one trial.
 * @param drawn - values of `preparationSpace`; others are ignored.
 * @param columns - the names of columns that patterns are matched with, and the groups of a section that has none.
 * @throws TradewindError `PARAMETER_INVALID` for a value outside its step's table.
 */
export function settlePreparation(
  section: PreparationSection,
  drawn: Readonly<ParameterValues>,
  columns: { names: readonly string[]; byDefault: Preparation['columns'] },
): Preparation {
  const settle = (prefix: string, places: readonly Place[], tables: Tables) =>
    places.flatMap((place, j) => {
      const name = `${prefix}.${j + 1}`;
      const steps = labelled(alternatives(place));
      const chosen = steps.length === 1 ? steps[0] : steps.find(({ label }) => label === drawn[name]);
      if (chosen === undefined) throw new RangeError(`The trial does not say which step ${name} is.`);
      const { label, step, settings } = chosen;
      if (step === none) return [];
      const given: Record<string, unknown> = {};
      for (const [parameter, value] of Object.entries(settings)) {
        given[parameter] = rangeOf(value) === undefined ? value : drawn[`${name}.${label}.${parameter}`];
      }
      return [{ step, parameters: completeParameters(`the step "${step}"`, tables[step].parameters, given) }];
    });
  return {
    columns:
      section.columns?.map((group, i) => ({
        columns: matching(group.columns, columns.names),
        steps: settle(group.name ?? `columns${i + 1}`, group.steps as Place[], columnSteps) as {
          step: ColumnStepName;
          parameters: ParameterValues;
        }[],
      })) ?? columns.byDefault,
    select: settle('select', section.select as Place[], selectionSteps) as {
      step: SelectionStepName;
      parameters: ParameterValues;
    }[],
  };
}

/** Those that a pattern matches, in their own order, each once. */
export function matching(patterns: string | readonly string[], names: readonly string[]): string[] {
  const rules = [patterns].flat().map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
          .join('.*')}$`,
      ),
  );
  return names.filter((name) => rules.some((rule) => rule.test(name)));
}
