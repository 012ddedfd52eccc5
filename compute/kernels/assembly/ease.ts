/**
 * What EASE (H. Steck, WWW 2019) is computed with: regularised Gram matrices, their inverses, and the largest weights
 * that come of them.
 *
 * Formula: `gram` G = AAᵀ + λI. A block of rows and columns K is swept (A. E. Beaton, 1964; J. H. Goodnight, The American
 * Statistician 33, 1979) by D = G_KK⁻¹, W = G_:K D, G ← G − W G_K:, G_:K ← W, G_KK ← −D (`pivot`, `panel`, `update`,
 * `settle`); when all are, G is −G⁻¹, of which `mirror` makes the inverse. `quadratic` q_j = a_jᵀ M a_j.
 * `strongestOfInverse` and `strongestOfBlock` keep the K largest |b_ij| > 0 of a row, ties to the lower j, in ascending j.
 *
 * Layout: A CSR (`indptr int32`, `indices int32`, `values float32`, columns distinct); G, M `float64 [n × n]`, row-major, of
 * which sweeping touches what is on and below the diagonal; D `float64 [size × size]`; C, W `float64 [n × PANEL]`,
 * row-major, zero behind `size`; out as `similarity.ts` says, and `float64 [rows × 2]`: Σ b² of a row, and that of
 * what was kept.
 * Accumulator: float64. A block's products are added in two lanes over its columns: neither the threads nor the chunks
 * change a bit. Error: G⁻¹ is within about n κ 2⁻⁵² ‖G⁻¹‖ of the exact one, κ the condition number of G.
 */
import { begin, finish, offer, selectionBytes } from './selection';

/** Columns that are swept together. */
const PANEL: i32 = 128;
/** Rows of C that stay in the cache while rows of W pass by. */
const TILE: i32 = 64;

class cell {
  /** Its address in a matrix of float64. */
  @inline static at(matrix: usize, columns: i32, row: i32, column: i32): usize {
    return matrix + ((<usize>row * <usize>columns + <usize>column) << 3);
  }
}

/** Rows [from, to) of G = AAᵀ + λI, B = Aᵀ by rows. */
export function gram(
  aPtr: usize,
  aIndex: usize,
  aValue: usize,
  bPtr: usize,
  bIndex: usize,
  bValue: usize,
  n: i32,
  lambda: f64,
  G: usize,
  from: i32,
  to: i32,
): void {
  const line = (<usize>n) << 3;
  for (let i = from; i < to; i++) {
    const row = G + <usize>i * line;
    memory.fill(row, 0, line);
    const end = (<usize>i32.load(aPtr + ((<usize>i) << 2), 4)) << 2;
    for (let k = (<usize>i32.load(aPtr + ((<usize>i) << 2))) << 2; k < end; k += 4) {
      const a = <f64>f32.load(aValue + k);
      const other = bPtr + ((<usize>i32.load(aIndex + k)) << 2);
      const last = (<usize>i32.load(other, 4)) << 2;
      for (let at = (<usize>i32.load(other)) << 2; at < last; at += 4) {
        const sum = row + ((<usize>i32.load(bIndex + at)) << 3);
        f64.store(sum, f64.load(sum) + a * <f64>f32.load(bValue + at));
      }
    }
    const own = row + ((<usize>i) << 3);
    f64.store(own, f64.load(own) + lambda);
  }
}

/** D ← G_KK⁻¹, K the `size` rows from `first` on, one sweep after the other. */
export function pivot(G: usize, n: i32, first: i32, size: i32, D: usize): void {
  const line = (<usize>size) << 3;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const value = f64.load(cell.at(G, n, first + i, first + j));
      f64.store(cell.at(D, size, i, j), value);
      f64.store(cell.at(D, size, j, i), value);
    }
  }
  for (let k = 0; k < size; k++) {
    const p = 1 / f64.load(cell.at(D, size, k, k));
    const pivotRow = D + <usize>k * line;
    for (let i = 0; i < size; i++) {
      if (i === k) continue;
      const row = D + <usize>i * line;
      const w = f64.load(row + ((<usize>k) << 3)) * p;
      for (let o: usize = 0; o < line; o += 8) {
        f64.store(row + o, f64.load(row + o) - w * f64.load(pivotRow + o));
      }
      f64.store(row + ((<usize>k) << 3), w);
    }
    for (let o: usize = 0; o < line; o += 8) f64.store(pivotRow + o, f64.load(pivotRow + o) * p);
    f64.store(pivotRow + ((<usize>k) << 3), -p);
  }
  for (let o: usize = 0, end = line * <usize>size; o < end; o += 8) f64.store(D + o, -f64.load(D + o));
}

/** Rows [from, to) of C = G_:K and W = C D; both zero in the rows of K, which have no part in the update. */
export function panel(G: usize, n: i32, first: i32, size: i32, D: usize, C: usize, W: usize, from: i32, to: i32): void {
  for (let r = from; r < to; r++) {
    const c = C + <usize>(r * PANEL) * 8;
    const w = W + <usize>(r * PANEL) * 8;
    memory.fill(c, 0, (<usize>PANEL) << 3);
    memory.fill(w, 0, (<usize>PANEL) << 3);
    if (r >= first && r < first + size) continue;
    for (let k = 0; k < size; k++) {
      const value = r > first ? cell.at(G, n, r, first + k) : cell.at(G, n, first + k, r);
      f64.store(c + ((<usize>k) << 3), f64.load(value));
    }
    for (let k = 0; k < size; k++) {
      const factor = f64.load(c + ((<usize>k) << 3));
      const row = cell.at(D, size, k, 0);
      for (let o: usize = 0, end = (<usize>size) << 3; o < end; o += 8) {
        f64.store(w + o, f64.load(w + o) + factor * f64.load(row + o));
      }
    }
  }
}

/** G_ij ← G_ij − W_i · C_j for rows [from, to) and j ≤ i; what it writes above the diagonal means nothing. */
export function update(G: usize, n: i32, C: usize, W: usize, from: i32, to: i32): void {
  for (let start = 0; start < to; start += TILE) {
    const stop = min(start + TILE, to);
    for (let i = from; i < to; i += 2) {
      if (i + 1 < start) continue;
      const w = W + <usize>(i * PANEL) * 8;
      const rows = min(2, to - i);
      const last = min(stop, i + rows);
      let j = start;
      if (rows === 2)
        for (; j + 4 <= last; j += 4) tile(w, C + <usize>(j * PANEL) * 8, cell.at(G, n, i, j), (<usize>n) << 3);
      for (; j < last; j++) {
        for (let r = 0; r < rows; r++) {
          const out = cell.at(G, n, i + r, j);
          f64.store(out, f64.load(out) - dot(w + <usize>(r * PANEL) * 8, C + <usize>(j * PANEL) * 8));
        }
      }
    }
  }
}

/** Two rows of W against four of C: eight accumulators, each value loaded once. */
function tile(w: usize, c: usize, out: usize, line: usize): void {
  const row = (<usize>PANEL) << 3;
  let a0 = f64x2.splat(0);
  let a1 = f64x2.splat(0);
  let a2 = f64x2.splat(0);
  let a3 = f64x2.splat(0);
  let b0 = f64x2.splat(0);
  let b1 = f64x2.splat(0);
  let b2 = f64x2.splat(0);
  let b3 = f64x2.splat(0);
  for (const end = w + row; w < end; w += 16, c += 16) {
    const a = v128.load(w);
    const b = v128.load(w + row);
    const c0 = v128.load(c);
    a0 = f64x2.relaxed_madd(a, c0, a0);
    b0 = f64x2.relaxed_madd(b, c0, b0);
    const c1 = v128.load(c + row);
    a1 = f64x2.relaxed_madd(a, c1, a1);
    b1 = f64x2.relaxed_madd(b, c1, b1);
    const c2 = v128.load(c + row * 2);
    a2 = f64x2.relaxed_madd(a, c2, a2);
    b2 = f64x2.relaxed_madd(b, c2, b2);
    const c3 = v128.load(c + row * 3);
    a3 = f64x2.relaxed_madd(a, c3, a3);
    b3 = f64x2.relaxed_madd(b, c3, b3);
  }
  subtract(out, a0, a1);
  subtract(out + 16, a2, a3);
  subtract(out + line, b0, b1);
  subtract(out + line + 16, b2, b3);
}

/** Two cells less the sums of two accumulators' lanes. */
function subtract(out: usize, a: v128, b: v128): void {
  const sums = f64x2.add(i64x2.shuffle(a, b, 0, 2), i64x2.shuffle(a, b, 1, 3));
  v128.store(out, f64x2.sub(v128.load(out), sums));
}

/** A row of W against one of C, with the bits that a tile gives. */
function dot(w: usize, c: usize): f64 {
  let sum = f64x2.splat(0);
  for (const end = w + ((<usize>PANEL) << 3); w < end; w += 16, c += 16) {
    sum = f64x2.relaxed_madd(v128.load(w), v128.load(c), sum);
  }
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** G_:K ← W and G_KK ← −D, where they are on or below the diagonal, for rows [from, to). */
export function settle(G: usize, n: i32, first: i32, size: i32, D: usize, W: usize, from: i32, to: i32): void {
  for (let r = from; r < to; r++) {
    const inside = r >= first && r < first + size;
    for (let k = 0; k < size; k++) {
      if (inside) f64.store(cell.at(G, n, r, first + k), -f64.load(cell.at(D, size, r - first, k)));
      else
        f64.store(
          r > first ? cell.at(G, n, r, first + k) : cell.at(G, n, first + k, r),
          f64.load(cell.at(W, PANEL, r, k)),
        );
    }
  }
}

/** Rows [from, to) of G ← −G, mirrored: a chunk writes its rows up to the diagonal, and the columns above them. */
export function mirror(G: usize, n: i32, from: i32, to: i32): void {
  for (let i = from; i < to; i++) {
    for (let j = 0; j <= i; j++) {
      const value = -f64.load(cell.at(G, n, i, j));
      f64.store(cell.at(G, n, i, j), value);
      f64.store(cell.at(G, n, j, i), value);
    }
  }
}

/** `out float64`: a_jᵀ M a_j for rows [from, to) of A. */
export function quadratic(
  aPtr: usize,
  aIndex: usize,
  aValue: usize,
  M: usize,
  n: i32,
  out: usize,
  from: i32,
  to: i32,
): void {
  for (let j = from; j < to; j++) {
    const first = (<usize>i32.load(aPtr + ((<usize>j) << 2))) << 2;
    const end = (<usize>i32.load(aPtr + ((<usize>j) << 2), 4)) << 2;
    let sum: f64 = 0;
    for (let k = first; k < end; k += 4) {
      const row = cell.at(M, n, i32.load(aIndex + k), 0);
      let part: f64 = 0;
      for (let l = first; l < end; l += 4) {
        part += <f64>f32.load(aValue + l) * f64.load(row + ((<usize>i32.load(aIndex + l)) << 3));
      }
      sum += <f64>f32.load(aValue + k) * part;
    }
    f64.store(out + ((<usize>j) << 3), sum);
  }
}

/** The transpose `float32 [columns × rows]`, its rows [from, to). */
export function turn(source: usize, rows: i32, columns: i32, out: usize, from: i32, to: i32): void {
  for (let c = from; c < to; c++) {
    const line = out + ((<usize>c * <usize>rows) << 2);
    for (let r = 0; r < rows; r++) {
      f32.store(line + ((<usize>r) << 2), f32.load(source + ((<usize>r * <usize>columns + <usize>c) << 2)));
    }
  }
}

/**
 * Rows [from, to) by b_ij = P_ij s_j, b_ii = 0.
 * @param scales - `float64 [n]`: s. @param scratch - 2 n floats and a selection of the calling thread's own.
 */
export function strongestOfInverse(
  P: usize,
  n: i32,
  scales: usize,
  K: i32,
  counts: usize,
  columns: usize,
  values: usize,
  norms: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  for (let i = from; i < to; i++) {
    const row = cell.at(P, n, i, 0);
    for (let j = 0; j < n; j++) {
      const offset = (<usize>j) << 3;
      const b = i === j ? 0 : f64.load(row + offset) * f64.load(scales + offset);
      f32.store(scratch + ((<usize>j) << 2), <f32>b);
    }
    keep(n, K, counts, columns, values, norms, i, scratch);
  }
}

/**
 * Rows [from, to) by b_ij = Y_ji s_j, b_ii = 0, Y `float32 [n × width]` with the columns of the rows from `first` on.
 * The other parameters as of `strongestOfInverse`.
 */
export function strongestOfBlock(
  Y: usize,
  width: i32,
  first: i32,
  n: i32,
  scales: usize,
  K: i32,
  counts: usize,
  columns: usize,
  values: usize,
  norms: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const line = (<usize>width) << 2;
  for (let i = from; i < to; i++) {
    let y = Y + ((<usize>(i - first)) << 2);
    for (let j = 0; j < n; j++, y += line) {
      const b = i === j ? 0 : <f64>f32.load(y) * f64.load(scales + ((<usize>j) << 3));
      f32.store(scratch + ((<usize>j) << 2), <f32>b);
    }
    keep(n, K, counts, columns, values, norms, i, scratch);
  }
}

/** The K of largest magnitude of the n weights in `scratch`, to row i of the outputs. */
function keep(
  n: i32,
  K: i32,
  counts: usize,
  columns: usize,
  values: usize,
  norms: usize,
  i: i32,
  scratch: usize,
): void {
  const bytes = (<usize>n) << 2;
  const magnitudes = scratch + bytes;
  const selection = (magnitudes + bytes + 15) & ~15;
  const list = selection + selectionBytes(K);
  let whole: f64 = 0;
  for (let o: usize = 0; o < bytes; o += 4) {
    const b = f32.load(scratch + o);
    f32.store(magnitudes + o, abs<f32>(b));
    whole += <f64>b * <f64>b;
  }
  begin(selection);
  offer(selection, K, magnitudes, n, 0);
  const listed = finish(selection, K, list, list + ((<usize>K) << 2), list + ((<usize>K) << 3));
  // Those above the last of the list, and of its equals as many as the list has room for.
  const least = listed > 0 ? f32.load(list + ((<usize>K) << 2) + ((<usize>(listed - 1)) << 2)) : 0;
  let room = 0;
  for (let at = 0; at < listed; at++) {
    room += <i32>(f32.load(list + ((<usize>K) << 2) + ((<usize>at) << 2)) === least);
  }
  const row = (<usize>i * <usize>K) << 2;
  let kept = 0;
  let squares: f64 = 0;
  for (let j = 0; j < n && kept < listed; j++) {
    const magnitude = f32.load(magnitudes + ((<usize>j) << 2));
    if (!(magnitude >= least) || magnitude === 0) continue;
    if (magnitude === least && room-- <= 0) continue;
    const b = f32.load(scratch + ((<usize>j) << 2));
    i32.store(columns + row + ((<usize>kept) << 2), j);
    f32.store(values + row + ((<usize>kept) << 2), b);
    squares += <f64>b * <f64>b;
    kept++;
  }
  i32.store(counts + ((<usize>i) << 2), kept);
  f64.store(norms + ((<usize>i) << 4), whole);
  f64.store(norms + ((<usize>i) << 4), squares, 8);
}
