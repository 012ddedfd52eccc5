/** What parameters begin with, drawn from a stream of their own, so that a new parameter does not change the others. */
import type { Random } from '../../contracts/random.ts';

/** @param shape - a matrix is `[inputs, outputs]`, a convolution's kernel `[outputs, inputs, …window]`. */
export type Initializer = (shape: readonly number[], random: Random) => Float32Array;

export const zeros: Initializer = (shape) => new Float32Array(elements(shape));
export const ones: Initializer = (shape) => new Float32Array(elements(shape)).fill(1);

/** Normal with mean 0. @param deviation - standard deviation, > 0. */
export const normal =
  (deviation: number): Initializer =>
  (shape, random) =>
    drawn(shape, () => random.normal() * deviation);

/** Uniform in ±√(6 / (inputs + outputs)) (X. Glorot and Y. Bengio, AISTATS 2010): for tanh, sigmoid and linear layers. */
export const glorot: Initializer = (shape, random) => {
  const { inputs, outputs } = fans(shape);
  const limit = Math.sqrt(6 / (inputs + outputs));
  return drawn(shape, () => (2 * random.uniform() - 1) * limit);
};

/** Uniform in ±√(6 / inputs) (K. He et al., ICCV 2015): for layers before a rectifier. */
export const he: Initializer = (shape, random) => {
  const limit = Math.sqrt(6 / fans(shape).inputs);
  return drawn(shape, () => (2 * random.uniform() - 1) * limit);
};

function fans(shape: readonly number[]): { inputs: number; outputs: number } {
  if (shape.length === 2) return { inputs: shape[0], outputs: shape[1] };
  const [outputs = 1, inputs = 1, ...window] = shape;
  const area = elements(window);
  return { inputs: inputs * area, outputs: outputs * area };
}

function drawn(shape: readonly number[], draw: () => number): Float32Array {
  return Float32Array.from({ length: elements(shape) }, draw);
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
