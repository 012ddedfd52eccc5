import type { Random } from '../../../contracts/random.ts';
import { BinnedMatrix } from '../../../compute/kernels/bins.ts';
import type { Binning } from '../../../compute/kernels/bins.ts';
import type { KernelThreads } from '../../../compute/kernels/threads.ts';
import type { Feature, Rules } from '../../../compute/kernels/scalar/trees.ts';

export const free: Rules = {
  criterion: 'gradient',
  classes: 0,
  maxLeaves: Infinity,
  maxDepth: Infinity,
  minRowsToSplit: 2,
  minRows: 1,
  minWeight: 0,
  minGain: 0,
  l1: 0,
  l2: 0,
  featuresPerSplit: Infinity,
  categorySmoothing: 0,
  categoryL2: 0,
  maxCategories: Infinity,
};

export interface Column {
  /** Bins of values; that of missing values comes on top. */
  bins: number;
  categorical?: boolean;
  /** Share of the rows that have no value. */
  missing?: number;
}

/** A matrix in kernel memory and the same for the scalar twin; a value is the number of its bin. */
export async function randomMatrix(kernels: KernelThreads, random: Random, rows: number, columns: readonly Column[]) {
  const values = columns.map(({ bins, missing = 0 }) =>
    Float32Array.from({ length: rows }, () => (random.uniform() < missing ? NaN : random.integer(bins))),
  );
  const binnings = columns.map(({ bins, categorical }): Binning =>
    categorical ? { categories: bins } : { edges: Float32Array.from({ length: bins - 1 }, (_, k) => k + 0.5) },
  );
  const matrix = await BinnedMatrix.from(kernels, values, binnings);
  const features = columns.map(({ bins, categorical = false }, f): Feature => ({
    bins: matrix.column(f),
    count: bins + 1,
    categorical,
  }));
  return { matrix, features };
}

/** Whole numbers, so that every sum is exact: g of −4 to 4 or a class, and h or a weight of 1 to 3. */
export function wholePairs(random: Random, rows: number, classes: number): Float32Array {
  return Float32Array.from({ length: 2 * rows }, (_, k) =>
    k % 2 === 1 ? 1 + random.integer(3) : classes > 0 ? random.integer(classes) : random.integer(9) - 4,
  );
}

export function realPairs(random: Random, rows: number, classes: number): Float32Array {
  return Float32Array.from({ length: 2 * rows }, (_, k) =>
    k % 2 === 1 ? 0.1 + random.uniform() : classes > 0 ? random.integer(classes) : random.normal(),
  );
}

/** Some of the rows, ascending. */
export function someRows(random: Random, rows: number, share: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, r) => r).filter(() => random.uniform() < share);
}

export function allRows(rows: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, r) => r);
}
