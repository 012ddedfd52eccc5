/**
 * Implicit-feedback alternating least squares by conjugate gradient (Hu, Koren and Volinsky, 2008; Takács, Pilászy and
 * Tikk, 2011).
 *
 * Formula: for each row u with entries (i, c_ui), x_u approximates the solution of
 *   (G + Σ (c_ui − 1) yᵢ yᵢᵀ) x_u = Σ c_ui yᵢ,   G = YᵀY + λI,
 * by `steps` steps of conjugate gradient from the x_u that is there.
 *
 * Layout: factors `float32 [rows × n]`, row-major, n a multiple of 8, padding columns zero (they stay exactly zero);
 * CSR `indptr int32 [rows + 1]`, `indices int32 [nnz]`, `weights float32 [nnz]` holding c_ui; G `float32 [n × n]`.
 * Accumulator: float32. A row of the result depends on its own entries alone, and the Gram matrix on the chunks that
 * the caller fixes: neither depends on which thread computes what.
 * Error: a Gram entry over m rows is within (m + 2) ε Σ|yᵢyⱼ| of the exact one; the residual of a solve stagnates at
 * about n ε κ ‖b‖, κ the condition number of the row's matrix.
 */
import { vec } from './vector';

/** Rows of Y whose products are summed before the next tile: 128 rows of 64 factors stay in the first-level cache. */
const BLOCK: i32 = 128;
/** Entries of a row that are summed before they join the rest. */
const ENTRIES: usize = 32;

/** part ← Σ yᵣ yᵣᵀ over rows [from, to): the tiles on and above the diagonal; what lies below is not touched. */
export function gram(Y: usize, from: i32, to: i32, n: i32, part: usize): void {
  const row = (<usize>n) << 2;
  memory.fill(part, 0, row * <usize>n);
  for (let start = from; start < to; start += BLOCK) {
    const first = Y + <usize>start * row;
    const last = Y + <usize>min(start + BLOCK, to) * row;
    for (let i: usize = 0; i < row; i += 16) {
      for (let j = i & ~31; j < row; j += 32) {
        // A tile of 4 × 8 entries in eight registers; i and j are byte offsets of its first row and column.
        const out = part + (i >> 2) * row + j;
        let a0 = v128.load(out);
        let a1 = v128.load(out, 16);
        let b0 = v128.load(out + row);
        let b1 = v128.load(out + row, 16);
        let c0 = v128.load(out + row * 2);
        let c1 = v128.load(out + row * 2, 16);
        let d0 = v128.load(out + row * 3);
        let d1 = v128.load(out + row * 3, 16);
        for (let y = first; y < last; y += row) {
          const y0 = v128.load(y + j);
          const y1 = v128.load(y + j, 16);
          const a = v128.load32_splat(y + i);
          a0 = f32x4.relaxed_madd(a, y0, a0);
          a1 = f32x4.relaxed_madd(a, y1, a1);
          const b = v128.load32_splat(y + i, 4);
          b0 = f32x4.relaxed_madd(b, y0, b0);
          b1 = f32x4.relaxed_madd(b, y1, b1);
          const c = v128.load32_splat(y + i, 8);
          c0 = f32x4.relaxed_madd(c, y0, c0);
          c1 = f32x4.relaxed_madd(c, y1, c1);
          const d = v128.load32_splat(y + i, 12);
          d0 = f32x4.relaxed_madd(d, y0, d0);
          d1 = f32x4.relaxed_madd(d, y1, d1);
        }
        v128.store(out, a0);
        v128.store(out, a1, 16);
        v128.store(out + row, b0);
        v128.store(out + row, b1, 16);
        v128.store(out + row * 2, c0);
        v128.store(out + row * 2, c1, 16);
        v128.store(out + row * 3, d0);
        v128.store(out + row * 3, d1, 16);
      }
    }
  }
}

/** G ← Σ parts + λI, parts `[count × n × n]` added in their order, the upper triangle mirrored. */
export function gramSum(parts: usize, count: i32, n: i32, lambda: f32, G: usize): void {
  const row = (<usize>n) << 2;
  const size = row * <usize>n;
  memory.fill(G, 0, size);
  for (let k = 0; k < count; k++, parts += size) {
    for (let o: usize = 0; o < size; o += 16) {
      v128.store(G + o, f32x4.add(v128.load(G + o), v128.load(parts + o)));
    }
  }
  for (let i: usize = 0; i < row; i += 4) {
    const line = G + (i >> 2) * row;
    for (let j: usize = 0; j < i; j += 4) f32.store(line + j, f32.load(G + (j >> 2) * row + i));
    f32.store(line + i, f32.load(line + i) + lambda);
  }
}

/**
 * Rows [from, to) of X.
 * @param scratch - 4 n floats of the calling thread's own.
 */
export function solve(
  indptr: usize,
  indices: usize,
  weights: usize,
  X: usize,
  Y: usize,
  G: usize,
  from: i32,
  to: i32,
  n: i32,
  steps: i32,
  scratch: usize,
): void {
  const row = (<usize>n) << 2;
  const r = scratch;
  const p = scratch + row;
  const Ap = scratch + row * 2;
  const block = scratch + row * 3;
  for (let u = from; u < to; u++) {
    const x = X + <usize>u * row;
    const begin = (<usize>i32.load(indptr + ((<usize>u) << 2))) << 2;
    const end = (<usize>i32.load(indptr + ((<usize>u) << 2), 4)) << 2;

    // r ← b − A x = Σ (c − (c − 1) y·x) y − G x
    vec.matvec(G, x, r, n);
    for (let o: usize = 0; o < row; o += 16) v128.store(r + o, f32x4.neg(v128.load(r + o)));
    accumulate(indices + begin, indices + end, weights + begin, Y, x, r, n, true, block);
    memory.copy(p, r, row);
    let rr = vec.dot(r, r, n);
    if (rr < 1e-20) continue;

    for (let step = 0; step < steps; step++) {
      // Ap ← G p + Σ (c − 1) (y·p) y
      vec.matvec(G, p, Ap, n);
      accumulate(indices + begin, indices + end, weights + begin, Y, p, Ap, n, false, block);
      // α = r·r / p·Ap;  x ← x + α p;  r ← r − α Ap
      const alpha = rr / vec.dot(p, Ap, n);
      vec.axpy(alpha, p, x, n);
      vec.axpy(-alpha, Ap, r, n);
      const next = vec.dot(r, r, n);
      if (next < 1e-20) break;
      // p ← r + (r'·r' / r·r) p
      vec.xpay(r, next / rr, p, n);
      rr = next;
    }
  }
}

/**
 * out ← out + Σ s yᵢ over a row's entries, where s = (c − 1) yᵢ·v, or c − (c − 1) yᵢ·v for the first residual. Each
 * block of entries is summed by itself first: one long chain of additions would lose a digit on long rows.
 */
function accumulate(
  index: usize,
  indexEnd: usize,
  weight: usize,
  Y: usize,
  v: usize,
  out: usize,
  n: i32,
  residual: bool,
  block: usize,
): void {
  if (indexEnd - index <= ENTRIES << 2) return accumulateBlock(index, indexEnd, weight, Y, v, out, n, residual);
  const row = (<usize>n) << 2;
  while (index < indexEnd) {
    const length = min(indexEnd - index, ENTRIES << 2);
    memory.fill(block, 0, row);
    accumulateBlock(index, index + length, weight, Y, v, block, n, residual);
    for (let o: usize = 0; o < row; o += 16) {
      v128.store(out + o, f32x4.add(v128.load(out + o), v128.load(block + o)));
    }
    index += length;
    weight += length;
  }
}

/** Four entries at a time share the loads of v and the loads and stores of out. */
function accumulateBlock(
  index: usize,
  indexEnd: usize,
  weight: usize,
  Y: usize,
  v: usize,
  out: usize,
  n: i32,
  residual: bool,
): void {
  const row = (<usize>n) << 2;
  const one = f32x4.splat(1);
  for (; index + 16 <= indexEnd; index += 16, weight += 16) {
    const a = Y + <usize>i32.load(index) * row;
    const b = Y + <usize>i32.load(index, 4) * row;
    const c = Y + <usize>i32.load(index, 8) * row;
    const d = Y + <usize>i32.load(index, 12) * row;
    const confidence = v128.load(weight);
    let s = f32x4.mul(f32x4.sub(confidence, one), vec.dot4(a, b, c, d, v, n));
    if (residual) s = f32x4.sub(confidence, s);
    vec.axpy4(s, a, b, c, d, out, n);
  }
  for (; index < indexEnd; index += 4, weight += 4) {
    const y = Y + <usize>i32.load(index) * row;
    const confidence = f32.load(weight);
    let s = (confidence - 1) * vec.dot(y, v, n);
    if (residual) s = confidence - s;
    vec.axpy(s, y, out, n);
  }
}
