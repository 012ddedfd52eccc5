/** Sparse matrices in CSR form and the strengths in them. */
import type { ParametersOf } from '../contracts/algorithms.ts';

export interface SparseMatrix {
  /** `[rows + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: ascending within a row. */
  indices: Int32Array;
  /** `[nnz]` */
  values: Float32Array;
}

/** The transpose; its rows keep their entries in ascending order. */
export function transpose({ indptr, indices, values }: SparseMatrix, columns: number): SparseMatrix {
  const rows = indptr.length - 1;
  const turned: SparseMatrix = {
    indptr: new Int32Array(columns + 1),
    indices: new Int32Array(indices.length),
    values: new Float32Array(indices.length),
  };
  for (let k = 0; k < indices.length; k++) turned.indptr[indices[k] + 1]++;
  for (let c = 0; c < columns; c++) turned.indptr[c + 1] += turned.indptr[c];
  const next = turned.indptr.slice(0, columns);
  for (let r = 0; r < rows; r++) {
    for (let k = indptr[r]; k < indptr[r + 1]; k++) {
      const at = next[indices[k]]++;
      turned.indices[at] = r;
      turned.values[at] = values[k];
    }
  }
  return turned;
}

export type Weighting = ParametersOf<'als'>['weighting'];

/** Strength of each interaction from its number of baskets: that number, log(1 + number), or 1. */
export function strengthsOf(counts: Float32Array, weighting: Weighting): Float32Array {
  switch (weighting) {
    case 'count':
      return counts.slice();
    case 'log':
      return counts.map(Math.log1p);
    case 'binary':
      return counts.map((count) => (count > 0 ? 1 : 0));
  }
}
