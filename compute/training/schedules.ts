/** Learning rates over time, as part of a training program. */
import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/program.ts';

/**
 * Of all steps of a run at once.
 * @param step - float64 `[steps]`: batches done before it, 0 in the very first.
 * @returns the learning rate, float64 `[steps]`, or a scalar where it is the same in all of them.
 */
export type Schedule = (graph: Graph, step: Tensor<'float64'>) => Tensor<'float64'>;

export function constant(rate: number): Schedule {
  requireRate(rate);
  return (graph) => graph.literal('float64', rate);
}

/** `rate · factor^⌊step / every⌋`. @param every - steps, an integer of at least 1. @param factor - in (0, 1]. */
export function stepDecay(rate: number, { every, factor }: { every: number; factor: number }): Schedule {
  requireRate(rate);
  requireSteps('every', every);
  requireFactor(factor);
  return (graph, step) =>
    graph.mul(graph.pow(graph.literal('float64', factor), graph.floor(graph.div(step, every))), rate);
}

/** `rate · factor^step`. @param factor - in (0, 1]. */
export function exponentialDecay(rate: number, { factor }: { factor: number }): Schedule {
  requireRate(rate);
  requireFactor(factor);
  return (graph, step) => graph.mul(graph.pow(graph.literal('float64', factor), step), rate);
}

/**
 * Half a cosine from `rate` to `floor` over `steps`, and `floor` from then on (I. Loshchilov and F. Hutter, ICLR 2017,
 * without restarts).
 */
export function cosine(rate: number, { steps, floor = 0 }: { steps: number; floor?: number }): Schedule {
  requireRate(rate);
  requireSteps('steps', steps);
  if (!(floor >= 0 && floor <= rate)) {
    throw new RangeError(`The floor of a schedule must be in [0, ${rate}]. Got ${floor}.`);
  }
  return (graph, step) => {
    const done = graph.min(graph.div(step, steps), 1);
    // floor + (rate − floor) (1 + cos π t) / 2
    const half = graph.mul(graph.add(cosineOf(graph, graph.mul(done, Math.PI)), 1), (rate - floor) / 2);
    return graph.add(half, floor);
  };
}

/** Grows in a straight line over the first `steps`, up to what the other schedule says, which counts from the end of it. */
export function warmUp(steps: number, then: Schedule): Schedule {
  requireSteps('steps', steps);
  return (graph, step) => {
    const grown = graph.min(graph.div(graph.add(step, 1), steps), 1);
    return graph.mul(then(graph, graph.max(graph.sub(step, steps), 0)), grown);
  };
}

/** onnxruntime has no cosine of float64 on the CPU; float32 is enough for a rate. */
function cosineOf(graph: Graph, x: Tensor<'float64'>): Tensor<'float64'> {
  return graph.cast(graph.cos(graph.cast(x, 'float32')), 'float64');
}

function requireRate(rate: number): void {
  if (!(rate > 0 && rate < Infinity)) {
    throw new RangeError(`A learning rate must be greater than 0 and finite. Got ${rate}.`);
  }
}

function requireSteps(name: string, steps: number): void {
  if (!Number.isInteger(steps) || steps < 1) {
    throw new RangeError(`The "${name}" of a schedule must be an integer of at least 1. Got ${steps}.`);
  }
}

function requireFactor(factor: number): void {
  if (!(factor > 0 && factor <= 1)) throw new RangeError(`The factor of a schedule must be in (0, 1]. Got ${factor}.`);
}
