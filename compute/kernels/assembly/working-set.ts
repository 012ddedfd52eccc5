/**
 * The choice of a pair of variables by second order information (Fan, Chen and Lin, JMLR 6, 2005), and what moving it
 * changes.
 *
 * Formula, layout and accumulator: those of `kernel-svm.ts`. Of variables that promise the same, the first in the order is
 * chosen, so that it does not matter how many lanes a vector has.
 * Error: f gathers one rounding to float64 a step; nothing is fused.
 */
import { Svm, lowerOf, rowAt, upperOf } from './kernel-svm-record';

/** Least curvature along a pair. */
export const TAU: f64 = 1e-12;
/** f ← f + δ (K_i − K_j) over the active variables, and U, its position and min V from it. */
export function update(svm: Svm, delta: f64, lineI: usize, lineJ: usize): void {
  const whole = svm.active & ~3;
  const scale = f64x2.splat(delta);
  let most0 = f64x2.splat(-Infinity);
  let most1 = most0;
  let least0 = f64x2.splat(Infinity);
  let least1 = least0;
  let at0 = f64x2.splat(0);
  let at1 = at0;
  let p0 = f64x2.replace_lane(at0, 1, 1);
  let p1 = f64x2.add(p0, f64x2.splat(2));
  const four = f64x2.splat(4);
  for (let p = 0; p < whole; p += 4) {
    const o = (<usize>p) << 3;
    const ki = v128.load(lineI + (o >> 1));
    const kj = v128.load(lineJ + (o >> 1));
    const f = svm.gradient + o;
    const d0 = f64x2.sub(f64x2.promote_low_f32x4(ki), f64x2.promote_low_f32x4(kj));
    const f0 = f64x2.add(v128.load(f), f64x2.mul(scale, d0));
    v128.store(f, f0);
    const u0 = f64x2.sub(v128.load(svm.growth + o), f0);
    const more0 = f64x2.gt(u0, most0);
    most0 = v128.bitselect(u0, most0, more0);
    at0 = v128.bitselect(p0, at0, more0);
    least0 = f64x2.pmin(least0, f64x2.sub(v128.load(svm.fall + o), f0));
    const d1 = f64x2.sub(
      f64x2.promote_low_f32x4(i32x4.shuffle(ki, ki, 2, 3, 2, 3)),
      f64x2.promote_low_f32x4(i32x4.shuffle(kj, kj, 2, 3, 2, 3)),
    );
    const f1 = f64x2.add(v128.load(f, 16), f64x2.mul(scale, d1));
    v128.store(f, f1, 16);
    const u1 = f64x2.sub(v128.load(svm.growth + o, 16), f1);
    const more1 = f64x2.gt(u1, most1);
    most1 = v128.bitselect(u1, most1, more1);
    at1 = v128.bitselect(p1, at1, more1);
    least1 = f64x2.pmin(least1, f64x2.sub(v128.load(svm.fall + o, 16), f1));
    p0 = f64x2.add(p0, four);
    p1 = f64x2.add(p1, four);
  }
  svm.most = -Infinity;
  svm.grower = 0;
  for (let lane = 0; lane < 4; lane++) {
    const u = pick(most0, most1, lane);
    const p = <i32>pick(at0, at1, lane);
    // Of equal ones the first.
    if (u > svm.most || (u === svm.most && p < svm.grower)) {
      svm.most = u;
      svm.grower = p;
    }
  }
  const least = f64x2.pmin(least0, least1);
  svm.least = min(f64x2.extract_lane(least, 0), f64x2.extract_lane(least, 1));
  for (let p = whole; p < svm.active; p++) {
    const o = (<usize>p) << 3;
    const d = <f64>f32.load(lineI + (o >> 1)) - <f64>f32.load(lineJ + (o >> 1));
    f64.store(svm.gradient + o, f64.load(svm.gradient + o) + delta * d);
    look(svm, p);
  }
}

function pick(a: v128, b: v128, lane: i32): f64 {
  const half = lane < 2 ? a : b;
  return lane & 1 ? f64x2.extract_lane(half, 1) : f64x2.extract_lane(half, 0);
}

/** U, its position and min V from the gradients as they are. */
export function select(svm: Svm): void {
  svm.most = -Infinity;
  svm.least = Infinity;
  svm.grower = 0;
  for (let p = 0; p < svm.active; p++) look(svm, p);
}

function look(svm: Svm, p: i32): void {
  const o = (<usize>p) << 3;
  const f = f64.load(svm.gradient + o);
  const u = f64.load(svm.growth + o) - f;
  if (u > svm.most) {
    svm.most = u;
    svm.grower = p;
  }
  svm.least = min(svm.least, f64.load(svm.fall + o) - f);
}

/** The j that promises most: the first of those with the largest (U − V_j)² / (K_ii + K_jj − 2 K_ij). */
export function partner(svm: Svm, i: i32, line: usize): i32 {
  const whole = svm.active & ~3;
  const U = f64x2.splat(svm.most);
  const own = <f64>f32.load(svm.diagonal + ((<usize>i) << 2));
  const Kii = f64x2.splat(own);
  const two = f64x2.splat(2);
  const tau = f64x2.splat(TAU);
  let best0 = f64x2.splat(0);
  let best1 = best0;
  let at0 = best0;
  let at1 = best0;
  let p0 = f64x2.replace_lane(at0, 1, 1);
  let p1 = f64x2.add(p0, two);
  const four = f64x2.splat(4);
  for (let p = 0; p < whole; p += 4) {
    const o = (<usize>p) << 3;
    const k = v128.load(line + (o >> 1));
    const d = v128.load(svm.diagonal + (o >> 1));
    // No candidates: V = ∞, or V ≥ U. Their gain is not above 0.
    const g0 = f64x2.sub(U, f64x2.sub(v128.load(svm.fall + o), v128.load(svm.gradient + o)));
    const c0 = f64x2.sub(f64x2.add(Kii, f64x2.promote_low_f32x4(d)), f64x2.mul(two, f64x2.promote_low_f32x4(k)));
    const gain0 = f64x2.div(f64x2.mul(g0, f64x2.abs(g0)), f64x2.pmax(c0, tau));
    const more0 = f64x2.gt(gain0, best0);
    best0 = v128.bitselect(gain0, best0, more0);
    at0 = v128.bitselect(p0, at0, more0);
    const g1 = f64x2.sub(U, f64x2.sub(v128.load(svm.fall + o, 16), v128.load(svm.gradient + o, 16)));
    const k1 = f64x2.promote_low_f32x4(i32x4.shuffle(k, k, 2, 3, 2, 3));
    const c1 = f64x2.sub(f64x2.add(Kii, f64x2.promote_low_f32x4(i32x4.shuffle(d, d, 2, 3, 2, 3))), f64x2.mul(two, k1));
    const gain1 = f64x2.div(f64x2.mul(g1, f64x2.abs(g1)), f64x2.pmax(c1, tau));
    const more1 = f64x2.gt(gain1, best1);
    best1 = v128.bitselect(gain1, best1, more1);
    at1 = v128.bitselect(p1, at1, more1);
    p0 = f64x2.add(p0, four);
    p1 = f64x2.add(p1, four);
  }
  let best: f64 = 0;
  let j = 0;
  for (let lane = 0; lane < 4; lane++) {
    const gain = pick(best0, best1, lane);
    const p = <i32>pick(at0, at1, lane);
    if (gain > best || (gain === best && p < j)) {
      best = gain;
      j = p;
    }
  }
  for (let p = whole; p < svm.active; p++) {
    const o = (<usize>p) << 3;
    const g = svm.most - (f64.load(svm.fall + o) - f64.load(svm.gradient + o));
    const c = own + <f64>f32.load(svm.diagonal + (o >> 1)) - 2 * <f64>f32.load(line + (o >> 1));
    const gain = (g * abs(g)) / max(c, TAU);
    if (gain > best) {
      best = gain;
      j = p;
    }
  }
  return j;
}

/** Whether and at which slope the variable at a position may grow and fall. */
export function place(svm: Svm, p: i32): void {
  const beta = f64.load(svm.betas + ((<usize>rowAt(svm, p)) << 3));
  const growth = beta >= 0 ? -svm.epsilon : svm.epsilon;
  const fall = beta > 0 ? -svm.epsilon : svm.epsilon;
  f64.store(svm.growth + ((<usize>p) << 3), beta < f64.load(upperOf(svm, p)) ? growth : -Infinity);
  f64.store(svm.fall + ((<usize>p) << 3), beta > f64.load(lowerOf(svm, p)) ? fall : Infinity);
}
