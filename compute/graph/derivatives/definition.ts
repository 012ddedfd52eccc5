/** What a rule of differentiation is: data beside the operations' table, under the same names. */
import { formatShape, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { GraphError, type FloatType, type Tensor } from '../program.ts';

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
 */
export type Derivative<A> = (backward: Backward<A>) => readonly (FloatTensor | undefined)[];

/** For operations that are constant almost everywhere, or whose result is no real number. */
export const zero: Derivative<unknown> = () => [];

/** For operations whose gradient is not to be had. @param reason - a phrase that follows "cannot be differentiated: ". */
export const refused =
  (operation: string, reason: string): Derivative<unknown> =>
  ({ inputs }) => {
    const got = inputs.map(({ type, shape }) => `${type} ${formatShape(shape)}`).join(' and ');
    throw new GraphError(`${operation} cannot be differentiated: ${reason}. Got ${got}.`);
  };

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
      throw new GraphError(
        `A gradient of the shape ${formatShape(gradient.shape)} cannot be added up to ${formatShape(shape)}: ` +
          `whether "${own}" is 1 is not known while building.`,
      );
    }
    repeated.push(axis);
  }
  if (repeated.length === 0) return gradient;
  return graph.reshape(graph.sum(gradient, repeated, true), shape);
}
