/**
 * What `assembly/linear-svm.ts` computes, in plain loops over dense rows: tests hold the kernel against it. Sums are in
 * another order than the kernel's, so that the two agree to rounding, not to the bit.
 */
import type { Random } from '../../../contracts/random.ts';

export interface LinearProblem {
  /** `[rows][columns]`, a bias column included where there is one. */
  rows: readonly (readonly number[])[];
  targets: readonly number[];
  regression: boolean;
  /** L2 loss. */
  squared: boolean;
  /** C of each row; rows of cost 0 are left out. */
  costs: readonly number[];
  /** p; 0 for classification. */
  epsilon: number;
}

export interface LinearState {
  betas: Float64Array;
  w: Float64Array;
  order: number[];
  active: number;
  outward: number;
  inward: number;
  outwardLimit: number;
  inwardLimit: number;
}

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
};

/** D_i and the bounds of β_i. */
function boundsOf({ regression, squared, costs, targets }: LinearProblem, i: number) {
  const U = squared ? Infinity : costs[i];
  return {
    D: squared ? 0.5 / costs[i] : 0,
    lower: regression || targets[i] <= 0 ? -U : 0,
    upper: regression || targets[i] > 0 ? U : 0,
  };
}

export function start({ rows, costs }: LinearProblem): LinearState {
  const order = costs.flatMap((cost, i) => (cost > 0 ? [i] : []));
  return {
    betas: new Float64Array(rows.length),
    w: new Float64Array(rows[0].length),
    order,
    active: order.length,
    outward: 0,
    inward: 0,
    outwardLimit: Infinity,
    inwardLimit: Infinity,
  };
}

/** One step of each active variable in a random order; variables that look settled are shrunk. */
export function epoch(problem: LinearProblem, state: LinearState, random: Random): void {
  const { rows, targets, epsilon } = problem;
  const { betas, w, order } = state;
  for (let k = 0; k + 1 < state.active; k++) {
    const other = k + random.integer(state.active - k);
    [order[k], order[other]] = [order[other], order[k]];
  }
  state.outward = 0;
  state.inward = 0;
  let s = 0;
  while (s < state.active) {
    const i = order[s];
    const x = rows[i];
    const { D, lower, upper } = boundsOf(problem, i);
    const g = dot(w, x) + D * betas[i] - targets[i];
    const [up, down] = [g + epsilon, g - epsilon];
    // Asked to grow, asked to become smaller, or settled at a bound.
    const [grow, fall] = betas[i] === 0 ? [asked(up, down, lower, upper), 0] : slopes(betas[i], up, down, lower, upper);
    const atBound = betas[i] === 0 || betas[i] >= upper || betas[i] <= lower;
    const away = betas[i] === 0 ? state.inwardLimit : state.outwardLimit;
    if (grow === 0 && fall === 0 && atBound && clears(betas[i], up, down, lower, upper, away)) {
      state.active--;
      [order[s], order[state.active]] = [order[state.active], order[s]];
      continue;
    }
    state.outward = Math.max(state.outward, grow);
    state.inward = Math.max(state.inward, fall);
    s++;
    if (grow === 0 && fall === 0) continue;
    const H = dot(x, x) + D;
    const free = up < H * betas[i] ? betas[i] - up / H : down > H * betas[i] ? betas[i] - down / H : 0;
    const next = Math.min(Math.max(free, lower), upper);
    for (let c = 0; c < x.length; c++) w[c] += (next - betas[i]) * x[c];
    betas[i] = next;
  }
}

function asked(up: number, down: number, lower: number, upper: number): number {
  if (upper > 0 && up < 0) return -up;
  return lower < 0 && down > 0 ? down : 0;
}

function slopes(beta: number, up: number, down: number, lower: number, upper: number): [number, number] {
  const slope = beta > 0 ? up : -down;
  const bound = beta > 0 ? beta >= upper : beta <= lower;
  return [slope < 0 && !bound ? -slope : 0, Math.max(0, slope)];
}

/** Whether a variable at a bound is further from leaving it than `limit`. */
function clears(beta: number, up: number, down: number, lower: number, upper: number, limit: number): boolean {
  if (beta > 0) return -up > limit;
  if (beta < 0) return down > limit;
  return (upper <= 0 || up > limit) && (lower >= 0 || -down > limit);
}

/** The primal and the dual objective. */
export function objectives(problem: LinearProblem, betas: ArrayLike<number>): { primal: number; dual: number } {
  const { rows, targets, regression, squared, costs, epsilon } = problem;
  const w = new Float64Array(rows[0].length);
  for (const [i, x] of rows.entries()) for (let c = 0; c < x.length; c++) w[c] += betas[i] * x[c];
  let primal = dot(w, w) / 2;
  let dual = -primal;
  for (const [i, x] of rows.entries()) {
    if (costs[i] === 0) continue;
    const s = dot(w, x);
    const xi = Math.max(0, regression ? Math.abs(targets[i] - s) - epsilon : 1 - targets[i] * s);
    primal += costs[i] * (squared ? xi * xi : xi);
    dual += targets[i] * betas[i] - epsilon * Math.abs(betas[i]) - (squared ? betas[i] ** 2 / (4 * costs[i]) : 0);
  }
  return { primal, dual };
}
