/** What `assembly/csr.ts` computes, in float64 and plain loops: tests hold the kernel against it. */

/** A sparse matrix by rows, as the kernels take it. */
export interface Csr {
  /** `[rows + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: distinct within a row. */
  indices: Int32Array;
  /** `[nnz]` */
  values: Float32Array;
}

/** A B as `float64 [rows × width]`, B `[columns × width]`. */
export function multiply({ indptr, indices, values }: Csr, B: ArrayLike<number>, width: number): Float64Array {
  const rows = indptr.length - 1;
  const C = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) {
    for (let k = indptr[r]; k < indptr[r + 1]; k++) {
      for (let c = 0; c < width; c++) C[r * width + c] += values[k] * B[indices[k] * width + c];
    }
  }
  return C;
}

/** Σ_c a_ic b_jc as `float64 [rows of A × rows of B]`. */
export function rowProducts(a: Csr, b: Csr): Float64Array {
  const [aRows, bRows] = [a.indptr.length - 1, b.indptr.length - 1];
  const products = new Float64Array(aRows * bRows);
  for (let i = 0; i < aRows; i++) {
    for (let j = 0; j < bRows; j++) {
      for (let k = a.indptr[i]; k < a.indptr[i + 1]; k++) {
        for (let l = b.indptr[j]; l < b.indptr[j + 1]; l++) {
          if (a.indices[k] === b.indices[l]) products[i * bRows + j] += a.values[k] * b.values[l];
        }
      }
    }
  }
  return products;
}

/** The transpose, entries of a row in ascending order. */
export function transpose({ indptr, indices, values }: Csr, columns: number): Csr {
  const turned: Csr = {
    indptr: new Int32Array(columns + 1),
    indices: new Int32Array(indices.length),
    values: new Float32Array(values.length),
  };
  for (const column of indices) turned.indptr[column + 1]++;
  for (let c = 0; c < columns; c++) turned.indptr[c + 1] += turned.indptr[c];
  const next = turned.indptr.slice();
  for (let r = 0; r + 1 < indptr.length; r++) {
    for (let k = indptr[r]; k < indptr[r + 1]; k++) {
      turned.indices[next[indices[k]]] = r;
      turned.values[next[indices[k]]++] = values[k];
    }
  }
  return turned;
}
