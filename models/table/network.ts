/**
 * Feed-forward networks over features: layers of products and rectifiers, and a link from the last product to
 * predictions. Linear models are those without a hidden layer.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { TableTask } from '../../contracts/tables.ts';
import { sparseProduct, type SparseEntries } from './sparse-product.ts';

/** Rows of features in a graph. */
export type FeatureRows =
  /** float32 `[batch, features]` */
  { readonly dense: Tensor<'float32'> } | { readonly sparse: SparseEntries };

export interface Layer<T> {
  /** float32 `[inputs, units]`, row-major. */
  readonly w: T;
  /** float32 `[units]` */
  readonly b: T;
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

/** float32 `[batch, units of the last layer]`. @param drop - what becomes of hidden units while training. */
export function forward(
  g: Graph,
  rows: FeatureRows,
  shift: Shift,
  layers: readonly Layer<Tensor<'float32'>>[],
  drop: (hidden: Tensor<'float32'>) => Tensor<'float32'> = (hidden) => hidden,
): Tensor<'float32'> {
  const [first, ...others] = layers;
  let out = g.add(shiftedProduct(g, rows, shift, first.w), first.b);
  for (const { w, b } of others) out = g.gemm(drop(g.relu(out)), w, b);
  return out;
}

/** ((x − μ) · s) W; of sparse rows as (x · s) W − (μ · s) W, so that their zeros need not be touched. */
function shiftedProduct(g: Graph, rows: FeatureRows, { mean, scale }: Shift, w: Tensor<'float32'>): Tensor<'float32'> {
  if ('dense' in rows) {
    const centred = g.sub(rows.dense, mean);
    return g.matmul(scale === undefined ? centred : g.mul(centred, scale), w);
  }
  const { sparse } = rows;
  const value = scale === undefined ? sparse.value : g.mul(sparse.value, g.gather(scale, sparse.column));
  const atZero = scale === undefined ? mean : g.mul(mean, scale);
  return g.sub(sparseProduct(g, { ...sparse, value }, w), g.matmul(g.unsqueeze(atZero, [0]), w));
}

/** Predictions as `FittedTableModel.predict` gives them, `[batch, outputs]`. */
export function linked(g: Graph, logits: Tensor<'float32'>, task: TableTask): Tensor<'float32'> {
  if (task === 'regress') return logits;
  if (logits.shape[1] !== 1) return g.softmax(logits, 1);
  // Each by itself: 1 − p would lose the digits of a small chance.
  return g.concat([g.sigmoid(g.neg(logits)), g.sigmoid(logits)], 1);
}
