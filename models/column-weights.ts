/**
 * Weights of sparse rows × columns by which columns are compared as documents: the rows that have a column are its terms.
 * Items are documents and users their terms where items are compared (as in implicit; the other way round ranked worse);
 * users are documents where users are.
 */
import type { SparseMatrix } from './sparse.ts';

/** Columns of length 1. */
export function unitColumns({ indptr, indices, values }: SparseMatrix, columns: number): SparseMatrix {
  const squares = new Float64Array(columns);
  for (let k = 0; k < indices.length; k++) squares[indices[k]] += values[k] * values[k];
  return {
    indptr,
    indices,
    values: values.map((value, k) => (value > 0 ? value / Math.sqrt(squares[indices[k]]) : 0)),
  };
}

/**
 * Columns of length 1 after each row has been weighted by idf = log((1 + N) / (1 + n)) over N columns, n of which the row
 * has (Salton and Buckley, 1988; the ones keep it finite and at least 0).
 */
export function tfIdfColumns({ indptr, indices, values }: SparseMatrix, columns: number): SparseMatrix {
  const weights = new Float32Array(values.length);
  const idf = tfIdfOf(indptr, columns);
  for (let r = 0; r < idf.length; r++) {
    for (let k = indptr[r]; k < indptr[r + 1]; k++) weights[k] = idf[r] * values[k];
  }
  return unitColumns({ indptr, indices, values: weights }, columns);
}

export function tfIdfOf(indptr: Int32Array, columns: number): Float64Array {
  return Float64Array.from({ length: indptr.length - 1 }, (_, r) =>
    Math.log((1 + columns) / (1 + indptr[r + 1] - indptr[r])),
  );
}

/**
 * BM25: w_rc = idf_r · s (k₁ + 1) / (s + k₁ (1 − b + b |c| / mean |c|)), |c| the sum of a column's strengths and
 * idf_r = log(1 + (N − n_r + ½) / (n_r + ½)) over N columns, n_r of which the row has (Robertson and Zaragoza, 2009; the
 * 1 + keeps it positive for a row that has most of them).
 */
export function bm25Weights(
  { indptr, indices, values }: SparseMatrix,
  columns: number,
  k1: number,
  b: number,
): SparseMatrix {
  const lengths = new Float64Array(columns);
  let total = 0;
  for (let k = 0; k < indices.length; k++) {
    lengths[indices[k]] += values[k];
    total += values[k];
  }
  const saturations = lengths.map((length) => k1 * (1 - b + (b * length * columns) / total));
  const weights = new Float32Array(values.length);
  const idf = bm25IdfOf(indptr, columns);
  for (let r = 0; r < idf.length; r++) {
    for (let k = indptr[r]; k < indptr[r + 1]; k++) {
      const s = values[k];
      weights[k] = s > 0 ? (idf[r] * s * (k1 + 1)) / (s + saturations[indices[k]]) : 0;
    }
  }
  return { indptr, indices, values: weights };
}

export function bm25IdfOf(indptr: Int32Array, columns: number): Float64Array {
  return Float64Array.from({ length: indptr.length - 1 }, (_, r) => {
    const having = indptr[r + 1] - indptr[r];
    return Math.log1p((columns - having + 0.5) / (having + 0.5));
  });
}
