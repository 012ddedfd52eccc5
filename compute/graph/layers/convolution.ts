/** Convolutional layers in the form in which a training step takes the least time. */
import type { FloatTensor } from '../derivatives/definition.ts';
import { formatShape, product, type Dim, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { each, windowOf, type Window, type WindowOptions } from '../operations/convolution.ts';
import { countOf, coveredRows, imagesOfRows, patchProduct, rowsOfImages } from '../patches.ts';
import { GraphError, type Tensor } from '../program.ts';

export interface BlockOptions extends WindowOptions {
  /** Sizes of the windows of which the greatest is kept, side by side; 1 by default: all are kept. */
  readonly pool?: number | readonly number[];
  /** `relu` by default. */
  readonly activation?: 'relu' | 'none';
}

/** Elements of a sample's patches above which a batch of them would take too much memory. */
const mostPatchElements = 2 ** 17;

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
  const pooled = plain.shape.slice(2).map((size, i) => Math.floor(Number(size) / sizes[i]));
  const layout = known ? layoutOf(x.shape as number[], weight.shape as number[], window, sizes, pooled) : undefined;
  const shifted = (rows: FloatTensor, along: Shape) =>
    bias === undefined ? rows : g.add(rows, g.reshape(bias, along) as FloatTensor);
  const activated = (y: FloatTensor) => (activation === 'relu' ? g.relu(y) : y) as Tensor<'float32'>;
  const outer = weight.shape[0];
  switch (layout?.form) {
    case 'channels first':
      return g.reshape(activated(shifted(channelsFirst(g, x, weight, layout), [outer, 1])), [
        x.shape[0],
        outer,
        ...pooled,
      ]);
    case 'channels last':
      return imagesOfRows(
        g,
        activated(shifted(channelsLast(g, x, weight, layout), [outer])),
        pooled,
      ) as Tensor<'float32'>;
    default:
      return activated(sizes.every((size) => size === 1) ? plain : g.maxPool(plain, sizes));
  }
}

interface Layout {
  readonly form: 'channels first' | 'channels last';
  readonly window: Window;
  /** Sizes of the convolution's window, of the pooled one, and of the result's axes of space. */
  readonly taps: readonly number[];
  readonly pool: readonly number[];
  readonly space: readonly number[];
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
  space: readonly number[],
): Layout | undefined {
  const { strides, dilations } = window;
  const span = taps.map((tap, i) => (tap - 1) * dilations[i] + (pool[i] - 1) * strides[i] + 1);
  const elements = countOf(pool);
  // Patches, and twice the product: there and, for the gradient of the weight, back.
  const shared = countOf(span) * channels * 0.85 + 2 * elements * countOf(span) * channels * outer * 0.02;
  const rows = elements * countOf(taps);
  const own = rows * (2.5 + 0.16 * channels) + 2 * rows * channels * outer * 0.0133;
  const form = shared < own ? 'channels first' : 'channels last';
  const perWindow = form === 'channels first' ? countOf(span) : rows;
  if (countOf(space) * perWindow * channels > mostPatchElements) return undefined;
  return { form, window, taps, pool, space, span };
}

/** @returns the greatest of each pooled window, `[batch, outer, positions]`. */
function channelsFirst(g: Graph, x: FloatTensor, weight: FloatTensor, layout: Layout): FloatTensor {
  const { window, taps, pool, space, span } = layout;
  const [batch, channels, ...sizes] = x.shape as [Dim, ...number[]];
  const outer = weight.shape[0];
  const [reach, elements, positions] = [span, pool, space].map(countOf);
  // A convolution whose windows have a single 1 each picks the elements that a pooled window reaches, one channel at a
  // time. Its weight is a constant, which onnxruntime lays out for its fastest code when it loads.
  const strides = window.strides.map((stride, i) => stride * pool[i]);
  const begin = window.pads.slice(0, sizes.length);
  const end = space.map((size, i) => Math.max(0, (size - 1) * strides[i] + span[i] - sizes[i] - begin[i]));
  const picks = new Float32Array(reach * reach);
  for (let i = 0; i < reach; i++) picks[i * reach + i] = 1;
  const picked = g.conv(
    g.reshape(x, [product([batch, channels]), 1, ...sizes]),
    g.constant('float32', picks, [reach, 1, ...span]) as FloatTensor,
    undefined,
    { strides, pads: [...begin, ...end] },
  );
  const patches = g.reshape(picked, [batch, channels * reach, positions]);
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
  for (const [at, place] of places.entries()) selection[at * reach + place] = 1;
  const tapCount = countOf(taps);
  const spread = g.matmul(
    g.reshape(weight, [product([outer, channels]), tapCount]),
    g.constant('float32', selection, [tapCount, elements * reach]) as FloatTensor,
  );
  const byElement = g.transpose(g.reshape(spread, [outer, channels, elements, reach]), [2, 0, 1, 3]);
  const all = g.matmul(g.reshape(byElement, [product([elements, outer]), channels * reach]), patches);
  const greatest = firstGreatest(g, g.reshape(all, [batch, elements, product([outer, positions])]));
  return g.reshape(greatest, [batch, outer, positions]);
}

/** @returns the greatest of each pooled window, `[batch, positions, outer]`. */
function channelsLast(g: Graph, x: FloatTensor, weight: FloatTensor, layout: Layout): FloatTensor {
  const { window, taps, pool, space } = layout;
  const [outer, channels] = weight.shape;
  const rows = coveredRows(x.shape.slice(2) as number[], window.pads, [
    { sizes: pool, steps: window.strides },
    { sizes: space, steps: window.strides.map((stride, i) => stride * pool[i]) },
    { sizes: taps, steps: window.dilations },
  ]);
  const byTap = g.transpose(weight, [...taps.map((_, i) => i + 2), 1, 0]);
  const factor = g.reshape(byTap, [product([...taps, channels]), outer]);
  const y = patchProduct(g, rowsOfImages(g, x), factor, rows, countOf(taps));
  const [elements, positions] = [pool, space].map(countOf);
  const greatest = firstGreatest(g, g.reshape(y, [x.shape[0], elements, product([positions, outer])]));
  return g.reshape(greatest, [x.shape[0], positions, outer]);
}

/** `[batch, elements, n] → [batch, 1, n]`: the greatest of the elements; of equal ones the first has its gradient. */
function firstGreatest(g: Graph, x: FloatTensor): FloatTensor {
  const count = Number(x.shape[1]);
  if (count === 1) return x;
  const greatest = g.largest(x, [1], true);
  g.composite('firstGreatest', [x], [greatest], ({ gradients }) => {
    const equal = g.split(
      g.equal(x, greatest),
      1,
      Array.from({ length: count }, () => 1),
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
