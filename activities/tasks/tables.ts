/** Data stages of tables in a compute process: DuckDB is native code, and a file that kills it must not kill the worker. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskContext } from '../../compute/pool/task.ts';
import type { ColumnDefinition, TableTask } from '../../contracts/tables.ts';
import type { TableSpec } from '../../contracts/table-spec.ts';
import { behaviourTable, type BehaviourTable } from '../../data/behaviour.ts';
import { cleanTable, type TableCleaningReport } from '../../data/clean-table.ts';
import { ingestTable, type TableIngest, type TableSource } from '../../data/ingest-table.ts';
import { planSplit, type SplitContext } from '../../data/table-split.ts';
import { quarantineRows } from '../../data/quarantine-rows.ts';
import { brokenRules } from '../../data/rule-reports.ts';
import type { SplitSummary } from '../../data/split-summary.ts';
import { readProfile, tableProfile, writeProfile, type TableProfile } from '../../data/table-profile.ts';
import { validateTable } from '../../data/validate-table.ts';
import { taskFiles } from '../task-files.ts';
import { optionsOf } from './data.ts';

export interface IngestTableInput {
  source: TableSource;
  columns?: ColumnDefinition[];
  target: string;
  reading: NonNullable<TableSpec['data']['table']>['reading'];
}

/** Leaves the table, and the lines that could not be read where there are some. */
export async function ingest(input: IngestTableInput, context: TaskContext): Promise<TableIngest> {
  const { source, columns, target, reading } = input;
  return ingestTable(source, columns, join(context.workDir, taskFiles.table), {
    ...optionsOf(context),
    target,
    reading,
    quarantinePath: join(context.workDir, taskFiles.unreadable),
  });
}

export interface BehaviourInput {
  interactions: string;
  items?: string;
  behaviour: NonNullable<TableSpec['data']['behaviour']>;
}

export async function behaviour(input: BehaviourInput, context: TaskContext): Promise<BehaviourTable> {
  const out = join(context.workDir, taskFiles.table);
  return behaviourTable(input.interactions, input.items, input.behaviour, out, optionsOf(context));
}

export interface ValidateTableInput {
  table: string;
  columns: ColumnDefinition[];
  rules: TableSpec['validation'];
  /** Path of a profile, with its digest. */
  reference?: { path: string; digest: string };
}
export interface ValidateTableOutput {
  rows: number;
  rules: number;
  broken: string[];
  lastDay?: string;
  /** Names of columns without any value. */
  empty?: string[];
  quarantined?: { count: number; lastDay?: string };
  warnings: string[];
}

/** Leaves the report, the profile, and where rows break a rule these rows and the table without them. */
export async function validate(input: ValidateTableInput, context: TaskContext): Promise<ValidateTableOutput> {
  const { table, columns, rules, reference } = input;
  const options = optionsOf(context);
  const profile = reference && (await readProfile(reference.path, reference.digest));
  const report = await validateTable(table, columns, rules, profile, options);
  await writeFile(join(context.workDir, taskFiles.validation), `${JSON.stringify(report)}\n`);
  await writeProfile(join(context.workDir, taskFiles.profile), report.profile);
  const quarantined = report.breakingRows > 0 ? await setAside(input, context) : undefined;
  return {
    rows: report.rows,
    rules: report.rules.length,
    broken: brokenRules(report.rules, 'The table'),
    ...lastDayOf(report.profile),
    ...emptyOf(report.profile),
    ...(quarantined && { quarantined }),
    warnings: report.warnings.slice(0, 20),
  };
}

async function setAside({ table, columns, rules }: ValidateTableInput, context: TaskContext) {
  const options = optionsOf(context);
  const [good, aside, goodProfile] = [taskFiles.good, taskFiles.quarantine, taskFiles.goodProfile].map((name) =>
    join(context.workDir, name),
  );
  const { quarantined } = await quarantineRows(table, columns, rules, good, aside, options);
  const profile = await tableProfile(good, columns, options);
  await writeProfile(goodProfile, profile);
  return { count: quarantined, ...lastDayOf(profile) };
}

function emptyOf({ rows, columns }: TableProfile): { empty?: string[] } {
  const empty = columns.filter(({ missing }) => missing === rows).map(({ name }) => name);
  return rows === 0 || empty.length === 0 ? {} : { empty };
}

/** Of all columns of times. */
function lastDayOf({ columns }: TableProfile): { lastDay?: string } {
  const latest = columns.flatMap((c) => (c.kind === 'time' && 'numbers' in c && c.numbers ? [c.numbers.most] : []));
  return latest.length === 0 ? {} : { lastDay: new Date(Math.max(...latest) * 1000).toISOString().slice(0, 10) };
}

export interface CleanTableInput {
  table: string;
  target: string;
  task: TableTask;
  cleaning: TableSpec['cleaning'];
  features?: string[];
}

export async function clean(input: CleanTableInput, context: TaskContext): Promise<TableCleaningReport> {
  const { table, cleaning, ...about } = input;
  const droppedPath = join(context.workDir, taskFiles.dropped);
  const out = join(context.workDir, taskFiles.table);
  return cleanTable(table, cleaning, { ...about, droppedPath }, out, optionsOf(context));
}

export interface SplitTableInput {
  table: string;
  split: TableSpec['split'];
  about: SplitContext;
}

export async function split(input: SplitTableInput, context: TaskContext): Promise<SplitSummary> {
  const out = join(context.workDir, taskFiles.split);
  const summary = await planSplit(input.table, input.split, input.about, out, optionsOf(context));
  await writeFile(join(context.workDir, taskFiles.splitSummary), `${JSON.stringify(summary)}\n`);
  return summary;
}
