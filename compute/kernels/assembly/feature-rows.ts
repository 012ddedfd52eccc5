/**
 * Rows of features as the solvers take them: dense or sparse, described by a record in memory that the host writes.
 *
 * Layout of the record: `int32 [6]`, as the fields of `Rows` stand. Dense values `float32 [count × stride / 4]`, row-major,
 * padding columns zero; sparse `indptr int32 [count + 1]`, `indices int32 [nnz]`, `values float32 [nnz]`, the columns of
 * a row distinct and ascending. All values finite.
 */
@unmanaged
export class Rows {
  count: i32;
  /** Of a dense row with its padding: a multiple of 8. */
  columns: i32;
  /** Bytes from one dense row to the next; 0 for sparse rows. */
  stride: usize;
  values: usize;
  indptr: usize;
  indices: usize;
}
