/**
 * Optimizers as part of a training program: each adds the nodes that take a parameter and its gradient to the next
 * parameter. What they remember of a parameter are its slots, arrays of its shape that begin at zero.
 */
import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/program.ts';
import { elements } from './initializers.ts';

/** Numbers of each step, by name. Before the loop they are vectors with one element a step; in it, scalars. */
export type StepNumbers<T extends 'float32' | 'float64' = 'float32'> = Readonly<Record<string, Tensor<T>>>;

export interface UpdateInput {
  parameter: Tensor<'float32'>;
  /** Clipped already; of the parameter's shape. */
  gradient: Tensor<'float32'>;
  slots: Readonly<Record<string, Tensor<'float32'>>>;
  /** What `numbers` gave for this step. */
  numbers: StepNumbers;
  /** λ ≥ 0 for this parameter. */
  weightDecay: number;
}

export interface Update {
  parameter: Tensor<'float32'>;
  slots: Readonly<Record<string, Tensor<'float32'>>>;
}

/** An optimizer treats each element by itself, so that parameters may be joined into one before they are updated. */
export interface Optimizer {
  readonly slots: readonly string[];
  /**
   * What depends on nothing but the step, made for all steps of a run at once.
   * @param learningRate - float64 `[steps]`: a small rate times a small correction should not be rounded twice.
   * @param time - float64 `[steps]`: 1 in the very first step.
   * @param weightDecay - λ of the parameters that it applies to.
   */
  numbers(
    graph: Graph,
    input: { learningRate: Tensor<'float64'>; time: Tensor<'float64'>; weightDecay: number },
  ): StepNumbers<'float64'>;
  update(graph: Graph, input: UpdateInput): Update;
}

/**
 * Stochastic gradient descent; with momentum μ: v ← μ v + g, w ← w − η v, and with Nesterov's (I. Sutskever et al., ICML
 * 2013, as PyTorch writes it): w ← w − η (g + μ v). Weight decay adds λ w to the gradient.
 * @param momentum - in [0, 1); 0 keeps no slot.
 */
export function sgd({ momentum = 0, nesterov = false }: { momentum?: number; nesterov?: boolean } = {}): Optimizer {
  requireFraction('momentum', momentum);
  if (nesterov && momentum === 0) throw new RangeError("Nesterov's form of an optimizer must have a momentum. Got 0.");
  return {
    slots: momentum > 0 ? ['velocity'] : [],
    numbers: (_graph, { learningRate }) => ({ rate: learningRate }),
    update(graph, { parameter, gradient, slots, numbers: { rate }, weightDecay }): Update {
      const g = decayed(graph, gradient, parameter, weightDecay);
      const step = (direction: Tensor<'float32'>) => graph.sub(parameter, graph.mul(direction, rate));
      if (momentum === 0) return { parameter: step(g), slots: {} };
      const velocity = graph.add(graph.mul(slots['velocity'], momentum), g);
      const direction = nesterov ? graph.add(g, graph.mul(velocity, momentum)) : velocity;
      return { parameter: step(direction), slots: { velocity } };
    },
  };
}

export interface AdamParameters {
  /** Decay of the mean of gradients, in [0, 1). */
  beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). */
  beta2?: number;
  /** Added to the root, > 0. */
  epsilon?: number;
}

/** Adam (D. P. Kingma and J. Ba, ICLR 2015). Weight decay adds λ w to the gradient. */
export function adam(parameters: AdamParameters = {}): Optimizer {
  return adaptive(parameters, (graph, { parameter, gradient, weightDecay }) => ({
    parameter,
    gradient: decayed(graph, gradient, parameter, weightDecay),
  }));
}

/** AdamW (I. Loshchilov and F. Hutter, ICLR 2019): weight decay apart from the gradient, w ← w − η λ w. */
export function adamW(parameters: AdamParameters = {}): Optimizer {
  return adaptive(parameters, (graph, { parameter, gradient, numbers, weightDecay }) => ({
    parameter: weightDecay === 0 ? parameter : graph.mul(parameter, numbers['kept']),
    gradient,
  }));
}

/**
 * The slots are the moments of the paper without their factors (1 − β), which a step has one multiplication of the
 * whole array less for each: m = Σ β₁ᵏ g, v = Σ β₂ᵏ g². With a = (1 − β₁) / (1 − β₁ᵗ) and c = (1 − β₂) / (1 − β₂ᵗ),
 * a m and c v are its bias-corrected moments, and w ← w − η a m / (√(c v) + ε) = w − (η a / √c) · m / (√v + ε / √c).
 */
function adaptive(
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamParameters,
  decay: (graph: Graph, input: UpdateInput) => { parameter: Tensor<'float32'>; gradient: Tensor<'float32'> },
): Optimizer {
  requireFraction('beta1', beta1);
  requireFraction('beta2', beta2);
  if (!(epsilon > 0)) throw new RangeError(`The epsilon of an optimizer must be greater than 0. Got ${epsilon}.`);
  return {
    slots: ['mean', 'square'],
    numbers(graph, { learningRate, time, weightDecay }) {
      // In float64: 1 − 0.999 has four digits less than 0.999 has.
      const correction = (beta: number) =>
        graph.div(1 - beta, graph.sub(1, graph.pow(graph.literal('float64', beta), time)));
      const rootC = graph.sqrt(correction(beta2));
      return {
        rate: graph.div(graph.mul(learningRate, correction(beta1)), rootC),
        offset: graph.div(epsilon, rootC),
        kept: graph.sub(1, graph.mul(learningRate, weightDecay)),
      };
    },
    update(graph, input) {
      const { slots, numbers } = input;
      const { parameter, gradient } = decay(graph, input);
      const m = graph.add(graph.mul(slots['mean'], beta1), gradient);
      const v = graph.add(graph.mul(slots['square'], beta2), graph.mul(gradient, gradient));
      const direction = graph.div(m, graph.add(graph.sqrt(v), numbers['offset']));
      return {
        parameter: graph.sub(parameter, graph.mul(direction, numbers['rate'])),
        slots: { mean: m, square: v },
      };
    },
  };
}

/** Elements up to which a node costs more than the work in it. */
const small = 4096;

/**
 * Updates of several parameters. The small ones with the same weight decay are joined into one vector before and parted
 * after it: ten nodes for a bias of ten numbers would take longer than the bias.
 */
export function updateAll(graph: Graph, optimizer: Optimizer, inputs: readonly UpdateInput[]): Update[] {
  const updates: Update[] = [];
  const groups = new Map<number, number[]>();
  for (const [i, input] of inputs.entries()) {
    if (elements(input.parameter.shape as number[]) > small) updates[i] = optimizer.update(graph, input);
    else groups.set(input.weightDecay, [...(groups.get(input.weightDecay) ?? []), i]);
  }
  for (const group of groups.values()) {
    const parts = group.map((i) => inputs[i]);
    if (parts.length === 1) {
      updates[group[0]] = optimizer.update(graph, parts[0]);
      continue;
    }
    const flat = (x: Tensor<'float32'>) => graph.reshape(x, [-1]);
    const joined = (of: (input: UpdateInput) => Tensor<'float32'>) =>
      graph.concat(
        parts.map((part) => flat(of(part))),
        0,
      );
    const shapes = parts.map(({ parameter }) => parameter.shape);
    const sizes = shapes.map((shape) => elements(shape as number[]));
    const parted = (x: Tensor<'float32'>) => graph.split(x, 0, sizes).map((part, k) => graph.reshape(part, shapes[k]));
    const update = optimizer.update(graph, {
      ...parts[0],
      parameter: joined((part) => part.parameter),
      gradient: joined((part) => part.gradient),
      slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, joined((part) => part.slots[slot])])),
    });
    const nextParameters = parted(update.parameter);
    const nextSlots = optimizer.slots.map((slot) => [slot, parted(update.slots[slot])] as const);
    for (const [k, i] of group.entries()) {
      const slots = Object.fromEntries(nextSlots.map(([slot, all]) => [slot, all[k]]));
      updates[i] = { parameter: nextParameters[k], slots };
    }
  }
  return updates;
}

/** g + λ w */
function decayed(
  graph: Graph,
  gradient: Tensor<'float32'>,
  parameter: Tensor<'float32'>,
  weightDecay: number,
): Tensor<'float32'> {
  return weightDecay === 0 ? gradient : graph.add(gradient, graph.mul(parameter, weightDecay));
}

function requireFraction(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new RangeError(`The ${name} of an optimizer must be in [0, 1). Got ${value}.`);
}

/** How gradients are kept from being too large: all together by their norm, or each number by itself. */
export type Clipping = { norm: number } | { value: number };

/**
 * With `norm`: gradients of a joint Euclidean norm above it are scaled down to it (R. Pascanu et al., ICML 2013); a norm
 * beyond float32, from gradients above 1e19, makes them NaN, which ends a training with the reason. With `value`: each
 * number is brought into [−value, value], an infinite one too, which is not seen any more then.
 */
export function clipped(graph: Graph, gradients: readonly Tensor<'float32'>[], clip: Clipping): Tensor<'float32'>[] {
  const limits = Object.values(clip) as number[];
  if (limits.length !== 1) throw new RangeError('Gradients must be clipped either by their norm or by value.');
  const [limit] = limits;
  if (!(limit > 0 && limit < Infinity)) {
    throw new RangeError(`The limit of gradients must be greater than 0 and finite. Got ${limit}.`);
  }
  if ('value' in clip) return gradients.map((g) => graph.max(graph.min(g, limit), -limit));
  const squares = gradients.map((g) => graph.sumOfSquares(graph.reshape(g, [-1])));
  const norm = graph.sqrt(squares.reduce((a, b) => graph.add(a, b)));
  // 1 where the norm is small enough: dividing by the greater of the two neither enlarges nor divides by zero. And NaN
  // where it is infinite: a scale of 0 would end all learning without a word.
  const scale = graph.add(graph.div(limit, graph.max(norm, limit)), graph.mul(norm, 0));
  return gradients.map((g) => graph.mul(g, scale));
}
