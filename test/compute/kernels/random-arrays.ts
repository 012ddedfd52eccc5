import type { Random } from '../../../contracts/random.ts';
import type { Csr } from '../../../compute/kernels/scalar/csr.ts';

/** Around the widths that kernels work in: 4 lanes, 4 and 16 at a time. */
export const lengths = [0, 1, 3, 4, 5, 15, 16, 17];

export const epsilon = 2 ** -24;

export function normals(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal());
}

/** Factors with padding columns of zeros behind the first `factors`. */
export function paddedFactors(random: Random, rows: number, factors: number, width: number): Float32Array {
  return Float32Array.from({ length: rows * width }, (_, k) => (k % width < factors ? random.normal() : 0));
}

/** Rows of the given numbers of distinct columns, ascending; a value is what `draw` gives. */
export function randomCsr(random: Random, rowLengths: readonly number[], columns: number, draw: () => number): Csr {
  const indptr = Int32Array.from([0, ...rowLengths]);
  for (let r = 0; r < rowLengths.length; r++) indptr[r + 1] += indptr[r];
  const indices = Int32Array.from(rowLengths.flatMap((length) => sample(random, length, columns)));
  return { indptr, indices, values: Float32Array.from(indices, draw) };
}

function sample(random: Random, length: number, columns: number): number[] {
  const all = Array.from({ length: columns }, (_, c) => c);
  for (let k = 0; k < length; k++) {
    const other = k + random.integer(columns - k);
    [all[k], all[other]] = [all[other], all[k]];
  }
  return all.slice(0, length).toSorted((a, b) => a - b);
}

export function transposed({ indptr, indices, values }: Csr, columns: number): Csr {
  const entries = Array.from({ length: columns }, (): [number, number][] => []);
  for (let r = 0; r + 1 < indptr.length; r++) {
    for (let k = indptr[r]; k < indptr[r + 1]; k++) entries[indices[k]].push([r, values[k]]);
  }
  const turned = Int32Array.from([0, ...entries.map((row) => row.length)]);
  for (let c = 0; c < columns; c++) turned[c + 1] += turned[c];
  const flat = entries.flat();
  return {
    indptr: turned,
    indices: Int32Array.from(flat, ([row]) => row),
    values: Float32Array.from(flat, ([, value]) => value),
  };
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let k = 0; k < a.length; k++) {
    const difference = Math.abs(a[k] - b[k]);
    // NaN compares with nothing, and must not pass.
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

/** Whether each value is within its bound of the expected one. */
export function withinBounds(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bounds: ArrayLike<number>,
): boolean {
  if (actual.length !== expected.length) return false;
  for (let k = 0; k < actual.length; k++) if (!(Math.abs(actual[k] - expected[k]) <= bounds[k])) return false;
  return true;
}
