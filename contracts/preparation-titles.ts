/** A settled preparation as people read it: what tuning chose for the columns. */
import { settingsText } from './algorithm-titles.ts';
import type { ParameterTable, ParameterValues } from './parameters.ts';
import { columnSteps, selectionSteps, type Preparation } from './preparation.ts';

/** Columns of a group that are named; of more it says how many. */
const named = 3;

/** A line a group, `48 columns: impute, log, scale method=robust`, and one for the selection where there is one. */
export function preparationLines({ columns, select }: Preparation): string[] {
  const lines = columns.map(({ columns: names, steps }) => {
    const of = names.length > named ? `${names.length} columns` : names.join(', ');
    const done = steps.map(({ step, parameters }) => stepText(step, columnSteps[step].parameters, parameters));
    return `${of}: ${done.length > 0 ? done.join(', ') : 'as they are'}`;
  });
  const chosen = select.map(({ step, parameters }) => stepText(step, selectionSteps[step].parameters, parameters));
  return chosen.length > 0 ? [...lines, `selected by ${chosen.join(', ')}`] : lines;
}

function stepText(step: string, table: ParameterTable, parameters: ParameterValues): string {
  const settings = settingsText(table, parameters);
  return settings === '' ? step : `${step} ${settings}`;
}
