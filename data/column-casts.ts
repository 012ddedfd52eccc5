/** SQL that turns a source's column into what its role needs. */
import type { SourceColumn } from './source-format.ts';

export type RoleKind = 'id' | 'text' | 'time' | 'number';

export interface Cast {
  /** SQL of the value; null where the source has none, or has what cannot be read. */
  value: string;
  /** SQL that is true where the source has something that cannot be read. */
  bad: string;
}

export const integers = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)$/;
export const fractions = /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/;
export const moments = /^(DATE|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)$/;

/** What a role accepts, as a phrase that follows "must". */
export const roleRules: Record<RoleKind, string> = {
  id: 'hold text or numbers',
  text: 'hold text or numbers',
  time: 'hold dates or timestamps: ISO 8601, or seconds or milliseconds since 1970',
  number: 'hold numbers',
};

/** @returns `null` when the column's type cannot serve the role at all. */
export function castColumn(column: SourceColumn, kind: RoleKind): Cast | null {
  const { expression: x, type } = column;
  const value = kind === 'time' ? asTime(x, type) : kind === 'number' ? asNumber(x, type) : asText(x, type);
  if (value === null) return null;
  const absent =
    type === 'VARCHAR' ? `nullif(${x}, '') IS NULL` : fractions.test(type) ? isMissing(x, type) : `${x} IS NULL`;
  // Text that spells NaN is read as a missing number, as in a column of floats.
  const spelt = kind === 'number' && type === 'VARCHAR' ? ` AND NOT isnan(coalesce(try_cast(${x} AS DOUBLE), 0))` : '';
  return { value, bad: `(NOT (${absent}) AND (${value}) IS NULL${spelt})` };
}

// Ids that pandas stored as floats, because some were missing, would read "123.0".
export function asText(x: string, type: string): string | null {
  if (type === 'VARCHAR') return `nullif(${x}, '')`;
  if (fractions.test(type)) {
    return `CASE WHEN ${isMissing(x, type)} THEN NULL WHEN ${x} = trunc(${x}) AND abs(${x}) < 1e15 THEN CAST(CAST(${x} AS BIGINT) AS VARCHAR) ELSE CAST(${x} AS VARCHAR) END`;
  }
  if (/(\[\]|\)|BLOB|JSON|BIT|GEOMETRY|VARIANT)$/.test(type) && !type.startsWith('ENUM')) return null;
  return `nullif(CAST(${x} AS VARCHAR), '')`;
}

function asNumber(x: string, type: string): string | null {
  if (!integers.test(type) && !fractions.test(type) && type !== 'VARCHAR') return null;
  const number = `try_cast(${x} AS DOUBLE)`;
  return `CASE WHEN isfinite(${number}) THEN ${number} END`;
}

// Text goes by way of TIMESTAMPTZ (the session is in UTC), because DuckDB's cast to TIMESTAMP drops an offset.
function asTime(x: string, type: string): string | null {
  if (moments.test(type)) return finite(`CAST(${x} AS TIMESTAMP)`);
  if (integers.test(type) || fractions.test(type)) return fromNumber(`try_cast(${x} AS DOUBLE)`);
  if (type !== 'VARCHAR') return null;
  const moment = finite(`CAST(try_cast(${x} AS TIMESTAMPTZ) AS TIMESTAMP)`);
  return `coalesce(${moment}, ${fromNumber(`try_cast(${x} AS DOUBLE)`)})`;
}

export function finite(moment: string): string {
  return `CASE WHEN isfinite(${moment}) THEN ${moment} END`;
}

// The magnitude tells the unit from 1973 to 5138: seconds, milli-, micro- and nanoseconds since 1970 do not overlap
// there. Below lie days written as 20171201; anything else is no time.
export function fromNumber(v: string): string {
  return `CASE
    WHEN ${v} >= 1e8 AND ${v} < 1e11 THEN make_timestamp(CAST(${v} * 1e6 AS BIGINT))
    WHEN ${v} >= 1e11 AND ${v} < 1e14 THEN make_timestamp(CAST(${v} * 1e3 AS BIGINT))
    WHEN ${v} >= 1e14 AND ${v} < 1e17 THEN make_timestamp(CAST(${v} AS BIGINT))
    WHEN ${v} >= 1e17 AND ${v} < 9e18 THEN make_timestamp(CAST(${v} / 1e3 AS BIGINT))
    WHEN ${v} >= 19000101 AND ${v} < 22000101 AND ${v} = trunc(${v})
      THEN try_strptime(CAST(CAST(${v} AS BIGINT) AS VARCHAR), '%Y%m%d')
  END`;
}

export function isMissing(x: string, type: string): string {
  return type.startsWith('DECIMAL') ? `${x} IS NULL` : `(${x} IS NULL OR isnan(${x}))`;
}
