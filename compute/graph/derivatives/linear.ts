/** Derivatives of matrix products and of what is normalised along an axis. */
import type { Graph } from '../graph.ts';
import type { AttributesOf } from '../operations/table.ts';
import { ofOutput, sumTo, unary, type FloatTensor } from './definition.ts';

/** The last two axes exchanged. */
function transposed(graph: Graph, x: FloatTensor): FloatTensor {
  const rank = x.shape.length;
  return graph.transpose(x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]);
}

export const linear = {
  // C = A B: ∂A = ∂C Bᵀ, ∂B = Aᵀ ∂C
  MatMul: ofOutput<object>((g, { graph, inputs: [a, b], wanted }) => {
    const plain = a.shape.length === 2 && b.shape.length === 2;
    if (plain) {
      // Gemm reads its factors transposed, where Transpose would write a copy.
      return [
        wanted[0] ? graph.gemm(g, b, undefined, { transB: true }) : undefined,
        wanted[1] ? graph.gemm(a, g, undefined, { transA: true }) : undefined,
      ];
    }
    return [
      wanted[0] ? sumTo(graph, graph.matmul(g, transposed(graph, b)), a.shape) : undefined,
      wanted[1] ? sumTo(graph, graph.matmul(transposed(graph, a), g), b.shape) : undefined,
    ];
  }),
  LogSoftmax: unary<AttributesOf<'LogSoftmax'>>((g, _x, y, graph, { axis }) =>
    // ∂x = g − softmax(x) Σ g
    graph.sub(g, graph.mul(graph.exp(y), graph.sum(g, [axis], true))),
  ),
};
