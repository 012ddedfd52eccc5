/**
 * Linear support vector machines by dual coordinate descent: classification (Hsieh, Chang, Lin, Keerthi and
 * Sundararajan, ICML 2008) and regression (Ho and Lin, JMLR 13, 2012), with L1 or L2 loss. Both are one problem here,
 * in signed variables β_i (y_i α_i of a classifier, α⁺_i − α⁻_i of a regression).
 *
 * Formula: minimise ½ ‖Σ β_i x_i‖² + Σ (½ D_i β_i² − z_i β_i + p |β_i|) over l_i ≤ β_i ≤ u_i, where C_i is the cost of a
 * row and, with L1 loss, D_i = 0, U_i = C_i; with L2 loss D_i = 1 / (2 C_i), U_i = ∞. Classification: z = ±1, p = 0,
 * [l, u] = [0, U] where z > 0, else [−U, 0]. Regression: p = ε, [l, u] = [−U, U]. w = Σ β_i x_i, and the primal is
 * ½ ‖w‖² + Σ C_i ξ_i (L1) or C_i ξ_i² (L2), ξ = max(0, 1 − z s) or max(0, |z − s| − p), s = w · x. A bias B is a
 * further feature of that value in every row.
 *
 * Layout: `Rows` as in `feature-rows.ts`; the problem and its state are records that the host allocates, fields as they
 * stand in `Problem` and `State`; targets, β and norms `float64 [count]`, w `float64 [columns]`, order `int32 [count]`,
 * row weights `float32 [count]` or none.
 * Accumulator: float64 for β and w. Millions of small steps are added to w; in float32 it would move away from
 * Σ β_i x_i, and no gap below about 1e-4 of the objective could be reached. Data stay float32: half the memory traffic.
 * Error: nothing fused, so that every machine takes the same path; w within a few hundred ulp of Σ β_i x_i; the result
 * is what the stopping rule says, at most `tolerance` (of the violation at β = 0) from satisfying the KKT conditions.
 */
import { Rows } from './feature-rows';

@unmanaged
class Problem {
  targets: usize;
  /** Factors of the costs of rows, or 0 (null): a row whose cost is 0 is left out. */
  weights: usize;
  /** ‖x_i‖² + B², shared by the problems over the same rows. */
  norms: usize;
  betas: usize;
  w: usize;
  order: usize;
  /** 0 classification, 1 regression. */
  regression: i32;
  /** 0 L1 loss, 1 L2 loss. */
  squared: i32;
  /** C of rows with z > 0, and of the others; equal for regression. */
  positiveCost: f64;
  negativeCost: f64;
  /** p */
  epsilon: f64;
  /** B; 0 for none. */
  bias: f64;
  tolerance: f64;
  /** Stops as well where primal − dual is at most this part of the primal; 0 for never. */
  gapTolerance: f64;
}

/** What an epoch leaves to the next one: with β, w and the order, all of a checkpoint. */
@unmanaged
class State {
  /** The weight of the bias feature. */
  intercept: f64;
  /** Largest violation that asks |β| to grow, and to become smaller, in the last epoch. */
  outward: f64;
  inward: f64;
  /** The same of the epoch before, by which variables are shrunk. */
  outwardLimit: f64;
  inwardLimit: f64;
  /** The violation at β = 0. */
  initial: f64;
  primal: f64;
  dual: f64;
  /** Rows of a cost above 0, which begin the order; and those of them that are not shrunk. */
  usable: i32;
  active: i32;
  epoch: i32;
  /** 0 going on, 1 the projected gradient is small, 2 the gap is. */
  status: i32;
  /** xoshiro128**, as in `contracts/random.ts`. */
  a: i32;
  b: i32;
  c: i32;
  d: i32;
}

/** Epochs between two looks at the gap, where one is wanted: a look costs half an epoch. */
const GAP_EPOCHS: i32 = 10;

/** norms[i] ← ‖x_i‖² + B² of rows [from, to). */
export function norms(rowsAt: usize, bias: f64, from: i32, to: i32, out: usize): void {
  const rows = changetype<Rows>(rowsAt);
  for (let i = from; i < to; i++) f64.store(out + ((<usize>i) << 3), bias * bias + squares(rows, i));
}

/** Everything zero, the rows of a cost above 0 in their order; the host has filled in the generator. */
export function start(rowsAt: usize, problemAt: usize, stateAt: usize): void {
  const rows = changetype<Rows>(rowsAt);
  const problem = changetype<Problem>(problemAt);
  const state = changetype<State>(stateAt);
  memory.fill(problem.betas, 0, (<usize>rows.count) << 3);
  memory.fill(problem.w, 0, (<usize>rows.columns) << 3);
  state.intercept = 0;
  state.epoch = 0;
  state.status = 0;
  state.outwardLimit = Infinity;
  state.inwardLimit = Infinity;
  let usable = 0;
  let initial: f64 = 0;
  for (let i = 0; i < rows.count; i++) {
    const target = f64.load(problem.targets + ((<usize>i) << 3));
    if (!(costOf(problem, i, target) > 0)) continue;
    i32.store(problem.order + ((<usize>usable) << 2), i);
    usable++;
    // At β = 0 the gradient is −z.
    initial = max(initial, abs(target) - problem.epsilon);
  }
  state.usable = usable;
  state.active = usable;
  state.initial = initial;
  state.outward = initial;
  state.inward = 0;
  if (initial <= 0) state.status = 1;
}

/** At most `count` epochs, less where the problem is solved before. */
export function epochs(rowsAt: usize, problemAt: usize, stateAt: usize, count: i32): void {
  const rows = changetype<Rows>(rowsAt);
  const problem = changetype<Problem>(problemAt);
  const state = changetype<State>(stateAt);
  for (let k = 0; k < count && state.status === 0; k++) {
    shuffle(problem.order, state);
    epoch(rows, problem, state);
    state.epoch++;
    if (state.outward + state.inward <= problem.tolerance * state.initial) {
      if (state.active === state.usable) {
        state.status = 1;
        break;
      }
      activateAll(state);
    } else {
      state.outwardLimit = state.outward > 0 ? state.outward : Infinity;
      state.inwardLimit = state.inward > 0 ? state.inward : Infinity;
    }
    if (problem.gapTolerance > 0 && state.epoch % GAP_EPOCHS === 0) {
      const shrunk = objectives(rowsAt, problemAt, stateAt);
      const gap = state.primal - state.dual;
      if (gap <= problem.gapTolerance * state.primal) state.status = 2;
      else if (shrunk > 0.5 * gap) activateAll(state);
    }
  }
}

/** Looks at the shrunk variables again. */
function activateAll(state: State): void {
  state.active = state.usable;
  state.outwardLimit = Infinity;
  state.inwardLimit = Infinity;
}

/** One step of each active variable, in the order. */
function epoch(rows: Rows, problem: Problem, state: State): void {
  const order = problem.order;
  const p = problem.epsilon;
  const regression = problem.regression !== 0;
  const negligible = 1e-12 * state.initial;
  let active = state.active;
  let outward: f64 = 0;
  let inward: f64 = 0;
  for (let s = 0; s < active; s++) {
    const i = i32.load(order + ((<usize>s) << 2));
    const z = f64.load(problem.targets + ((<usize>i) << 3));
    const cost = costOf(problem, i, z);
    const D = problem.squared ? 0.5 / cost : 0;
    const U = problem.squared ? Infinity : cost;
    const lower = regression || z <= 0 ? -U : 0;
    const upper = regression || z > 0 ? U : 0;
    const cell = problem.betas + ((<usize>i) << 3);
    const beta = f64.load(cell);

    // g = w·x + D β − z: the gradient without |β|; upwards its slope is g ± p, downwards too
    const g = product(rows, i, problem.w) + state.intercept * problem.bias + D * beta - z;
    const up = g + p;
    const down = g - p;
    let violation: f64 = 0;
    let settled = false;
    if (beta === 0) {
      if (upper > 0 && up < 0) violation = -up;
      else if (lower < 0 && down > 0) violation = down;
      else settled = (upper <= 0 || up > state.inwardLimit) && (lower >= 0 || -down > state.inwardLimit);
      outward = max(outward, violation);
    } else {
      // Away from zero the slope of the objective along |β|: negative asks |β| to grow.
      const slope = beta > 0 ? up : -down;
      const bound = beta > 0 ? beta >= upper : beta <= lower;
      if (slope > 0) {
        violation = slope;
        inward = max(inward, slope);
      } else if (!bound) {
        violation = -slope;
        outward = max(outward, violation);
      } else {
        settled = -slope > state.outwardLimit;
      }
    }
    if (settled) {
      // Shrunk: the last active one takes its place.
      active--;
      i32.store(order + ((<usize>s) << 2), i32.load(order + ((<usize>active) << 2)));
      i32.store(order + ((<usize>active) << 2), i);
      s--;
      continue;
    }
    if (violation <= negligible) continue;

    // β ← the minimum along β within its bounds;  w ← w + (β' − β) x
    const H = f64.load(problem.norms + ((<usize>i) << 3)) + D;
    let next: f64 = 0;
    if (up < H * beta) next = beta - up / H;
    else if (down > H * beta) next = beta - down / H;
    next = min(max(next, lower), upper);
    f64.store(cell, next);
    add(rows, i, next - beta, problem.w);
    state.intercept += (next - beta) * problem.bias;
  }
  state.active = active;
  state.outward = outward;
  state.inward = inward;
}

/**
 * Primal and dual objective of where the state is, over all rows.
 * @returns what the shrunk rows contribute to the gap between the two.
 */
export function objectives(rowsAt: usize, problemAt: usize, stateAt: usize): f64 {
  const rows = changetype<Rows>(rowsAt);
  const problem = changetype<Problem>(problemAt);
  const state = changetype<State>(stateAt);
  let square = state.intercept * state.intercept;
  for (let o = problem.w, end = o + ((<usize>rows.columns) << 3); o < end; o += 8) square += f64.load(o) * f64.load(o);
  let primal = 0.5 * square;
  let dual = -0.5 * square;
  let shrunk: f64 = 0;
  for (let k = 0; k < state.usable; k++) {
    const i = i32.load(problem.order + ((<usize>k) << 2));
    const z = f64.load(problem.targets + ((<usize>i) << 3));
    const cost = costOf(problem, i, z);
    const beta = f64.load(problem.betas + ((<usize>i) << 3));
    const s = product(rows, i, problem.w) + state.intercept * problem.bias;
    const xi = max<f64>(0, problem.regression ? abs(z - s) - problem.epsilon : 1 - z * s);
    // C ξ or C ξ²;  z β − p |β| − ½ D β²
    const loss = cost * (problem.squared ? xi * xi : xi);
    const gain = z * beta - problem.epsilon * abs(beta) - (problem.squared ? (0.25 / cost) * beta * beta : 0);
    primal += loss;
    dual += gain;
    // ‖w‖² = Σ β s: each row has a gap of its own, none below 0.
    if (k >= state.active) shrunk += loss - gain + beta * s;
  }
  state.primal = primal;
  state.dual = dual;
  return shrunk;
}

function costOf(problem: Problem, i: i32, target: f64): f64 {
  const cost = target > 0 ? problem.positiveCost : problem.negativeCost;
  return problem.weights ? cost * <f64>f32.load(problem.weights + ((<usize>i) << 2)) : cost;
}

/** A random order of the active rows (Fisher and Yates, from the front). */
function shuffle(order: usize, state: State): void {
  for (let k = 0, active = state.active; k + 1 < active; k++) {
    const at = order + ((<usize>k) << 2);
    const other = order + ((<usize>(<u32>k + below(state, active - k))) << 2);
    const held = i32.load(at);
    i32.store(at, i32.load(other));
    i32.store(other, held);
  }
}

/** Uniform over [0, n), by rejection: the numbers that `Random.integer` draws. */
function below(state: State, n: u32): u32 {
  let bits: u32;
  let rest: u32;
  do {
    bits = draw(state);
    rest = bits % n;
  } while (<u64>(bits - rest) + <u64>n > 0x100000000);
  return rest;
}

/** Uniform over the 32-bit words. */
function draw(state: State): u32 {
  const b = state.b;
  state.c ^= state.a;
  state.d ^= b;
  state.b ^= state.c;
  state.a ^= state.d;
  state.c ^= b << 9;
  state.d = rotl<i32>(state.d, 11);
  return <u32>(rotl<i32>(b * 5, 7) * 9);
}

/** x_i · w */
function product(rows: Rows, i: i32, w: usize): f64 {
  if (rows.stride) {
    let x = rows.values + <usize>i * rows.stride;
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let s2 = f64x2.splat(0);
    let s3 = f64x2.splat(0);
    for (const end = x + rows.stride; x < end; x += 32, w += 64) {
      s0 = f64x2.add(s0, f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(x)), v128.load(w)));
      s1 = f64x2.add(s1, f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(x, 8)), v128.load(w, 16)));
      s2 = f64x2.add(s2, f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(x, 16)), v128.load(w, 32)));
      s3 = f64x2.add(s3, f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(x, 24)), v128.load(w, 48)));
    }
    const sum = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
    return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  }
  let index = rows.indices + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2))) << 2);
  const end = rows.indices + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2), 4)) << 2);
  let value = rows.values + (index - rows.indices);
  let s0: f64 = 0;
  let s1: f64 = 0;
  let s2: f64 = 0;
  let s3: f64 = 0;
  for (; index + 16 <= end; index += 16, value += 16) {
    s0 += <f64>f32.load(value) * f64.load(w + ((<usize>i32.load(index)) << 3));
    s1 += <f64>f32.load(value, 4) * f64.load(w + ((<usize>i32.load(index, 4)) << 3));
    s2 += <f64>f32.load(value, 8) * f64.load(w + ((<usize>i32.load(index, 8)) << 3));
    s3 += <f64>f32.load(value, 12) * f64.load(w + ((<usize>i32.load(index, 12)) << 3));
  }
  for (; index < end; index += 4, value += 4)
    s0 += <f64>f32.load(value) * f64.load(w + ((<usize>i32.load(index)) << 3));
  return s0 + s1 + (s2 + s3);
}

/** w ← w + d x_i */
function add(rows: Rows, i: i32, d: f64, w: usize): void {
  if (rows.stride) {
    const scale = f64x2.splat(d);
    let x = rows.values + <usize>i * rows.stride;
    for (const end = x + rows.stride; x < end; x += 16, w += 32) {
      const low = f64x2.promote_low_f32x4(v128.load64_zero(x));
      const high = f64x2.promote_low_f32x4(v128.load64_zero(x, 8));
      v128.store(w, f64x2.add(v128.load(w), f64x2.mul(scale, low)));
      v128.store(w, f64x2.add(v128.load(w, 16), f64x2.mul(scale, high)), 16);
    }
    return;
  }
  let index = rows.indices + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2))) << 2);
  const end = rows.indices + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2), 4)) << 2);
  for (let value = rows.values + (index - rows.indices); index < end; index += 4, value += 4) {
    const cell = w + ((<usize>i32.load(index)) << 3);
    f64.store(cell, f64.load(cell) + d * <f64>f32.load(value));
  }
}

/** ‖x_i‖² */
function squares(rows: Rows, i: i32): f64 {
  let begin = rows.values + <usize>i * rows.stride;
  let end = begin + rows.stride;
  if (!rows.stride) {
    begin = rows.values + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2))) << 2);
    end = rows.values + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2), 4)) << 2);
  }
  let sum: f64 = 0;
  for (; begin < end; begin += 4) sum += <f64>f32.load(begin) * <f64>f32.load(begin);
  return sum;
}
