/** Derivatives of sums, means, products and extremes along axes. */
import type { Graph } from '../graph.ts';
import { product } from '../dimensions.ts';
import type { AttributesOf } from '../operations/table.ts';
import { sizeAs, times, unary, zero, type FloatTensor } from './definition.ts';

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

/** For rules that need the gradient and the result against the input: both with the reduced axes back. */
const reduction = (
  rule: (g: FloatTensor, x: FloatTensor, y: FloatTensor, graph: Graph, how: Reducing) => FloatTensor,
) => unary<Reducing>((g, x, y, graph, how) => rule(kept(graph, g, x, how), x, kept(graph, y, x, how), graph, how));

/** Elements that tie for the extreme have equal shares. */
const extreme = reduction((g, x, y, graph, { axes }) => {
  const hits = graph.cast(graph.equal(x, y), x.type);
  return graph.mul(hits, graph.div(g, graph.sum(hits, axes, true)));
});

export const reductions = {
  ReduceSum: unary<Reducing>((g, x, _y, graph, how) => graph.expand(kept(graph, g, x, how), x.shape)),
  ReduceMean: unary<Reducing>((g, x, _y, graph, how) => {
    const count = product(how.axes.map((axis) => x.shape.at(axis)!));
    return graph.expand(graph.div(kept(graph, g, x, how), sizeAs(graph, x.type, count)), x.shape);
  }),
  ReduceMax: extreme,
  ReduceMin: extreme,
  // ∂xᵢ = Π xⱼ over j ≠ i: the product of all that are not 0, over xᵢ where it is among them, and 0 where any other is.
  ReduceProd: reduction((g, x, _y, graph, { axes }) => {
    const isZero = graph.equal(x, 0);
    const zeros = graph.cast(isZero, x.type);
    const factors = graph.where(isZero, 1, x);
    const others = graph.sub(graph.sum(zeros, axes, true), zeros);
    const rest = graph.div(graph.prod(factors, axes, true), factors);
    return graph.mul(g, graph.where(graph.equal(others, 0), rest, 0));
  }),
  // y = |x|: ∂x = x / y, and 0 for x = 0
  ReduceL2: reduction((g, x, y, graph) => times(graph, graph.where(graph.equal(y, 0), 0, graph.div(g, y)), x)),
  ReduceSumSquare: unary<Reducing>((g, x, _y, graph, how) => times(graph, kept(graph, graph.mul(g, 2), x, how), x)),
  // y = log Σ exp(x): ∂x = exp(x − y)
  ReduceLogSumExp: reduction((g, x, y, graph) => times(graph, g, graph.exp(graph.sub(x, y)))),
  ArgMax: zero,
  ArgMin: zero,
};
