/** Derivatives of sums, means and extremes along axes. */
import type { Graph } from '../graph.ts';
import { product } from '../dimensions.ts';
import type { AttributesOf } from '../operations/table.ts';
import { unary, type FloatTensor } from './definition.ts';

type Reducing = AttributesOf<'ReduceSum'>;

/** With the reduced axes back, of size 1, so that it broadcasts against what was reduced. */
function kept(graph: Graph, reduced: FloatTensor, { shape }: FloatTensor, { axes, keepDims }: Reducing): FloatTensor {
  if (keepDims) return reduced;
  const at = axes.map((axis) => (axis < 0 ? axis + shape.length : axis));
  return graph.reshape(
    reduced,
    shape.map((dim, i) => (at.includes(i) ? 1 : dim)),
  );
}

/** How many elements become one, as a scalar of the type. */
function count(graph: Graph, { shape, type }: FloatTensor, { axes }: Reducing): FloatTensor {
  const size = product(axes.map((axis) => shape.at(axis)!));
  if (typeof size === 'number') return graph.literal(type, size);
  return graph.reshape(graph.cast(graph.sizeTensor(size), type), []);
}

export const reductions = {
  ReduceSum: unary<Reducing>((g, x, _y, graph, how) => graph.expand(kept(graph, g, x, how), x.shape)),
  ReduceMean: unary<Reducing>((g, x, _y, graph, how) =>
    graph.expand(graph.div(kept(graph, g, x, how), count(graph, x, how)), x.shape),
  ),
};
