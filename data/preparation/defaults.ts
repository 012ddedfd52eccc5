/** The way of a column that nobody has said anything about. */
import { completeParameters } from '../../contracts/parameters.ts';
import { columnSteps, type ColumnStepName, type Preparation } from '../../contracts/preparation.ts';
import { columnKinds, type ColumnDefinition, type ColumnKind } from '../../contracts/tables.ts';

/** Times are scaled as well: a year is a thousand times what else is made of a date. */
const steps: Record<ColumnKind, readonly { step: ColumnStepName; parameters?: Record<string, string> }[]> = {
  number: [{ step: 'impute' }, { step: 'scale' }],
  boolean: [{ step: 'impute', parameters: { strategy: 'mostFrequent' } }],
  category: [{ step: 'oneHot' }],
  text: [{ step: 'tfIdf' }],
  time: [{ step: 'dateParts' }, { step: 'scale' }],
};

/** By their kind: the columns in their order, a group for each kind that is there, every parameter settled. */
export function defaultPreparation(columns: readonly ColumnDefinition[]): Preparation {
  const groups = columnKinds.map((kind) => ({
    columns: columns.filter((column) => column.kind === kind).map(({ name }) => name),
    steps: steps[kind].map(({ step, parameters = {} }) => ({
      step,
      parameters: completeParameters(`the step "${step}"`, columnSteps[step].parameters, parameters),
    })),
  }));
  return { columns: groups.filter((group) => group.columns.length > 0), select: [] };
}
