/** Metrics of clusterings. Labels are any integers. Equal to scikit-learn 1.9. */
import { Random } from '../contracts/random.ts';
import { requireRows, type Numbers } from './rows.ts';

/**
 * Σ ‖x − centre of its cluster‖².
 * @param points - `[rows × columns]`, row-major.
 * @param labels - `[rows]`: places in `centres`.
 * @param centres - `[clusters × columns]`, row-major.
 */
export function inertia(points: Numbers, columns: number, labels: Int32Array, centres: Numbers): number {
  requireRows(labels.length * columns, points);
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    for (let d = 0; d < columns; d++) {
      const difference = points[i * columns + d] - centres[labels[i] * columns + d];
      total += difference * difference;
    }
  }
  return total;
}

export interface SilhouetteOptions {
  /** Of so many rows, drawn without replacement: the cost grows with the square of the rows. All by default. */
  sample?: { rows: number; seed: number };
}

/** Points whose distances to one block of others are taken while that block is in the cache. */
const blockRows = 64;

/**
 * Mean of (b − a) ÷ max(a, b) with a: mean distance to the rest of the own cluster, b: the least mean distance to
 * another cluster; 0 for a cluster of one (P. J. Rousseeuw, J. Comput. Appl. Math. 20, 1987). Euclidean; memory
 * rows · columns + 64 · clusters, time rows² · columns.
 * @returns in [−1, 1]; null with fewer than two clusters, or as many as rows (of the sample).
 */
export function silhouette(
  points: Numbers,
  columns: number,
  labels: Int32Array,
  { sample }: SilhouetteOptions = {},
): number | null {
  requireRows(labels.length * columns, points);
  const rows = sample === undefined ? undefined : drawRows(labels.length, sample);
  const { sorted, starts } = byCluster(points, columns, labels, rows);
  const clusters = starts.length - 1;
  const n = starts[clusters];
  if (clusters < 2 || clusters >= n) return null;

  const sums = new Float64Array(blockRows * clusters);
  let total = 0;
  let own = 0;
  for (let from = 0; from < n; from += blockRows) {
    const to = Math.min(from + blockRows, n);
    sumDistances(sorted, columns, starts, from, to, sums);
    for (let i = from; i < to; i++) {
      while (i >= starts[own + 1]) own++;
      const size = starts[own + 1] - starts[own];
      if (size === 1) continue;
      const row = (i - from) * clusters;
      const a = sums[row + own] / (size - 1);
      let b = Infinity;
      for (let c = 0; c < clusters; c++) {
        if (c !== own) b = Math.min(b, sums[row + c] / (starts[c + 1] - starts[c]));
      }
      // All points in one place: 0 ÷ 0 is 0.
      if (a !== b) total += (b - a) / Math.max(a, b);
    }
  }
  return total / n;
}

/** Sums of distances from points [from, to) to each cluster; overwrites `sums`, `[to − from × clusters]`. */
function sumDistances(
  points: Float64Array,
  columns: number,
  starts: Int32Array,
  from: number,
  to: number,
  sums: Float64Array,
): void {
  const clusters = starts.length - 1;
  sums.fill(0);
  for (let c = 0; c < clusters; c++) {
    for (let begin = starts[c]; begin < starts[c + 1]; begin += blockRows) {
      const end = Math.min(begin + blockRows, starts[c + 1]);
      for (let i = from; i < to; i++) {
        let sum = 0;
        for (let j = begin; j < end; j++) {
          let square = 0;
          for (let d = 0; d < columns; d++) {
            const difference = points[i * columns + d] - points[j * columns + d];
            square += difference * difference;
          }
          sum += Math.sqrt(square);
        }
        sums[(i - from) * clusters + c] += sum;
      }
    }
  }
}

/** Points put together by cluster: those of the c-th are rows [starts[c], starts[c + 1]). */
function byCluster(points: Numbers, columns: number, labels: Int32Array, rows = allRows(labels.length)) {
  const numbers = new Map([...new Set(rows.map((row) => labels[row]))].toSorted((a, b) => a - b).map((l, c) => [l, c]));
  const starts = new Int32Array(numbers.size + 1);
  for (const row of rows) starts[numbers.get(labels[row])! + 1]++;
  for (let c = 0; c < numbers.size; c++) starts[c + 1] += starts[c];
  const next = starts.slice();
  const sorted = new Float64Array(rows.length * columns);
  for (const row of rows) {
    const place = next[numbers.get(labels[row])!]++;
    for (let d = 0; d < columns; d++) sorted[place * columns + d] = points[row * columns + d];
  }
  return { sorted, starts };
}

function allRows(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

function drawRows(n: number, { rows, seed }: { rows: number; seed: number }): Int32Array {
  const drawn = allRows(n);
  if (rows >= n) return drawn;
  const random = new Random(seed);
  // The first places of a Fisher-Yates shuffle.
  for (let i = 0; i < rows; i++) {
    const j = i + random.integer(n - i);
    [drawn[i], drawn[j]] = [drawn[j], drawn[i]];
  }
  return drawn.subarray(0, rows);
}

/**
 * Adjusted Rand index: agreement of two clusterings on pairs of rows, 0 being that of chance and 1 the same clustering
 * (L. Hubert and P. Arabie, Journal of Classification 2, 1985). 1 where both are trivial in the same way.
 */
export function adjustedRandIndex(a: Int32Array, b: Int32Array): number {
  requireRows(a.length, b);
  const [labelsA, labelsB] = [numbered(a), numbered(b)];
  const width = labelsB.sizes.length;
  const cells = new Map<number, number>();
  for (let i = 0; i < a.length; i++) {
    const cell = labelsA.codes[i] * width + labelsB.codes[i];
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
  }
  const squares = (counts: Iterable<number>) => [...counts].reduce((sum, count) => sum + count * count, 0);
  const n = a.length;
  // Ordered pairs: together in both, in b alone, in a alone, in neither.
  const both = squares(cells.values());
  const [inA, inB] = [squares(labelsA.sizes), squares(labelsB.sizes)];
  const [tp, fp, fn, tn] = [both - n, inB - both, inA - both, n * n - inA - inB + both];
  if (fn === 0 && fp === 0) return 1;
  return (2 * (tp * tn - fn * fp)) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn));
}

function numbered(labels: Int32Array): { codes: Int32Array; sizes: number[] } {
  const codeOf = new Map<number, number>();
  const sizes: number[] = [];
  const codes = labels.map((label) => {
    const code = codeOf.get(label) ?? codeOf.size;
    codeOf.set(label, code);
    sizes[code] = (sizes[code] ?? 0) + 1;
    return code;
  });
  return { codes, sizes };
}
