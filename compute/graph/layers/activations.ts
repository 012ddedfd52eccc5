/** Activations that are made of several operations. */
import type { Graph } from '../graph.ts';
import type { FloatType, Tensor } from '../program.ts';

/**
 * `x · Φ(x)`, with the distribution function Φ of the standard normal: D. Hendrycks and K. Gimpel, "Gaussian Error
 * Linear Units (GELUs)", 2016.
 * @param form - `erf` for `x (1 + erf(x / √2)) / 2`; `tanh` for the same paper's approximation of it,
 * `x (1 + tanh(√(2 / π) (x + 0.044715 x³))) / 2`, which is off by up to 5e-4.
 */
export function gelu<D extends FloatType>(g: Graph, x: Tensor<D>, form: 'erf' | 'tanh' = 'erf'): Tensor<D> {
  const half = g.mul(x, 0.5);
  if (form === 'erf') return g.mul(half, g.add(g.erf(g.mul(x, Math.SQRT1_2)), 1));
  // √(2 / π) (1 + 0.044715 x²) x
  const factor = Math.sqrt(2 / Math.PI);
  const inner = g.mul(g.add(g.mul(g.mul(x, x), 0.044715 * factor), factor), x);
  return g.mul(half, g.add(g.tanh(inner), 1));
}
