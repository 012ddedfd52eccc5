/** Rows of features in kernel memory, dense or sparse, as `assembly/feature-rows.ts` lays them out. */
import { checkAscending, checkCsr } from './csr.ts';
import type { Csr } from './csr.ts';
import type { KernelThreads } from './threads.ts';

export interface DenseRows {
  /** `[rows × columns]`, row-major, finite. */
  values: Float32Array;
  columns: number;
}
/** Columns ascend within a row. */
export interface SparseRows extends Csr {
  columns: number;
}
export type FeatureRows = DenseRows | SparseRows;

/** Byte addresses and sizes; good until the memory is released. */
export interface StoredRows {
  /** Of the record that kernels are given. */
  address: number;
  count: number;
  columns: number;
  /** `columns`, or a multiple of 8 for dense rows. */
  paddedColumns: number;
  /** Floats that a row has on average: its cost in a product. */
  length: number;
  sparse: boolean;
}

/** Dense rows are whole groups of 8 floats. */
const group = 8;

/**
 * Copies rows into kernel memory.
 * @throws RangeError where the arrays are no rows of that many columns, or a value is not finite.
 */
export function putRows(threads: KernelThreads, rows: FeatureRows): StoredRows {
  const { values, columns } = rows;
  for (let k = 0; k < values.length; k++) {
    if (!(Math.abs(values[k]) < Infinity)) throw new RangeError(`Features must be finite. Got ${values[k]}.`);
  }
  if ('indptr' in rows) return putSparse(threads, rows);
  const count = columns === 0 ? 0 : values.length / columns;
  if (!Number.isInteger(count)) {
    throw new RangeError(`Features of ${columns} columns must be whole rows. Got ${values.length} values.`);
  }
  const paddedColumns = Math.ceil(columns / group) * group;
  const stride = paddedColumns * 4;
  const at = threads.alloc(count * stride);
  const stored = threads.view('f32', at, count * paddedColumns);
  if (paddedColumns === columns) {
    stored.set(values);
  } else {
    stored.fill(0);
    for (let r = 0; r < count; r++) stored.set(values.subarray(r * columns, (r + 1) * columns), r * paddedColumns);
  }
  const address = threads.put(Int32Array.of(count, paddedColumns, stride, at, 0, 0));
  return { address, count, columns, paddedColumns, length: paddedColumns, sparse: false };
}

function putSparse(threads: KernelThreads, rows: SparseRows): StoredRows {
  const { columns, indptr, indices, values } = rows;
  checkCsr(rows, columns);
  const count = indptr.length - 1;
  checkAscending(indptr, indices);
  const [at, index, value] = [indptr, indices, values].map((array) => threads.put(array));
  const address = threads.put(Int32Array.of(count, columns, 0, value, at, index));
  const length = indices.length / Math.max(1, count);
  return { address, count, columns, paddedColumns: columns, length, sparse: true };
}

/** Reads the entries of stored rows; of dense ones, those that are not 0. */
export function rowReader(
  threads: KernelThreads,
  { address, count, sparse, paddedColumns }: StoredRows,
): (row: number, visit: (column: number, value: number) => void) => void {
  const [, , , valuesAt, indptrAt, indicesAt] = threads.view('i32', address, 6);
  if (!sparse) {
    const values = threads.view('f32', valuesAt, count * paddedColumns);
    return (row, visit) => {
      for (let j = 0, at = row * paddedColumns; j < paddedColumns; j++, at++) {
        if (values[at] !== 0) visit(j, values[at]);
      }
    };
  }
  const indptr = threads.view('i32', indptrAt, count + 1);
  const values = threads.view('f32', valuesAt, indptr[count]);
  const indices = threads.view('i32', indicesAt, indptr[count]);
  return (row, visit) => {
    for (let k = indptr[row]; k < indptr[row + 1]; k++) visit(indices[k], values[k]);
  };
}
