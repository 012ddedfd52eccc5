/**
 * Convolution as products of matrices over patches: rows `[batch, positions of space, channels]`, of which a window's
 * are gathered side by side (K. Chellapilla, S. Puri and P. Simard, "High Performance Convolutional Neural Networks for
 * Document Processing", 2006). Which row goes where is known while building, so the gathers' indices are constants.
 */
import type { FloatTensor } from './derivatives/definition.ts';
import { product, sameShape } from './dimensions.ts';
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

/**
 * For each of the input's `size` rows and each tap, the position whose tap covers that row; −1 where there is none. At
 * one tap, no two positions cover the same row.
 * @param rows - `[positions × taps]`.
 */
export function reversedRows(rows: Int32Array, taps: number, size: number): Int32Array {
  const reversed = new Int32Array(size * taps).fill(-1);
  for (const [at, row] of rows.entries()) {
    if (row >= 0) reversed[row * taps + (at % taps)] = Math.floor(at / taps);
  }
  return reversed;
}

/** `[batch, channels, …space]` as rows `[batch, positions, channels]`. */
export function rowsOfImages(g: Graph, x: FloatTensor): FloatTensor {
  const [batch, channels, ...space] = x.shape;
  const { source } = x;
  // What another layer made of rows need not be made rows again.
  const made = source.kind === 'node' && source.node.operation === 'Transpose' ? source.node.inputs[0] : undefined;
  const last = [batch, ...space, channels];
  const isLast = made !== undefined && sameShape(made.shape, last) && sameShape(permutationOf(x), toFirst(last.length));
  const moved = isLast ? (made as FloatTensor) : g.transpose(x, [0, ...space.map((_, i) => i + 2), 1]);
  return g.reshape(moved, [batch, product(space), channels]);
}

/** The reverse of `rowsOfImages`. */
export function imagesOfRows(g: Graph, rows: FloatTensor, space: readonly number[]): FloatTensor {
  const [batch, , channels] = rows.shape;
  return g.transpose(g.reshape(rows, [batch, ...space, channels]), toFirst(space.length + 2));
}

/** The permutation that brings the last axis to where channels are. */
const toFirst = (rank: number) => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];

function permutationOf({ source }: FloatTensor): readonly number[] {
  return source.kind === 'node' ? (source.node.attributes as { permutation: readonly number[] }).permutation : [];
}

/** One more row per sample, of zeros: what padding is read from. */
export function withZeroRow(g: Graph, ...rows: readonly FloatTensor[]): FloatTensor {
  const [{ type, shape }] = rows;
  return g.concat([...rows, g.full(type, [shape[0], 1, shape[2]], 0)], 1);
}

/**
 * Rows side by side: `[batch × n / width, width × channels]` of `[batch, size + 1, channels]`.
 * @param index - n row numbers; −1 is the last row, which must be zeros.
 */
export function gathered(g: Graph, rows: FloatTensor, index: Int32Array, width: number): FloatTensor {
  const [batch, size, channels] = rows.shape;
  const zeros = Number(size) - 1;
  const places = g.constant(
    'int32',
    index.map((row) => (row < 0 ? zeros : row)),
    [index.length],
  );
  const columns = product([width, channels]);
  return g.reshape(g.gather(rows, places, 1), [product([batch, index.length / width]), columns]);
}

/** `[taps × c, m]` as `[taps × m, c]`: the weight of the way back. */
export function reversedWeight(g: Graph, weight: FloatTensor, taps: number): FloatTensor {
  const outer = weight.shape[1];
  const inner = Number(weight.shape[0]) / taps;
  return g.reshape(g.transpose(g.reshape(weight, [taps, inner, outer]), [0, 2, 1]), [product([taps, outer]), inner]);
}

/** A weight `[m, c, …taps]` as a factor of patches, `[taps × c, m]`. */
export function patchWeight(g: Graph, weight: FloatTensor): FloatTensor {
  const [outer, inner, ...taps] = weight.shape;
  const moved = g.transpose(weight, [...taps.map((_, i) => i + 2), 1, 0]);
  return g.reshape(moved, [product([...taps, inner]), outer]);
}
