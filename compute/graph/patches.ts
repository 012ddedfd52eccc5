/**
 * Convolution as products of matrices over patches: rows `[batch, positions of space, channels]`, of which a window's
 * are gathered side by side (K. Chellapilla, S. Puri and P. Simard, "High Performance Convolutional Neural Networks for
 * Document Processing", 2006). Which row goes where is known while building, so the gathers' indices are constants.
 */
import type { FloatTensor } from './derivatives/definition.ts';
import { product, type Dim } from './dimensions.ts';
import type { Graph } from './graph.ts';

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

/**
 * `y[n, p] = Σ_t x[n, rows[p, t]] · w[t]`, where padding is 0.
 * @param x - `[batch, size, c]`. @param weight - `[taps × c, m]`.
 * @param rows - `[positions × taps]` of numbers in [0, size), and −1 for padding. At one tap, no two positions have the
 * same row.
 * @returns `[batch, positions, m]`.
 */
export function patchProduct(
  g: Graph,
  x: FloatTensor,
  weight: FloatTensor,
  rows: Int32Array,
  taps: number,
): FloatTensor {
  const [batch, size, channels] = x.shape as [Dim, number, number];
  const outer = Number(weight.shape[1]);
  const positions = rows.length / taps;
  const isPadded = rows.includes(-1);
  const padded = isPadded ? g.concat([x, g.full(x.type, [batch, 1, channels], 0)], 1) : x;
  const columns = taps * channels;
  const patches = g.reshape(gatherRows(g, padded, rows, size), [batch, positions, columns]);
  const flat = [product([batch, positions]), columns];
  const y = g.reshape(g.matmul(g.reshape(patches, flat), weight), [batch, positions, outer]);
  g.composite('patchProduct', [x, weight], [y], ({ gradients, wanted }) => {
    const given = gradients[0]!;
    const givenRows = g.reshape(given, [product([batch, positions]), outer]);
    // ∂w = Σₙ patchesᵀ ∂y. A product for each sample keeps two threads busy, where one that is narrow and long does not
    // (onnxruntime 1.30: 1.4 ms, 1.9 for 128 × 196 patches of 144, 32 wide); but each has a result to be added up.
    const toWeight = () =>
      2 * outer <= positions
        ? g.sum(g.matmul(g.transpose(patches, [0, 2, 1]), given), [0])
        : g.gemm(g.reshape(patches, flat), givenRows, undefined, { transA: true });
    // ∂x[s] = Σ_t ∂y[p] · w[t]ᵀ of the position whose tap t reads s. Where there is none, a tap of zeros is read.
    const toInput = () => {
      const reading = readers(rows, taps, size);
      const isSparse = reading.includes(-1);
      const width = isSparse ? taps + 1 : taps;
      const factor = isSparse ? g.concat([weight, g.full(x.type, [channels, outer], 0)], 0) : weight;
      const spread = g.reshape(g.gemm(givenRows, factor, undefined, { transB: true }), [
        batch,
        positions * width,
        channels,
      ]);
      const places = reading.map((p, at) => (p < 0 ? taps : p * width + Math.floor(at / size)));
      return g.reshape(
        g.sum(g.reshape(gatherRows(g, spread, places, 0), [batch, taps, size * channels]), [1]),
        x.shape,
      );
    };
    return [wanted[0] ? toInput() : undefined, wanted[1] ? toWeight() : undefined];
  });
  return y;
}

/** @param padding - the row that −1 stands for. */
function gatherRows(g: Graph, x: FloatTensor, rows: Int32Array, padding: number): FloatTensor {
  const places = rows.map((row) => (row < 0 ? padding : row));
  return g.gather(x, g.constant('int32', places, [places.length]), 1);
}

/** For each tap and row of the input `[taps × size]`, the position that reads it there; −1 where none does. */
function readers(rows: Int32Array, taps: number, size: number): Int32Array {
  const reading = new Int32Array(taps * size).fill(-1);
  for (const [at, row] of rows.entries()) {
    if (row >= 0) reading[(at % taps) * size + row] = Math.floor(at / taps);
  }
  return reading;
}
