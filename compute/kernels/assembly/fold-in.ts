/**
 * User factors from histories alone, for a fitted factorization (the system of `als.ts`, solved from zero).
 *
 * Formula: x_u = `steps` conjugate-gradient steps from 0 towards the solution of
 *   (G + Σ (c_ui − 1) yᵢ yᵢᵀ) x_u = Σ c_ui yᵢ.
 *
 * Layout: as in `als.ts`, but G `float64 [n × n]`; Y and the result X are float32.
 * Accumulator: float64 throughout, so that a score does not carry the rounding of a thousand history entries times the
 * condition number κ of the system: what is exported must give the same scores by another order of additions.
 * Error: x_u is within 2⁻²⁴ |x_u| (its rounding to float32) plus about n 2⁻⁵³ κ ‖x_u‖ of exact conjugate gradient.
 */

/** Below this part of ‖b‖² a residual cannot change a float32 result any more. */
const CONVERGED: f64 = 1e-20;

class wide {
  /** Two floats as float64. */
  @inline static load(address: usize): v128 {
    return f64x2.promote_low_f32x4(v128.load64_zero(address));
  }

  @inline static sum(a: v128): f64 {
    return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  }

  /** Σ aᵢ bᵢ of float64 vectors. */
  @inline static dot(a: usize, b: usize, n: i32): f64 {
    let even = f64x2.splat(0);
    let odd = f64x2.splat(0);
    for (const end = a + ((<usize>n) << 3); a < end; a += 32, b += 32) {
      even = f64x2.relaxed_madd(v128.load(a), v128.load(b), even);
      odd = f64x2.relaxed_madd(v128.load(a, 16), v128.load(b, 16), odd);
    }
    return wide.sum(f64x2.add(even, odd));
  }

  /** y ← y + s x */
  @inline static axpy(s: f64, x: usize, y: usize, n: i32): void {
    const scale = f64x2.splat(s);
    for (const end = y + ((<usize>n) << 3); y < end; y += 16, x += 16) {
      v128.store(y, f64x2.relaxed_madd(scale, v128.load(x), v128.load(y)));
    }
  }
}

/** part ← Σ yᵣ yᵣᵀ over rows [from, to) in float64: the entries on and above the diagonal, in pairs of columns. */
export function gram(Y: usize, from: i32, to: i32, n: i32, part: usize): void {
  const row = (<usize>n) << 2;
  memory.fill(part, 0, (row << 1) * <usize>n);
  const last = Y + <usize>to * row;
  for (let i: usize = 0; i < row; i += 8) {
    for (let j = i & ~15; j < row; j += 16) {
      // A tile of 2 × 4 entries; i and j are byte offsets in a row of Y.
      let a0 = f64x2.splat(0);
      let a1 = f64x2.splat(0);
      let b0 = f64x2.splat(0);
      let b1 = f64x2.splat(0);
      for (let y = Y + <usize>from * row; y < last; y += row) {
        const y0 = wide.load(y + j);
        const y1 = wide.load(y + j + 8);
        const a = f64x2.splat(<f64>f32.load(y + i));
        a0 = f64x2.relaxed_madd(a, y0, a0);
        a1 = f64x2.relaxed_madd(a, y1, a1);
        const b = f64x2.splat(<f64>f32.load(y + i, 4));
        b0 = f64x2.relaxed_madd(b, y0, b0);
        b1 = f64x2.relaxed_madd(b, y1, b1);
      }
      const out = part + (i >> 2) * (row << 1) + (j << 1);
      v128.store(out, a0);
      v128.store(out, a1, 16);
      v128.store(out + (row << 1), b0);
      v128.store(out + (row << 1), b1, 16);
    }
  }
}

/**
 * Rows [from, to) of X.
 * @param scratch - 4 n float64 of the calling thread's own.
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
  const row = (<usize>n) << 3;
  const x = scratch;
  const r = scratch + row;
  const p = scratch + row * 2;
  const Ap = scratch + row * 3;
  for (let u = from; u < to; u++) {
    const begin = (<usize>i32.load(indptr + ((<usize>u) << 2))) << 2;
    const end = (<usize>i32.load(indptr + ((<usize>u) << 2), 4)) << 2;
    memory.fill(x, 0, row << 1);
    // r ← b = Σ c y
    accumulate(indices + begin, indices + end, weights + begin, Y, 0, r, n);
    memory.copy(p, r, row);
    let rr = wide.dot(r, r, n);
    const least = rr * CONVERGED;
    for (let step = 0; step < steps && rr > least; step++) {
      // Ap ← G p + Σ (c − 1) (y·p) y
      for (let i: usize = 0; i < row; i += 8) f64.store(Ap + i, wide.dot(G + (i >> 3) * row, p, n));
      accumulate(indices + begin, indices + end, weights + begin, Y, p, Ap, n);
      // α = r·r / p·Ap;  x ← x + α p;  r ← r − α Ap
      const alpha = rr / wide.dot(p, Ap, n);
      wide.axpy(alpha, p, x, n);
      wide.axpy(-alpha, Ap, r, n);
      // p ← r + (r'·r' / r·r) p
      const next = wide.dot(r, r, n);
      const beta = f64x2.splat(next / rr);
      for (let o: usize = 0; o < row; o += 16) {
        v128.store(p + o, f64x2.relaxed_madd(beta, v128.load(p + o), v128.load(r + o)));
      }
      rr = next;
    }
    const out = X + <usize>u * (row >> 1);
    for (let o: usize = 0; o < row; o += 8) f32.store(out + (o >> 1), <f32>f64.load(x + o));
  }
}

/** out ← out + Σ s yᵢ over a row's entries in pairs, where s = (c − 1) yᵢ·v, or c where v is 0 (null). */
function accumulate(index: usize, indexEnd: usize, weight: usize, Y: usize, v: usize, out: usize, n: i32): void {
  const row = (<usize>n) << 2;
  for (; index < indexEnd; index += 8, weight += 8) {
    const a = Y + <usize>i32.load(index) * row;
    // The last one of an odd number is paired with itself, at the strength 0.
    const paired = index + 4 < indexEnd;
    const b = paired ? Y + <usize>i32.load(index, 4) * row : a;
    let s0 = <f64>f32.load(weight);
    let s1 = paired ? <f64>f32.load(weight, 4) : 0;
    if (v) {
      let d0 = f64x2.splat(0);
      let d1 = f64x2.splat(0);
      let e0 = f64x2.splat(0);
      let e1 = f64x2.splat(0);
      for (let o: usize = 0; o < row; o += 16) {
        const v0 = v128.load(v + (o << 1));
        const v1 = v128.load(v + (o << 1), 16);
        d0 = f64x2.relaxed_madd(wide.load(a + o), v0, d0);
        d1 = f64x2.relaxed_madd(wide.load(a + o + 8), v1, d1);
        e0 = f64x2.relaxed_madd(wide.load(b + o), v0, e0);
        e1 = f64x2.relaxed_madd(wide.load(b + o + 8), v1, e1);
      }
      s0 = (s0 - 1) * wide.sum(f64x2.add(d0, d1));
      s1 = paired ? (s1 - 1) * wide.sum(f64x2.add(e0, e1)) : 0;
    }
    const scale0 = f64x2.splat(s0);
    const scale1 = f64x2.splat(s1);
    for (let o: usize = 0; o < row; o += 8) {
      const sum = f64x2.relaxed_madd(scale0, wide.load(a + o), v128.load(out + (o << 1)));
      v128.store(out + (o << 1), f64x2.relaxed_madd(scale1, wide.load(b + o), sum));
    }
  }
}
