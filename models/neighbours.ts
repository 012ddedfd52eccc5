/** The largest products of a matrix's rows with another's columns, on kernel threads. */
import { KernelThreads } from '../compute/kernels/threads.ts';
import { rowChunks } from './chunks.ts';
import type { SparseMatrix } from './sparse.ts';

/**
 * The `most` largest positive entries of each row of AB.
 * @param a - rows × inner. @param b - inner × columns.
 * @param shrinkage - h: entries are compared, and kept, times n / (n + h), n the number of their terms.
 */
export async function neighbourTable(
  a: SparseMatrix,
  b: SparseMatrix,
  columns: number,
  most: number,
  shrinkage: number,
  threads: number,
): Promise<SparseMatrix> {
  const kernels = new KernelThreads(threads, ['similarity']);
  try {
    const [left, right] = [a, b].map(({ indptr, indices, values }, side) => [
      kernels.put(indptr),
      kernels.put(indices),
      kernels.put(side === 0 && shrinkage > 0 ? Float64Array.from(values) : values),
    ]);
    const table = { csr: [...left, ...right], rows: a.indptr.length - 1, columns, most, shrinkage };
    return await largestProducts(kernels, table);
  } finally {
    await kernels.close();
  }
}

export interface ProductTable {
  /** Byte addresses of A's and of B's indptr, indices and values, A's values float64 where `exact`. */
  csr: number[];
  rows: number;
  columns: number;
  most: number;
  shrinkage: number;
  /** Sums in float64 without shrinkage, too. */
  exact?: boolean;
}

/** @param kernels - with `similarity`. */
export async function largestProducts(
  kernels: KernelThreads,
  { csr, rows, columns, most, shrinkage, exact = shrinkage > 0 }: ProductTable,
): Promise<SparseMatrix> {
  const K = Math.min(most, columns);
  const mark = kernels.mark();
  try {
    const counts = kernels.alloc(rows * 4);
    const found = kernels.alloc(rows * K * 4);
    const values = kernels.alloc(rows * K * 4);
    const chunks = rowChunks(rows, 16);
    const line = Math.ceil(columns / 64) * 64 * 4;
    await kernels.parallelFor(
      'similarity',
      exact ? 'shrunkNeighbours' : 'neighbours',
      chunks.count,
      (chunk) => [...csr, columns, K, ...(exact ? [shrinkage] : []), ...chunks.range(chunk), counts, found, values],
      exact ? line * 8 : line * 4,
    );
    return packRows(
      kernels.view('i32', counts, rows),
      kernels.view('i32', found, rows * K),
      kernels.view('f32', values, rows * K),
      K,
    );
  } finally {
    kernels.release(mark);
  }
}

/** Rows of up to K entries, laid out K apart, as CSR in memory of the caller's own. */
function packRows(counts: Int32Array, columns: Int32Array, values: Float32Array, K: number): SparseMatrix {
  const indptr = new Int32Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) indptr[i + 1] = indptr[i] + counts[i];
  const packed = {
    indptr,
    indices: new Int32Array(indptr[counts.length]),
    values: new Float32Array(indptr[counts.length]),
  };
  for (let i = 0; i < counts.length; i++) {
    packed.indices.set(columns.subarray(i * K, i * K + counts[i]), indptr[i]);
    packed.values.set(values.subarray(i * K, i * K + counts[i]), indptr[i]);
  }
  return packed;
}
