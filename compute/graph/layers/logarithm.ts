/**
 * A logarithm whose bits do not depend on where a number stands in a tensor. That of onnxruntime's `Log` does: vectors
 * of numbers go another way than what is left at the ends of a thread's share (1.30: one in ten float32 differs by a
 * unit of its last place). Here each step is one addition, product, quotient or choice, which IEEE 754 rounds one way.
 */
import type { Graph } from '../graph.ts';
import type { Tensor } from '../program.ts';

/** Odd powers of the series that are summed: |s| < 0.172, so that what is left out is below 1e-17. */
const terms = 10;

/**
 * ln(1 + x), to 4 units of the last place.
 * @param x - in [0, 2^128); NaN stays NaN.
 */
export function logOnePlus(g: Graph, x: Tensor<'float64'>): Tensor<'float64'> {
  // 1 + x = m · 2^e, with m in [1, 2)
  let m = g.add(x, 1);
  let e: Tensor<'float64'> = g.mul(x, 0);
  for (const bits of [64, 32, 16, 8, 4, 2, 1]) {
    const above = g.greaterOrEqual(m, 2 ** bits);
    m = g.where(above, g.mul(m, 2 ** -bits), m);
    e = g.where(above, g.add(e, bits), e);
  }
  // … and then in [√½, √2), where the series is short
  const above = g.greater(m, Math.SQRT2);
  m = g.where(above, g.mul(m, 0.5), m);
  e = g.where(above, g.add(e, 1), e);
  // Without the detour over 1 + x, which small x would not survive.
  const u = g.where(g.equal(e, 0), x, g.sub(m, 1));
  // ln m = 2 (s + s³/3 + s⁵/5 + …), s = (m − 1) / (m + 1)
  const s = g.div(u, g.add(u, 2));
  const square = g.mul(s, s);
  let series: Tensor<'float64'> = g.mul(s, 0);
  for (let k = 2 * terms - 1; k >= 1; k -= 2) series = g.add(g.mul(series, square), 1 / k);
  return g.add(g.mul(e, Math.LN2), g.mul(g.mul(s, 2), series));
}
