/** What `assembly/scoring.ts` computes, in float64 and plain loops: tests hold the kernels against it. */
import type { Csr } from './csr.ts';

/** x_u · y_i as `float64 [users × items]`. */
export function dense(
  X: ArrayLike<number>,
  Y: ArrayLike<number>,
  n: number,
  users: number,
  items: number,
): Float64Array {
  const scores = new Float64Array(users * items);
  for (let u = 0; u < users; u++) {
    for (let i = 0; i < items; i++) {
      for (let f = 0; f < n; f++) scores[u * items + i] += X[u * n + f] * Y[i * n + f];
    }
  }
  return scores;
}

/** Σ_i h_ui n_ij as `float64 [users × items]`. */
export function sparse(histories: Csr, neighbours: Csr, items: number): Float64Array {
  const users = histories.indptr.length - 1;
  const scores = new Float64Array(users * items);
  for (let u = 0; u < users; u++) {
    for (let k = histories.indptr[u]; k < histories.indptr[u + 1]; k++) {
      const i = histories.indices[k];
      for (let l = neighbours.indptr[i]; l < neighbours.indptr[i + 1]; l++) {
        scores[u * items + neighbours.indices[l]] += histories.values[k] * neighbours.values[l];
      }
    }
  }
  return scores;
}
