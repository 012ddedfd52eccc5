/** Rows as metrics take them, and their order by a score. */

export type Numbers = Float32Array | Float64Array;

/** @throws RangeError where the lengths differ or there are no rows. */
export function requireRows(rows: number, ...others: (ArrayLike<unknown> | undefined)[]): void {
  if (rows === 0) throw new RangeError('A metric needs at least one row. Got none.');
  for (const other of others) {
    if (other !== undefined && other.length !== rows) {
      throw new RangeError(`Truth, predictions and weights must have as many rows. Got ${rows} and ${other.length}.`);
    }
  }
}

/** Rows by falling score, with the ends of the groups of equal ones: sorted once, looked through many times. */
export interface RankedRows {
  /** `[rows]`: row numbers; equal scores by row number. */
  readonly order: Uint32Array;
  /** `[rows]`: 1 at the last place of each group of equal scores. */
  readonly ends: Uint8Array;
  readonly scores: Numbers;
}

/**
 * 0 and −0 are equal.
 * @throws RangeError where a score is NaN.
 */
export function rankRows(scores: Numbers): RankedRows {
  const order = fallingOrder(scores);
  const ends = new Uint8Array(scores.length);
  for (let i = 0; i < order.length; i++) {
    ends[i] = i + 1 === order.length || scores[order[i]] !== scores[order[i + 1]] ? 1 : 0;
  }
  return { order, ends, scores };
}

/**
 * Ranks from 1 by rising value; equal ones have the mean of theirs.
 * @returns float64 `[rows]`
 */
export function midranks(values: Numbers): Float64Array {
  const { order, ends } = rankRows(values);
  const n = order.length;
  const ranks = new Float64Array(n);
  for (let begin = 0; begin < n;) {
    let end = begin;
    while (ends[end] === 0) end++;
    // Places begin … end from the top are ranks n − end … n − begin from the bottom.
    const rank = n - (begin + end) / 2;
    for (let i = begin; i <= end; i++) ranks[order[i]] = rank;
    begin = end + 1;
  }
  return ranks;
}

/** Below this many, comparing is faster than counting digits. */
const comparedRows = 1024;
const digitBits = 11;
const digits = 1 << digitBits;

function fallingOrder(values: Numbers): Uint32Array {
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) throw new RangeError(`A score must be a number. Row ${i} has NaN.`);
  }
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  if (values.length < comparedRows) {
    // Not by the difference, which is NaN for two infinities.
    return order.sort((a, b) => (values[a] > values[b] ? -1 : values[a] < values[b] ? 1 : a - b));
  }
  return sortByKeys(fallingKeys(values), order);
}

/** Words that order as unsigned integers when the values fall, the least significant first (little-endian memory). */
function fallingKeys(values: Numbers): Uint32Array[] {
  const n = values.length;
  if (values instanceof Float32Array) {
    const keys = new Uint32Array(withoutMinusZero(new Float32Array(values)).buffer);
    // Rising order flips the sign bit of what is not negative and all bits of the rest; falling order flips all of it.
    for (let i = 0; i < n; i++) keys[i] = keys[i] >>> 31 === 1 ? keys[i] : ~keys[i] ^ 0x8000_0000;
    return [keys];
  }
  const words = new Uint32Array(withoutMinusZero(new Float64Array(values)).buffer);
  const [low, high] = [new Uint32Array(n), new Uint32Array(n)];
  for (let i = 0; i < n; i++) {
    const negative = words[2 * i + 1] >>> 31 === 1;
    low[i] = negative ? words[2 * i] : ~words[2 * i];
    high[i] = negative ? words[2 * i + 1] : ~words[2 * i + 1] ^ 0x8000_0000;
  }
  return [low, high];
}

/** −0 + 0 is 0. */
function withoutMinusZero<T extends Numbers>(copy: T): T {
  for (let i = 0; i < copy.length; i++) copy[i] += 0;
  return copy;
}

/** Stable radix sort: one pass a digit, none where all rows share it. */
function sortByKeys(keys: readonly Uint32Array[], start: Uint32Array<ArrayBuffer>): Uint32Array {
  const n = start.length;
  let order = start;
  let next = new Uint32Array(n);
  const places = new Uint32Array(digits);
  for (const key of keys) {
    for (let shift = 0; shift < 32; shift += digitBits) {
      places.fill(0);
      for (let i = 0; i < n; i++) places[(key[i] >>> shift) & (digits - 1)]++;
      if (places[(key[0] >>> shift) & (digits - 1)] === n) continue;
      let sum = 0;
      for (let digit = 0; digit < digits; digit++) {
        const count = places[digit];
        places[digit] = sum;
        sum += count;
      }
      for (let i = 0; i < n; i++) next[places[(key[order[i]] >>> shift) & (digits - 1)]++] = order[i];
      [order, next] = [next, order];
    }
  }
  return order;
}
