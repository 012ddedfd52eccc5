/**
 * Products of a sparse matrix: with a dense matrix, with a vector, with the rows of another sparse matrix; and its
 * transpose, by which the products of Aᵀ are those of a matrix by rows (Gustavson, 1978, for all of them).
 *
 * Formula: `multiply` C = A B; `multiplyVector` y = A x; `rowProducts` s_ij = Σ_c a_ic b_jc; `count`, `starts` and
 * `scatter` Aᵀ by counting, the entries of its rows in ascending order.
 *
 * Layout: A by rows (`indptr int32 [rows + 1]`, `indices int32 [nnz]`, `values float32 [nnz]`, the columns of a row
 * distinct, all values finite); B `float32 [columns × width]`, C `float32 [rows × width]`, row-major, of any width; x, y `float32`.
 * Accumulator: `multiply` float32, entries at even and at odd places of a block of 128 apart, the blocks in order;
 * `multiplyVector` and `rowProducts` float64, rounded once. A row of a result depends on its own entries alone, and a
 * column of it on its own values: neither on the rows, the columns or the threads that it is computed with.
 * Error: `multiply` within (66 + m / 128) ε Σ|a b| over the m entries of a row (twice that, unfused), the others within
 * ε |s| + m 2⁻⁵³ Σ|a b|, ε = 2⁻²⁴.
 */

/** Entries that are summed before they join the rest, in bytes of their indices. */
const BLOCK: usize = 128 << 2;
/** Rows of A whose products with B are made together: four sums stand side by side in two vectors. */
const TOGETHER: i32 = 4;

class rest {
  /** One to three floats, zeros behind them; nothing past them is read. */
  @inline static load(address: usize, count: i32): v128 {
    if (count === 1) return v128.load32_zero(address);
    const two = v128.load64_zero(address);
    return count === 2 ? two : v128.load32_lane(address + 8, two, 2);
  }
}

/** Rows [from, to) of C. */
export function multiply(
  indptr: usize,
  indices: usize,
  values: usize,
  B: usize,
  width: i32,
  C: usize,
  from: i32,
  to: i32,
): void {
  const line = (<usize>width) << 2;
  const left = width & 3;
  for (let r = from; r < to; r++) {
    const begin = (<usize>i32.load(indptr + ((<usize>r) << 2))) << 2;
    const end = (<usize>i32.load(indptr + ((<usize>r) << 2), 4)) << 2;
    const c = C + <usize>r * line;
    memory.fill(c, 0, line);
    for (let start = begin; start < end; start += BLOCK) {
      const index = indices + start;
      const last = indices + min(start + BLOCK, end);
      const value = values + start;
      let o: usize = 0;
      for (; o + 64 <= line; o += 64) columns16(index, last, value, B + o, line, c + o);
      for (; o + 16 <= line; o += 16) columns4(index, last, value, B + o, line, c + o);
      if (left) columnsRest(index, last, value, B + o, line, c + o, left);
    }
  }
}

/** c ← c + Σ a b over the entries [index, last), sixteen columns. */
function columns16(index: usize, last: usize, value: usize, B: usize, line: usize, c: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  for (; index + 8 <= last; index += 8, value += 8) {
    const even = B + <usize>i32.load(index) * line;
    const odd = B + <usize>i32.load(index, 4) * line;
    const v = v128.load32_splat(value);
    a0 = f32x4.relaxed_madd(v, v128.load(even), a0);
    a1 = f32x4.relaxed_madd(v, v128.load(even, 16), a1);
    a2 = f32x4.relaxed_madd(v, v128.load(even, 32), a2);
    a3 = f32x4.relaxed_madd(v, v128.load(even, 48), a3);
    const w = v128.load32_splat(value, 4);
    b0 = f32x4.relaxed_madd(w, v128.load(odd), b0);
    b1 = f32x4.relaxed_madd(w, v128.load(odd, 16), b1);
    b2 = f32x4.relaxed_madd(w, v128.load(odd, 32), b2);
    b3 = f32x4.relaxed_madd(w, v128.load(odd, 48), b3);
  }
  if (index < last) {
    const even = B + <usize>i32.load(index) * line;
    const v = v128.load32_splat(value);
    a0 = f32x4.relaxed_madd(v, v128.load(even), a0);
    a1 = f32x4.relaxed_madd(v, v128.load(even, 16), a1);
    a2 = f32x4.relaxed_madd(v, v128.load(even, 32), a2);
    a3 = f32x4.relaxed_madd(v, v128.load(even, 48), a3);
  }
  v128.store(c, f32x4.add(v128.load(c), f32x4.add(a0, b0)));
  v128.store(c, f32x4.add(v128.load(c, 16), f32x4.add(a1, b1)), 16);
  v128.store(c, f32x4.add(v128.load(c, 32), f32x4.add(a2, b2)), 32);
  v128.store(c, f32x4.add(v128.load(c, 48), f32x4.add(a3, b3)), 48);
}

/** The same of four columns. */
function columns4(index: usize, last: usize, value: usize, B: usize, line: usize, c: usize): void {
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  for (; index + 8 <= last; index += 8, value += 8) {
    a = f32x4.relaxed_madd(v128.load32_splat(value), v128.load(B + <usize>i32.load(index) * line), a);
    b = f32x4.relaxed_madd(v128.load32_splat(value, 4), v128.load(B + <usize>i32.load(index, 4) * line), b);
  }
  if (index < last) a = f32x4.relaxed_madd(v128.load32_splat(value), v128.load(B + <usize>i32.load(index) * line), a);
  v128.store(c, f32x4.add(v128.load(c), f32x4.add(a, b)));
}

/** The same of the last one to three columns. */
function columnsRest(index: usize, last: usize, value: usize, B: usize, line: usize, c: usize, count: i32): void {
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  for (; index + 8 <= last; index += 8, value += 8) {
    a = f32x4.relaxed_madd(v128.load32_splat(value), rest.load(B + <usize>i32.load(index) * line, count), a);
    b = f32x4.relaxed_madd(v128.load32_splat(value, 4), rest.load(B + <usize>i32.load(index, 4) * line, count), b);
  }
  if (index < last) {
    a = f32x4.relaxed_madd(v128.load32_splat(value), rest.load(B + <usize>i32.load(index) * line, count), a);
  }
  const sum = f32x4.add(rest.load(c, count), f32x4.add(a, b));
  f32.store(c, f32x4.extract_lane(sum, 0));
  if (count > 1) f32.store(c, f32x4.extract_lane(sum, 1), 4);
  if (count > 2) f32.store(c, f32x4.extract_lane(sum, 2), 8);
}

/** Rows [from, to) of y. */
export function multiplyVector(
  indptr: usize,
  indices: usize,
  values: usize,
  x: usize,
  y: usize,
  from: i32,
  to: i32,
): void {
  for (let r = from; r < to; r++) {
    let k = (<usize>i32.load(indptr + ((<usize>r) << 2))) << 2;
    const end = (<usize>i32.load(indptr + ((<usize>r) << 2), 4)) << 2;
    let s0: f64 = 0;
    let s1: f64 = 0;
    let s2: f64 = 0;
    let s3: f64 = 0;
    for (; k + 16 <= end; k += 16) {
      s0 += <f64>f32.load(values + k) * <f64>f32.load(x + ((<usize>i32.load(indices + k)) << 2));
      s1 += <f64>f32.load(values + k, 4) * <f64>f32.load(x + ((<usize>i32.load(indices + k, 4)) << 2));
      s2 += <f64>f32.load(values + k, 8) * <f64>f32.load(x + ((<usize>i32.load(indices + k, 8)) << 2));
      s3 += <f64>f32.load(values + k, 12) * <f64>f32.load(x + ((<usize>i32.load(indices + k, 12)) << 2));
    }
    for (; k < end; k += 4) s0 += <f64>f32.load(values + k) * <f64>f32.load(x + ((<usize>i32.load(indices + k)) << 2));
    f32.store(y + ((<usize>r) << 2), <f32>(s0 + s1 + (s2 + s3)));
  }
}

/**
 * Rows [from, to) of A against all rows of B, both of `columns` columns: `out float32 [(to − from) × bRows]`.
 * @param scratch - 4 `columns` floats of the calling thread's own.
 */
export function rowProducts(
  aPtr: usize,
  aIndex: usize,
  aValue: usize,
  bPtr: usize,
  bIndex: usize,
  bValue: usize,
  bRows: i32,
  columns: i32,
  from: i32,
  to: i32,
  out: usize,
  scratch: usize,
): void {
  const line = (<usize>bRows) << 2;
  memory.fill(scratch, 0, (<usize>columns) << 4);
  for (let i = from; i < to; i += TOGETHER) {
    const rows = min(to - i, TOGETHER);
    // Four rows of A side by side, so that each entry of B is read once for them.
    for (let lane = 0; lane < rows; lane++)
      spread(aPtr, aIndex, aValue, i + lane, scratch + ((<usize>lane) << 2), false);
    for (let j = 0; j < bRows; j++) {
      const end = (<usize>i32.load(bPtr + ((<usize>j) << 2), 4)) << 2;
      let low = f64x2.splat(0);
      let high = f64x2.splat(0);
      for (let k = (<usize>i32.load(bPtr + ((<usize>j) << 2))) << 2; k < end; k += 4) {
        const a = v128.load(scratch + ((<usize>i32.load(bIndex + k)) << 4));
        const b = f64x2.splat(<f64>f32.load(bValue + k));
        low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(a), b));
        high = f64x2.add(high, f64x2.mul(f64x2.promote_low_f32x4(i32x4.shuffle(a, a, 2, 3, 2, 3)), b));
      }
      const sums = i32x4.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
      const s = out + <usize>(i - from) * line + ((<usize>j) << 2);
      f32.store(s, f32x4.extract_lane(sums, 0));
      if (rows > 1) f32.store(s + line, f32x4.extract_lane(sums, 1));
      if (rows > 2) f32.store(s + line * 2, f32x4.extract_lane(sums, 2));
      if (rows > 3) f32.store(s + line * 3, f32x4.extract_lane(sums, 3));
    }
    for (let lane = 0; lane < rows; lane++)
      spread(aPtr, aIndex, aValue, i + lane, scratch + ((<usize>lane) << 2), true);
  }
}

/** Puts the values of a row to every fourth float, by column; or zeros in their place. */
function spread(indptr: usize, indices: usize, values: usize, row: i32, lane: usize, clear: bool): void {
  const end = (<usize>i32.load(indptr + ((<usize>row) << 2), 4)) << 2;
  for (let k = (<usize>i32.load(indptr + ((<usize>row) << 2))) << 2; k < end; k += 4) {
    f32.store(lane + ((<usize>i32.load(indices + k)) << 4), clear ? 0 : f32.load(values + k));
  }
}

/** Entries of each column among the entries [from, to): `counts int32 [columns]` of the chunk. */
export function count(indices: usize, from: i32, to: i32, columns: i32, counts: usize): void {
  memory.fill(counts, 0, (<usize>columns) << 2);
  const end = indices + ((<usize>to) << 2);
  for (let index = indices + ((<usize>from) << 2); index < end; index += 4) {
    const cell = counts + ((<usize>i32.load(index)) << 2);
    i32.store(cell, i32.load(cell) + 1);
  }
}

/**
 * The transpose's indptr `[columns + 1]`; the counts `[chunks × columns]` become the places where each chunk's entries
 * of a column begin, so that entries stay in the order of their rows however the rows were cut.
 */
export function starts(counts: usize, chunks: i32, columns: i32, indptr: usize): void {
  const line = (<usize>columns) << 2;
  let at = 0;
  for (let c: usize = 0; c < line; c += 4) {
    i32.store(indptr + c, at);
    for (let cell = counts + c, end = cell + <usize>chunks * line; cell < end; cell += line) {
      const entries = i32.load(cell);
      i32.store(cell, at);
      at += entries;
    }
  }
  i32.store(indptr + line, at);
}

/** Puts the entries of rows [from, to) to their places in the transpose; `places` is the chunk's row of `starts`. */
export function scatter(
  indptr: usize,
  indices: usize,
  values: usize,
  from: i32,
  to: i32,
  places: usize,
  turnedIndices: usize,
  turnedValues: usize,
): void {
  for (let r = from; r < to; r++) {
    const end = (<usize>i32.load(indptr + ((<usize>r) << 2), 4)) << 2;
    for (let k = (<usize>i32.load(indptr + ((<usize>r) << 2))) << 2; k < end; k += 4) {
      const cell = places + ((<usize>i32.load(indices + k)) << 2);
      const at = i32.load(cell);
      i32.store(cell, at + 1);
      i32.store(turnedIndices + ((<usize>at) << 2), r);
      f32.store(turnedValues + ((<usize>at) << 2), f32.load(values + k));
    }
  }
}
