/**
 * Sums whose bits do not depend on where a row stands in a tensor. Those of onnxruntime's `ReduceSum` do where rows do
 * not all begin at a multiple of a vector's size, and those of a product with ones on how many rows there are.
 */
import type { Graph } from '../graph.ts';
import type { FloatType, Tensor } from '../program.ts';

/**
 * Of each row, by adding its halves to each other until one number is left: an error of log₂ n units of the last place.
 * @param x - `[batch, n]`, n at least 1 and known while building.
 * @returns `[batch, 1]`
 */
export function rowSums<D extends FloatType>(g: Graph, x: Tensor<D>): Tensor<D> {
  let sums = x;
  for (let width = Number(x.shape[1]); width > 1; width = Math.ceil(width / 2)) {
    const half = Math.floor(width / 2);
    const halves = g.add(g.slice(sums, 1, 0, half), g.slice(sums, 1, half, 2 * half));
    sums = width % 2 === 0 ? halves : g.concat([halves, g.slice(sums, 1, width - 1, width)], 1);
  }
  return sums;
}
