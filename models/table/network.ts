/**
 * Feed-forward networks over features: layers of products and rectifiers, before them blocks of convolutions where
 * features are the pixels of an image, and a link from the last product to predictions. Linear models are those without
 * a hidden layer.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { TableTask } from '../../contracts/tables.ts';
import { sparseProduct, type SparseEntries } from './sparse-product.ts';

/** Rows of features in a graph. */
export type FeatureRows =
  /** float32 `[batch, features]` */
  { readonly dense: Tensor<'float32'> } | { readonly sparse: SparseEntries };

/** Of what a layer's units are multiplied by and of what is added then, both `[units]`. */
export interface Gain<T> {
  readonly gain: T;
  readonly shift: T;
}

export interface Layer<T> {
  /** float32 `[inputs, units]`, row-major. */
  readonly w: T;
  /** float32 `[units]`; absent where a normalisation over the batch would take it away again. */
  readonly b?: T;
  /** Of a layer norm (J. L. Ba, J. R. Kiros and G. E. Hinton, 2016) between product and rectifier. */
  readonly norm?: Gain<T>;
}

/** What is taken from features, and what they are multiplied by then; both `[features]`. */
export interface Shift {
  readonly mean: Tensor<'float32'>;
  readonly scale?: Tensor<'float32'>;
}

/**
 * How the last product becomes a prediction: of a regression it is one; of two classes it is the log-odds of the last
 * one; of more classes, up to a summand, the logarithms of their probabilities.
 */
export function logitsOf(outputs: number): number {
  return outputs === 2 ? 1 : outputs;
}

/** What becomes of the product of a hidden layer before the next one takes it. */
export type Hidden = (units: Tensor<'float32'>, layer: number) => Tensor<'float32'>;

/** Of a trained network. */
export function rectified(g: Graph, layers: readonly Layer<Tensor<'float32'>>[]): Hidden {
  return (units, k) => {
    const { norm } = layers[k];
    return g.relu(norm === undefined ? units : g.layerNorm(units, norm.gain, norm.shift));
  };
}

/** float32 `[batch, units of the last layer]`. */
export function forward(
  g: Graph,
  rows: FeatureRows,
  shift: Shift,
  layers: readonly Layer<Tensor<'float32'>>[],
  hidden: Hidden = rectified(g, layers),
): Tensor<'float32'> {
  return onward(g, shiftedProduct(g, rows, shift, layers[0].w), layers, hidden);
}

/** What the layers make of the product of the first. */
export function onward(
  g: Graph,
  product: Tensor<'float32'>,
  layers: readonly Layer<Tensor<'float32'>>[],
  hidden: Hidden = rectified(g, layers),
): Tensor<'float32'> {
  const [{ b: bias }, ...others] = layers;
  let out = bias === undefined ? product : g.add(product, bias);
  for (const [k, { w, b }] of others.entries()) out = g.gemm(hidden(out, k), w, b);
  return out;
}

/** ((x − μ) · s) W; of sparse rows as (x · s) W − (μ · s) W, so that their zeros need not be touched. */
function shiftedProduct(g: Graph, rows: FeatureRows, { mean, scale }: Shift, w: Tensor<'float32'>): Tensor<'float32'> {
  if ('dense' in rows) return g.matmul(shifted(g, rows.dense, { mean, scale }), w);
  const { sparse } = rows;
  const value = scale === undefined ? sparse.value : g.mul(sparse.value, g.gather(scale, sparse.column));
  const atZero = scale === undefined ? mean : g.mul(mean, scale);
  return g.sub(sparseProduct(g, { ...sparse, value }, w), g.matmul(g.unsqueeze(atZero, [0]), w));
}

/** (x − μ) · s */
export function shifted(g: Graph, x: Tensor<'float32'>, { mean, scale }: Shift): Tensor<'float32'> {
  const centred = g.sub(x, mean);
  return scale === undefined ? centred : g.mul(centred, scale);
}

/** Predictions as `FittedTableModel.predict` gives them, `[batch, outputs]`. */
export function linked(g: Graph, logits: Tensor<'float32'>, task: TableTask): Tensor<'float32'> {
  if (task === 'regress') return logits;
  if (logits.shape[1] !== 1) return g.softmax(logits, 1);
  // Each by itself: 1 − p would lose the digits of a small chance.
  return g.concat([g.sigmoid(g.neg(logits)), g.sigmoid(logits)], 1);
}
