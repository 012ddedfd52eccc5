/** Normalisation by the rows of a batch, and what takes its place once the weights no longer change. */
import type { Graph } from '../graph.ts';
import type { Tensor } from '../program.ts';

/** Added to variances, so that what does not vary divides by something. */
export const epsilon = 1e-5;

export interface BatchNorm {
  readonly y: Tensor<'float32'>;
  /** `[channels]`: of the batch; the variance is divided by the number of rows, or the sum of their weights. */
  readonly mean: Tensor<'float32'>;
  readonly variance: Tensor<'float32'>;
}

/**
 * `y = x̂ · gain + shift` with `x̂ = (x − mean) / √(variance + ε)` over all axes but the last (S. Ioffe and C. Szegedy,
 * "Batch Normalization", ICML 2015). Mean and variance have a gradient by way of `y`, none of their own.
 * @param x - `[batch, …, channels]`. @param gain - `[channels]`. @param shift - `[channels]`.
 * @param weights - `[batch]`, at least 0: how many rows each stands for.
 */
export function batchNorm(
  g: Graph,
  x: Tensor<'float32'>,
  gain: Tensor<'float32'>,
  shift: Tensor<'float32'>,
  weights?: Tensor<'float32'>,
): BatchNorm {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const inner = axes.slice(1);
  // Of a row's share in the mean: w / (Σ w · positions).
  const share =
    weights && g.reshape(g.div(weights, g.max(g.sum(weights), 1e-30)), [x.shape[0], ...x.shape.slice(1).map(() => 1)]);
  const averaged = (values: Tensor<'float32'>, keepDims = false): Tensor<'float32'> => {
    if (share === undefined) return g.mean(values, axes, keepDims);
    const rows = inner.length === 0 ? values : g.mean(values, inner, true);
    return g.sum(g.mul(rows, share), axes, keepDims);
  };
  const mean = averaged(x);
  const centred = g.sub(x, mean);
  const variance = averaged(g.mul(centred, centred));
  const inverse = g.reciprocal(g.sqrt(g.add(variance, epsilon)));
  const standard = g.mul(centred, inverse);
  const y = g.add(g.mul(standard, gain), shift);
  g.composite('batchNorm', [x, gain, shift], y, ({ gradients, wanted }) => {
    const given = gradients[0] as Tensor<'float32'>;
    const toShift = g.sum(given, axes);
    const toGain = g.sum(g.mul(given, standard), axes);
    // ∂x = gain / σ · (∂y − s Σ ∂y − x̂ s Σ ∂y x̂), where s is the row's share in the means: 1 / n where all are alike.
    const toInput = () => {
      const along = g.add(toShift, g.mul(standard, toGain));
      const spread = share === undefined ? meanOf(along) : g.mul(meanOfRow(along), share);
      return g.mul(g.sub(given, spread), g.mul(gain, inverse));
    };
    return [wanted[0] ? toInput() : undefined, wanted[1] ? toGain : undefined, wanted[2] ? toShift : undefined];
  });
  return { y, mean, variance };

  function sizeOf(of: readonly number[]): Tensor<'float32'> {
    const sizes = of.map((axis) => g.cast(g.reshape(g.sizeTensor(x.shape[axis]), []), 'float32'));
    return sizes.reduce((a, b) => g.mul(a, b), g.literal('float32', 1));
  }
  function meanOf(sums: Tensor<'float32'>): Tensor<'float32'> {
    return g.div(sums, sizeOf(axes));
  }
  function meanOfRow(sums: Tensor<'float32'>): Tensor<'float32'> {
    return inner.length === 0 ? sums : g.div(sums, sizeOf(inner));
  }
}
