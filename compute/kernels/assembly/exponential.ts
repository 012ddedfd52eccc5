/**
 * Exponential and hyperbolic tangent of four floats, by polynomials whose coefficients are constants of the code: a
 * table would be static data.
 *
 * Formula: eˣ = 2ⁿ eʳ, n = round(x / ln 2), r = x − n ln 2 with ln 2 in two parts, eʳ by a polynomial of degree 7 on
 * |r| ≤ ½ ln 2; tanh z = z + z³ P(z²) for |z| < 0.625, else ±(1 − e^−2|z|) / (1 + e^−2|z|). Coefficients: S. L.
 * Moshier, Cephes Mathematical Library, 1989 (`expf`, `tanhf`).
 * Accumulator: float32, nothing fused: the same bits on every machine.
 * Error: `ofNegative` within 2 ε eˣ for −87.3 ≤ x ≤ 0 and 0 below (less than 1.3e-38 off), exactly 1 at 0; `tanh` within
 * 3 ε |tanh z|, ε = 2⁻²⁴; both found by trying floats all over their ranges.
 */
export class exponential {
  /** eˣ of x ≤ 0. */
  @inline static ofNegative(x: v128): v128 {
    const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
    let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
    r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
    let p = f32x4.splat(1.98756915e-4);
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
    p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
    p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
    // 2ⁿ by its exponent bits; what would not be a normal number is 0.
    const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
    return v128.and(f32x4.mul(p, scale), f32x4.ge(x, f32x4.splat(-87.3)));
  }

  @inline static tanh(z: v128): v128 {
    const magnitude = f32x4.abs(z);
    const e = exponential.ofNegative(f32x4.mul(magnitude, f32x4.splat(-2)));
    const one = f32x4.splat(1);
    const large = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e));
    const s = f32x4.mul(z, z);
    let p = f32x4.splat(-5.70498872745e-3);
    p = f32x4.add(f32x4.mul(p, s), f32x4.splat(2.06390887954e-2));
    p = f32x4.sub(f32x4.mul(p, s), f32x4.splat(5.37397155531e-2));
    p = f32x4.add(f32x4.mul(p, s), f32x4.splat(1.33314422036e-1));
    p = f32x4.sub(f32x4.mul(p, s), f32x4.splat(3.33332819422e-1));
    const small = f32x4.add(f32x4.mul(f32x4.mul(p, s), z), z);
    const signed = v128.or(large, v128.and(z, f32x4.splat(-0.0)));
    return v128.bitselect(small, signed, f32x4.lt(magnitude, f32x4.splat(0.625)));
  }
}
