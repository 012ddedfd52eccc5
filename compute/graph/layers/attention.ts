/** Attention from primitives (A. Vaswani et al., "Attention Is All You Need", 2017). */
import { formatShape, sameShape, type Dim } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { GraphError, type FloatType, type Tensor } from '../program.ts';

export interface AttentionOptions<D extends FloatType> {
  /** A query sees keys at its own place and before it only. */
  readonly causal?: boolean;
  /** bool, broadcasting to `[…, queries, keys]`: where false, the query does not see the key. */
  readonly mask?: Tensor<'bool'>;
  /** Applied to the weights after the softmax, e.g. dropout. */
  readonly onWeights?: (weights: Tensor<D>) => Tensor<D>;
}

/** A score that no softmax sees, and that stays finite when another one is taken from it. */
const unseen = -1e30;

/**
 * `softmax(Q Kᵀ / √d) V`. A query that sees no key gets zeros, and sends no gradient.
 * @param query - `[…, queries, d]`. @param key - `[…, keys, d]`. @param value - `[…, keys, e]`.
 * @returns `[…, queries, e]`.
 */
export function attention<D extends FloatType>(
  g: Graph,
  query: Tensor<D>,
  key: Tensor<D>,
  value: Tensor<D>,
  { causal = false, mask, onWeights = (weights) => weights }: AttentionOptions<D> = {},
): Tensor<D> {
  const rank = query.shape.length;
  const [queries, d] = query.shape.slice(-2);
  const [keys] = key.shape.slice(-2);
  if (rank < 2 || typeof d !== 'number' || key.shape.at(-1) !== d || value.shape.at(-2) !== keys) {
    const shapes = [query, key, value].map(({ shape }) => formatShape(shape));
    throw new GraphError(
      'attention: queries and keys must have one width, which is a number, and there must be as many keys as values. ' +
        `Got ${shapes.join(', ')}.`,
    );
  }
  const last = key.shape.length;
  const turned = g.transpose(key, [...Array.from({ length: last - 2 }, (_, i) => i), last - 1, last - 2]);
  // The smaller factor is scaled, not the scores.
  const scores = g.matmul(g.mul(query, 1 / Math.sqrt(d)), turned);
  const seen = visible(g, causal ? notAfter(g, queries, keys) : undefined, mask);
  if (seen === undefined) return g.matmul(onWeights(g.softmax(scores, -1)), value);
  const weights = g.softmax(g.where(seen, scores, unseen), -1);
  // Where all scores are alike unseen, softmax makes all keys alike.
  return g.matmul(onWeights(g.where(seen, weights, 0)), value);
}

function visible(g: Graph, a: Tensor<'bool'> | undefined, b: Tensor<'bool'> | undefined): Tensor<'bool'> | undefined {
  return a && b ? g.and(a, b) : (a ?? b);
}

/** bool `[queries, keys]`: whether a key's place is not after the query's. */
function notAfter(g: Graph, queries: Dim, keys: Dim): Tensor<'bool'> {
  const places = (size: Dim) => g.range('int64', 0, g.reshape(g.sizeTensor(size), []), g.literal('int64', 1), size);
  return g.lessOrEqual(places(keys), g.unsqueeze(places(queries), [1]));
}

export interface HeadWeights<D extends FloatType> {
  /** `[width, width]` each; the heads' columns lie side by side. */
  readonly query: Tensor<D>;
  readonly key: Tensor<D>;
  readonly value: Tensor<D>;
  readonly output: Tensor<D>;
}

/**
 * Self-attention with several heads over sequences.
 * @param x - `[batch, length, width]`. @param heads - a divisor of the width.
 * @param options.padding - bool `[batch, length]`: true where the sequence goes on, false where it is filled up.
 * @returns `[batch, length, width]`.
 */
export function selfAttention<D extends FloatType>(
  g: Graph,
  x: Tensor<D>,
  weights: HeadWeights<D>,
  heads: number,
  { padding, ...options }: Omit<AttentionOptions<D>, 'mask'> & { readonly padding?: Tensor<'bool'> } = {},
): Tensor<D> {
  const [batch, length, width] = x.shape;
  if (x.shape.length !== 3 || typeof width !== 'number' || !Number.isInteger(heads) || heads < 1 || width % heads > 0) {
    throw new GraphError(
      `selfAttention: the heads must divide the width of [batch, length, width]. Got ${heads} and ${formatShape(x.shape)}.`,
    );
  }
  if (padding !== undefined && !sameShape(padding.shape, [batch, length])) {
    throw new GraphError(
      `selfAttention: the padding must have the shape ${formatShape([batch, length])}. Got ${formatShape(padding.shape)}.`,
    );
  }
  // [batch, length, width] → [batch, heads, length, width / heads]
  const parted = (weight: Tensor<D>) =>
    g.transpose(g.reshape(g.matmul(x, weight), [batch, length, heads, width / heads]), [0, 2, 1, 3]);
  const mask = padding && g.unsqueeze(padding, [1, 2]);
  const mixed = attention(g, parted(weights.query), parted(weights.key), parted(weights.value), { ...options, mask });
  return g.matmul(g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]), weights.output);
}
