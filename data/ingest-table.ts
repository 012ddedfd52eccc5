/** A table's source files to typed Parquet (`contracts/tables.ts`): what every later stage of a table reads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TradewindError } from '../contracts/errors.ts';
import {
  tableColumnsSchema,
  tableReadingSchema,
  type TableReading,
  type TableReadingInput,
} from '../contracts/table-rules.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import { castOf, castTable, findAbout, requireDateOrder, requireReadable, type Finding } from './column-findings.ts';
import { identifier, literal, withDatabase, type Database, type DataOptions } from './database.ts';
import { inferColumns, type InferredColumn, type Inference } from './infer-schema.ts';
import { sqlTypes, type CastSettings } from './kind-casts.ts';
import { QuarantineFile } from './quarantine.ts';
import { count, counted, emptySource, missingColumn, readingFailed, withNames } from './source-failures.ts';
import { firstKeys, inRuns, type OpenedFile } from './source-format.ts';
import {
  explain,
  namesOfFiles,
  openTableFiles,
  type Repair,
  type TableFiles,
  type TableSource,
} from './table-files.ts';

export type { Repair, TableSource } from './table-files.ts';

export interface IngestTableOptions extends DataOptions {
  reading?: TableReadingInput;
  /** Name of the column to be predicted, which must have values. */
  target?: string;
  /** Where lines that are put aside go: Parquet of `QuarantinedLine`. Must be given where `reading.repair` drops or pads. */
  quarantinePath?: string;
}

export interface TableIngest {
  rows: number;
  /** As declared, or as inferred. */
  columns: ColumnDefinition[];
  /** What each kind follows from; null where the columns were declared. */
  inferred: InferredColumn[] | null;
  /** Rows without a value, by column: also those whose value could not be read and counts as missing. */
  missing: Record<string, number>;
  repairs: Repair[];
  /** Lines in the file of `quarantinePath`, which is written where there are any. */
  quarantined: number;
  /** Columns of the files that are not among the table's. */
  leftOut: string[];
  /** Files of several that hold no row, by name. */
  emptyFiles: string[];
  warnings: string[];
}

/**
 * Writes Parquet with a column for each of `columns`, in their order, of the type of its kind: rows in the order of the
 * files; nothing, `''`, NaN and the texts of `reading.missing` as null. The same files give the same bytes.
 *
 * @param columns - columns and their kinds, others are left out; found by `inferSchema`'s rules when left out.
 * @throws TradewindError `SOURCE_EMPTY`, `SOURCE_UNREADABLE`, `COLUMN_MISSING`, `COLUMN_TYPE`, `TARGET_INVALID`
 */
export async function ingestTable(
  source: TableSource,
  columns: readonly ColumnDefinition[] | undefined,
  outPath: string,
  options: IngestTableOptions = {},
): Promise<TableIngest> {
  const reading = tableReadingSchema.parse(options.reading);
  const declared = columns === undefined ? undefined : tableColumnsSchema.parse(columns);
  if (reading.repair !== 'none' && options.quarantinePath === undefined) {
    throw new TypeError('A path of the quarantine must be given where rows that are not well-formed are dropped.');
  }
  const folder = await mkdtemp(join(options.temporaryFolder ?? tmpdir(), 'tradewind-table-'));
  const names = namesOfFiles(source, folder);
  const quarantine = new QuarantineFile(join(folder, 'quarantine.ndjson'), names.of);
  try {
    return await withNames(names, () =>
      withDatabase(options, async (database) => {
        const wanted = declared?.map(({ name }) => name);
        const context = { reading, wanted, folder, names, quarantine, signal: options.signal };
        const files = await openTableFiles(database, source, context);
        if (files.opened.length === 0) throw emptySource(source.files);
        try {
          const ingest = await ingestFiles(database, source, files, declared, outPath, reading, options);
          if (options.quarantinePath !== undefined) await quarantine.writeParquet(database, options.quarantinePath);
          return { ...ingest, quarantined: quarantine.rows };
        } catch (error) {
          await rm(outPath, { force: true });
          options.signal?.throwIfAborted();
          if (!(error instanceof TradewindError)) await explain(files.opened, options.signal);
          throw readingFailed(error, names.files);
        }
      }),
    );
  } finally {
    await quarantine.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ingestFiles(
  database: Database,
  source: TableSource,
  { opened, emptyFiles, repairs }: TableFiles,
  declared: readonly ColumnDefinition[] | undefined,
  outPath: string,
  reading: TableReading,
  { target }: IngestTableOptions,
): Promise<Omit<TableIngest, 'quarantined'>> {
  const inference = declared ? undefined : await inferColumns(database, opened, reading);
  const columns = declared ?? inference!.columns.map(({ name, kind }) => ({ name, kind }));
  const files = inference?.files ?? opened;
  for (const file of files) for (const { name } of columns) requireColumn(file, name);
  if (target !== undefined && !columns.some(({ name }) => name === target)) {
    throw missingColumn(
      files[0].path,
      target,
      ', named as the target,',
      columns.map(({ name }) => name),
    );
  }
  if (columns.length === 0) throw emptySource(source.files);

  const findings = await lookAt(database, files, columns, reading, inference);
  const orders = new Map<string, CastSettings>();
  for (const column of columns) {
    const finding = findings.get(column.name);
    if (!finding) continue;
    if (reading.unreadable === 'refuse' && finding.counts.unreadable + finding.counts.infinite > 0) {
      await requireReadable(database, files, column, reading);
    }
    const dateOrder = await requireDateOrder(database, files, column, finding, reading);
    orders.set(column.name, { ...reading, dateOrder });
    repairs.push(...repairsOf(column, finding, dateOrder));
  }
  const parts = inRuns(files).map((run) => {
    const casts = columns.map((column, i) => castOf(run[0], column, orders.get(column.name) ?? reading, `p${i}`));
    const values = columns.map(
      ({ name, kind }, i) => `CAST(${casts[i].value} AS ${sqlTypes[kind]}) AS ${identifier(name)}`,
    );
    return `SELECT ${values.join(', ')} FROM ${castTable(run, casts)}`;
  });
  const rows = await database.writeParquet(parts.join(' UNION ALL '), outPath);
  if (rows === 0) throw emptySource(source.files);

  const missing = await countMissing(database, outPath, columns, rows);
  const keyless = files.find((file) => !file.knowsItsColumns);
  if (keyless && declared) await requireKeys(keyless, columns, missing, rows);
  requireTarget(target, missing, rows);
  const known = new Set(columns.map(({ name }) => name));
  const others = opened.flatMap((file) => file.columns.map(({ name }) => name)).filter((name) => !known.has(name));
  return {
    rows,
    columns: [...columns],
    inferred: inference?.columns ?? null,
    missing,
    repairs,
    leftOut: [...new Set(others)].map((name) => (name.trim() === '' ? '(without a name)' : name)),
    emptyFiles,
    warnings: [...warningsAbout(columns, missing, rows, findings, orders), ...(inference ? leftOutOf(inference) : [])],
  };
}

/** Only kinds that not every text is of are looked at, unless inference has done so. */
async function lookAt(
  database: Database,
  files: readonly OpenedFile[],
  columns: readonly ColumnDefinition[],
  reading: TableReading,
  inference: Inference | undefined,
): Promise<Map<string, Finding>> {
  const findings = new Map(inference?.findings);
  const asked = columns.filter(({ name, kind }) => !findings.has(name) && kind !== 'category' && kind !== 'text');
  for (const [i, finding] of (await findAbout(database, files, asked, reading)).entries()) {
    findings.set(asked[i].name, finding);
  }
  return findings;
}

function requireColumn(file: OpenedFile, column: string): void {
  const names = file.columns.map(({ name }) => name);
  if (!names.includes(column)) throw missingColumn(file.path, column, '', names);
}

/** Of NDJSON, which does not say what it holds: a column without any value must at least be a key. */
async function requireKeys(
  file: OpenedFile,
  columns: readonly ColumnDefinition[],
  missing: Record<string, number>,
  rows: number,
): Promise<void> {
  for (const { name } of columns.filter((column) => missing[column.name] === rows)) {
    const keys = await firstKeys(file.path);
    if (!keys.includes(name)) throw missingColumn(file.path, name, '', keys);
  }
}

function requireTarget(target: string | undefined, missing: Record<string, number>, rows: number): void {
  if (target === undefined || missing[target] < rows) return;
  throw new TradewindError('TARGET_INVALID', {
    subject: `Column "${target}", the target,`,
    rule: 'hold at least one value',
    value: `${counted(rows, 'row')} without one`,
    remedy: 'Check the export that wrote it, or name another column as the target.',
  });
}

async function countMissing(
  database: Database,
  path: string,
  columns: readonly ColumnDefinition[],
  rows: number,
): Promise<Record<string, number>> {
  const counts = columns.map(({ name }, i) => `CAST(count(${identifier(name)}) AS DOUBLE) AS "${i}"`);
  const [found] = await database.rows<Record<string, number>>(
    `SELECT ${counts.join(', ')} FROM read_parquet(${literal(path)})`,
  );
  return Object.fromEntries(columns.map(({ name }, i) => [name, rows - found[i]]));
}

const written = {
  iso: 'ISO 8601',
  dayFirst: 'day/month/year',
  monthFirst: 'month/day/year',
  seconds: 'seconds since 1970',
  milliseconds: 'milliseconds since 1970',
  microseconds: 'microseconds since 1970',
  nanoseconds: 'nanoseconds since 1970',
  compact: 'YYYYMMDD without hyphens',
} as const;

/** Times by how they are written, most first. Those that are the same in both orders go with the others in slashes. */
function waysOf({ counts }: Finding, order: CastSettings['dateOrder']): { way: keyof typeof written; n: number }[] {
  const slashed = counts.dayFirst + counts.monthFirst + counts.eitherOrder + counts.sameInBothOrders;
  const of = (way: keyof typeof written) =>
    way === 'dayFirst' || way === 'monthFirst' ? (way === (order ?? 'dayFirst') ? slashed : 0) : counts[way];
  return (Object.keys(written) as (keyof typeof written)[])
    .map((way) => ({ way, n: of(way) }))
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => b.n - a.n);
}

function repairsOf(column: ColumnDefinition, finding: Finding, order: CastSettings['dateOrder']): Repair[] {
  const { counts, unreadable, infinite } = finding;
  const repairs: Repair[] = [];
  const add = (repair: string, n: number, example: string | null = null) => {
    if (n > 0) repairs.push({ repair, count: n, column: column.name, ...(example === null ? {} : { example }) });
  };
  add('values that cannot be read taken as missing', counts.unreadable, unreadable);
  add('infinite values taken as missing', counts.infinite, infinite);
  if (column.kind === 'time') {
    for (const { way, n } of waysOf(finding, order)) if (way !== 'iso') add(`times written as ${written[way]}`, n);
  }
  return repairs;
}

function warningsAbout(
  columns: readonly ColumnDefinition[],
  missing: Record<string, number>,
  rows: number,
  findings: ReadonlyMap<string, Finding>,
  orders: ReadonlyMap<string, CastSettings>,
): string[] {
  const warnings: string[] = [];
  for (const { name, kind } of columns) {
    if (missing[name] === rows) warnings.push(`Column "${name}" has no value in any of ${counted(rows, 'row')}.`);
    const finding = findings.get(name);
    const ways = kind === 'time' && finding ? waysOf(finding, orders.get(name)?.dateOrder) : [];
    if (ways.length > 1) {
      const shown = ways.map(({ way, n }) => `${written[way]} (${count(n)})`);
      warnings.push(`Column "${name}" has times written in ${ways.length} ways: ${shown.join(', ')}.`);
    }
  }
  return warnings;
}

function leftOutOf({ leftOut }: Inference): string[] {
  return leftOut.map(({ column, because }) => `Column "${column}" is left out: ${because}.`);
}
