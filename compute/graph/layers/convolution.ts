/** Convolutional layers in the form in which a training step takes the least time. */
import type { FloatTensor } from '../derivatives/definition.ts';
import { formatShape, product } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { each, windowOf, type Window, type WindowOptions } from '../operations/convolution.ts';
import {
  countOf,
  gathered,
  imagesOfRows,
  patchWeight,
  coveredRows,
  reversedRows,
  reversedWeight,
  rowsOfImages,
  withZeroRow,
} from '../patches.ts';
import { GraphError, type Tensor } from '../program.ts';

export interface BlockOptions extends WindowOptions {
  /** Sizes of the windows of which the greatest is kept, side by side; 1 by default: all are kept. */
  readonly pool?: number | readonly number[];
  /** `relu` by default. */
  readonly activation?: 'relu' | 'none';
}

/** Elements of a sample's patches above which they would not fit a cache, nor a batch of them some memory. */
const mostPatchElements = 2 ** 17;

/**
 * `relu(maxPool(conv(x, weight, bias)))`, the same function as these three operations are, with the same gradients
 * (of equal elements in a window the first one has it). A step of training takes about half their time on a CPU: the
 * pooled windows' elements are computed as planes, so that the greatest, and on the way back where it was, are found
 * between whole tensors; bias and activation come after it. An inference graph is better off with the operations.
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
  const [image, kernel] = [x.shape.slice(1), weight.shape] as number[][];
  const layout = known ? layoutOf(image, kernel, window, sizes, pooled) : undefined;
  if (layout === undefined) {
    const greatest = sizes.every((size) => size === 1) ? plain : g.maxPool(plain, sizes);
    return activation === 'relu' ? g.relu(greatest) : greatest;
  }
  const greatest = firstGreatest(g, planesOf(g, rowsOfImages(g, x), patchWeight(g, weight), layout));
  const shifted = bias === undefined ? greatest : g.add(greatest, bias as FloatTensor);
  const rows = activation === 'relu' ? g.relu(shifted) : shifted;
  return imagesOfRows(g, rows, layout.space) as Tensor<'float32'>;
}

interface Layout {
  /** Sizes of the result's axes of space. */
  readonly space: readonly number[];
  /** Elements of a pooled window, taps of the convolution's, rows of the input. */
  readonly planes: number;
  readonly taps: number;
  readonly size: number;
  /** Rows that the convolution reads: `[planes × positions × taps]`. */
  readonly rows: Int32Array;
  /** Where the planes share patches: the rows of a pooled window `[positions × span]`, and which of them a tap reads. */
  readonly shared?: { readonly rows: Int32Array; readonly span: number; readonly places: Int32Array };
}

/** Nanoseconds of a thread in onnxruntime 1.30, to gather a row and for a multiplication in a product of matrices. */
const rowCost = (channels: number) => 2.5 + 0.16 * channels;
const productCost = 1 / 75;

function layoutOf(
  [channels, ...space]: readonly number[],
  [outer, , ...taps]: readonly number[],
  { strides, pads, dilations }: Window,
  pool: readonly number[],
  pooled: readonly number[],
): Layout | undefined {
  const windows = { sizes: pooled, steps: strides.map((stride, i) => stride * pool[i]) };
  const within = { sizes: pool, steps: strides };
  const window = { sizes: taps, steps: dilations };
  const spans = taps.map((tap, i) => (tap - 1) * dilations[i] + (pool[i] - 1) * strides[i] + 1);
  const [planeCount, tapCount, span, positions] = [pool, taps, spans, pooled].map(countOf);
  // To gather the patches, and twice the product: there and, for the gradient of the weight, back.
  const cost = (patches: number, width: number) =>
    patches * width * rowCost(channels) + 2 * planeCount * width * channels * outer * productCost;
  const isShared = planeCount > 1 && cost(1, span) < cost(planeCount, tapCount);
  if (positions * (isShared ? span : planeCount * tapCount) * channels > mostPatchElements) return undefined;
  return {
    space: pooled,
    planes: planeCount,
    taps: tapCount,
    size: countOf(space),
    rows: coveredRows(space, pads, [within, windows, window]),
    ...(isShared && {
      shared: {
        rows: coveredRows(space, pads, [windows, { sizes: spans, steps: spans.map(() => 1) }]),
        span,
        places: coveredRows(
          spans,
          pads.map(() => 0),
          [within, window],
        ),
      },
    }),
  };
}

/**
 * The convolution's result as one tensor `[batch, positions, m]` for each element of a pooled window.
 * @param x - `[batch, rows, c]`. @param weight - `[taps × c, m]`.
 */
function planesOf(g: Graph, x: FloatTensor, weight: FloatTensor, layout: Layout): readonly FloatTensor[] {
  const { planes, taps, size, rows, shared } = layout;
  const [batch, , channels] = x.shape;
  const outer = weight.shape[1];
  const positions = countOf(layout.space);
  const padded = withZeroRow(g, x);
  let patches: FloatTensor;
  let results: readonly FloatTensor[];
  let selection: FloatTensor | undefined;
  if (shared === undefined) {
    // One more position that reads zeros, so that the gradients can have a row of zeros behind them.
    const blank = new Int32Array(rows.length + taps).fill(-1);
    blank.set(rows);
    patches = gathered(g, padded, blank, taps);
    const product = g.reshape(g.matmul(patches, weight), [batch, planes * positions + 1, outer]);
    results = g.split(product, 1, [...Array.from({ length: planes }, () => positions), 1]).slice(0, planes);
  } else {
    patches = gathered(g, padded, shared.rows, shared.span);
    // Each plane's weight is the window's, at its place in the span.
    const chosen = new Float32Array(planes * shared.span * taps);
    for (const [at, place] of shared.places.entries()) {
      chosen[(Math.floor(at / taps) * shared.span + place) * taps + (at % taps)] = 1;
    }
    selection = g.constant('float32', chosen, [planes * shared.span, taps]);
    const spread = g.matmul(selection, g.reshape(weight, [taps, product([channels, outer])]));
    const weights = g.reshape(spread, [planes, product([shared.span, channels]), outer]);
    results = g
      .split(
        weights,
        0,
        Array.from({ length: planes }, () => 1),
      )
      .map((one) => g.matmul(patches, g.reshape(one, [product([shared.span, channels]), outer])))
      .map((one) => g.reshape(one, [batch, positions, outer]));
  }
  g.composite('convolutionBlock', [x, weight], results, ({ gradients, wanted }) => {
    const given = gradients.map((gradient, i) => gradient ?? g.full(x.type, results[i].shape, 0));
    // ∂w = patchesᵀ ∂y
    const byPatches = (y: FloatTensor) => g.gemm(patches, y, undefined, { transA: true });
    const flat = (y: FloatTensor) => g.reshape(y, [product([y.shape[0], y.shape[1]]), outer]);
    const whole = shared === undefined || wanted[0] ? withZeroRow(g, ...given) : undefined;
    const toWeight = () => {
      if (shared === undefined) return byPatches(flat(whole!));
      const spread = g.concat(
        given.map((y) => g.reshape(byPatches(flat(y)), [shared.span, product([channels, outer])])),
        0,
      );
      return g.reshape(g.gemm(selection!, spread, undefined, { transA: true }), weight.shape);
    };
    // ∂x is a convolution of ∂y: each row is read by one position at each tap, or none.
    const toInput = () => {
      const around = gathered(g, whole!, reversedRows(rows, taps, size), taps);
      return g.reshape(g.matmul(around, reversedWeight(g, weight, taps)), x.shape);
    };
    return [wanted[0] ? toInput() : undefined, wanted[1] ? toWeight() : undefined];
  });
  return results;
}

/** The greatest of several tensors of one shape; the first one that has it has its gradient. */
function firstGreatest(g: Graph, tensors: readonly FloatTensor[]): FloatTensor {
  if (tensors.length === 1) return tensors[0];
  const running = [tensors[0]];
  for (const tensor of tensors.slice(1)) running.push(g.max(running.at(-1)!, tensor));
  const greatest = running.at(-1)!;
  g.composite('convolutionBlock', tensors, [greatest], ({ gradients }) => {
    // From the last to the first: what is greater than all before it takes what those after it have left.
    let left = gradients[0]!;
    const shares = tensors.slice(1).map((_, i) => {
      const at = tensors.length - 1 - i;
      const taken = g.mul(left, g.cast(g.greater(tensors[at], running[at - 1]), left.type));
      left = g.sub(left, taken);
      return taken;
    });
    return [left, ...shares.toReversed()];
  });
  return greatest;
}
