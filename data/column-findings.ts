/** How the values of source columns could be read as kinds: counted over all rows, in one pass. */
import { TradewindError } from '../contracts/errors.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import type { Database } from './database.ts';
import {
  castKind,
  kindRules,
  statuses,
  statusNames,
  type CastSettings,
  type KindCast,
  type Status,
} from './kind-casts.ts';
import { count, counted } from './source-failures.ts';
import { inRuns, type OpenedFile, type SourceColumn } from './source-format.ts';

export interface Finding {
  rows: number;
  /** Values by what became of them. */
  counts: Record<Status, number>;
  /** Of what cannot be read, the first in alphabetical order. */
  unreadable: string | null;
  infinite: string | null;
  /** What the question asked for. */
  measures: Record<string, number>;
}

/** A column under the kind that it is to be read as. */
export interface Question extends ColumnDefinition {
  /** Of a file; the column as the file has it when left out. */
  as?: (column: SourceColumn) => SourceColumn;
  /** Aggregates of the column that give a number, in SQL. */
  measures?: Readonly<Record<string, (x: string) => string>>;
}

/**
 * What planning a query takes grows with the square of its columns (DuckDB 1.5): 784 of them at once take 51 s over
 * 10,000 rows, of which reading is one.
 */
const together = 64;

const timeStatuses = statusNames.filter((name) => statuses[name] >= statuses.iso);

/**
 * @param limit - looks at so many rows alone, the first ones
 * @throws TradewindError `COLUMN_TYPE` for a column whose type cannot be of the kind at all.
 */
export async function findAbout(
  database: Database,
  files: readonly OpenedFile[],
  questions: readonly Question[],
  settings: CastSettings,
  limit?: number,
): Promise<Finding[]> {
  if (questions.length > together) {
    const found: Finding[] = [];
    for (let from = 0; from < questions.length; from += together) {
      found.push(...(await findAbout(database, files, questions.slice(from, from + together), settings, limit)));
    }
    return found;
  }
  if (questions.length === 0) return [];
  const parts = inRuns(files).map((run) => {
    const casts = questions.map((question, i) => castOf(run[0], question, settings, `p${i}`));
    const values = casts.map(
      ({ status, source }, i) => `CAST(${status} AS TINYINT) AS s${i}, CAST(${source} AS VARCHAR) AS x${i}`,
    );
    return `SELECT ${values.join(', ')} FROM ${castTable(run, casts)}`;
  });
  const read = parts.join(' UNION ALL ');
  const source = limit === undefined ? `(${read})` : `(SELECT * FROM (${read}) LIMIT ${limit})`;
  const asked = questions.map(({ kind }) =>
    statusNames.filter((name) => kind === 'time' || !timeStatuses.includes(name)),
  );
  const aggregates = questions.flatMap(({ measures = {} }, i) => [
    ...asked[i].map((name) => `CAST(count(*) FILTER (s${i} = ${statuses[name]}) AS DOUBLE) AS "${i} ${name}"`),
    `min(x${i}) FILTER (s${i} = ${statuses.unreadable}) AS "${i} first unreadable"`,
    `min(x${i}) FILTER (s${i} = ${statuses.infinite}) AS "${i} first infinite"`,
    ...Object.entries(measures).map(([name, sql]) => `CAST(${sql(`x${i}`)} AS DOUBLE) AS "${i} of ${name}"`),
  ]);
  const [found] = await database.rows<Record<string, number | string | null>>(
    `SELECT CAST(count(*) AS DOUBLE) AS "all rows", ${aggregates.join(', ')} FROM ${source}`,
  );
  return questions.map(({ measures = {} }, i) => ({
    rows: found['all rows'] as number,
    counts: Object.fromEntries(
      statusNames.map((name) => [name, (found[`${i} ${name}`] as number | undefined) ?? 0]),
    ) as Record<Status, number>,
    unreadable: found[`${i} first unreadable`] as string | null,
    infinite: found[`${i} first infinite`] as string | null,
    measures: Object.fromEntries(Object.keys(measures).map((name) => [name, found[`${i} of ${name}`] as number])),
  }));
}

/** SQL of a table of all rows of `run`, which are of one layout, with the parts of the casts. */
export function castTable(run: readonly OpenedFile[], casts: readonly KindCast[]): string {
  return `(SELECT ${casts.flatMap(({ parts }) => parts).join(', ')} FROM ${run[0].table(run.map(({ path }) => path))})`;
}

/** The SQL of a column that is in the file. @param name - of its parts, as in `castKind` */
export function castOf(file: OpenedFile, question: Question, settings: CastSettings, name: string): KindCast {
  const column = columnOf(file, question);
  const cast = castKind(column, question.kind, settings, name);
  if (cast) return cast;
  throw new TradewindError('COLUMN_TYPE', {
    subject: `Column "${question.name}" of ${file.path}`,
    rule: kindRules[question.kind],
    value: `the type ${column.type}`,
    remedy: 'Convert it, declare it as another kind, or leave it out of the columns.',
  });
}

function columnOf(file: OpenedFile, { name, as = (column) => column }: Question): SourceColumn {
  return as(file.columns.find((column) => column.name === name)!);
}

/** Refuses a column with values that are not of its kind: names the first file with some, an example and their number. */
export async function requireReadable(
  database: Database,
  files: readonly OpenedFile[],
  column: ColumnDefinition,
  settings: CastSettings,
): Promise<void> {
  for (const file of files) {
    const [{ rows, counts, unreadable, infinite }] = await findAbout(database, [file], [column], settings);
    const bad = counts.unreadable + counts.infinite;
    if (bad === 0) continue;
    const endless = counts.unreadable === 0;
    throw new TradewindError('COLUMN_TYPE', {
      subject: `Column "${column.name}" of ${file.path}`,
      rule: endless ? 'hold finite numbers, up to 3.4e38' : kindRules[column.kind],
      value: `${JSON.stringify(endless ? infinite : unreadable)} (${count(bad)} of ${counted(rows, 'row')} cannot be read)`,
      remedy:
        'Correct these rows, declare the column as another kind, or set "unreadable" to missing to count them as missing.',
    });
  }
}

/** An order of day and month that all rows of the column agree on. Without any date in slashes, there is none to settle. */
export async function requireDateOrder(
  database: Database,
  files: readonly OpenedFile[],
  { name }: ColumnDefinition,
  { counts }: Finding,
  settings: CastSettings,
): Promise<CastSettings['dateOrder']> {
  const { dayFirst, monthFirst, eitherOrder } = counts;
  if (settings.dateOrder !== undefined || dayFirst + monthFirst + eitherOrder === 0) return settings.dateOrder;
  if (dayFirst > 0 && monthFirst === 0) return 'dayFirst';
  if (monthFirst > 0 && dayFirst === 0) return 'monthFirst';
  const examples = new Map<Status, string>();
  for (const file of files) {
    const cast = castOf(file, { name, kind: 'time' }, settings, 'p');
    for (const wanted of ['dayFirst', 'monthFirst', 'eitherOrder'] as const) {
      if (examples.has(wanted) || counts[wanted] === 0) continue;
      const [{ example }] = await database.rows<{ example: string | null }>(
        `SELECT min(${cast.source}) AS example FROM ${castTable([file], [cast])} WHERE (${cast.status}) = ${statuses[wanted]}`,
      );
      if (example !== null) examples.set(wanted, example);
    }
  }
  const shown = (status: Status, what: string) =>
    counts[status] > 0 ? [`${JSON.stringify(examples.get(status))} (${counted(counts[status], 'row')} ${what})`] : [];
  throw new TradewindError('COLUMN_TYPE', {
    subject: `Column "${name}" of ${files[0].path}${files.length > 1 ? ` and ${files.length - 1} more` : ''}`,
    rule: 'hold days in one order that can be told',
    value: [
      ...shown('dayFirst', 'with the day first'),
      ...shown('monthFirst', 'with the month first'),
      ...shown('eitherOrder', 'that may be either'),
    ].join(', '),
    remedy:
      'Set "dateOrder" to dayFirst or monthFirst; rows that only the other order reads count as unreadable then. Or ' +
      'write dates as YYYY-MM-DD.',
  });
}
