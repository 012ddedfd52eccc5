/** What a rule of differentiation is: data beside the operations' table, under the same names. */
import { formatShape, product, sameShape, type Dim, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { refuse } from '../operations/definition.ts';
import type { FloatType, NumberType, Tensor } from '../program.ts';

export type FloatTensor = Tensor<FloatType>;

/** One node, as its rule sees it on the way back. */
export interface Backward<A> {
  /** Where the gradients' nodes are added. */
  readonly graph: Graph;
  readonly attributes: A;
  /** The node's inputs, in the type of those that can have a gradient. */
  readonly inputs: readonly FloatTensor[];
  readonly outputs: readonly FloatTensor[];
  /** ∂loss/∂output, in the output's type and shape; `undefined` where it is zero. */
  readonly gradients: readonly (FloatTensor | undefined)[];
  /** Whether ∂loss/∂input is asked for; what a rule gives for the others is ignored. */
  readonly wanted: readonly boolean[];
}

/**
 * ∂loss/∂input for each input, in the input's type and shape; `undefined` where it is zero. It is only called when an
 * output has a gradient and an input is asked for one.
 * @throws Refusal (by `refuse`) with the reason why there is none.
 */
export type Derivative<A> = (backward: Backward<A>) => readonly (FloatTensor | undefined)[];

/** For operations that are constant almost everywhere, or whose result is no real number. */
export const zero: Derivative<unknown> = () => [];

/** For operations whose gradient is not to be had. @param reason - a phrase that follows "cannot be differentiated: ". */
export const refused =
  (reason: string): Derivative<unknown> =>
  () =>
    refuse(reason);

/** For operations with one output: its gradient comes first. */
export function ofOutput<A>(
  rule: (gradient: FloatTensor, backward: Backward<A>) => readonly (FloatTensor | undefined)[],
) {
  return (backward: Backward<A>) => rule(backward.gradients[0]!, backward);
}

/** For operations of one input and one output. */
export function unary<A>(
  rule: (gradient: FloatTensor, x: FloatTensor, y: FloatTensor, graph: Graph, attributes: A) => FloatTensor,
) {
  return ofOutput<A>((gradient, { graph, inputs, outputs, attributes }) => [
    rule(gradient, inputs[0], outputs[0], graph, attributes),
  ]);
}

/** The reverse of broadcasting: adds up what went to the copies of one element. */
export function sumTo(graph: Graph, gradient: FloatTensor, shape: Shape): FloatTensor {
  const added = gradient.shape.length - shape.length;
  const repeated: number[] = [];
  for (const [axis, dim] of gradient.shape.entries()) {
    const own = axis < added ? undefined : shape[axis - added];
    if (own === dim) continue;
    if (own !== undefined && own !== 1) {
      const [from, to] = [formatShape(gradient.shape), formatShape(shape)];
      refuse(`whether "${own}" is 1 is not known while building, and ${from} has to be added up to ${to}`);
    }
    repeated.push(axis);
  }
  if (repeated.length === 0) return gradient;
  const rest = gradient.shape.slice(repeated.length);
  if (repeated.at(-1) === repeated.length - 1 && rest.length > 0) {
    return graph.reshape(columnSums(graph, gradient, repeated.length), shape);
  }
  return graph.reshape(graph.sum(gradient, repeated), shape);
}

/**
 * Sums over the first axes, as the product of a row of ones with a matrix: 3 µs for [128 × 256] in onnxruntime 1.30,
 * where ReduceSum takes 27. (Over the last axes, or all, ReduceSum is the faster.)
 */
function columnSums(graph: Graph, x: FloatTensor, axes: number): FloatTensor {
  const [rows, columns] = [product(x.shape.slice(0, axes)), product(x.shape.slice(axes))];
  return graph.gemm(ones(graph, x.type, rows), graph.reshape(x, [rows, columns]), undefined);
}

const rowsOfOnes = new WeakMap<Graph, Map<string, FloatTensor>>();

/** `[1, size]`, once for each graph. */
function ones(graph: Graph, type: FloatType, size: Dim): FloatTensor {
  let known = rowsOfOnes.get(graph);
  if (known === undefined) rowsOfOnes.set(graph, (known = new Map()));
  let row = known.get(`${type} ${size}`);
  if (row === undefined) known.set(`${type} ${size}`, (row = graph.full(type, [1, size], 1)));
  return row;
}

/** A size as a scalar. */
export function sizeAs<D extends NumberType>(graph: Graph, type: D, size: Dim): Tensor<D> {
  if (typeof size === 'number') return graph.literal(type, size);
  const scalar = graph.reshape(graph.sizeTensor(size), []);
  return type === 'int64' ? (scalar as Tensor as Tensor<D>) : graph.cast(scalar, type);
}

/** The number that a scalar constant holds. */
export function numberOf({ source, shape }: FloatTensor): number | undefined {
  return source.kind === 'constant' && shape.length === 0 ? Number(source.data[0]) : undefined;
}

/** A gradient before it was repeated to its shape, as those of sums and means are. */
function unexpanded(gradient: FloatTensor): FloatTensor {
  const { source } = gradient;
  return source.kind === 'node' && source.node.operation === 'Expand'
    ? (source.node.inputs[0] as FloatTensor)
    : gradient;
}

/**
 * The gradient for an elementwise operation with `other`: where that has the whole shape, the gradient need not be
 * repeated to it, and what repeated it falls out of the program.
 */
export function against(gradient: FloatTensor, other: Tensor): FloatTensor {
  return sameShape(gradient.shape, other.shape) ? unexpanded(gradient) : gradient;
}

/** `gradient · x`, with broadcasting. */
export function times(graph: Graph, gradient: FloatTensor, x: FloatTensor): FloatTensor {
  const factor = against(gradient, x);
  return numberOf(factor) === 1 && sameShape(gradient.shape, x.shape) ? x : graph.mul(factor, x);
}

/** An elementwise function of the gradient alone, computed before it is repeated. */
export function mapped(graph: Graph, gradient: FloatTensor, f: (small: FloatTensor) => FloatTensor): FloatTensor {
  return graph.expand(f(unexpanded(gradient)), gradient.shape);
}
