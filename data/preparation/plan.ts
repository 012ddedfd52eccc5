/** Which steps a group of columns goes through, checked against what its columns are. */
import { completeParameters } from '../../contracts/parameters.ts';
import {
  columnStepNames,
  columnSteps,
  type ColumnStepName,
  type PreparedColumns,
} from '../../contracts/preparation.ts';
import type { ColumnDefinition, ColumnKind } from '../../contracts/tables.ts';
import type { Table } from '../table.ts';
import { formOf } from './lowering.ts';
import { missingColumn, unfit } from './refusal.ts';
import { stepOf, type Parameters } from './steps.ts';

export interface PlannedStep {
  readonly step: ColumnStepName;
  readonly parameters: Parameters;
}

export interface Plan {
  readonly columns: readonly ColumnDefinition[];
  readonly form: (typeof formOf)[ColumnKind];
  /** What makes numbers of strings or times; none where the columns are numbers. */
  readonly first?: PlannedStep;
  readonly onNumbers: readonly PlannedStep[];
}

/** @throws TradewindError `PREPARATION_FAILED`, `COLUMN_MISSING`, `PARAMETER_INVALID` */
export function planOf(table: Table, group: PreparedColumns): Plan {
  const columns = group.columns.map((name): ColumnDefinition => {
    if (!Object.hasOwn(table.columns, name)) throw missingColumn(name, table);
    return { name, kind: table.columns[name].kind };
  });
  if (columns.length === 0) {
    throw unfit({
      subject: 'A group of columns',
      rule: 'name at least one',
      value: 'none',
      remedy: 'Name columns of the table, or leave the group out.',
    });
  }
  const form = formOf[columns[0].kind];
  const other = columns.find(({ kind }) => formOf[kind] !== form);
  if (other !== undefined) {
    throw unfit({
      subject: `The columns "${columns[0].name}" and "${other.name}"`,
      rule: 'be of one kind to go through the same steps',
      value: `${columns[0].kind} and ${other.kind}`,
      remedy: 'Make two groups of them.',
    });
  }
  const steps = group.steps.map(({ step, parameters }): PlannedStep => {
    return { step, parameters: completeParameters(`the step "${step}"`, columnSteps[step].parameters, parameters) };
  });
  const [first, ...others] = form === 'numbers' ? [undefined, ...steps] : [steps[0], ...steps.slice(1)];
  if (form !== 'numbers' && (first === undefined || stepOf(first.step).from !== form)) {
    const suitable = columnStepNames.filter((name) => stepOf(name).from === form);
    throw unfit({
      subject: `The first step of the column "${columns[0].name}", a ${columns[0].kind},`,
      rule: `be one that makes numbers of it: ${suitable.join(', ')}`,
      value: first?.step ?? 'none',
      remedy: 'Put such a step first, or leave the column out.',
    });
  }
  for (const one of others) {
    if (one === undefined || stepOf(one.step).from === 'numbers') continue;
    throw unfit({
      subject: `The step "${one.step}" of the column "${columns[0].name}"`,
      rule: `have a column of the kind ${columnSteps[one.step].of.join(' or ')}`,
      value: form === 'numbers' ? `a ${columns[0].kind}` : `what "${first!.step}" made of it`,
      remedy: 'Take the step out.',
    });
  }
  return { columns, form, first, onNumbers: others.filter((one) => one !== undefined) };
}
