/**
 * Losses: scalars that training makes small. Each is a mean over the batch. Sample weights wᵢ ≥ 0 make it
 * `Σ wᵢ lossᵢ / Σ wᵢ`, and 0 where all of them are 0; they have the shape of what they weigh, or `[batch]`.
 * Scores may be as large as 1e4 of either sign, where a formula that exponentiates them would give infinity.
 */
import { formatShape, product, sameShape, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { GraphError, type FloatType, type IndexType, type Tensor } from '../program.ts';

export interface Weighted<D extends FloatType> {
  /** Of the losses' shape, or `[batch]`. */
  readonly weights?: Tensor<D>;
}

/** Smaller than any weight that counts: what a sum of zeros is divided by. */
const nothing = 1e-30;
/** A score that no softmax sees, and that stays finite when another one is taken from it. */
const excluded = -1e30;

function requireShape(loss: string, what: string, { shape }: Tensor, wanted: Shape): void {
  if (sameShape(shape, wanted)) return;
  throw new GraphError(`${loss}: ${what} must have the shape ${formatShape(wanted)}. Got ${formatShape(shape)}.`);
}

/** `x / Σ weights`, where both are sums. */
const per = <D extends FloatType>(g: Graph, x: Tensor<D>, weights: Tensor<D>) =>
  g.div(x, g.max(g.sum(weights), nothing));

/** The mean of losses `[batch, …]`; those of one row count alike. */
function average<D extends FloatType>(g: Graph, loss: string, losses: Tensor<D>, { weights }: Weighted<D>): Tensor<D> {
  if (weights === undefined) return g.mean(losses);
  if (sameShape(weights.shape, losses.shape)) return per(g, g.sum(g.mul(losses, weights)), weights);
  requireShape(loss, 'weights', weights, losses.shape.slice(0, 1));
  const rows = g.mean(g.reshape(losses, [losses.shape[0], product(losses.shape.slice(1))]), [1]);
  return per(g, g.sum(g.mul(rows, weights)), weights);
}

/**
 * `−Σ_c q_c log softmax(logits)_c` with q = (1 − smoothing) · [c = label] + smoothing / classes. With class weights
 * each term is times the weight of its class, and the mean is over the weights of the labels.
 * Smoothing: C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016.
 * @param logits - `[…, classes]`. @param labels - `[…]`, each in [0, classes).
 * @param options.weights - of the labels' shape. @param options.classWeights - `[classes]`.
 * @param options.smoothing - in [0, 1).
 */
export function softmaxCrossEntropy<D extends FloatType>(
  g: Graph,
  logits: Tensor<D>,
  labels: Tensor<IndexType>,
  {
    weights,
    classWeights,
    smoothing = 0,
  }: Weighted<D> & { readonly classWeights?: Tensor<D>; readonly smoothing?: number } = {},
): Tensor<D> {
  const name = 'softmaxCrossEntropy';
  const classes = logits.shape.at(-1)!;
  requireShape(name, 'labels', labels, logits.shape.slice(0, -1));
  if (!(smoothing >= 0 && smoothing < 1))
    throw new GraphError(`${name}: smoothing must be in [0, 1). Got ${smoothing}.`);
  if (smoothing > 0 && typeof classes !== 'number')
    throw new GraphError(`${name}: smoothing needs to know the classes.`);
  const count = product(labels.shape);
  const index = g.reshape(labels, [count, 1]);
  const logs = g.logSoftmax(g.reshape(logits, [count, classes]), -1);
  const ofClasses = classWeights === undefined ? logs : g.mul(logs, classWeights);
  let losses = g.neg(g.reshape(g.gatherElements(ofClasses, index, 1), [count]));
  if (smoothing > 0) {
    const spread = g.mul(g.sum(ofClasses, [1]), smoothing / (classes as number));
    losses = g.sub(g.mul(losses, 1 - smoothing), spread);
  }
  if (weights !== undefined) requireShape(name, 'weights', weights, labels.shape);
  const samples = weights && g.reshape(weights, [count]);
  if (classWeights === undefined) return average(g, name, losses, { weights: samples });
  requireShape(name, 'classWeights', classWeights, [classes]);
  const ofLabels = g.gather(classWeights, g.reshape(labels, [count]));
  if (samples === undefined) return per(g, g.sum(losses), ofLabels);
  return per(g, g.sum(g.mul(losses, samples)), g.mul(ofLabels, samples));
}

/**
 * `−p t log σ(x) − (1 − t) log(1 − σ(x))`, as `softplus(x) − t x` for p = 1.
 * @param logits - x, `[batch, …]`. @param targets - t in [0, 1], of the same shape.
 * @param options.positiveWeight - p > 0: how much more the positives count; 1 by default.
 */
export function binaryCrossEntropy<D extends FloatType>(
  g: Graph,
  logits: Tensor<D>,
  targets: Tensor<D>,
  { positiveWeight = 1, ...options }: Weighted<D> & { readonly positiveWeight?: number } = {},
): Tensor<D> {
  const name = 'binaryCrossEntropy';
  requireShape(name, 'targets', targets, logits.shape);
  if (!(positiveWeight > 0)) throw new GraphError(`${name}: positiveWeight must be positive. Got ${positiveWeight}.`);
  if (positiveWeight === 1) return average(g, name, g.sub(g.softplus(logits), g.mul(targets, logits)), options);
  // (1 − t) x + (1 + (p − 1) t) softplus(−x)
  const factor = g.add(g.mul(targets, positiveWeight - 1), 1);
  const losses = g.add(g.mul(g.sub(1, targets), logits), g.mul(factor, g.softplus(g.neg(logits))));
  return average(g, name, losses, options);
}

/** `(x − t)²`. @param prediction - x, `[batch, …]`. @param target - t, of the same shape. */
export function squaredError<D extends FloatType>(
  g: Graph,
  prediction: Tensor<D>,
  target: Tensor<D>,
  options: Weighted<D> = {},
): Tensor<D> {
  requireShape('squaredError', 'target', target, prediction.shape);
  const difference = g.sub(prediction, target);
  return average(g, 'squaredError', g.mul(difference, difference), options);
}

/** `|x − t|`. @param prediction - x, `[batch, …]`. @param target - t, of the same shape. */
export function absoluteError<D extends FloatType>(
  g: Graph,
  prediction: Tensor<D>,
  target: Tensor<D>,
  options: Weighted<D> = {},
): Tensor<D> {
  requireShape('absoluteError', 'target', target, prediction.shape);
  return average(g, 'absoluteError', g.abs(g.sub(prediction, target)), options);
}

/**
 * `(x − t)² / 2` where |x − t| ≤ δ, else `δ (|x − t| − δ / 2)`. P. J. Huber, "Robust Estimation of a Location
 * Parameter", 1964.
 * @param prediction - x, `[batch, …]`. @param target - t, of the same shape. @param options.delta - δ > 0; 1 by default.
 */
export function huber<D extends FloatType>(
  g: Graph,
  prediction: Tensor<D>,
  target: Tensor<D>,
  { delta = 1, ...options }: Weighted<D> & { readonly delta?: number } = {},
): Tensor<D> {
  requireShape('huber', 'target', target, prediction.shape);
  if (!(delta > 0)) throw new GraphError(`huber: delta must be positive. Got ${delta}.`);
  // q (d − q / 2) for q = min(d, δ)
  const distance = g.abs(g.sub(prediction, target));
  const within = g.min(distance, delta);
  return average(g, 'huber', g.mul(within, g.sub(distance, g.mul(within, 0.5))), options);
}

/** `max(0, 1 − y s)`. @param scores - s, `[batch, …]`. @param signs - y, −1 or 1, of the same shape. */
export function hinge<D extends FloatType>(
  g: Graph,
  scores: Tensor<D>,
  signs: Tensor<D>,
  options: Weighted<D> = {},
): Tensor<D> {
  requireShape('hinge', 'signs', signs, scores.shape);
  return average(g, 'hinge', g.relu(g.sub(1, g.mul(signs, scores))), options);
}

/** `max(0, 1 − y s)²`. @param scores - s, `[batch, …]`. @param signs - y, −1 or 1, of the same shape. */
export function squaredHinge<D extends FloatType>(
  g: Graph,
  scores: Tensor<D>,
  signs: Tensor<D>,
  options: Weighted<D> = {},
): Tensor<D> {
  requireShape('squaredHinge', 'signs', signs, scores.shape);
  const missing = g.relu(g.sub(1, g.mul(signs, scores)));
  return average(g, 'squaredHinge', g.mul(missing, missing), options);
}

/**
 * `e^x − t x`: the negative log-likelihood of counts t under the rate e^x, without the term `log t!`, in which nothing
 * is learned. It is infinite from x ≈ 88 on, where e^x is.
 * @param logRates - x, `[batch, …]`. @param counts - t ≥ 0, of the same shape.
 */
export function poisson<D extends FloatType>(
  g: Graph,
  logRates: Tensor<D>,
  counts: Tensor<D>,
  options: Weighted<D> = {},
): Tensor<D> {
  requireShape('poisson', 'counts', counts, logRates.shape);
  return average(g, 'poisson', g.sub(g.exp(logRates), g.mul(counts, logRates)), options);
}

/**
 * Bayesian personalised ranking: `−log σ(p − n)` for the score p of an item that was chosen and n of one that was not.
 * S. Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", 2009; without its regularisation,
 * which is weight decay.
 * @param positive - `[batch]`. @param negative - `[batch]`, or `[batch, n]` for n of them, which count alike.
 */
export function bpr<D extends FloatType>(
  g: Graph,
  positive: Tensor<D>,
  negative: Tensor<D>,
  options: Weighted<D> = {},
): Tensor<D> {
  requireShape('bpr', 'positive', positive, negative.shape.slice(0, 1));
  const chosen = negative.shape.length === 1 ? positive : g.unsqueeze(positive, [1]);
  return average(g, 'bpr', g.softplus(g.sub(negative, chosen)), options);
}

export interface SoftmaxSampling<D extends FloatType> extends Weighted<D> {
  /** What scores are divided by; 1 by default. */
  readonly temperature?: number;
}

function scaled<D extends FloatType>(g: Graph, name: string, scores: Tensor<D>, temperature: number): Tensor<D> {
  if (!(temperature > 0)) throw new GraphError(`${name}: temperature must be positive. Got ${temperature}.`);
  return temperature === 1 ? scores : g.div(scores, temperature);
}

/**
 * Softmax over the items of the batch: of pairs (query i, item i), the items of the others are what was not chosen.
 * The score `qᵢ · xⱼ / temperature − log Q(j)` makes up for the items' being drawn with probability Q, not evenly.
 * X. Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", 2019.
 * @param queries - `[batch, d]`. @param items - `[batch, d]`.
 * @param options.logQ - `[batch]`: log Q of each item. @param options.ids - `[batch]`: where an item is in the batch
 * more than once, it is not held against itself.
 */
export function inBatchSoftmax<D extends FloatType>(
  g: Graph,
  queries: Tensor<D>,
  items: Tensor<D>,
  {
    temperature = 1,
    logQ,
    ids,
    ...options
  }: SoftmaxSampling<D> & { readonly logQ?: Tensor<D>; readonly ids?: Tensor<IndexType> } = {},
): Tensor<D> {
  const name = 'inBatchSoftmax';
  requireShape(name, 'items', items, queries.shape);
  const [batch] = queries.shape;
  let scores = scaled(g, name, g.gemm(queries, items, undefined, { transB: true }), temperature);
  if (logQ !== undefined) {
    requireShape(name, 'logQ', logQ, [batch]);
    scores = g.sub(scores, logQ);
  }
  const limit = g.reshape(g.sizeTensor(batch), []);
  const rows = g.range('int64', 0, limit, 1, batch);
  if (ids !== undefined) {
    requireShape(name, 'ids', ids, [batch]);
    const other = g.not(g.equal(g.unsqueeze(rows, [1]), rows));
    scores = g.where(g.and(other, g.equal(g.unsqueeze(ids, [1]), ids)), excluded, scores);
  }
  return softmaxCrossEntropy(g, scores, rows, options);
}

/**
 * Softmax over one positive item and n sampled ones, which all rows share. With log Q, the probability of being drawn,
 * taken from the scores, it comes near the softmax over the catalogue: S. Jean et al., "On Using Very Large Target
 * Vocabulary for Neural Machine Translation", 2015.
 * @param queries - `[batch, d]`. @param positives - `[batch, d]`. @param negatives - `[n, d]`.
 * @param options.logQ - of the positives `[batch]` and of the negatives `[n]`. @param options.ids - likewise: a negative
 * that is a row's positive does not count there.
 */
export function sampledSoftmax<D extends FloatType>(
  g: Graph,
  queries: Tensor<D>,
  positives: Tensor<D>,
  negatives: Tensor<D>,
  {
    temperature = 1,
    logQ,
    ids,
    ...options
  }: SoftmaxSampling<D> & {
    readonly logQ?: { readonly positives: Tensor<D>; readonly negatives: Tensor<D> };
    readonly ids?: { readonly positives: Tensor<IndexType>; readonly negatives: Tensor<IndexType> };
  } = {},
): Tensor<D> {
  const name = 'sampledSoftmax';
  requireShape(name, 'positives', positives, queries.shape);
  const [batch] = queries.shape;
  const [count] = negatives.shape;
  let chosen = scaled(g, name, g.sum(g.mul(queries, positives), [1], true), temperature);
  let others = scaled(g, name, g.gemm(queries, negatives, undefined, { transB: true }), temperature);
  if (logQ !== undefined) {
    requireShape(name, 'logQ.positives', logQ.positives, [batch]);
    requireShape(name, 'logQ.negatives', logQ.negatives, [count]);
    chosen = g.sub(chosen, g.unsqueeze(logQ.positives, [1]));
    others = g.sub(others, logQ.negatives);
  }
  if (ids !== undefined) {
    requireShape(name, 'ids.positives', ids.positives, [batch]);
    requireShape(name, 'ids.negatives', ids.negatives, [count]);
    others = g.where(g.equal(g.unsqueeze(ids.positives, [1]), ids.negatives), excluded, others);
  }
  return softmaxCrossEntropy(g, g.concat([chosen, others], 1), g.full('int64', [batch], 0), options);
}

/** So that the distance of two equal points has a gradient: 0. */
const nearness = 1e-12;

/**
 * `max(0, |a − p| − |a − n| + margin)`, with Euclidean distances. V. Balntas et al., "Learning Local Feature
 * Descriptors with Triplets and Shallow Convolutional Neural Networks", 2016.
 * @param anchor - a, `[batch, d]`. @param positive - p. @param negative - n.
 * @param options.margin - 1 by default.
 */
export function tripletMargin<D extends FloatType>(
  g: Graph,
  anchor: Tensor<D>,
  positive: Tensor<D>,
  negative: Tensor<D>,
  { margin = 1, ...options }: Weighted<D> & { readonly margin?: number } = {},
): Tensor<D> {
  requireShape('tripletMargin', 'positive', positive, anchor.shape);
  requireShape('tripletMargin', 'negative', negative, anchor.shape);
  const distance = (other: Tensor<D>) => g.sqrt(g.add(g.sumOfSquares(g.sub(anchor, other), [1]), nearness));
  const losses = g.relu(g.add(g.sub(distance(positive), distance(negative)), margin));
  return average(g, 'tripletMargin', losses, options);
}
