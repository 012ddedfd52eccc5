/**
 * Scores of users against a whole catalogue.
 *
 * Formula: `dense` s_ui = x_u · y_i; `sparse` s_uj = Σ_i h_ui n_ij over the history h_u and the neighbour rows n_i.
 *
 * Layout: factors `float32 [rows × n]`, row-major, n a multiple of 8; histories and neighbours CSR (`indptr int32`,
 * `indices int32`, `values float32`, the columns of a row distinct); scores `float32 [users × items]`, row-major.
 * Accumulator: float32; `dense` four lanes over the factors, `sparse` in ascending order of the history. A score does
 * not depend on which other users or items are asked for with it.
 * Error: `dense` within (n / 4 + 4) ε Σ|x y|, `sparse` within (m + 1) ε Σ|h n| over m history items, ε = 2⁻²⁴.
 */
import { vec } from './vector';

/** Scores of users [from, to) against items [itemFrom, itemTo). */
export function dense(
  X: usize,
  Y: usize,
  n: i32,
  items: i32,
  from: i32,
  to: i32,
  itemFrom: i32,
  itemTo: i32,
  scores: usize,
): void {
  const row = (<usize>n) << 2;
  const line = (<usize>items) << 2;
  // Items in groups whose factors stay in the first-level cache while all users pass by.
  const group: i32 = max(4, (24576 / (n << 2)) & ~3);
  for (let start = itemFrom; start < itemTo; start += group) {
    const stop = min(start + group, itemTo);
    let u = from;
    for (; u + 2 <= to; u += 2) {
      const x = X + <usize>u * row;
      const out = scores + <usize>u * line;
      let i = start;
      for (; i + 4 <= stop; i += 4) {
        tile(x, Y + <usize>i * row, row, out + ((<usize>i) << 2), line);
      }
      for (; i < stop; i++) {
        const y = Y + <usize>i * row;
        f32.store(out + ((<usize>i) << 2), single(x, y, row));
        f32.store(out + line + ((<usize>i) << 2), single(x + row, y, row));
      }
    }
    if (u < to) {
      const x = X + <usize>u * row;
      const out = scores + <usize>u * line;
      for (let i = start; i < stop; i++) f32.store(out + ((<usize>i) << 2), single(x, Y + <usize>i * row, row));
    }
  }
}

/** Two users against four items: eight accumulators, each value loaded once. */
function tile(x: usize, y: usize, row: usize, out: usize, line: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  for (const end = x + row; x < end; x += 16, y += 16) {
    const a = v128.load(x);
    const b = v128.load(x + row);
    const y0 = v128.load(y);
    a0 = f32x4.relaxed_madd(a, y0, a0);
    b0 = f32x4.relaxed_madd(b, y0, b0);
    const y1 = v128.load(y + row);
    a1 = f32x4.relaxed_madd(a, y1, a1);
    b1 = f32x4.relaxed_madd(b, y1, b1);
    const y2 = v128.load(y + row * 2);
    a2 = f32x4.relaxed_madd(a, y2, a2);
    b2 = f32x4.relaxed_madd(b, y2, b2);
    const y3 = v128.load(y + row * 3);
    a3 = f32x4.relaxed_madd(a, y3, a3);
    b3 = f32x4.relaxed_madd(b, y3, b3);
  }
  v128.store(out, vec.sum4(a0, a1, a2, a3));
  v128.store(out + line, vec.sum4(b0, b1, b2, b3));
}

/** One user against one item, with the bits that a tile gives. */
function single(x: usize, y: usize, row: usize): f32 {
  let sum = f32x4.splat(0);
  for (const end = x + row; x < end; x += 16, y += 16) {
    sum = f32x4.relaxed_madd(v128.load(x), v128.load(y), sum);
  }
  return vec.sum(sum);
}

/** Scores of users [from, to) of the histories against all items; rows of `scores` are counted from the first user. */
export function sparse(
  hPtr: usize,
  hIndex: usize,
  hValue: usize,
  nPtr: usize,
  nIndex: usize,
  nValue: usize,
  items: i32,
  from: i32,
  to: i32,
  scores: usize,
): void {
  const line = (<usize>items) << 2;
  for (let u = from; u < to; u++) {
    const out = scores + <usize>u * line;
    memory.fill(out, 0, line);
    const end = (<usize>i32.load(hPtr + ((<usize>u) << 2), 4)) << 2;
    for (let k = (<usize>i32.load(hPtr + ((<usize>u) << 2))) << 2; k < end; k += 4) {
      const weight = f32.load(hValue + k);
      const item = nPtr + ((<usize>i32.load(hIndex + k)) << 2);
      const last = (<usize>i32.load(item, 4)) << 2;
      for (let at = (<usize>i32.load(item)) << 2; at < last; at += 4) {
        const cell = out + ((<usize>i32.load(nIndex + at)) << 2);
        f32.store(cell, f32.load(cell) + weight * f32.load(nValue + at));
      }
    }
  }
}
