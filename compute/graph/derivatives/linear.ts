/** Derivatives of matrix products and of what is normalised or added up along an axis. */
import { product } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import type { AttributesOf } from '../operations/table.ts';
import { mapped, ofOutput, sumTo, times, unary, type FloatTensor } from './definition.ts';

/** The last two axes exchanged. */
function transposed(graph: Graph, x: FloatTensor): FloatTensor {
  const rank = x.shape.length;
  return graph.transpose(x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]);
}

/** `[…, n]` as a matrix of n columns. */
function rowsOf(graph: Graph, x: FloatTensor): FloatTensor {
  return graph.reshape(x, [product(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

export const linear = {
  // C = A B: ∂A = ∂C Bᵀ, ∂B = Aᵀ ∂C
  MatMul: ofOutput<object>((g, { graph, inputs: [a, b], wanted }) => {
    if (b.shape.length === 2) {
      // All rows of A meet one B, and Aᵀ ∂C adds up over all of them: one product each, in which Gemm reads its
      // factors transposed, where Transpose would write a copy.
      const rows = rowsOf(graph, g);
      return [
        wanted[0] ? graph.reshape(graph.gemm(rows, b, undefined, { transB: true }), a.shape) : undefined,
        wanted[1] ? graph.gemm(rowsOf(graph, a), rows, undefined, { transA: true }) : undefined,
      ];
    }
    return [
      wanted[0] ? sumTo(graph, graph.matmul(g, transposed(graph, b)), a.shape) : undefined,
      wanted[1] ? sumTo(graph, graph.matmul(transposed(graph, a), g), b.shape) : undefined,
    ];
  }),
  // Y = α op(A) op(B) + β C: ∂op(A) = α ∂Y op(B)ᵀ, ∂op(B) = α op(A)ᵀ ∂Y, ∂C = β ∂Y
  Gemm: ofOutput<AttributesOf<'Gemm'>>((g, { graph, inputs: [a, b, c], attributes, wanted }) => {
    const { transA, transB, alpha, beta } = attributes;
    const toA = () =>
      transA
        ? graph.gemm(b, g, undefined, { transA: transB, transB: true, alpha })
        : graph.gemm(g, b, undefined, { transB: !transB, alpha });
    const toB = () =>
      transB
        ? graph.gemm(g, a, undefined, { transA: true, transB: transA, alpha })
        : graph.gemm(a, g, undefined, { transA: !transA, alpha });
    const toC = () => {
      const summed = sumTo(graph, g, c.shape);
      return beta === 1 ? summed : mapped(graph, summed, (small) => graph.mul(small, beta));
    };
    return [wanted[0] ? toA() : undefined, wanted[1] ? toB() : undefined, wanted[2] ? toC() : undefined];
  }),
  // y = softmax(x): ∂x = y (g − Σ g y)
  Softmax: unary<AttributesOf<'Softmax'>>((g, _x, y, graph, { axis }) =>
    graph.mul(y, graph.sub(g, graph.sum(times(graph, g, y), [axis], true))),
  ),
  // y = log softmax(x): ∂x = g − softmax(x) Σ g
  LogSoftmax: unary<AttributesOf<'LogSoftmax'>>((g, _x, y, graph, { axis }) =>
    graph.sub(g, graph.mul(graph.exp(y), graph.sum(g, [axis], true))),
  ),
  // yᵢ = Σ xⱼ over j ≤ i: ∂xⱼ = Σ gᵢ over i ≥ j
  CumSum: unary<AttributesOf<'CumSum'>>((g, _x, _y, graph, { axis, reverse }) =>
    graph.cumulativeSum(g, axis, { reverse: !reverse }),
  ),
};
