/** Numbers of a graph that stay finite. */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';

/** The largest float32. */
export const largest = 2 ** 128 - 2 ** 104;

/** To float32, beyond whose range a number becomes its largest, of the same sign; NaN stays. */
export function narrowed(g: Graph, x: Tensor<'float64'>): Tensor<'float32'> {
  const below = g.where(g.greater(x, largest), largest, x);
  return g.cast(g.where(g.less(below, -largest), -largest, below), 'float32');
}

/** NaN in the place of what is infinite. */
export function finiteOrMissing(g: Graph, x: Tensor<'float32'>): Tensor<'float32'> {
  return g.where(g.lessOrEqual(g.abs(x), largest), x, Number.NaN);
}
