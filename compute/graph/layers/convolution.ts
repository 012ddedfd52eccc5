/** Convolutional layers in the form in which a training step takes the least time. */
import type { FloatTensor } from '../derivatives/definition.ts';
import { formatShape, product, type Dim } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { each, windowOf, type Window, type WindowOptions } from '../operations/convolution.ts';
import { countOf, coveredRows, imagesOfRows, patchProduct, rowsBehind, rowsOfImages } from '../patches.ts';
import { GraphError, type FloatType, type Tensor } from '../program.ts';

export interface BlockOptions extends WindowOptions {
  /** Sizes of the windows of which the greatest is kept, side by side; 1 by default: all are kept. */
  readonly pool?: number | readonly number[];
  /**
   * `relu` by default. A function gets rows, `[batch, positions, outer]`, and gives rows of the same shape: there a
   * normalisation over the batch costs least.
   */
  readonly activation?: 'relu' | 'none' | ((rows: Tensor<'float32'>) => Tensor<'float32'>);
}

/** Elements of a sample's patches, which wait for the way back: above these 2 MiB, memory counts for more than time. */
const mostPatchElements = 2 ** 19;

/**
 * `relu(maxPool(conv(x, weight, bias)))`, the same function as these three operations are, with the same gradients
 * (of equal elements in a window the first one has it). A step of training takes about half their time on a CPU: first
 * elements of all pooled windows are computed side by side, then all second ones and so on, so that the greatest, and
 * on the way back where it was, are found between long runs of memory; bias and activation come after it. An inference
 * graph is better off with the operations.
 * @param x - `[batch, channels, …space]`, float32. @param weight - `[outer, channels, …window]`. @param bias - `[outer]`.
 * @returns `[batch, outer, …space]`. What `pool` leaves over at the ends falls away.
 */
export function convolutionBlock(
  g: Graph,
  x: Tensor<'float32'>,
  weight: Tensor<'float32'>,
  bias: Tensor<'float32'> | undefined,
  { pool = 1, activation = 'relu', ...options }: BlockOptions = {},
): Tensor<'float32'> {
  const window = windowOf(x, options);
  const sizes = each(pool, x.shape.length - 2);
  // The operation checks the shapes; nothing of it is left in the program where its result is not used.
  const plain = g.conv(x, weight, bias, window);
  if (!sizes.every((size, i) => Number.isInteger(size) && size >= 1 && !(Number(plain.shape[2 + i]) < size))) {
    const [asked, there] = [formatShape(sizes), formatShape(plain.shape.slice(2))];
    throw new GraphError(`convolutionBlock: the pool must be positive integers, at most ${there}. Got ${asked}.`);
  }
  const known = [...x.shape.slice(1), ...weight.shape].every((dim) => typeof dim === 'number');
  const [image, kernel, positions] = [x.shape, weight.shape, plain.shape.slice(2)] as number[][];
  const layout = known ? layoutOf(image, kernel, window, sizes, positions) : undefined;
  const activated = (y: Tensor<'float32'>) =>
    typeof activation === 'function' ? activation(y) : activation === 'relu' ? g.relu(y) : y;
  if (layout === undefined) {
    const pooled = sizes.every((size) => size === 1) ? plain : g.maxPool(plain, sizes);
    if (typeof activation !== 'function') return activated(pooled);
    const rows = rowsOfImages(g, pooled) as Tensor<'float32'>;
    return imagesOfRows(g, activated(rows), pooled.shape.slice(2) as number[]) as Tensor<'float32'>;
  }
  const all = layout.form === 'shared' ? ofShared(g, x, weight, layout) : ofOwn(g, x, weight, layout);
  const greatest = firstGreatest(g, all, countOf(sizes));
  const rows = g.reshape(greatest, [x.shape[0], countOf(layout.pooled), weight.shape[0]]);
  // Repeated to all positions first, the bias is added in one long run for each sample.
  const shifted = bias === undefined ? rows : g.add(rows, g.expand<FloatType>(bias, rows.shape.slice(1)));
  return imagesOfRows(g, activated(shifted as Tensor<'float32'>), layout.pooled) as Tensor<'float32'>;
}

/**
 * `flatten(x) · weight` of images. Of a block's images the weight is laid out anew, and not they.
 * @param x - `[batch, channels, …space]`. @param weight - `[channels × space, outer]`, channels slowest.
 */
export function flattenedProduct(g: Graph, x: Tensor<'float32'>, weight: Tensor<'float32'>): Tensor<'float32'> {
  const [batch, ...inner] = x.shape;
  const rows = rowsBehind.get(x);
  if (rows === undefined) return g.matmul(g.reshape(x, [batch, product(inner)]), weight);
  const [channels, ...space] = inner;
  const outer = weight.shape[1];
  const turned = g.transpose(g.reshape(weight, [channels, product(space), outer]), [1, 0, 2]);
  const flat = g.reshape(rows, [batch, product(inner)]) as Tensor<'float32'>;
  return g.matmul(flat, g.reshape(turned, weight.shape));
}

interface Layout {
  readonly form: 'shared' | 'own';
  readonly window: Window;
  /** Sizes of the convolution's window, of the pooled one, and of what either's positions make. */
  readonly taps: readonly number[];
  readonly pool: readonly number[];
  readonly positions: readonly number[];
  readonly pooled: readonly number[];
  /** Sizes of all that a pooled window reaches in the input. */
  readonly span: readonly number[];
}

/**
 * Chooses by an estimate of what a step takes on one thread of onnxruntime 1.30, in nanoseconds for a pooled window:
 * where channels are few, its elements share patches of all that they reach and have more to multiply; where they are
 * many, each has patches of its own, of rows that are as long as there are channels. `undefined` where neither will do.
 */
function layoutOf(
  [, channels]: readonly number[],
  [outer, , ...taps]: readonly number[],
  window: Window,
  pool: readonly number[],
  positions: readonly number[],
): Layout | undefined {
  const pooled = positions.map((size, i) => Math.floor(size / pool[i]));
  const { strides, dilations } = window;
  const span = taps.map((tap, i) => (tap - 1) * dilations[i] + (pool[i] - 1) * strides[i] + 1);
  const elements = countOf(pool);
  // Patches, and twice the product: there and, for the gradient of the weight, back.
  const shared = countOf(span) * channels * 0.85 + 2 * elements * countOf(span) * channels * outer * 0.02;
  const rows = elements * countOf(taps);
  const own = rows * (2.5 + 0.16 * channels) + 2 * rows * channels * outer * 0.0133;
  const form = shared < own ? 'shared' : 'own';
  const perWindow = form === 'shared' ? countOf(span) : rows;
  if (countOf(pooled) * perWindow * channels > mostPatchElements) return undefined;
  return { form, window, taps, pool, positions, pooled, span };
}

/** @returns the convolution at all elements of all pooled windows, `[batch, elements, positions, outer]`. */
function ofShared(g: Graph, x: FloatTensor, weight: FloatTensor, layout: Layout): FloatTensor {
  const { window, taps, pool, pooled, span } = layout;
  const [batch, channels, ...sizes] = x.shape as [Dim, ...number[]];
  const outer = weight.shape[0];
  const [reach, elements, positions] = [span, pool, pooled].map(countOf);
  // A convolution whose windows have a single 1 each picks the elements that a pooled window reaches, one channel at a
  // time. Its weight is a constant, which onnxruntime lays out for its fastest code when it loads.
  const strides = window.strides.map((stride, i) => stride * pool[i]);
  const begin = window.pads.slice(0, sizes.length);
  const end = pooled.map((size, i) => Math.max(0, (size - 1) * strides[i] + span[i] - sizes[i] - begin[i]));
  const picks = new Float32Array(reach * reach);
  for (let i = 0; i < reach; i++) picks[i * reach + i] = 1;
  const picked = g.conv(
    g.reshape(x, [product([batch, channels]), 1, ...sizes]),
    g.constant('float32', picks, [reach, 1, ...span]) as FloatTensor,
    undefined,
    { strides, pads: [...begin, ...end] },
  );
  // The weight once for each element of the pooled window, at its place in the span.
  const places = coveredRows(
    span,
    span.map(() => 0),
    [
      { sizes: taps, steps: window.dilations },
      { sizes: pool, steps: window.strides },
    ],
  );
  const selection = new Float32Array(places.length * reach);
  for (const [at, place] of places.entries()) {
    selection[(Math.floor(at / elements) * reach + place) * elements + (at % elements)] = 1;
  }
  const tapCount = countOf(taps);
  const spread = g.matmul(
    g.reshape(weight, [product([outer, channels]), tapCount]),
    g.constant('float32', selection, [tapCount, reach * elements]) as FloatTensor,
  );
  const byElement = g.reshape(spread, [outer, channels * reach, elements]);
  const factors = g.reshape(g.transpose(byElement, [2, 1, 0]), [1, elements, channels * reach, outer]);
  const columns = g.reshape(picked, [batch, 1, channels * reach, positions]);
  // onnxruntime multiplies the transposed without writing it out.
  const y = g.matmul(g.transpose(columns, [0, 1, 3, 2]), factors);
  g.composite('convolutionBlock', [columns, factors], y, ({ gradients, wanted }) => {
    const given = gradients[0]!;
    const toColumns = () => g.sum(g.matmul(factors, g.transpose(given, [0, 1, 3, 2])), [1], true);
    const toFactors = () => g.sum(g.matmul(columns, given), [0], true);
    return [wanted[0] ? toColumns() : undefined, wanted[1] ? toFactors() : undefined];
  });
  return y;
}

/** @returns the convolution at all elements of all pooled windows, `[batch, elements × positions, outer]`. */
function ofOwn(g: Graph, x: FloatTensor, weight: FloatTensor, layout: Layout): FloatTensor {
  const { window, taps, pool, positions, pooled } = layout;
  const [outer, channels] = weight.shape;
  const order = coveredRows(
    positions,
    positions.map(() => 0),
    [
      { sizes: pool, steps: pool.map(() => 1) },
      { sizes: pooled, steps: pool },
    ],
  );
  const byTap = g.transpose(weight, [...taps.map((_, i) => i + 2), 1, 0]);
  const factor = g.reshape(byTap, [product([...taps, channels]), outer]);
  const reach = { space: x.shape.slice(2) as number[], taps, positions, window, order };
  return patchProduct(g, rowsOfImages(g, x), factor, reach);
}

/**
 * `[batch, elements, …] → [batch, 1, …]`: the greatest of the elements; of equal ones the first has its gradient.
 * @param y - with the elements as the second axis, or as the slower part of it.
 */
function firstGreatest(g: Graph, y: FloatTensor, elements: number): FloatTensor {
  const all = product(y.shape.slice(1));
  const x = g.reshape(y, [y.shape[0], elements, Number(all) / elements]);
  if (elements === 1) return x;
  const greatest = g.largest(x, [1], true);
  g.composite('firstGreatest', [x], greatest, ({ gradients }) => {
    const equal = g.split(
      g.equal(x, greatest),
      1,
      Array.from({ length: elements }, () => 1),
    );
    // What is equal and was not seen before; in the end, all have been seen.
    let seen = equal[0];
    const first = [seen];
    for (const here of equal.slice(1, -1)) {
      const now = g.or(seen, here);
      first.push(g.xor(now, seen));
      seen = now;
    }
    first.push(g.not(seen));
    return [g.mul(g.cast(g.concat(first, 1), x.type), gradients[0]!)];
  });
  return greatest;
}
