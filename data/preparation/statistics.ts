/** Statistics of numbers, with sums in float64. NaN, a missing number, is left out. */
import type { Numbers } from './transformer.ts';

/** Columns that are read at one go, so that a row of the matrix is in the cache for all of them. */
const together = 16;

/** Visits the columns one after another. @param visit - gets an array that the next visit overwrites. */
export function forEachColumn(numbers: Numbers, visit: (column: number, values: Float32Array) => void): void {
  const columns = numbers.names.length;
  const buffers = Array.from({ length: Math.min(together, columns) }, () => new Float32Array(numbers.rows));
  for (let from = 0; from < columns; from += together) {
    const read = buffers.slice(0, Math.min(together, columns - from));
    if (numbers.kind === 'dense') {
      const { values } = numbers;
      for (let row = 0, at = from; row < numbers.rows; row++, at += columns) {
        for (let k = 0; k < read.length; k++) read[k][row] = values[at + k];
      }
    } else {
      for (const values of read) values.fill(0);
      const { indptr, indices, values } = numbers.csr;
      for (let row = 0; row < numbers.rows; row++) {
        for (let i = indptr[row]; i < indptr[row + 1]; i++) {
          const k = indices[i] - from;
          if (k >= 0 && k < read.length) read[k][row] = values[i];
        }
      }
    }
    for (const [k, values] of read.entries()) visit(from + k, values);
  }
}

/** The numbers that are there, in their order. */
export function present(values: Float32Array): Float32Array {
  return values.filter((x) => !Number.isNaN(x));
}

/** Of numbers that are there, at least one. */
export interface Moments {
  readonly mean: number;
  /** Of the population: divided by their count. */
  readonly variance: number;
}

export function momentsOf(values: Float32Array): Moments {
  const n = values.length;
  let sum = 0;
  for (const x of values) sum += x;
  const mean = sum / n;
  // Σ (x − mean)² − (Σ (x − mean))² / n: the second term is what rounding left in the mean.
  let squares = 0;
  let rest = 0;
  for (const x of values) {
    const d = x - mean;
    squares += d * d;
    rest += d;
  }
  return { mean: mean + rest / n, variance: Math.max(0, squares - (rest * rest) / n) / n };
}

/**
 * Whether numbers of this mean and variance are all one, but for rounding. T. F. Chan, G. H. Golub and R. J. LeVeque,
 * "Algorithms for computing the sample variance", The American Statistician 37, 1983: the bound of a two-pass sum.
 */
export function isConstant({ mean, variance }: Moments, count: number): boolean {
  const eps = Number.EPSILON;
  return variance <= count * eps * variance + (count * mean * eps) ** 2;
}

/** Ascending, in an array of its own. */
export function sorted(values: Float32Array): Float32Array {
  return values.slice().sort();
}

/**
 * A quantile by linear interpolation between the two nearest places: NumPy's `linear`; type 7 of R. J. Hyndman and
 * Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50, 1996.
 * @param ascending - at least one number.
 * @param share - in [0, 1].
 */
export function quantileOf(ascending: Float32Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const [a, b] = [ascending[below], ascending[Math.min(below + 1, ascending.length - 1)]];
  const t = place - below;
  // From the nearer end, so that the result stays between the two.
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

/** The number that is there most often, the least of several. @param ascending - at least one number. */
export function mostFrequentOf(ascending: Float32Array): number {
  let [best, most] = [ascending[0], 0];
  for (let from = 0, to = 0; from < ascending.length; from = to) {
    while (to < ascending.length && ascending[to] === ascending[from]) to++;
    if (to - from > most) [best, most] = [ascending[from], to - from];
  }
  return best;
}
