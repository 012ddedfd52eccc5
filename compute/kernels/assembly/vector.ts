/**
 * Building blocks of the kernels: float32 vectors in linear memory, 128 bits at a time.
 *
 * Layout: pointers are byte addresses; lengths `n` count floats and are multiples of 8 unless said otherwise.
 * Accumulator: float32. `relaxed_madd` fuses where the processor has fused multiply-add, else it rounds twice.
 * Error: a dot product of n terms is within (n / 4 + 4) ε Σ|aᵢbᵢ| of the exact one, ε = 2⁻²⁴ (twice that, unfused).
 *
 * Inlined static methods, because a call costs as much as a short vector.
 */
export class vec {
  /** The four sums of the lanes of a, b, c, d, as one vector. */
  @inline static sum4(a: v128, b: v128, c: v128, d: v128): v128 {
    const ab = f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
    const cd = f32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
    return f32x4.add(i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7));
  }

  /** The sum of the lanes, added in the order of `sum4`, so that both give the same bits. */
  @inline static sum(a: v128): f32 {
    return f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 2) + (f32x4.extract_lane(a, 1) + f32x4.extract_lane(a, 3));
  }

  /** Σ aᵢ bᵢ */
  @inline static dot(a: usize, b: usize, n: i32): f32 {
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    for (const end = a + ((<usize>n) << 2); a < end; a += 32, b += 32) {
      even = f32x4.relaxed_madd(v128.load(a), v128.load(b), even);
      odd = f32x4.relaxed_madd(v128.load(a, 16), v128.load(b, 16), odd);
    }
    return vec.sum(f32x4.add(even, odd));
  }

  /** Dot products of four vectors with x, as one vector; x is read once. Each has the bits that `dot` gives. */
  @inline static dot4(a: usize, b: usize, c: usize, d: usize, x: usize, n: i32): v128 {
    let a0 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let c0 = f32x4.splat(0);
    let d0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let d1 = f32x4.splat(0);
    for (let o: usize = 0, end = (<usize>n) << 2; o < end; o += 32) {
      const even = v128.load(x + o);
      a0 = f32x4.relaxed_madd(v128.load(a + o), even, a0);
      b0 = f32x4.relaxed_madd(v128.load(b + o), even, b0);
      c0 = f32x4.relaxed_madd(v128.load(c + o), even, c0);
      d0 = f32x4.relaxed_madd(v128.load(d + o), even, d0);
      const odd = v128.load(x + o, 16);
      a1 = f32x4.relaxed_madd(v128.load(a + o, 16), odd, a1);
      b1 = f32x4.relaxed_madd(v128.load(b + o, 16), odd, b1);
      c1 = f32x4.relaxed_madd(v128.load(c + o, 16), odd, c1);
      d1 = f32x4.relaxed_madd(v128.load(d + o, 16), odd, d1);
    }
    return vec.sum4(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1));
  }

  /** y ← y + s x */
  @inline static axpy(s: f32, x: usize, y: usize, n: i32): void {
    const scale = f32x4.splat(s);
    for (const end = y + ((<usize>n) << 2); y < end; y += 32, x += 32) {
      v128.store(y, f32x4.relaxed_madd(scale, v128.load(x), v128.load(y)));
      v128.store(y, f32x4.relaxed_madd(scale, v128.load(x, 16), v128.load(y, 16)), 16);
    }
  }

  /** y ← y + s₀ a + s₁ b + s₂ c + s₃ d, y read and written once. */
  @inline static axpy4(s: v128, a: usize, b: usize, c: usize, d: usize, y: usize, n: i32): void {
    const s0 = i32x4.shuffle(s, s, 0, 0, 0, 0);
    const s1 = i32x4.shuffle(s, s, 1, 1, 1, 1);
    const s2 = i32x4.shuffle(s, s, 2, 2, 2, 2);
    const s3 = i32x4.shuffle(s, s, 3, 3, 3, 3);
    for (let o: usize = 0, end = (<usize>n) << 2; o < end; o += 16) {
      let sum = f32x4.relaxed_madd(s0, v128.load(a + o), v128.load(y + o));
      sum = f32x4.relaxed_madd(s1, v128.load(b + o), sum);
      sum = f32x4.relaxed_madd(s2, v128.load(c + o), sum);
      v128.store(y + o, f32x4.relaxed_madd(s3, v128.load(d + o), sum));
    }
  }

  /** p ← r + s p */
  @inline static xpay(r: usize, s: f32, p: usize, n: i32): void {
    const scale = f32x4.splat(s);
    for (const end = p + ((<usize>n) << 2); p < end; p += 16, r += 16) {
      v128.store(p, f32x4.relaxed_madd(scale, v128.load(p), v128.load(r)));
    }
  }

  /** y ← A x, A `[n × n]` row-major. */
  @inline static matvec(A: usize, x: usize, y: usize, n: i32): void {
    const row = (<usize>n) << 2;
    for (const end = y + row; y < end; y += 16, A += row << 2) {
      v128.store(y, vec.dot4(A, A + row, A + row * 2, A + row * 3, x, n));
    }
  }
}
