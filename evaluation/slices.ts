/** Parts of the judged rows by the values of a column: every row is in one slice. */
import { quantiles } from './calibration.ts';
import type { Numbers } from './rows.ts';

/** A column of `data/table.ts`. */
export type SliceColumn =
  | { readonly kind: 'number' | 'boolean' | 'time'; /** NaN is missing. */ readonly values: Numbers }
  | {
      readonly kind: 'category' | 'text';
      readonly codes: Int32Array;
      /** `""` is missing. */
      readonly dictionary: readonly string[];
    };

export interface SliceOptions {
  /** Ranges of a column of numbers, each of about as many rows; 5 by default. With so few values, each is a slice. */
  bins?: number;
  /** Slices by value; 20 by default. The rest, which has the fewest rows, is one slice. */
  values?: number;
}

export interface RowSlice {
  /** `range`: from < x ≤ to, the first one `from` as well. */
  readonly kind: 'value' | 'range' | 'missing' | 'other';
  readonly label: string;
  /** Ascending. */
  readonly rows: Int32Array;
}

/** Values by falling number of rows, ranges ascending; then the rest, then the missing ones. None is empty. */
export function sliceRows(column: SliceColumn, { bins = 5, values: most = 20 }: SliceOptions = {}): RowSlice[] {
  if ('dictionary' in column) {
    const { dictionary } = column;
    return byValue(column.codes, (code) => (dictionary[code] === '' ? undefined : dictionary[code]), most);
  }
  const { kind, values } = column;
  const label = kind === 'time' ? timeLabel : kind === 'boolean' ? (x: number) => (x === 1 ? 'true' : 'false') : String;
  const known = Float64Array.from(values).filter((value) => !Number.isNaN(value));
  if (hasAtMost(known, bins)) {
    const slices = byValue(values, (value) => (Number.isNaN(value) ? undefined : label(value)), bins);
    // Numbers in their own order.
    const order = (slice: RowSlice) => (slice.kind === 'value' ? values[slice.rows[0]] : Infinity);
    return slices.toSorted((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0));
  }
  return byRange(values, known, bins, kind === 'time' ? timeLabel : shortLabel);
}

/** @param of - the label of a value; undefined: it is missing. */
function byValue(values: Int32Array | Numbers, of: (value: number) => string | undefined, most: number): RowSlice[] {
  const rowsOf = new Map<string | undefined, number[]>();
  for (let row = 0; row < values.length; row++) {
    const label = of(values[row]);
    const rows = rowsOf.get(label);
    if (rows) rows.push(row);
    else rowsOf.set(label, [row]);
  }
  const missing = rowsOf.get(undefined);
  rowsOf.delete(undefined);
  const sorted = ([...rowsOf] as [string, number[]][]).toSorted(
    ([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1),
  );
  const slices: RowSlice[] = sorted
    .slice(0, most)
    .map(([label, rows]) => ({ kind: 'value', label, rows: Int32Array.from(rows) }));
  const rest = sorted.slice(most);
  if (rest.length > 0) {
    const rows = Int32Array.from(rest.flatMap(([, rows]) => rows)).sort();
    slices.push({ kind: 'other', label: `${rest.length} other values`, rows });
  }
  if (missing) slices.push(missingSlice(missing));
  return slices;
}

function byRange(values: Numbers, known: Float64Array, bins: number, label: (x: number) => string): RowSlice[] {
  const shares = Float64Array.from({ length: bins + 1 }, (_, i) => i / bins);
  // Equal quantiles, of a value that many rows have, bound one range.
  const edges = [...new Set(quantiles(known, shares))];
  const rows = Array.from({ length: edges.length - 1 }, (): number[] => []);
  const missing: number[] = [];
  for (let row = 0; row < values.length; row++) {
    if (Number.isNaN(values[row])) missing.push(row);
    else rows[Math.max(0, edges.findIndex((edge) => values[row] <= edge) - 1)].push(row);
  }
  const slices: RowSlice[] = rows.map((inRange, i) => ({
    kind: 'range',
    label: `${i === 0 ? '[' : '('}${label(edges[i])}, ${label(edges[i + 1])}]`,
    rows: Int32Array.from(inRange),
  }));
  if (missing.length > 0) slices.push(missingSlice(missing));
  return slices.filter((slice) => slice.rows.length > 0);
}

function missingSlice(rows: number[]): RowSlice {
  return { kind: 'missing', label: 'missing', rows: Int32Array.from(rows) };
}

function hasAtMost(values: Float64Array, count: number): boolean {
  const distinct = new Set<number>();
  for (const value of values) if (distinct.add(value).size > count) return false;
  return true;
}

function shortLabel(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function timeLabel(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/T00:00:00\.000Z$|\.000Z$/, '');
}
