/** The values of a column of strings. */
import type { StringColumn } from '../table.ts';
import { nothingThere } from './refusal.ts';

export interface Value {
  readonly value: string;
  readonly rows: number;
}

/**
 * Those that are there, `""` for missing among them: the most frequent first, of several the first by UTF-16 code units.
 * A lone surrogate, which has no UTF-8 that a graph could hold, is U+FFFD, as it is for the runtime.
 */
export function valuesOf({ codes, dictionary }: StringColumn): Value[] {
  const counts = new Int32Array(dictionary.length);
  for (const code of codes) counts[code]++;
  const rows = new Map<string, number>();
  for (const [code, value] of dictionary.entries()) {
    const known = value.toWellFormed();
    if (counts[code] > 0) rows.set(known, (rows.get(known) ?? 0) + counts[code]);
  }
  const values = Array.from(rows, ([value, count]): Value => ({ value, rows: count }));
  return values.sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1));
}

/** @throws TradewindError `PREPARATION_FAILED` where all are missing. */
export function requireValues(column: string, values: readonly Value[]): void {
  if (!values.some(({ value }) => value !== '')) {
    throw nothingThere(
      column,
      values.reduce((sum, { rows }) => sum + rows, 0),
    );
  }
}
