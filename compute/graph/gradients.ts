/**
 * Reverse-mode automatic differentiation (S. Linnainmaa, 1970; A. Griewank and A. Walther, "Evaluating Derivatives",
 * 2008): one pass back over the nodes between the parameters and the loss adds the nodes that compute the gradients.
 */
import { formatShape, sameShape } from './dimensions.ts';
import { derivativeOf } from './derivatives/table.ts';
import type { Derivative, FloatTensor } from './derivatives/definition.ts';
import type { Graph } from './graph.ts';
import { formatType, Refusal } from './operations/definition.ts';
import { GraphError, type FloatType, type Tensor } from './program.ts';

const isFloat = (tensor: Tensor): boolean => tensor.type === 'float32' || tensor.type === 'float64';

/**
 * @param loss - a scalar of the graph.
 * @param by - tensors of the graph, inputs or not.
 * @returns ∂loss/∂x for each x of `by`, in its type and shape; zeros where the loss does not depend on it.
 * @throws GraphError when the loss is no scalar of a float type, when one of `by` is of no float type, or when an
 * operation between them cannot be differentiated.
 */
export function gradients<D extends FloatType>(graph: Graph, loss: Tensor<D>, by: readonly Tensor<D>[]): Tensor<D>[] {
  if (!isFloat(loss) || loss.shape.length > 0) {
    throw new GraphError(`A loss must be a float scalar. Got ${loss.type} ${formatShape(loss.shape)}.`);
  }
  const wrong = by.find((tensor) => !isFloat(tensor));
  if (wrong !== undefined) {
    throw new GraphError(
      `What a loss is differentiated by must be float. Got ${wrong.type} ${formatShape(wrong.shape)}.`,
    );
  }
  // The rules add nodes to the list that is walked.
  const nodes = [...graph.nodes];
  const dependent = new Set<Tensor>(by);
  for (const { inputs, outputs } of nodes) {
    if (inputs.some((input) => dependent.has(input))) for (const output of outputs) dependent.add(output);
  }

  const found = new Map<Tensor, FloatTensor>([[loss, graph.literal(loss.type, 1) as FloatTensor]]);
  for (const node of nodes.toReversed()) {
    const composite = graph.composites.get(node);
    const { outputs } = node;
    const { inputs } = composite ?? node;
    const name = composite?.name ?? node.operation;
    const given = outputs.map((output) => found.get(output));
    const wanted = inputs.map((input) => isFloat(input) && dependent.has(input));
    if (!wanted.includes(true) || given.every((gradient) => gradient === undefined)) continue;
    let results: ReturnType<Derivative<unknown>>;
    try {
      const rule: Derivative<unknown> = composite?.derivative ?? derivativeOf(node.operation);
      results = rule({
        graph,
        attributes: composite === undefined ? node.attributes : undefined,
        inputs: inputs as FloatTensor[],
        outputs: outputs as FloatTensor[],
        gradients: given,
        wanted,
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const got = inputs.map(formatType).join(' and ');
      throw new GraphError(`${name} cannot be differentiated: ${error.message}. Got ${got}.`);
    }
    for (const [i, input] of inputs.entries()) {
      const gradient = wanted[i] ? results[i] : undefined;
      if (gradient === undefined) continue;
      if (gradient.type !== input.type || !sameShape(gradient.shape, input.shape)) {
        throw new Error(
          `The derivative of ${name} gives ${gradient.type} ${formatShape(gradient.shape)} for ` +
            `${input.type} ${formatShape(input.shape)}.`,
        );
      }
      const before = found.get(input);
      found.set(input, before === undefined ? gradient : graph.add(before, gradient));
    }
  }
  return by.map((x) => (found.get(x) ?? graph.full(x.type, x.shape, 0)) as Tensor<D>);
}
