/**
 * Convolution as products of matrices over patches: rows `[batch, positions of space, channels]`, of which a window's
 * are gathered side by side (K. Chellapilla, S. Puri and P. Simard, "High Performance Convolutional Neural Networks for
 * Document Processing", 2006). Which row goes where is known while building, so the gathers' indices are constants.
 */
import type { FloatTensor } from './derivatives/definition.ts';
import { product, type Dim } from './dimensions.ts';
import type { Graph } from './graph.ts';
import type { Window } from './operations/convolution.ts';

/** Places of a box in row-major order, and how far each axis' step moves in the input. */
export interface Box {
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

export const countOf = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

/**
 * The row of the input, of the sizes `space`, at each place of the boxes, the last of which moves fastest: the sum of
 * their steps, less the padding before the input. −1 in the padding.
 */
export function coveredRows(space: readonly number[], pads: readonly number[], boxes: readonly Box[]): Int32Array {
  const sizes = boxes.flatMap((box) => box.sizes);
  const steps = boxes.flatMap((box) => box.steps);
  const place = sizes.map(() => 0);
  const rows = new Int32Array(countOf(sizes));
  for (let index = 0; index < rows.length; index++) {
    let row = 0;
    for (const [i, size] of space.entries()) {
      let at = -pads[i];
      for (let axis = i; axis < sizes.length; axis += space.length) at += place[axis] * steps[axis];
      row = row < 0 || at < 0 || at >= size ? -1 : row * size + at;
    }
    rows[index] = row;
    for (let axis = sizes.length - 1; axis >= 0 && ++place[axis] === sizes[axis]; axis--) place[axis] = 0;
  }
  return rows;
}

/** Of images that were made of rows, the rows. */
export const rowsBehind = new WeakMap<FloatTensor, FloatTensor>();

/** `[batch, channels, …space]` as rows `[batch, positions, channels]`. */
export function rowsOfImages(g: Graph, x: FloatTensor): FloatTensor {
  const [batch, channels, ...space] = x.shape;
  const flat = [batch, channels, product(space)];
  // With three axes, moving one takes a third of the time (onnxruntime 1.30).
  return rowsBehind.get(x) ?? g.transpose(g.reshape(x, flat), [0, 2, 1]);
}

/** The reverse of `rowsOfImages`. */
export function imagesOfRows(g: Graph, rows: FloatTensor, space: readonly number[]): FloatTensor {
  const [batch, , channels] = rows.shape;
  const images = g.reshape(g.transpose(rows, [0, 2, 1]), [batch, channels, ...space]);
  rowsBehind.set(images, rows);
  return images;
}

/** A convolution of which some positions are computed, in an order of one's own. */
export interface Reach {
  /** Sizes of the input's axes of space, of the window, and of what the window's positions make. */
  readonly space: readonly number[];
  readonly taps: readonly number[];
  readonly positions: readonly number[];
  readonly window: Window;
  /** The positions to compute, by their number in row-major order; none twice. */
  readonly order: Int32Array;
}

/**
 * `y[n, i] = Σ_t x[n, row of tap t at position order[i]] · w[t]`, where padding is 0.
 * @param x - `[batch, rows, c]`. @param weight - `[taps × c, m]`.
 * @returns `[batch, positions of the order, m]`.
 */
export function patchProduct(g: Graph, x: FloatTensor, weight: FloatTensor, reach: Reach): FloatTensor {
  const { space, taps, order, window } = reach;
  const [batch, size, channels] = x.shape as [Dim, number, number];
  const outer = Number(weight.shape[1]);
  const columns = countOf(taps) * channels;
  const covered = coveredRows(space, window.pads, [
    { sizes: reach.positions, steps: window.strides },
    { sizes: taps, steps: window.dilations },
  ]);
  const rows = new Int32Array(order.length * countOf(taps));
  for (const [i, position] of order.entries()) {
    const from = position * countOf(taps);
    rows.set(covered.subarray(from, from + countOf(taps)), i * countOf(taps));
  }
  const padded = rows.includes(-1) ? withZeroRow(g, x) : x;
  const patches = g.reshape(gatherRows(g, padded, rows, size), [batch, order.length, columns]);
  const flat = [product([batch, order.length]), columns];
  const y = g.reshape(g.matmul(g.reshape(patches, flat), weight), [batch, order.length, outer]);
  g.composite('patchProduct', [x, weight], y, ({ gradients, wanted }) => {
    const given = gradients[0]!;
    // ∂w = Σₙ patchesᵀ ∂y. A product for each sample keeps two threads busy, where one that is narrow and long does not
    // (onnxruntime 1.30: 1.4 ms, 1.9 for 128 × 196 patches of 144, 32 wide); but each has a result to be added up.
    const toWeight = () => {
      if (2 * outer <= order.length) return g.sum(g.matmul(g.transpose(patches, [0, 2, 1]), given), [0]);
      const flatGiven = g.reshape(given, [flat[0], outer]);
      return g.gemm(g.reshape(patches, flat), flatGiven, undefined, { transA: true });
    };
    return [
      wanted[0] ? g.reshape(readBack(g, given, weight, reach), x.shape) : undefined,
      wanted[1] ? toWeight() : undefined,
    ];
  });
  return y;
}

/**
 * `∂x[s] = Σ_t ∂y[position that reads s by tap t] · w[t]ᵀ`. The taps along the first axis of space are gathered before
 * the product, and those along the others are added up after it: a third of the columns that gathering all nine of a
 * 3 × 3 window, or adding all of them up, has to write and to read.
 */
function readBack(g: Graph, given: FloatTensor, weight: FloatTensor, reach: Reach): FloatTensor {
  const { space, taps, positions, window, order } = reach;
  const { strides, pads, dilations } = window;
  const outer = Number(weight.shape[1]);
  const inner = Number(weight.shape[0]) / countOf(taps);
  const [batch] = given.shape;
  const [firstTaps, otherTaps] = [taps[0], countOf(taps.slice(1))];
  // The position that reads a row of the input by a tap, along one axis.
  const reader = (axis: number, row: number, tap: number): number => {
    const position = (row + pads[axis] - tap * dilations[axis]) / strides[axis];
    return Number.isInteger(position) && position >= 0 && position < positions[axis] ? position : -1;
  };

  // In between, a row is one of the first axis of the input and a position of the other axes. The last one is zeros.
  const across = countOf(positions.slice(1));
  const between = space[0] * across;
  const place = new Int32Array(countOf(positions)).fill(-1);
  for (const [i, position] of order.entries()) place[position] = i;
  const first = new Int32Array((between + 1) * firstTaps).fill(-1);
  for (let at = 0; at < between * firstTaps; at++) {
    const [row, tap] = [Math.floor(at / firstTaps), at % firstTaps];
    const position = reader(0, Math.floor(row / across), tap);
    if (position >= 0) first[at] = place[position * across + (row % across)];
  }
  const gathered = gatherRows(g, withZeroRow(g, given), first, order.length);
  // [first × others × c, m] → [first × m, others × c]
  const turned = g.transpose(g.reshape(weight, [firstTaps, otherTaps * inner, outer]), [0, 2, 1]);
  const spread = g.matmul(
    g.reshape(gathered, [product([batch, between + 1]), firstTaps * outer]),
    g.reshape(turned, [firstTaps * outer, otherTaps * inner]),
  );
  const columns = g.reshape(spread, [batch, (between + 1) * otherTaps, inner]);

  const others = new Int32Array(otherTaps * countOf(space));
  for (let at = 0; at < others.length; at++) {
    let [tap, row] = [Math.floor(at / countOf(space)), at % countOf(space)];
    const kept = Math.floor(tap);
    let [position, width] = [0, 1];
    for (let axis = space.length - 1; axis > 0; axis--) {
      const one = reader(axis, row % space[axis], tap % taps[axis]);
      position = one < 0 || position < 0 ? -1 : position + one * width;
      [tap, row] = [Math.floor(tap / taps[axis]), Math.floor(row / space[axis])];
      width *= positions[axis];
    }
    others[at] = (position < 0 ? between : row * across + position) * otherTaps + kept;
  }
  const parts = g.reshape(gatherRows(g, columns, others, 0), [batch, otherTaps, countOf(space) * inner]);
  return otherTaps === 1 ? parts : g.sum(parts, [1]);
}

/** One more row per sample, of zeros. */
function withZeroRow(g: Graph, rows: FloatTensor): FloatTensor {
  const [batch, , columns] = rows.shape;
  return g.concat([rows, g.full(rows.type, [batch, 1, columns], 0)], 1);
}

/** @param padding - the row that −1 stands for. */
function gatherRows(g: Graph, x: FloatTensor, rows: Int32Array, padding: number): FloatTensor {
  const places = rows.map((row) => (row < 0 ? padding : row));
  return g.gather(x, g.constant('int32', places, [places.length]), 1);
}
