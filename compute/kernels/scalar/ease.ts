/** What `assembly/ease.ts` computes, dense and in plain loops: tests hold the kernel against it. */
import type { Csr } from './csr.ts';

/** B = I − P diag(P)⁻¹, P = (XᵀX + λI)⁻¹, as `float64 [items × items]`. */
export function easeOf({ indptr, indices, values }: Csr, items: number, lambda: number): Float64Array {
  const gram = new Float64Array(items * items);
  for (let i = 0; i < items; i++) gram[i * items + i] = lambda;
  for (let u = 0; u + 1 < indptr.length; u++) {
    for (let k = indptr[u]; k < indptr[u + 1]; k++) {
      for (let l = indptr[u]; l < indptr[u + 1]; l++) gram[indices[k] * items + indices[l]] += values[k] * values[l];
    }
  }
  const P = inverse(gram, items);
  return P.map((p, at) => {
    const [i, j] = [Math.floor(at / items), at % items];
    return i === j ? 0 : -p / P[j * items + j];
  });
}

/** By Gauss and Jordan, without pivoting: for matrices that are positive definite. */
export function inverse(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice();
  const b = new Float64Array(n * n);
  for (let i = 0; i < n; i++) b[i * n + i] = 1;
  for (let k = 0; k < n; k++) {
    const pivot = a[k * n + k];
    for (let j = 0; j < n; j++) {
      a[k * n + j] /= pivot;
      b[k * n + j] /= pivot;
    }
    for (let i = 0; i < n; i++) {
      const factor = a[i * n + k];
      if (i === k || factor === 0) continue;
      for (let j = 0; j < n; j++) {
        a[i * n + j] -= factor * a[k * n + j];
        b[i * n + j] -= factor * b[k * n + j];
      }
    }
  }
  return b;
}
