/** A sparse matrix by rows, as the kernels take it. */
export interface Csr {
  /** `[rows + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: distinct within a row. */
  indices: Int32Array;
  /** `[nnz]` */
  values: Float32Array;
}
