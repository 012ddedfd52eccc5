/**
 * Minima of smooth functions in a box: limited-memory BFGS (D. C. Liu and J. Nocedal, Math. Programming 45, 1989) over
 * the variables that are not held at a bound, with a projected backtracking line search (D. P. Bertsekas, SIAM J. Control
 * Optim. 20, 1982).
 */

export interface Minimization {
  /** Of each variable; infinite where there is none. */
  lower: ArrayLike<number>;
  upper: ArrayLike<number>;
  /** Most steps. */
  steps: number;
  /** Ends where no free variable's slope is steeper. */
  slope: number;
  /** Ends where a step gains less. */
  gain: number;
}

/** Value at `x`; writes the gradient. A value that is not finite is never stepped to. */
export type Slope = (x: Float64Array, gradient: Float64Array) => number;

/** Pairs of steps and changes of the gradient that are remembered. */
const memory = 8;
/** Share of the gain promised by the slope that a step must bring (Armijo's condition). */
const sufficient = 1e-4;
const halvings = 20;

/** @returns the best point found, and its value: never worse than the start. */
export function minimize(f: Slope, start: ArrayLike<number>, limits: Minimization): { x: Float64Array; value: number } {
  const { lower, upper } = limits;
  const n = start.length;
  const project = (x: number, i: number) => Math.min(upper[i], Math.max(lower[i], x));
  let x = Float64Array.from(start, project);
  let gradient = new Float64Array(n);
  let value = f(x, gradient);
  let pairs: Pair[] = [];
  for (let step = 0; step < limits.steps; step++) {
    const free = (i: number) => (gradient[i] > 0 ? x[i] > lower[i] : x[i] < upper[i]);
    const slope = gradient.map((g, i) => (free(i) ? g : 0));
    if (!slope.some((g) => Math.abs(g) > limits.slope)) break;
    let direction = newtonStep(slope, pairs, free);
    if (!(dot(direction, slope) < 0)) {
      pairs = [];
      direction = newtonStep(slope, pairs, free);
    }
    const next = search(direction);
    if (next === undefined) {
      if (pairs.length === 0) break;
      // What is remembered misleads: the next step follows the slope.
      pairs = [];
      continue;
    }
    const pair = { s: next.x.map((v, i) => v - x[i]), y: next.gradient.map((v, i) => v - gradient[i]) };
    if (dot(pair.s, pair.y) > 1e-10 * Math.sqrt(dot(pair.s, pair.s) * dot(pair.y, pair.y))) {
      pairs = [...pairs.slice(1 - memory), pair];
    }
    const gained = value - next.value;
    ({ x, gradient, value } = next);
    if (gained < limits.gain) break;
  }
  return { x, value };

  function search(direction: Float64Array) {
    // Without memory a direction has no length of its own.
    let length = pairs.length === 0 ? Math.min(1, 0.1 / Math.sqrt(dot(direction, direction))) : 1;
    for (let i = 0; i < halvings; i++, length /= 2) {
      const there = x.map((v, k) => project(v + length * direction[k], k));
      const slopeThere = new Float64Array(n);
      const valueThere = f(there, slopeThere);
      const promised = there.reduce((sum, v, k) => sum + gradient[k] * (v - x[k]), 0);
      if (valueThere <= value + sufficient * promised && valueThere < value) {
        return { x: there, gradient: slopeThere, value: valueThere };
      }
    }
    return undefined;
  }
}

interface Pair {
  s: Float64Array;
  y: Float64Array;
}

/** −H g by the two loops of L-BFGS, H being the identity without pairs; 0 where a variable is not free. */
function newtonStep(slope: Float64Array, pairs: readonly Pair[], free: (i: number) => boolean): Float64Array {
  const mask = (v: number, i: number) => (free(i) ? v : 0);
  const kept = pairs.map(({ s, y }) => ({ s: s.map(mask), y: y.map(mask) })).filter(({ s, y }) => dot(s, y) > 0);
  const q = slope.map((g) => -g);
  const alphas: number[] = [];
  for (const { s, y } of kept.toReversed()) {
    // α ← s·q / s·y;  q ← q − α y
    const alpha = dot(s, q) / dot(s, y);
    alphas.push(alpha);
    add(q, y, -alpha);
  }
  const last = kept.at(-1);
  if (last !== undefined) {
    // H₀ = (s·y / y·y) I
    const scale = dot(last.s, last.y) / dot(last.y, last.y);
    for (let i = 0; i < q.length; i++) q[i] *= scale;
  }
  for (const { s, y } of kept) {
    // q ← q + (α − y·q / s·y) s
    add(q, s, alphas.pop()! - dot(y, q) / dot(s, y));
  }
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function add(to: Float64Array, what: Float64Array, times: number): void {
  for (let i = 0; i < to.length; i++) to[i] += times * what[i];
}
