/** Which columns of a table a model may learn from, and what a trial's parameters mean. Pure: workflows call it. */
import type { ParameterValues } from './parameters.ts';
import type { ColumnStepName, Preparation, PreparedColumns } from './preparation.ts';
import { matching } from './preparation-spec.ts';
import { columnSteps } from './preparation.ts';
import { completeParameters, type ParameterTable } from './parameters.ts';
import type { TableAlgorithmName } from './table-algorithms.ts';
import type { TableCandidate } from './table-lifecycle.ts';
import type { TableSpec } from './table-spec.ts';
import type { ColumnDefinition, ColumnKind } from './tables.ts';

/** All columns but the target and those that say who and when: an id is known by heart, and helps with nobody new. */
export function featureColumns(
  { split, cleaning, data }: Pick<TableSpec, 'split' | 'cleaning' | 'data'>,
  columns: readonly ColumnDefinition[],
  target: string,
): string[] {
  const without = new Set([target, ...(cleaning.duplicateKeys ?? [])]);
  if (data.behaviour) for (const name of ['user', 'time']) without.add(name);
  if (split.by === 'grouped') without.add(split.group);
  if (split.by === 'time' || split.by === 'leaveLastOut') without.add(split.time);
  if (split.by === 'leaveLastOut') without.add(split.user);
  if (cleaning.humans) without.add(cleaning.humans.user).add(cleaning.humans.time);
  return columns.map(({ name }) => name).filter((name) => !without.has(name));
}

/** Those of them that the spec's preparation takes up: two rows that are equal in these look the same to every model. */
export function usedFeatures({ preparation }: Pick<TableSpec, 'preparation'>, features: readonly string[]): string[] {
  const groups = preparation.columns;
  if (groups === undefined) return [...features];
  const used = new Set(groups.flatMap((group) => matching(group.columns, features)));
  return features.filter((name) => used.has(name));
}

/** Those that the model's activities read. */
export function learningColumns(
  columns: readonly ColumnDefinition[],
  features: readonly string[],
  target: string,
  slices: readonly string[],
): ColumnDefinition[] {
  const read = new Set([...features, target, ...slices]);
  return columns.filter(({ name }) => read.has(name));
}

/** The way that columns of a kind go where a spec does not say. Times are scaled as well: a year is a thousand times what else is made of a date. */
const byKind: Record<ColumnKind, readonly { step: ColumnStepName; parameters?: ParameterValues }[]> = {
  number: [{ step: 'impute' }, { step: 'scale' }],
  boolean: [{ step: 'impute', parameters: { strategy: 'mostFrequent' } }],
  category: [{ step: 'oneHot' }],
  text: [{ step: 'tfIdf' }],
  time: [{ step: 'dateParts' }, { step: 'scale' }],
};

/** By their kind: the columns in their order, a group for each kind that is there, every parameter settled. */
export function defaultColumns(columns: readonly ColumnDefinition[]): PreparedColumns[] {
  const kinds = [...new Set(columns.map(({ kind }) => kind))];
  return kinds.map((kind) => ({
    columns: columns.filter((column) => column.kind === kind).map(({ name }) => name),
    steps: byKind[kind].map(({ step, parameters = {} }) => {
      const table: ParameterTable = columnSteps[step].parameters;
      return { step, parameters: completeParameters(`the step "${step}"`, table, parameters) };
    }),
  }));
}

/** What `settlePreparation` matches a section's patterns with. */
export function preparationColumns(
  columns: readonly ColumnDefinition[],
  features: readonly string[],
): { names: string[]; byDefault: PreparedColumns[] } {
  const offered = columns.filter(({ name }) => features.includes(name));
  return { names: offered.map(({ name }) => name), byDefault: defaultColumns(offered) };
}

/**
 * A trial's parameters are those of its algorithm and, with a point in their names, what was drawn for the preparation.
 */
export function trialCandidate(
  { algorithm, parameters }: { algorithm: string; parameters: Readonly<ParameterValues> },
  settle: (drawn: ParameterValues) => Preparation,
): TableCandidate {
  const entries = Object.entries(parameters);
  const own = entries.filter(([name]) => !name.includes('.'));
  const drawn = entries.filter(([name]) => name.includes('.'));
  return {
    algorithm: algorithm as TableAlgorithmName,
    parameters: Object.fromEntries(own),
    preparation: settle(Object.fromEntries(drawn)),
  };
}
