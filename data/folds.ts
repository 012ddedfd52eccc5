/**
 * Which row goes into which part: pure functions of codes, times and a generator. Rows are numbered by their place in the
 * arrays given; parts by their place in the list of counts or shares. Same arrays and same generator, same parts.
 */
import type { Random } from '../contracts/random.ts';

/** What a row is labelled with: `codes[row]` in [0, size). */
export interface Labels {
  readonly codes: Int32Array;
  readonly size: number;
}

/** Whole numbers that add up to `rows`, each less than 1 from its share (largest remainders first, then the earlier). */
export function countsOf(rows: number, shares: readonly number[]): number[] {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const exact = shares.map((share) => (rows * share) / total);
  const counts = exact.map(Math.floor);
  const left = rows - counts.reduce((sum, n) => sum + n, 0);
  const byRemainder = shares.map((_, p) => p).sort((a, b) => exact[b] - counts[b] - (exact[a] - counts[a]) || a - b);
  for (const p of byRemainder.slice(0, left)) counts[p]++;
  return counts;
}

/** `counts[p]` rows drawn for each part p. @returns `[rows]` */
export function randomParts(counts: readonly number[], random: Random): Uint8Array {
  const rows = counts.reduce((sum, n) => sum + n, 0);
  const order = shuffled(rows, random);
  const parts = new Uint8Array(rows);
  let at = 0;
  for (const [part, n] of counts.entries()) {
    for (const row of order.subarray(at, at + n)) parts[row] = part;
    at += n;
  }
  return parts;
}

/**
 * `counts[p]` rows drawn for each part p, of each class its share to within 2, and at least one as far as classes and
 * parts have as many rows: n_pk ≈ n_p · n_k / n.
 * @returns `[rows]`
 */
export function stratifiedParts({ codes, size }: Labels, counts: readonly number[], random: Random): Uint8Array {
  const { order, starts } = byCode(shuffled(codes.length, random), codes, size);
  const allotted = apportion(
    Array.from({ length: size }, (_, k) => starts[k + 1] - starts[k]),
    counts,
  );
  const parts = new Uint8Array(codes.length);
  for (let k = 0; k < size; k++) {
    let at = starts[k];
    for (const [part, perClass] of allotted.entries()) {
      for (const row of order.subarray(at, at + perClass[k])) parts[row] = part;
      at += perClass[k];
    }
  }
  return parts;
}

/**
 * Folds whose sizes differ by at most 1, and so does each class within them: the rows, shuffled and sorted by class, are
 * dealt out like cards. The numbers are those of scikit-learn's `StratifiedKFold`.
 * @returns `[rows]`
 */
export function stratifiedFolds({ codes, size }: Labels, folds: number, random: Random): Uint8Array {
  const { order } = byCode(shuffled(codes.length, random), codes, size);
  const parts = new Uint8Array(codes.length);
  for (let i = 0; i < order.length; i++) parts[order[i]] = i % folds;
  return parts;
}

/**
 * Whole groups for each part, as near to the shares as a greedy choice comes: groups with most rows first (equal ones in
 * random order), each to the part where it raises Σ_pk n_pk² / (share_p · n_k²) least. With one class and equal shares
 * that is the longest processing time rule (Graham, 1969) of scikit-learn's `GroupKFold`, whose largest fold has at most
 * 4/3 − 1/(3·folds) times the rows of the best there is; with classes it keeps their shares alike too. No part stays
 * without a group where there are as many groups as parts.
 * @param classes - of each row; left out, only sizes count
 * @returns `[groups.size]`: the part of each group
 */
export function groupedParts(
  groups: Labels,
  shares: readonly number[],
  random: Random,
  classes: Labels = { codes: new Int32Array(groups.codes.length), size: 1 },
): Uint8Array {
  const { order: rows, starts } = byCode(sequence(groups.codes.length), groups.codes, groups.size);
  const totals = new Float64Array(classes.size);
  for (const k of classes.codes) totals[k]++;
  const sizeOf = (g: number) => starts[g + 1] - starts[g];
  const order = shuffled(groups.size, random).sort((a, b) => sizeOf(b) - sizeOf(a));

  const parts = new Uint8Array(groups.size);
  const filled = shares.map(() => new Float64Array(classes.size));
  const empty = new Set(shares.keys());
  const inGroup = new Int32Array(classes.size);
  for (const [place, group] of order.entries()) {
    const present: number[] = [];
    for (const row of rows.subarray(starts[group], starts[group + 1])) {
      const k = classes.codes[row];
      if (inGroup[k]++ === 0) present.push(k);
    }
    const choices = order.length - place <= empty.size ? empty : shares.keys();
    let best = -1;
    let least = Infinity;
    for (const part of choices) {
      // ((n + g)² − n²) / n_k² = g · (2n + g) / n_k²
      let rise = 0;
      for (const k of present) rise += (inGroup[k] * (2 * filled[part][k] + inGroup[k])) / (totals[k] * totals[k]);
      rise /= shares[part];
      if (rise < least) [best, least] = [part, rise];
    }
    parts[group] = best;
    empty.delete(best);
    for (const k of present) {
      filled[best][k] += inGroup[k];
      inGroup[k] = 0;
    }
  }
  return parts;
}

export interface TimeFolds {
  /** `[rows]`: the fold that the row is held out in; −1 where it is in none. */
  fold: Int32Array;
  /** `[rows]`: the row is learned from in this fold and all later ones. */
  trainsFrom: Int32Array;
}

/**
 * An expanding window: each fold is held out after all earlier rows were learned from, so many seconds aside. Where all
 * times differ the folds are those of scikit-learn's `TimeSeriesSplit`; rows of one time stay together, and a border goes
 * to where such a run begins nearest.
 * @param times - `[rows]`, all finite
 * @returns undefined where there are too few different times for as many folds
 */
export function timeFolds(times: Float64Array, folds: number, gapSeconds: number): TimeFolds | undefined {
  const sorted = times.slice().sort();
  const rows = sorted.length;
  /** Where each different time begins in `sorted`. */
  const begins: number[] = [];
  for (let i = 0; i < rows; i++) if (i === 0 || sorted[i] > sorted[i - 1]) begins.push(i);
  const heldRows = Math.floor(rows / (folds + 1));

  const starts: number[] = [];
  let lowest = begins.findIndex((at) => at > 0 && sorted[0] + gapSeconds <= sorted[at]);
  if (lowest < 0 || begins.length - lowest < folds) return undefined;
  for (let f = 0; f < folds; f++) {
    const border = rows - (folds - f) * heldRows;
    let chosen = lowest;
    // The later folds need a time each.
    for (let j = lowest; j <= begins.length - (folds - f); j++) {
      if (Math.abs(begins[j] - border) >= Math.abs(begins[chosen] - border)) continue;
      chosen = j;
    }
    starts.push(sorted[begins[chosen]]);
    lowest = chosen + 1;
  }

  const fold = new Int32Array(rows);
  const trainsFrom = new Int32Array(rows);
  for (let r = 0; r < rows; r++) {
    const t = times[r];
    fold[r] = starts.findLastIndex((start) => start <= t);
    const learns = starts.findIndex((start) => isBefore(t, start, gapSeconds));
    trainsFrom[r] = learns < 0 ? folds : learns;
  }
  return { fold, trainsFrom };
}

/** Whether what is known of a row `gapSeconds` after its time is known when the part that starts then begins. */
export function isBefore(time: number, start: number, gapSeconds: number): boolean {
  return time < start && time + gapSeconds <= start;
}

/**
 * Each user's last row is 2 (test), the one before it 1 (validation), the rest 0 (training); of two rows only the last is
 * held out, and one row alone is for training. Of rows of one time the later in the file is the later.
 * @param times - `[rows]`, all finite
 * @returns `[rows]`
 */
export function lastOutParts(users: Labels, times: Float64Array): Uint8Array {
  const rows = sequence(times.length).sort((a, b) => times[a] - times[b] || a - b);
  const { order, starts } = byCode(rows, users.codes, users.size);
  const parts = new Uint8Array(times.length);
  for (let u = 0; u < users.size; u++) {
    const [begin, end] = [starts[u], starts[u + 1]];
    if (end - begin >= 2) parts[order[end - 1]] = 2;
    if (end - begin >= 3) parts[order[end - 2]] = 1;
  }
  return parts;
}

/**
 * Bins of as many values each, as classes to stratify by; equal values share a bin, so there may be fewer.
 * @param values - `[rows]`, all finite
 */
export function quantileBins(values: Float64Array, bins: number): Labels {
  const order = sequence(values.length).sort((a, b) => values[a] - values[b] || a - b);
  const codes = new Int32Array(values.length);
  let size = 0;
  let last = -1;
  let first = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > 0 && values[order[i]] > values[order[i - 1]]) first = i;
    // ⌊rank · bins / rows⌋, renumbered without holes
    const bin = Math.floor((first * bins) / order.length);
    if (bin !== last) {
      last = bin;
      size++;
    }
    codes[order[i]] = size - 1;
  }
  return { codes, size };
}

/** n_pk for each part: of each class about its share, all of it used up, sums as asked (largest remainders). */
function apportion(classRows: readonly number[], counts: readonly number[]): number[][] {
  const left = [...classRows];
  let rows = left.reduce((sum, n) => sum + n, 0);
  const result: number[][] = counts.map(() => []);
  // Small parts first: they have the least to choose from.
  const order = counts.map((_, p) => p).sort((a, b) => counts[a] - counts[b] || a - b);
  const everyPart = counts.every((n) => n >= left.length) && left.every((n) => n >= counts.length);
  for (const [place, part] of order.entries()) {
    const later = everyPart ? counts.length - place - 1 : 0;
    const exact = left.map((n) => (rows === 0 ? 0 : (counts[part] * n) / rows));
    const lowest = everyPart ? 1 : 0;
    const highest = left.map((n) => n - later);
    const given = exact.map((n, k) => Math.min(Math.max(Math.floor(n), lowest), highest[k]));
    for (let missing = counts[part] - given.reduce((sum, n) => sum + n, 0); missing !== 0;) {
      const step = Math.sign(missing);
      const open = given
        .map((_, k) => k)
        .filter((k) => (step > 0 ? given[k] < highest[k] : given[k] > lowest))
        .sort((a, b) => step * (exact[b] - given[b] - (exact[a] - given[a])) || a - b)
        .slice(0, Math.abs(missing));
      for (const k of open) given[k] += step;
      missing -= step * open.length;
    }
    for (const [k, n] of given.entries()) left[k] -= n;
    rows -= counts[part];
    result[part] = given;
  }
  return result;
}

/** 0 … n − 1 in random order (Fisher and Yates, after R. Durstenfeld, CACM 7, 1964). */
function shuffled(n: number, random: Random): Int32Array {
  const order = sequence(n);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const other = order[j];
    order[j] = order[i];
    order[i] = other;
  }
  return order;
}

function sequence(n: number): Int32Array {
  const numbers = new Int32Array(n);
  for (let i = 0; i < n; i++) numbers[i] = i;
  return numbers;
}

/** The rows sorted by their code, stably: those of code k at `order[starts[k]]` … `order[starts[k + 1] − 1]`. */
function byCode(rows: Int32Array, codes: Int32Array, size: number): { order: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(size + 1);
  for (const row of rows) starts[codes[row] + 1]++;
  for (let k = 0; k < size; k++) starts[k + 1] += starts[k];
  const next = starts.slice();
  const order = new Int32Array(rows.length);
  for (const row of rows) order[next[codes[row]]++] = row;
  return { order, starts };
}
