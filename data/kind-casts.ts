/** SQL that turns a source's column into a kind of `contracts/tables.ts`, and says of each value how it could be read. */
import type { TableReading } from '../contracts/table-rules.ts';
import type { ColumnKind } from '../contracts/tables.ts';
import { asText, finite, fractions, fromNumber, integers, isMissing, moments } from './column-casts.ts';
import { literal } from './database.ts';
import type { SourceColumn } from './source-format.ts';

/** What became of a value; those from `iso` on are times that were written as text or numbers. */
export const statuses = {
  read: 0,
  missing: 1,
  unreadable: 2,
  /** ±Infinity, and numbers beyond float32. */
  infinite: 3,
  iso: 4,
  /** 31/12/2017: only possible with the day first. */
  dayFirst: 5,
  /** 12/31/2017. */
  monthFirst: 6,
  /** 03/04/2017: two days, by the order. */
  eitherOrder: 7,
  /** 03/03/2017. */
  sameInBothOrders: 8,
  seconds: 9,
  milliseconds: 10,
  microseconds: 11,
  nanoseconds: 12,
  /** 20171231 */
  compact: 13,
} as const;
export type Status = keyof typeof statuses;
export const statusNames = Object.keys(statuses) as Status[];

/** SQL in two layers, so that what is costly is done once a row: a table with `parts`, and a selection from that. */
export interface KindCast {
  /** As a list of a selection gives them, e.g. `try_cast(price AS DOUBLE) AS p1_n`. */
  parts: string[];
  /** The source's value, as a part. */
  source: string;
  /** The value, as the kind's Parquet type; null where it is missing or cannot be read. */
  value: string;
  /** A number of `statuses`. With a date order, what only the other order reads is unreadable. */
  status: string;
}

export type CastSettings = Pick<TableReading, 'dateOrder' | 'missing'>;

export const sqlTypes: Record<ColumnKind, string> = {
  number: 'DOUBLE',
  boolean: 'BOOLEAN',
  category: 'VARCHAR',
  text: 'VARCHAR',
  time: 'TIMESTAMP',
};

/** What a kind accepts, as a phrase that follows "must". */
export const kindRules: Record<ColumnKind, string> = {
  number: 'hold numbers',
  boolean: 'hold true and false (also t, f, yes, no, y, n, 1, 0)',
  category: 'hold text or numbers',
  text: 'hold text or numbers',
  time: 'hold dates or times: ISO 8601, day/month/year or month/day/year, or seconds or milliseconds since 1970',
};

/** Numbers are float32 in memory: beyond this they are infinite there. */
const largest = '3.4028234663852886e38';

/**
 * @param name - begins the names of the parts; letters and digits.
 * @returns null when the column's type cannot serve the kind at all.
 */
export function castKind(
  column: SourceColumn,
  kind: ColumnKind,
  settings: CastSettings,
  name: string,
): KindCast | null {
  const { type, expression } = column;
  const source = `${name}_x`;
  const read = type === 'VARCHAR' ? withoutMissing(expression, settings.missing) : expression;
  const cast = castSource(kind, { x: read, source, type, name }, settings.dateOrder);
  return cast && { ...cast, source, parts: [`${read} AS ${source}`, ...cast.parts] };
}

/** SQL of a column: by itself, for parts, and by its name among them. */
interface Sourced {
  x: string;
  source: string;
  type: string;
  name: string;
}
type Cast = Omit<KindCast, 'source'>;

function castSource(kind: ColumnKind, column: Sourced, order: TableReading['dateOrder']): Cast | null {
  switch (kind) {
    case 'number':
      return asNumber(column);
    case 'boolean':
      return asBoolean(column);
    case 'time':
      return asTime(column, order);
    case 'category':
    case 'text': {
      const value = asText(column.source, column.type);
      return value === null ? null : { parts: [], value, status: byNull(value, absent(column)) };
    }
  }
}

/** What the texts of a column that are not missing are, whatever its type: for inference. */
export function textOf({ expression, type }: SourceColumn, settings: CastSettings): string | null {
  return asText(type === 'VARCHAR' ? withoutMissing(expression, settings.missing) : expression, type);
}

function withoutMissing(x: string, texts: readonly string[]): string {
  return texts.length === 0 ? x : `CASE WHEN ${x} IN (${texts.map(literal).join(', ')}) THEN NULL ELSE ${x} END`;
}

function absent({ source: x, type }: Sourced): string {
  return type === 'VARCHAR' ? `nullif(${x}, '') IS NULL` : fractions.test(type) ? isMissing(x, type) : `${x} IS NULL`;
}

function byNull(value: string, missing: string): string {
  const { read, missing: none, unreadable } = statuses;
  return `CASE WHEN ${missing} THEN ${none} WHEN (${value}) IS NULL THEN ${unreadable} ELSE ${read} END`;
}

function asNumber(column: Sourced): Cast | null {
  const { x, source, type, name } = column;
  if (type === 'BOOLEAN') {
    return { parts: [], value: `CAST(${source} AS DOUBLE)`, status: byNull(source, absent(column)) };
  }
  if (!integers.test(type) && !fractions.test(type) && type !== 'VARCHAR') return null;
  const number = `${name}_n`;
  const { read, missing, unreadable, infinite } = statuses;
  return {
    parts: [`try_cast(${x} AS DOUBLE) AS ${number}`],
    // NaN is above every number here.
    value: `CASE WHEN abs(${number}) <= ${largest} THEN ${number} END`,
    status: `CASE WHEN abs(${number}) <= ${largest} THEN ${read} WHEN ${absent(column)} THEN ${missing}
      WHEN ${number} IS NULL THEN ${unreadable} WHEN isnan(${number}) THEN ${missing} ELSE ${infinite} END`,
  };
}

function asBoolean(column: Sourced): Cast | null {
  const { x, source, type, name } = column;
  const status = (value: string) => byNull(value, absent(column));
  if (type === 'BOOLEAN') return { parts: [], value: source, status: status(source) };
  if (type !== 'VARCHAR' && !integers.test(type) && !fractions.test(type)) return null;
  const fromNumbers = `CASE try_cast(${x} AS DOUBLE) WHEN 1 THEN true WHEN 0 THEN false END`;
  const read = type === 'VARCHAR' ? `coalesce(try_cast(trim(${x}) AS BOOLEAN), ${fromNumbers})` : fromNumbers;
  const value = `${name}_b`;
  return { parts: [`${read} AS ${value}`], value, status: status(value) };
}

const slashed = `'^(\\d{1,2})[/.-](\\d{1,2})[/.-](\\d{4})'`;
const twelveHours = `['%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p']`;

function asTime(column: Sourced, order: TableReading['dateOrder']): Cast | null {
  const { x, source, type, name } = column;
  if (moments.test(type)) {
    const value = finite(`CAST(${source} AS TIMESTAMP)`);
    return { parts: [], value, status: byNull(value, `${source} IS NULL`) };
  }
  const [number, iso, dayFirst, monthFirst] = ['n', 'i', 'd', 'm'].map((part) => `${name}_${part}`);
  if (integers.test(type) || fractions.test(type)) {
    return {
      parts: [`try_cast(${x} AS DOUBLE) AS ${number}`],
      value: fromNumber(number),
      status: `CASE WHEN ${absent(column)} THEN ${statuses.missing} ELSE ${statusOfNumber(number)} END`,
    };
  }
  if (type !== 'VARCHAR') return null;
  const text = `trim(${x})`;
  // Most dates are written so, and are told at little cost from those with slashes.
  const beginsAsIso = `${text} LIKE '____-__-__%'`;
  const isSlashed = `NOT ${beginsAsIso} AND regexp_matches(${text}, ${slashed})`;
  const turned = (to: string) => moment(`regexp_replace(${text}, ${slashed}, ${to})`);
  const { missing, unreadable, eitherOrder, sameInBothOrders } = statuses;
  const bySlashes =
    order === undefined
      ? `CASE WHEN ${dayFirst} = ${monthFirst} THEN ${sameInBothOrders}
           WHEN ${dayFirst} IS NULL THEN ${statuses.monthFirst} WHEN ${monthFirst} IS NULL THEN ${statuses.dayFirst}
           ELSE ${eitherOrder} END`
      : String(statuses[order]);
  const either = `coalesce(${order === 'monthFirst' ? monthFirst : dayFirst}, ${order === undefined ? monthFirst : 'NULL'})`;
  return {
    parts: [
      `CASE WHEN ${isSlashed} THEN NULL ELSE ${moment(text)} END AS ${iso}`,
      `CASE WHEN ${isSlashed} THEN ${turned(`'\\3-\\2-\\1'`)} END AS ${dayFirst}`,
      `CASE WHEN ${isSlashed} THEN ${turned(`'\\3-\\1-\\2'`)} END AS ${monthFirst}`,
      `CASE WHEN NOT ${beginsAsIso} THEN try_cast(${x} AS DOUBLE) END AS ${number}`,
    ],
    value: `CASE WHEN isfinite(${iso}) THEN ${iso} WHEN ${either} IS NOT NULL THEN ${either} ELSE ${fromNumber(number)} END`,
    status: `CASE WHEN isfinite(${iso}) THEN ${statuses.iso} WHEN ${absent(column)} THEN ${missing}
      WHEN ${either} IS NOT NULL THEN ${bySlashes} WHEN ${number} IS NULL THEN ${unreadable}
      ELSE ${statusOfNumber(number)} END`,
  };
}

// By way of TIMESTAMPTZ (the session is in UTC), because DuckDB's cast to TIMESTAMP drops an offset; for what has none,
// the latter takes half the time.
function moment(x: string): string {
  return `CASE WHEN ${x} LIKE '____-__-__ __:__:__' OR ${x} LIKE '____-__-__' THEN try_cast(${x} AS TIMESTAMP)
    WHEN ${x} ILIKE '%m' THEN try_strptime(${x}, ${twelveHours})
    ELSE CAST(try_cast(${x} AS TIMESTAMPTZ) AS TIMESTAMP) END`;
}

/** The bounds are those of `fromNumber`. */
function statusOfNumber(v: string): string {
  const { missing, unreadable, seconds, milliseconds, microseconds, nanoseconds, compact } = statuses;
  return `CASE WHEN isnan(${v}) THEN ${missing} WHEN (${fromNumber(v)}) IS NULL THEN ${unreadable}
    WHEN ${v} >= 1e17 THEN ${nanoseconds} WHEN ${v} >= 1e14 THEN ${microseconds} WHEN ${v} >= 1e11 THEN ${milliseconds}
    WHEN ${v} >= 1e8 THEN ${seconds} ELSE ${compact} END`;
}
