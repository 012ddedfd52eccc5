/**
 * Kernel support vector machines by sequential minimal optimization (Platt, 1998), the working set chosen by second
 * order information (Fan, Chen and Lin, JMLR 6, 2005), with the shrinking of LIBSVM (Chang and Lin, 2011).
 * Classification (C-SVC) and regression (ε-SVR) are one problem here, in signed variables β_i (y_i α_i of a classifier,
 * α⁺_i − α⁻_i of a regression).
 *
 * Formula: minimise ½ βᵀKβ − zᵀβ + p ‖β‖₁ over Σ β_i = 0, l_i ≤ β_i ≤ u_i. Classification: z = ±1, p = 0, [l, u] =
 * [0, C_i] where z > 0, else [−C_i, 0]. Regression: p = ε, [l, u] = [−C_i, C_i]. With f = Kβ − z: β_i may grow where
 * β_i < u_i, by which the objective changes at the rate f_i ± p, and fall where β_i > l_i. A step moves the pair (i, j)
 * with −(f_i ± p) =: U largest among those that may grow, and (U − V_j)² / (K_ii + K_jj − 2 K_ij) largest among those
 * that may fall, V_j = −(f_j ± p); it is solved when U − min V is at most the tolerance.
 *
 * Layout: `Rows`, `Kernel`, `RowCache`, `Share` as in their files; the problem is a record that the host allocates, fields as
 * they stand in `Svm`. Variables are in an order in which the active ones come first; f, growth and fall
 * `float64 [count]` and the diagonal `float32 [count]` are by position in it, β, l, u and z `float64 [count]` by row.
 * Accumulator: kernel values are float32 (twice as many rows fit the cache), β and f float64: f takes in a million
 * steps. Values are what `kernel-values.ts` gives, whether they come from the cache or not, so that nothing depends on
 * the cache's size, on the threads, or on where a slice ends.
 * Error: f is within about 2⁻⁵² Σ|steps| of Kβ − z over the float32 values; the result is at most `tolerance` from
 * satisfying the KKT conditions.
 */
import { Kernel, spread, values } from './kernel-values';
import { Rows } from './feature-rows';
import { RowCache, clearCache, lengthOf, lineOf, setLength, slotFor, swapPositions, wholeLine } from './row-cache';
import { MOST_PIECES, Share, awaitPieces, awaitWork, end, finishPiece, giveOut, take } from './work-sharing';

export { decide, matrix, squaredNorms } from './kernel-decisions';

@unmanaged
class Svm {
  rows: Rows;
  kernel: Kernel;
  cache: RowCache;
  share: Share;
  /** Of sparse rows. */
  norms: usize;
  betas: usize;
  targets: usize;
  lower: usize;
  upper: usize;
  gradient: usize;
  /** −(± p), to be added to −f for U; −∞ where β may not grow. */
  growth: usize;
  /** The same for V; ∞ where β may not fall. */
  fall: usize;
  diagonal: usize;
  order: usize;
  /** Threads that help the one that steps. */
  helpers: i32;
  shrinking: i32;
  epsilon: f64;
  tolerance: f64;

  // What changes, and with β, f and the order is all of a checkpoint.
  iterations: f64;
  /** U and min V over the active variables, and the position of U. */
  most: f64;
  least: f64;
  /** Iterations when all variables were active last. */
  since: f64;
  grower: i32;
  active: i32;
  /** Steps until shrinking is thought about. */
  countdown: i32;
  /** Variables that are not 0. */
  supports: i32;
  /** 0 going on, 1 solved, 2 waiting for the gradients of shrunk variables. */
  status: i32;

  // The piece that is given out: values of row `row` at [from, to) of a line.
  line: usize;
  row: i32;
  from: i32;
  to: i32;
  pieces: i32;
}

const SHRINK_EVERY: i32 = 1000;
/** A variable costs a step as much as this many multiply-adds of kernel values. */
const STEP_WORK: f64 = 20;
/** Least curvature along a pair. */
const TAU: f64 = 1e-12;
/** Multiply-adds that are worth being given out, and of a piece. */
const SHARED_WORK: i32 = 32768;
const PIECE_WORK: i32 = 8192;

/** β = 0 in the order of the rows. */
export function start(at: usize, scratch: usize): void {
  const svm = changetype<Svm>(at);
  const count = svm.rows.count;
  memory.fill(svm.betas, 0, (<usize>count) << 3);
  for (let p = 0; p < count; p++) {
    i32.store(svm.order + ((<usize>p) << 2), p);
    f64.store(svm.gradient + ((<usize>p) << 3), -f64.load(svm.targets + ((<usize>p) << 3)));
  }
  svm.active = count;
  svm.countdown = min(count, SHRINK_EVERY);
  svm.supports = 0;
  svm.status = 0;
  svm.iterations = 0;
  svm.since = 0;
  prepare(at, scratch);
  select(svm);
}

/** Makes what follows from β, f, the order and the rest of a checkpoint; afterwards the cache is empty. */
export function prepare(at: usize, scratch: usize): void {
  const svm = changetype<Svm>(at);
  clearCache(svm.cache);
  if (!svm.rows.stride) memory.fill(scratch, 0, (<usize>svm.rows.columns) << 2);
  for (let p = 0; p < svm.rows.count; p++) {
    place(svm, p);
    // The value of a row with itself: at position p of a line that begins p values before its cell.
    fill(svm, rowAt(svm, p), p, p + 1, svm.diagonal, scratch);
  }
}

/**
 * One thread steps (`role` 0), at most `steps` times; the others help until it has ended.
 * @param scratch - for sparse rows, `columns` floats of the calling thread's own.
 */
export function slice(at: usize, steps: i32, role: i32, scratch: usize): void {
  const svm = changetype<Svm>(at);
  if (!svm.rows.stride) memory.fill(scratch, 0, (<usize>svm.rows.columns) << 2);
  if (role !== 0) {
    while (awaitWork(svm.share)) doPieces(svm, scratch);
    return;
  }
  while (steps > 0 && svm.status === 0) steps -= step(svm, scratch);
  end(svm.share);
}

/** f ← Kβ − z for the positions [from, to), from all β, in the order of their positions. */
export function reconstruct(at: usize, from: i32, to: i32, scratch: usize): void {
  const svm = changetype<Svm>(at);
  const rows = svm.rows;
  const sparse = rows.stride === 0;
  const line = sparse ? scratch + ((<usize>rows.columns) << 2) : scratch;
  if (sparse) memory.fill(scratch, 0, (<usize>rows.columns) << 2);
  for (let p = from; p < to; p++) {
    f64.store(svm.gradient + ((<usize>p) << 3), -f64.load(svm.targets + ((<usize>rowAt(svm, p)) << 3)));
  }
  for (let q = 0; q < rows.count; q++) {
    const row = rowAt(svm, q);
    const beta = f64.load(svm.betas + ((<usize>row) << 3));
    if (beta === 0) continue;
    let k = wholeLine(svm.cache, row);
    if (!k) {
      k = line - ((<usize>from) << 2);
      fill(svm, row, from, to, k, scratch);
    }
    for (let p = from; p < to; p++) {
      const cell = svm.gradient + ((<usize>p) << 3);
      f64.store(cell, f64.load(cell) + beta * <f64>f32.load(k + ((<usize>p) << 2)));
    }
  }
}

/** All variables are active again, their gradients being what they should be. */
export function resume(at: usize): void {
  const svm = changetype<Svm>(at);
  svm.active = svm.rows.count;
  svm.countdown = min(svm.rows.count, SHRINK_EVERY);
  svm.since = svm.iterations;
  svm.status = 0;
  select(svm);
}

/** @returns 1 where a pair was moved, else 0. */
function step(svm: Svm, scratch: usize): i32 {
  if (!(svm.most - svm.least > svm.tolerance)) {
    svm.status = svm.active === svm.rows.count ? 1 : 2;
    return 0;
  }
  if (svm.shrinking && --svm.countdown === 0) {
    svm.countdown = min(svm.rows.count, SHRINK_EVERY);
    if (shrinkingPays(svm)) {
      shrink(svm);
      select(svm);
    }
  }
  const i = svm.grower;
  const lineI = lineFor(svm, i, scratch);
  const j = partner(svm, i, lineI);
  const lineJ = lineFor(svm, j, scratch);
  const cellI = svm.betas + ((<usize>rowAt(svm, i)) << 3);
  const cellJ = svm.betas + ((<usize>rowAt(svm, j)) << 3);
  const betaI = f64.load(cellI);
  const betaJ = f64.load(cellJ);
  // Up to a bound, or to 0, where the slope of p |β| turns.
  const highest = betaI < 0 ? min(0.0, f64.load(upperOf(svm, i))) : f64.load(upperOf(svm, i));
  const lowest = betaJ > 0 ? max(0.0, f64.load(lowerOf(svm, j))) : f64.load(lowerOf(svm, j));
  const V = f64.load(svm.fall + ((<usize>j) << 3)) - f64.load(svm.gradient + ((<usize>j) << 3));
  const curvature = <f64>f32.load(svm.diagonal + ((<usize>i) << 2)) + <f64>f32.load(svm.diagonal + ((<usize>j) << 2));
  // δ = (U − V) / (K_ii + K_jj − 2 K_ij)
  const delta = (svm.most - V) / max(curvature - 2 * <f64>f32.load(lineI + ((<usize>j) << 2)), TAU);
  const moved = min(delta, min(highest - betaI, betaJ - lowest));
  const nextI = moved === highest - betaI ? highest : betaI + moved;
  const nextJ = moved === betaJ - lowest ? lowest : betaJ - moved;
  f64.store(cellI, nextI);
  f64.store(cellJ, nextJ);
  svm.supports += <i32>(nextI !== 0) - <i32>(betaI !== 0) + <i32>(nextJ !== 0) - <i32>(betaJ !== 0);
  place(svm, i);
  place(svm, j);
  update(svm, moved, lineI, lineJ);
  svm.iterations += 1;
  return 1;
}

/** f ← f + δ (K_i − K_j) over the active variables, and U, its position and min V from it. */
function update(svm: Svm, delta: f64, lineI: usize, lineJ: usize): void {
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
function select(svm: Svm): void {
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
function partner(svm: Svm, i: i32, line: usize): i32 {
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
function place(svm: Svm, p: i32): void {
  const beta = f64.load(svm.betas + ((<usize>rowAt(svm, p)) << 3));
  const growth = beta >= 0 ? -svm.epsilon : svm.epsilon;
  const fall = beta > 0 ? -svm.epsilon : svm.epsilon;
  f64.store(svm.growth + ((<usize>p) << 3), beta < f64.load(upperOf(svm, p)) ? growth : -Infinity);
  f64.store(svm.fall + ((<usize>p) << 3), beta > f64.load(lowerOf(svm, p)) ? fall : Infinity);
}

/**
 * A variable that is shrunk costs no steps, but must be given its gradient again in the end, from all that are not 0.
 * As nobody knows how many steps are left: when the steps so far have cost as much as that. What rows of kernel values
 * cost is left out, because it depends on the cache.
 */
function shrinkingPays(svm: Svm): bool {
  const price = <f64>svm.supports * (STEP_WORK + <f64>workOf(svm.rows));
  return (svm.iterations - svm.since) * STEP_WORK >= price;
}

/** Multiply-adds of a kernel value; of sparse rows scattered ones, each of which costs as much as eight. */
function workOf(rows: Rows): i32 {
  if (rows.stride) return rows.columns;
  return (i32.load(rows.indptr + ((<usize>rows.count) << 2)) / rows.count) * 8 + 16;
}

/** Puts the variables behind the active ones that could take part in no pair, by U and min V. */
function shrink(svm: Svm): void {
  for (let p = 0; p < svm.active; p++) {
    if (!settled(svm, p)) continue;
    svm.active--;
    while (svm.active > p && settled(svm, svm.active)) svm.active--;
    if (svm.active > p) swap(svm, p, svm.active);
  }
}

/** At a bound, or at 0 between two slopes, and further from leaving it than any active pair is from its optimum. */
function settled(svm: Svm, p: i32): bool {
  const o = (<usize>p) << 3;
  const f = f64.load(svm.gradient + o);
  const growth = f64.load(svm.growth + o);
  const fall = f64.load(svm.fall + o);
  const free = growth === fall;
  return !free && growth - f < svm.least && fall - f > svm.most;
}

function swap(svm: Svm, p: i32, q: i32): void {
  swapCells<f64>(svm.gradient, p, q);
  swapCells<f64>(svm.growth, p, q);
  swapCells<f64>(svm.fall, p, q);
  swapCells<f32>(svm.diagonal, p, q);
  swapCells<i32>(svm.order, p, q);
  swapPositions(svm.cache, p, q);
}

function swapCells<T>(array: usize, p: i32, q: i32): void {
  const a = array + <usize>p * sizeof<T>();
  const b = array + <usize>q * sizeof<T>();
  const held = load<T>(a);
  store<T>(a, load<T>(b));
  store<T>(b, held);
}

/** Values of the row at a position against all active variables. */
function lineFor(svm: Svm, p: i32, scratch: usize): usize {
  const row = rowAt(svm, p);
  const slot = slotFor(svm.cache, row);
  const line = lineOf(svm.cache, slot);
  const length = lengthOf(svm.cache, slot);
  if (length >= svm.active) return line;
  setLength(svm.cache, slot, svm.active);
  const work = <i64>workOf(svm.rows) * <i64>(svm.active - length);
  if (svm.helpers === 0 || work < SHARED_WORK) {
    fill(svm, row, length, svm.active, line, scratch);
    return line;
  }
  svm.line = line;
  svm.row = row;
  svm.from = length;
  svm.to = svm.active;
  svm.pieces = <i32>min<i64>(work / PIECE_WORK, min(MOST_PIECES, (svm.helpers + 1) * 4));
  giveOut(svm.share, svm.pieces);
  doPieces(svm, scratch);
  awaitPieces(svm.share, svm.pieces);
  return line;
}

function doPieces(svm: Svm, scratch: usize): void {
  for (let piece = take(svm.share); piece >= 0; piece = take(svm.share)) {
    const size = (svm.to - svm.from + svm.pieces - 1) / svm.pieces;
    const from = svm.from + piece * size;
    fill(svm, svm.row, from, min(svm.to, from + size), svm.line, scratch);
    finishPiece(svm.share);
  }
}

/** Values of a row at the positions [from, to) of a line; sparse rows leave the scratch at zeros, as it was. */
function fill(svm: Svm, row: i32, from: i32, to: i32, line: usize, scratch: usize): void {
  const rows = svm.rows;
  if (rows.stride) {
    values(svm.kernel, rows, 0, rows.values + <usize>row * rows.stride, 0, svm.order, from, to, line);
    return;
  }
  spread(rows, row, scratch, false);
  const norm = f64.load(svm.norms + ((<usize>row) << 3));
  values(svm.kernel, rows, svm.norms, scratch, norm, svm.order, from, to, line);
  spread(rows, row, scratch, true);
}

function rowAt(svm: Svm, p: i32): i32 {
  return i32.load(svm.order + ((<usize>p) << 2));
}

function upperOf(svm: Svm, p: i32): usize {
  return svm.upper + ((<usize>rowAt(svm, p)) << 3);
}

function lowerOf(svm: Svm, p: i32): usize {
  return svm.lower + ((<usize>rowAt(svm, p)) << 3);
}
