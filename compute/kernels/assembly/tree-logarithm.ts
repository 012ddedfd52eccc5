/**
 * x log₂ x without the tables of the standard library, which would be static data. Shared source of the tree kernels.
 *
 * Formula: x = 2ᵏ m, m in [√½, √2); log m = 2 atanh(s) = 2 (s + s³/3 + s⁵/5 + …), s = (m − 1) / (m + 1), |s| < 0.1716.
 * Error: ten terms leave less than 2⁻⁵⁴ of the sum out; with rounding, log₂ x is within 4 ε max(|log₂ x|, 1), ε = 2⁻⁵³.
 * Zero where x is not positive; x is normal, as a weight is.
 */
export function xlog2x(x: f64): f64 {
  return x > 0 ? x * log2(x) : 0;
}

function log2(x: f64): f64 {
  // 2⁵² √½ in the place of the mantissa moves the range of m from [1, 2) to [√½, √2).
  const bits = reinterpret<u64>(x) + (0x3ff0000000000000 - 0x3fe6a09e667f3bcd);
  const k = <f64>(<i32>(bits >> 52) - 0x3ff);
  const m = reinterpret<f64>((bits & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series: f64 = 1.0 / 19;
  series = series * z + 1.0 / 17;
  series = series * z + 1.0 / 15;
  series = series * z + 1.0 / 13;
  series = series * z + 1.0 / 11;
  series = series * z + 1.0 / 9;
  series = series * z + 1.0 / 7;
  series = series * z + 1.0 / 5;
  series = series * z + 1.0 / 3;
  series = series * z + 1;
  // log₂ x = k + 2 s series / ln 2
  return k + s * series * 2.8853900817779268;
}
