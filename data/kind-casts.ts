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

export interface KindCast {
  /** SQL of the value, as the kind's Parquet type; null where it is missing or cannot be read. */
  value: string;
  /** SQL of a number of `statuses`. With a date order, what only the other order reads is unreadable. */
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

/** @returns null when the column's type cannot serve the kind at all. */
export function castKind(column: SourceColumn, kind: ColumnKind, settings: CastSettings): KindCast | null {
  const { type } = column;
  const x = type === 'VARCHAR' ? withoutMissing(column.expression, settings.missing) : column.expression;
  switch (kind) {
    case 'number':
      return asNumber(x, type);
    case 'boolean':
      return asBoolean(x, type);
    case 'time':
      return asTime(x, type, settings.dateOrder);
    case 'category':
    case 'text': {
      const value = asText(x, type);
      return value === null ? null : { value, status: byNull(value, absent(x, type)) };
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

function absent(x: string, type: string): string {
  return type === 'VARCHAR' ? `nullif(${x}, '') IS NULL` : fractions.test(type) ? isMissing(x, type) : `${x} IS NULL`;
}

function byNull(value: string, missing: string): string {
  const { read, missing: none, unreadable } = statuses;
  return `CASE WHEN ${missing} THEN ${none} WHEN (${value}) IS NULL THEN ${unreadable} ELSE ${read} END`;
}

function asNumber(x: string, type: string): KindCast | null {
  if (type === 'BOOLEAN') return { value: `CAST(${x} AS DOUBLE)`, status: byNull(x, `${x} IS NULL`) };
  if (!integers.test(type) && !fractions.test(type) && type !== 'VARCHAR') return null;
  const number = `try_cast(${x} AS DOUBLE)`;
  const { read, missing, unreadable, infinite } = statuses;
  return {
    // NaN is above every number here.
    value: `CASE WHEN abs(${number}) <= ${largest} THEN ${number} END`,
    status: `CASE WHEN ${absent(x, type)} THEN ${missing} WHEN ${number} IS NULL THEN ${unreadable}
      WHEN abs(${number}) <= ${largest} THEN ${read} WHEN isnan(${number}) THEN ${missing} ELSE ${infinite} END`,
  };
}

function asBoolean(x: string, type: string): KindCast | null {
  const fromNumbers = `CASE try_cast(${x} AS DOUBLE) WHEN 1 THEN true WHEN 0 THEN false END`;
  const value =
    type === 'BOOLEAN'
      ? x
      : type === 'VARCHAR'
        ? `coalesce(try_cast(trim(${x}) AS BOOLEAN), ${fromNumbers})`
        : integers.test(type) || fractions.test(type)
          ? fromNumbers
          : null;
  return value === null ? null : { value, status: byNull(value, absent(x, type)) };
}

const slashed = `'^\\s*(\\d{1,2})[/.-](\\d{1,2})[/.-](\\d{4})'`;
const twelveHours = `['%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M %p']`;

function asTime(x: string, type: string, order: TableReading['dateOrder']): KindCast | null {
  if (moments.test(type)) {
    const value = finite(`CAST(${x} AS TIMESTAMP)`);
    return { value, status: byNull(value, `${x} IS NULL`) };
  }
  if (integers.test(type) || fractions.test(type)) {
    const number = `try_cast(${x} AS DOUBLE)`;
    return {
      value: fromNumber(number),
      status: `CASE WHEN ${absent(x, type)} THEN ${statuses.missing} ELSE ${statusOfNumber(number)} END`,
    };
  }
  if (type !== 'VARCHAR') return null;
  const iso = moment(`trim(${x})`);
  const number = `try_cast(${x} AS DOUBLE)`;
  const dayFirst = moment(`regexp_replace(trim(${x}), ${slashed}, '\\3-\\2-\\1')`);
  const monthFirst = moment(`regexp_replace(trim(${x}), ${slashed}, '\\3-\\1-\\2')`);
  const isSlashed = `regexp_matches(${x}, ${slashed})`;
  const { missing, unreadable, iso: readAsIso, eitherOrder, sameInBothOrders } = statuses;
  const only = { dayFirst: `${dayFirst} IS NOT NULL`, monthFirst: `${monthFirst} IS NOT NULL` };
  const bySlashes =
    order === undefined
      ? `CASE WHEN ${dayFirst} = ${monthFirst} THEN ${sameInBothOrders}
           WHEN ${only.dayFirst} AND ${only.monthFirst} THEN ${eitherOrder}
           WHEN ${only.dayFirst} THEN ${statuses.dayFirst} WHEN ${only.monthFirst} THEN ${statuses.monthFirst}
           ELSE ${unreadable} END`
      : `CASE WHEN ${only[order]} THEN ${statuses[order]} ELSE ${unreadable} END`;
  return {
    value: `CASE WHEN ${isSlashed} THEN ${order === 'monthFirst' ? monthFirst : dayFirst}
      ELSE coalesce(${iso}, ${fromNumber(number)}) END`,
    status: `CASE WHEN ${absent(x, type)} THEN ${missing} WHEN ${isSlashed} THEN ${bySlashes}
      WHEN ${iso} IS NOT NULL THEN ${readAsIso} ELSE ${statusOfNumber(number)} END`,
  };
}

// By way of TIMESTAMPTZ (the session is in UTC), because DuckDB's cast to TIMESTAMP drops an offset.
function moment(x: string): string {
  return `coalesce(${finite(`CAST(try_cast(${x} AS TIMESTAMPTZ) AS TIMESTAMP)`)}, try_strptime(${x}, ${twelveHours}))`;
}

/** The bounds are those of `fromNumber`. */
function statusOfNumber(v: string): string {
  const { missing, unreadable, seconds, milliseconds, microseconds, nanoseconds, compact } = statuses;
  return `CASE WHEN isnan(${v}) THEN ${missing} WHEN (${fromNumber(v)}) IS NULL THEN ${unreadable}
    WHEN ${v} >= 1e17 THEN ${nanoseconds} WHEN ${v} >= 1e14 THEN ${microseconds} WHEN ${v} >= 1e11 THEN ${milliseconds}
    WHEN ${v} >= 1e8 THEN ${seconds} ELSE ${compact} END`;
}
