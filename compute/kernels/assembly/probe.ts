/**
 * Tells whether `relaxed_madd` rounds once (fused) or twice on this machine, so that results can be keyed by it.
 *
 * Formula: a b + c with a = b = 1 + 2⁻¹² and c = −(1 + 2⁻¹¹) is 2⁻²⁴ when fused; when the product is rounded first, its
 * 2⁻²⁴ is lost and the sum is 0. The values come as arguments so that no compiler folds them.
 *
 * Layout: no memory; three float32 in, one out. Accumulator: float32. Error: fused, within ε |result| of a b + c, else
 * within ε (|a b| + |result|), ε = 2⁻²⁴; on the values above both ways are exact.
 */
export function madd(a: f32, b: f32, c: f32): f32 {
  return f32x4.extract_lane(f32x4.relaxed_madd(f32x4.splat(a), f32x4.splat(b), f32x4.splat(c)), 0);
}
