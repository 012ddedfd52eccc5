/**
 * Optimizers as part of a training program: each adds the nodes that take a parameter and its gradient to the next
 * parameter. What they remember of a parameter are its slots, arrays of its shape that begin at zero.
 */
import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../graph/program.ts';

export interface UpdateInput {
  parameter: Tensor<'float32'>;
  /** Clipped already; of the parameter's shape. */
  gradient: Tensor<'float32'>;
  slots: Readonly<Record<string, Tensor<'float32'>>>;
  /** float64 scalar, as a small learning rate times a small correction should not be rounded twice. */
  learningRate: Tensor<'float64'>;
  /** float64 scalar: 1 in the first step. */
  time: Tensor<'float64'>;
  /** λ ≥ 0 for this parameter. */
  weightDecay: number;
}

export interface Update {
  parameter: Tensor<'float32'>;
  slots: Readonly<Record<string, Tensor<'float32'>>>;
}

export interface Optimizer {
  readonly slots: readonly string[];
  update(graph: Graph, input: UpdateInput): Update;
}

/**
 * Stochastic gradient descent; with momentum μ: v ← μ v + g, w ← w − η v, and with Nesterov's (I. Sutskever et al., ICML
 * 2013, as PyTorch writes it): w ← w − η (g + μ v). Weight decay adds λ w to the gradient.
 * @param momentum - in [0, 1); 0 keeps no slot.
 */
export function sgd({ momentum = 0, nesterov = false }: { momentum?: number; nesterov?: boolean } = {}): Optimizer {
  requireFraction('momentum', momentum);
  return {
    slots: momentum > 0 ? ['velocity'] : [],
    update(graph, { parameter, gradient, slots, learningRate, weightDecay }): Update {
      const g = decayed(graph, gradient, parameter, weightDecay);
      const rate = graph.cast(learningRate, 'float32');
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
  return adaptive(parameters, (graph, { parameter, gradient, learningRate, weightDecay }) => {
    if (weightDecay === 0) return { parameter, gradient };
    const kept = graph.cast(graph.sub(1, graph.mul(learningRate, weightDecay)), 'float32');
    return { parameter: graph.mul(parameter, kept), gradient };
  });
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
    update(graph, input) {
      const { slots, learningRate, time } = input;
      const { parameter, gradient } = decay(graph, input);
      const m = graph.add(graph.mul(slots['mean'], beta1), gradient);
      const v = graph.add(graph.mul(slots['square'], beta2), graph.mul(gradient, gradient));
      // In float64: 1 − 0.999 has four digits less than 0.999 has.
      const correction = (beta: number) =>
        graph.div(1 - beta, graph.sub(1, graph.pow(graph.literal('float64', beta), time)));
      const rootC = graph.sqrt(correction(beta2));
      const rate = graph.cast(graph.div(graph.mul(learningRate, correction(beta1)), rootC), 'float32');
      const offset = graph.cast(graph.div(epsilon, rootC), 'float32');
      const direction = graph.div(m, graph.add(graph.sqrt(v), offset));
      return {
        parameter: graph.sub(parameter, graph.mul(direction, rate)),
        slots: { mean: m, square: v },
      };
    },
  };
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
 * With `norm`: gradients of a joint Euclidean norm above it are scaled down to it (R. Pascanu et al., ICML 2013). With
 * `value`: each number is brought into [−value, value].
 */
export function clipped(graph: Graph, gradients: readonly Tensor<'float32'>[], clip: Clipping): Tensor<'float32'>[] {
  const [limit] = Object.values(clip) as number[];
  if (!(limit > 0)) throw new RangeError(`The limit of gradients must be greater than 0. Got ${limit}.`);
  if ('value' in clip) return gradients.map((g) => graph.max(graph.min(g, limit), -limit));
  const squares = gradients.map((g) => graph.sumOfSquares(g));
  const norm = graph.sqrt(squares.reduce((a, b) => graph.add(a, b)));
  // 1 where the norm is small enough: dividing by the greater of the two neither enlarges nor divides by zero.
  const scale = graph.div(limit, graph.max(norm, limit));
  return gradients.map((g) => graph.mul(g, scale));
}
