/** What `assembly/kernel-values.ts` and `assembly/kernel-svm.ts` compute, in plain loops: tests hold the kernel against it. */
import type { SvmKernel } from '../kernel-values.ts';

/** k(u, v) in float64. */
export function kernelValue(kernel: SvmKernel, u: ArrayLike<number>, v: ArrayLike<number>): number {
  let [product, distance] = [0, 0];
  for (let c = 0; c < u.length; c++) {
    product += u[c] * v[c];
    distance += (u[c] - v[c]) ** 2;
  }
  switch (kernel.kind) {
    case 'linear':
      return product;
    case 'polynomial':
      return (kernel.gamma * product + kernel.offset) ** kernel.degree;
    case 'rbf':
      return Math.exp(-kernel.gamma * distance);
    case 'sigmoid':
      return Math.tanh(kernel.gamma * product + kernel.offset);
  }
}

export interface KernelProblem {
  /** Kernel values, rows of floats. */
  K: readonly ArrayLike<number>[];
  /** z */
  targets: ArrayLike<number>;
  lower: ArrayLike<number>;
  upper: ArrayLike<number>;
  /** p; 0 for classification. */
  epsilon: number;
}

/** β and f = Kβ − z. */
export interface KernelState {
  betas: Float64Array;
  gradient: Float64Array;
}

export function start({ targets }: KernelProblem): KernelState {
  return { betas: new Float64Array(targets.length), gradient: Float64Array.from(targets, (z) => -z) };
}

/** −(f ± p) for growing and for falling, −∞ and ∞ where a bound forbids it. */
function slopes({ lower, upper, epsilon }: KernelProblem, { betas, gradient }: KernelState, i: number) {
  const growth = betas[i] >= 0 ? -epsilon : epsilon;
  const fall = betas[i] > 0 ? -epsilon : epsilon;
  return {
    U: betas[i] < upper[i] ? growth - gradient[i] : -Infinity,
    V: betas[i] > lower[i] ? fall - gradient[i] : Infinity,
  };
}

/** How much the worst pair violates the KKT conditions. */
export function violation(problem: KernelProblem, state: KernelState): number {
  let [most, least] = [-Infinity, Infinity];
  for (let i = 0; i < state.betas.length; i++) {
    const { U, V } = slopes(problem, state, i);
    most = Math.max(most, U);
    least = Math.min(least, V);
  }
  return most - least;
}

/** Moves the pair that second order information chooses, of equal ones the first. */
export function step(problem: KernelProblem, state: KernelState): void {
  const { K, lower, upper } = problem;
  const { betas, gradient } = state;
  let [most, i] = [-Infinity, 0];
  for (let k = 0; k < betas.length; k++) {
    const { U } = slopes(problem, state, k);
    if (U > most) [most, i] = [U, k];
  }
  const curvature = (k: number) => Math.max(K[i][i] + K[k][k] - 2 * K[i][k], 1e-12);
  let [best, j] = [0, 0];
  for (let k = 0; k < betas.length; k++) {
    const { V } = slopes(problem, state, k);
    const gain = (most - V) ** 2 / curvature(k);
    if (V < most && gain > best) [best, j] = [gain, k];
  }
  // δ = (U − V) / (K_ii + K_jj − 2 K_ij), up to a bound, or to 0 where the slope of p |β| turns
  const highest = betas[i] < 0 ? Math.min(0, upper[i]) : upper[i];
  const lowest = betas[j] > 0 ? Math.max(0, lower[j]) : lower[j];
  const [roomI, roomJ] = [highest - betas[i], betas[j] - lowest];
  const delta = Math.min((most - slopes(problem, state, j).V) / curvature(j), roomI, roomJ);
  betas[i] = delta === roomI ? highest : betas[i] + delta;
  betas[j] = delta === roomJ ? lowest : betas[j] - delta;
  for (let k = 0; k < betas.length; k++) gradient[k] += delta * (K[i][k] - K[j][k]);
}
