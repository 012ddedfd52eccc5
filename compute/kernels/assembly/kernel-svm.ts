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
 * Layout: `Rows`, `Kernel`, `RowCache`, `Share` as in their files; the problem is a record that the host allocates,
 * fields as they stand in `Svm` (`kernel-svm-record.ts`). Variables are in an order in which the active ones come first;
 * f, growth and fall `float64 [count]` and the diagonal `float32 [count]` are by position in it, β, l, u and z
 * `float64 [count]` by row.
 * Accumulator: kernel values are float32 (twice as many rows fit the cache), β and f float64: f takes in a million
 * steps. Values are what `kernel-values.ts` gives, whether they come from the cache or not, so that nothing depends on
 * the cache's size, on the threads, or on where a slice ends.
 * Error: f is within about 2⁻⁵² Σ|steps| of Kβ − z over the float32 values; the result is at most `tolerance` from
 * satisfying the KKT conditions.
 */
import { spread, values } from './kernel-values';
import { Rows } from './feature-rows';
import { Svm, lowerOf, rowAt, upperOf } from './kernel-svm-record';
import { clearCache, lengthOf, lineOf, setLength, slotFor, swapPositions, wholeLine } from './row-cache';
import { MOST_PIECES, awaitPieces, awaitWork, end, finishPiece, giveOut, take } from './work-sharing';
import { TAU, partner, place, select, update } from './working-set';

export { decide, matrix, squaredNorms } from './kernel-decisions';

const SHRINK_EVERY: i32 = 1000;
/** A variable costs a step as much as this many multiply-adds of kernel values. */
const STEP_WORK: f64 = 20;
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
    // Of the values of a row, the one with itself: the diagonal is filled like a line.
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
