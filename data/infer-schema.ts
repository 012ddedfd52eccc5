/** What kind each column of a table's files is, where the spec does not say. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableReadingSchema, type TableReading, type TableReadingInput } from '../contracts/table-rules.ts';
import type { ColumnDefinition, ColumnKind } from '../contracts/tables.ts';
import { findAbout, type Finding, type Question } from './column-findings.ts';
import { withDatabase, type Database, type DataOptions } from './database.ts';
import { textOf } from './kind-casts.ts';
import { QuarantineFile } from './quarantine.ts';
import { count, counted, readingFailed, withNames } from './source-failures.ts';
import type { OpenedFile, SourceColumn } from './source-format.ts';
import { naturesOf, withAllKeys } from './source-natures.ts';
import { explain, namesOfFiles, openTableFiles, type TableSource } from './table-files.ts';

export interface InferredColumn extends ColumnDefinition {
  /** The rule that it follows, e.g. `980 of 1,000 values read as numbers`. */
  because: string;
}
export interface Inference {
  columns: InferredColumn[];
  /** Columns that cannot be of any kind, or have no name, and why. */
  leftOut: { column: string; because: string }[];
  /** What is known of columns that were read as text, so that they need not be looked at again. */
  findings: ReadonlyMap<string, Finding>;
  /** Files that have a place for each of the columns. */
  files: OpenedFile[];
}

/** A kind must read so large a share of a column's values. */
const least = 0.9;
/** A kind that reads fewer than half of so many first values is not looked at further. */
const sample = 20_000;
/** On average, in characters: longer values are texts. */
const longText = 40;

/**
 * Looks at all rows. The rules, in this order:
 *
 * - Columns of a numeric, boolean, date or timestamp type are what their type says, and so are JSON numbers and booleans.
 *   Nested ones are left out, as are those without a name.
 * - Of CSV, and of JSON keys with values of several types, the kind that reads most values, if it reads at least nine in
 *   ten of them: number, boolean, time, the earlier where they read as many. A number that begins with a 0 and another
 *   digit is a code, and a column with one of these is no number. Strings of Parquet and JSON may be times alone.
 * - Else `text` where values have more than 40 characters on average, or where more than 100 and more than half of them
 *   are distinct and most have a space in them; else `category`, also without any value.
 *
 * Where nine in ten are numbers and the others are not, the column is a number with values that cannot be read: what
 * becomes of these, `reading.unreadable` says.
 *
 * @throws TradewindError `SOURCE_EMPTY`, `SOURCE_UNREADABLE`, `COLUMN_MISSING`
 */
export async function inferSchema(
  source: TableSource,
  options: DataOptions & { reading?: TableReadingInput } = {},
): Promise<InferredColumn[]> {
  const reading = tableReadingSchema.parse(options.reading);
  const folder = await mkdtemp(join(options.temporaryFolder ?? tmpdir(), 'tradewind-table-'));
  const names = namesOfFiles(source, folder);
  const quarantine = new QuarantineFile(join(folder, 'quarantine.ndjson'), names.of);
  try {
    return await withNames(names, () =>
      withDatabase(options, async (database) => {
        const context = { reading, wanted: undefined, folder, names, quarantine, signal: options.signal };
        const { opened } = await openTableFiles(database, source, context);
        try {
          return (await inferColumns(database, opened, reading)).columns;
        } catch (error) {
          await explain(opened, options.signal);
          throw readingFailed(error, names.files);
        }
      }),
    );
  } finally {
    await quarantine.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param opened - without naming columns; at least one. */
export async function inferColumns(
  database: Database,
  opened: readonly OpenedFile[],
  reading: TableReading,
): Promise<Inference> {
  const { natures, unnamed } = await naturesOf(database, opened);
  const leftOut = unnamed.map((column) => ({ column, because: 'without a name' }));
  const texts: Undecided[] = [];
  const columns = new Map<string, InferredColumn | null>();
  for (const { name, nature } of natures) {
    if (nature === 'nested') {
      leftOut.push({ column: name, because: 'lists, objects or bytes' });
      continue;
    }
    columns.set(name, null);
    if (nature === 'string') texts.push({ name, kinds: ['time'] });
    else if (nature === 'untyped') texts.push({ name, kinds: ['number', 'boolean', 'time'] });
    else columns.set(name, { name, kind: nature, because: `the type of its file` });
  }
  const files = await withAllKeys(database, opened, [...columns.keys()]);
  const findings = new Map<string, Finding>();
  for (const { column, finding } of await inferTexts(database, files, texts, reading)) {
    columns.set(column.name, column);
    findings.set(column.name, finding);
  }
  return { columns: [...columns.values()].map((column) => column!), leftOut, findings, files };
}

interface Undecided {
  name: string;
  /** What it may be besides category and text. */
  kinds: ColumnKind[];
}

/** Aggregates of the texts of a column, which are not missing. */
const measures = {
  /** HyperLogLog: within a few percent, and the same whatever the number of threads. */
  distinct: (x: string) => `approx_count_distinct(${x})`,
  characters: (x: string) => `coalesce(sum(length(${x})), 0)`,
  spaced: (x: string) => `count(*) FILTER (contains(trim(${x}), ' '))`,
  codes: (x: string) => `count(*) FILTER (${x} LIKE '0_%' AND substr(${x}, 2, 1) BETWEEN '0' AND '9')`,
};

async function inferTexts(
  database: Database,
  files: readonly OpenedFile[],
  undecided: readonly Undecided[],
  reading: TableReading,
): Promise<{ column: InferredColumn; finding: Finding }[]> {
  const as = (column: SourceColumn) => ({ ...column, expression: textOf(column, reading)!, type: 'VARCHAR' });
  const asked = undecided.flatMap(({ name, kinds }) => kinds.map((kind): Question => ({ name, kind, as })));
  const first = await findAbout(database, files, asked, reading, sample);
  const left = asked.filter((_, i) => readable(first[i]) >= valuesOf(first[i]) / 2);
  const questions = [...undecided.map(({ name }): Question => ({ name, kind: 'category', as, measures })), ...left];
  const found = await findAbout(database, files, questions, reading);
  return undecided.map(({ name }, i) => {
    const kinds = questions.flatMap(({ name: of, kind }, q) =>
      of === name && q >= undecided.length ? [{ kind, finding: found[q] }] : [],
    );
    return decide(name, found[i], kinds);
  });
}

const kindNouns: Partial<Record<ColumnKind, string>> = { number: 'numbers', boolean: 'true and false', time: 'times' };

function decide(
  name: string,
  text: Finding,
  kinds: readonly { kind: ColumnKind; finding: Finding }[],
): { column: InferredColumn; finding: Finding } {
  const as = (kind: ColumnKind, because: string, finding = text) => ({ column: { name, kind, because }, finding });
  const values = valuesOf(text);
  if (values === 0) return as('category', 'no value at all');
  const { distinct, characters, spaced, codes } = text.measures;
  const [best] = kinds
    .filter(({ kind }) => kind !== 'number' || codes === 0)
    .toSorted((a, b) => readable(b.finding) - readable(a.finding));
  // Texts that spell NaN are values of a category, and missing numbers.
  const all = best ? valuesOf(best.finding) : 0;
  if (best && readable(best.finding) >= least * all) {
    const share = `${count(readable(best.finding))} of ${counted(all, 'value')}`;
    return as(best.kind, `${share} read as ${kindNouns[best.kind]}`, best.finding);
  }
  const mean = characters / values;
  if (mean > longText) return as('text', `values of ${mean.toFixed(0)} characters on average`);
  if (distinct > 100 && distinct > values / 2 && spaced > values / 2) {
    return as('text', `about ${count(distinct)} distinct of ${counted(values, 'value')}, most with a space in them`);
  }
  const begins = codes > 0 ? `${counted(codes, 'value')} of digits that begin with a 0` : undefined;
  return as('category', begins ?? `about ${count(distinct)} distinct of ${counted(values, 'value')}`);
}

const valuesOf = ({ rows, counts }: Finding) => rows - counts.missing;
const readable = (finding: Finding) => valuesOf(finding) - finding.counts.unreadable - finding.counts.infinite;
