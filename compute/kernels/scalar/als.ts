/** What `assembly/als.ts` and `assembly/fold-in.ts` compute, in float64 and plain loops: tests hold the kernels against it. */
import type { Csr } from './csr.ts';

/** YᵀY + λI of Y `[rows × n]`, as `float64 [n × n]`. */
export function gram(Y: ArrayLike<number>, rows: number, n: number, lambda: number): Float64Array {
  const G = new Float64Array(n * n);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) G[i * n + j] += Y[r * n + i] * Y[r * n + j];
    }
  }
  for (let i = 0; i < n; i++) G[i * n + i] += lambda;
  return G;
}

/**
 * One row after `steps` conjugate-gradient steps from `start` towards the solution of
 * (G + Σ (c − 1) y yᵀ) x = Σ c y over the row's entries.
 */
export function solveRow(
  { indptr, indices, values }: Csr,
  row: number,
  Y: ArrayLike<number>,
  G: Float64Array,
  n: number,
  steps: number,
  start: ArrayLike<number>,
): Float64Array {
  const x = Float64Array.from(start);
  const b = new Float64Array(n);
  const A = G.slice();
  for (let k = indptr[row]; k < indptr[row + 1]; k++) {
    const at = indices[k] * n;
    for (let i = 0; i < n; i++) {
      b[i] += values[k] * Y[at + i];
      for (let j = 0; j < n; j++) A[i * n + j] += (values[k] - 1) * Y[at + i] * Y[at + j];
    }
  }
  const apply = (v: Float64Array) => v.map((_, i) => v.reduce((sum, value, j) => sum + A[i * n + j] * value, 0));
  const dot = (u: Float64Array, v: Float64Array) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const Ax = apply(x);
  const r = b.map((value, i) => value - Ax[i]);
  const p = r.slice();
  let rr = dot(r, r);
  for (let step = 0; step < steps && rr >= 1e-20; step++) {
    const Ap = apply(p);
    const alpha = rr / dot(p, Ap);
    for (let i = 0; i < n; i++) {
      x[i] += alpha * p[i];
      r[i] -= alpha * Ap[i];
    }
    const next = dot(r, r);
    for (let i = 0; i < n; i++) p[i] = r[i] + (next / rr) * p[i];
    rr = next;
  }
  return x;
}
