/** Decision values of a kernel in a graph: one product with the support vectors, what the kernel makes of it, and another. */
import type { Graph } from '../../../compute/graph/graph.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import type { KernelModel } from './fitted-kernel.ts';

/**
 * @param features - float32 `[batch, features]`
 * @param limit - what scaled features are clipped to.
 * @returns float32 `[batch, decisions]`
 */
export function lowerDecisions(
  g: Graph,
  features: Tensor<'float32'>,
  { kernel, scaling, support, coefficients, bias }: KernelModel,
  limit: number,
): Tensor<'float32'> {
  const [batch, count] = features.shape;
  const rows = coefficients.length / bias.length;
  const b = g.constant('float32', bias, [bias.length], 'bias');
  if (count === 0 || coefficients.every((beta) => beta === 0)) {
    // Every kernel value is the same, or none counts.
    const atZero = kernel.kind === 'rbf' ? 1 : kernel.offset ** kernel.degree;
    const sums = bias.map((value, k) =>
      coefficients.subarray(k * rows, (k + 1) * rows).reduce((sum, beta) => sum + beta * atZero, value),
    );
    return g.add(g.full('float32', [batch, bias.length], 0), g.constant('float32', sums, [bias.length], 'bias'));
  }
  const { shift, scale } = scaling;
  const shifted = g.sub(features, g.constant('float32', shift, [shift.length], 'shift'));
  const scaled = g.mul(shifted, g.constant('float32', scale, [scale.length], 'scale'));
  const x = g.max(g.min(scaled, limit), -limit);
  const v = vectors(g, support, rows);
  // In float64, as thousands of terms of both signs lose the digits that are asked for, and a sigmoid makes more of them.
  const [u, w] = [x, v].map((tensor) => g.cast(tensor, 'float64'));
  let values: Tensor<'float64'>;
  if (kernel.kind === 'rbf') {
    // exp(−γ ‖x − v‖²) = exp(2γ x·v − γ ‖v‖² − γ ‖x‖²)
    const norms = g.mul(g.unsqueeze(g.sum(g.mul(w, w), [1]), [0]), -kernel.gamma);
    const products = g.gemm(u, w, norms, { transB: true, alpha: 2 * kernel.gamma });
    values = g.exp(g.min(g.sub(products, g.mul(g.sum(g.mul(u, u), [1], true), kernel.gamma)), 0));
  } else {
    const products = g.gemm(u, w, g.full('float64', [1, 1], kernel.offset), { transB: true, alpha: kernel.gamma });
    values = g.pow(products, kernel.degree);
  }
  const beta = g.constant('float32', coefficients, [bias.length, rows], 'coefficients');
  const sums = g.gemm(values, g.cast(beta, 'float64'), g.cast(b, 'float64'), { transB: true });
  return g.cast(sums, 'float32');
}

/** Support vectors as float32 `[rows, features]`; sparse ones are spread when a session is opened. */
function vectors(g: Graph, support: FeatureRows, rows: number): Tensor<'float32'> {
  const { columns, values } = support;
  if (!('indptr' in support)) return g.constant('float32', values, [rows, columns], 'support');
  const { indptr, indices } = support;
  const places = new BigInt64Array(indices.length);
  for (let i = 0; i < rows; i++) {
    for (let k = indptr[i]; k < indptr[i + 1]; k++) places[k] = BigInt(i * columns + indices[k]);
  }
  const flat = g.scatterElements(
    g.full('float32', [rows * columns], 0),
    g.constant('int64', places, [places.length], 'places'),
    g.constant('float32', values, [values.length], 'support'),
    { axis: 0 },
  );
  return g.reshape(flat, [rows, columns]);
}
