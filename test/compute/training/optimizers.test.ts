import { describe, expect, it } from 'vitest';
import { adam, adamW, sgd, type Clipping, type Optimizer } from '../../../compute/training/optimizers.ts';
import {
  constant,
  cosine,
  exponentialDecay,
  stepDecay,
  warmUp,
  type Schedule,
} from '../../../compute/training/schedules.ts';
import { normal } from '../../../compute/training/initializers.ts';
import { trainingProgram } from '../../../compute/training/program.ts';
import { train } from '../../../compute/training/train.ts';
import { linearRegression } from './networks.ts';

const x = [1, 2, -1, 0.5, 3, -2, 0.25, 1.5, -0.75, 2.5];
const y = [1, -2, 0.5, 3, 2];
const start = [0.5, -1, 0.25];
const epochs = 25;
const batchSize = 2;

/** Gradient of the mean squared error over rows [from, to), by hand. */
function gradient([w0, w1, b]: number[], from: number, to: number): number[] {
  const total = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const error = x[2 * i] * w0 + x[2 * i + 1] * w1 + b - y[i];
    total[0] += 2 * error * x[2 * i];
    total[1] += 2 * error * x[2 * i + 1];
    total[2] += 2 * error;
  }
  return total.map((value) => value / (to - from));
}

/** A step of each optimizer as its paper or PyTorch's documentation writes it, in float64. */
type Step = (w: number[], g: number[], t: number, memory: Record<string, number[]>, rate: number) => number[];
const momentumStep =
  (mu: number, nesterov: boolean): Step =>
  (w, g, _t, memory, rate) => {
    const before = (memory['v'] ??= [0, 0, 0]);
    const v = before.map((value, i) => mu * value + g[i]);
    memory['v'] = v;
    return w.map((value, i) => value - rate * (nesterov ? g[i] + mu * v[i] : v[i]));
  };
const adamStep =
  (beta1: number, beta2: number, epsilon: number): Step =>
  (w, g, t, memory, rate) => {
    const m = (memory['m'] ??= [0, 0, 0]).map((value, i) => beta1 * value + (1 - beta1) * g[i]);
    const v = (memory['s'] ??= [0, 0, 0]).map((value, i) => beta2 * value + (1 - beta2) * g[i] ** 2);
    Object.assign(memory, { m, s: v });
    return w.map((value, i) => {
      const corrected = m[i] / (1 - beta1 ** t);
      return value - (rate * corrected) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon);
    });
  };

/** Weight decay is for w0 and w1 only. */
const decays = [1, 1, 0];
const withL2 =
  (lambda: number, step: Step): Step =>
  (w, g, ...rest) =>
    step(
      w,
      g.map((value, i) => value + lambda * decays[i] * w[i]),
      ...rest,
    );
const apart =
  (lambda: number, step: Step): Step =>
  (w, g, t, memory, rate) => {
    const kept = w.map((value, i) => value * (1 - rate * lambda * decays[i]));
    return step(kept, g, t, memory, rate);
  };
const withNorm =
  (limit: number, step: Step): Step =>
  (w, g, ...rest) => {
    const norm = Math.hypot(...g);
    return step(w, norm > limit ? g.map((value) => (value * limit) / norm) : g, ...rest);
  };
const withLimits =
  (limit: number, step: Step): Step =>
  (w, g, ...rest) =>
    step(
      w,
      g.map((value) => Math.max(-limit, Math.min(limit, value))),
      ...rest,
    );

function byHand(step: Step, rateAt: (step: number) => number): number[] {
  let w = start;
  const memory = {};
  let done = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let from = 0; from < y.length; from += batchSize) {
      const g = gradient(w, from, Math.min(from + batchSize, y.length));
      w = step(w, g, done + 1, memory, rateAt(done));
      done++;
    }
  }
  return w;
}

async function trained(settings: {
  optimizer: Optimizer;
  learningRate: number | Schedule;
  weightDecay?: number;
  clip?: Clipping;
}): Promise<number[]> {
  const program = linearRegression({ ...settings, batchSize });
  const data = { count: y.length, rows: { x: Float32Array.from(x), y: Float32Array.from(y) } };
  const { parameters } = await train(program, data, { epochs, seed: 1, threads: 1, shuffle: false });
  return [...parameters['w'].data, ...parameters['b'].data];
}

describe('an optimizer in the program takes the steps that its paper writes', () => {
  const rate = 0.02;
  it.each<[string, Parameters<typeof trained>[0], Step]>([
    ['SGD', { optimizer: sgd(), learningRate: rate }, (w, g, _t, _m, r) => w.map((value, i) => value - r * g[i])],
    ['SGD with momentum', { optimizer: sgd({ momentum: 0.9 }), learningRate: rate }, momentumStep(0.9, false)],
    [
      "SGD with Nesterov's momentum",
      { optimizer: sgd({ momentum: 0.9, nesterov: true }), learningRate: rate },
      momentumStep(0.9, true),
    ],
    [
      'SGD with momentum and weight decay',
      { optimizer: sgd({ momentum: 0.5 }), learningRate: rate, weightDecay: 0.3 },
      withL2(0.3, momentumStep(0.5, false)),
    ],
    ['Adam', { optimizer: adam(), learningRate: rate }, adamStep(0.9, 0.999, 1e-8)],
    [
      'Adam with settings of its own and weight decay',
      { optimizer: adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3 }), learningRate: rate, weightDecay: 0.3 },
      withL2(0.3, adamStep(0.8, 0.95, 1e-3)),
    ],
    ['AdamW', { optimizer: adamW(), learningRate: rate, weightDecay: 0.3 }, apart(0.3, adamStep(0.9, 0.999, 1e-8))],
    [
      'Adam with gradients clipped by their norm',
      { optimizer: adam({ epsilon: 0.1 }), learningRate: rate, clip: { norm: 2 } },
      withNorm(2, adamStep(0.9, 0.999, 0.1)),
    ],
    [
      'SGD with gradients clipped one by one',
      { optimizer: sgd(), learningRate: rate, clip: { value: 1.5 } },
      withLimits(1.5, (w, g, _t, _m, r) => w.map((value, i) => value - r * g[i])),
    ],
  ])('%s', async (_name, settings, step) => {
    const expected = byHand(step, () => rate);
    const found = await trained(settings);
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
    // The beginning is no answer: something was learned.
    expect(Math.hypot(...found.map((value, i) => value - start[i]))).toBeGreaterThan(0.1);
  });
});

describe('a schedule in the program', () => {
  const total = epochs * 3;
  it.each<[string, Schedule, (step: number) => number]>([
    ['stays', constant(0.02), () => 0.02],
    ['falls by steps', stepDecay(0.03, { every: 20, factor: 0.3 }), (t) => 0.03 * 0.3 ** Math.floor(t / 20)],
    ['falls exponentially', exponentialDecay(0.03, { factor: 0.95 }), (t) => 0.03 * 0.95 ** t],
    [
      'follows half a cosine and then stays',
      cosine(0.03, { steps: total - 20, floor: 0.002 }),
      (t) => 0.002 + (0.028 * (1 + Math.cos(Math.PI * Math.min(1, t / (total - 20))))) / 2,
    ],
    [
      'warms up first',
      warmUp(30, exponentialDecay(0.03, { factor: 0.9 })),
      (t) => Math.min(1, (t + 1) / 30) * 0.03 * 0.9 ** Math.max(0, t - 30),
    ],
  ])('%s', async (_name, learningRate, rateAt) => {
    const expected = byHand((w, g, _t, _m, r) => w.map((value, i) => value - r * g[i]), rateAt);
    const found = await trained({ optimizer: sgd(), learningRate });
    found.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
  });
});

describe('parameters of any size, updated together or not,', () => {
  it.each<[string, Optimizer]>([
    ['SGD with momentum', sgd({ momentum: 0.9 })],
    ['Adam', adam()],
    ['AdamW', adamW()],
  ])('have the steps that each has alone: %s', async (_name, optimizer) => {
    // Around the size up to which they are joined, a scalar, and two kinds of weight decay.
    const shapes: Record<string, number[]> = { a: [4097], b: [64, 64], c: [3, 2], d: [], e: [5], f: [5000] };
    const run = async (names: string[]) => {
      const program = trainingProgram({
        parameters: Object.fromEntries(
          names.map((name) => [name, { shape: shapes[name], initial: normal(1), decay: name !== 'e' && name !== 'f' }]),
        ),
        rows: { x: { type: 'float32', shape: [] } } as const,
        optimizer,
        learningRate: 0.05,
        weightDecay: 0.1,
        batchSize: 2,
        loss: ({ graph, parameters, batch }) =>
          names
            .map((name) => graph.reshape(parameters[name], [-1]))
            .map((flat) => graph.sum(graph.mul(flat, flat)))
            .reduce((x, y) => graph.add(x, y), graph.mean(batch.x)),
      });
      const data = { count: 5, rows: { x: Float32Array.of(1, 2, 3, 4, 5) } };
      return (await train(program, data, { epochs: 3, seed: 1, threads: 1 })).parameters;
    };
    const together = await run(Object.keys(shapes));
    // The first of a program begins with the same numbers as the first of another one.
    const alone = await run(['a']);
    expect(together['a'].data).toEqual(alone['a'].data);
    // Of the others: what a step of the formula does depends on no neighbour, so a second run without `a` moves alike.
    for (const [name, { data }] of Object.entries(together)) {
      expect(data).toHaveLength(shapes[name].reduce((size, dim) => size * dim, 1));
      expect(data.every(Number.isFinite)).toBe(true);
    }
    const pairs = await run(['a', 'b']);
    expect(together['b'].data).toEqual(pairs['b'].data);
    const three = await run(['a', 'b', 'c']);
    expect(together['c'].data).toEqual(three['c'].data);
    expect(together['a'].data[0]).not.toBe(0);
  });

  it('are clipped by their joint norm, scalars too', async () => {
    const program = trainingProgram({
      parameters: {
        s: { shape: [], initial: () => Float32Array.of(3) },
        v: { shape: [1], initial: () => Float32Array.of(4) },
      },
      rows: { x: { type: 'float32', shape: [] } } as const,
      optimizer: sgd(),
      learningRate: 1,
      clip: { norm: 1 },
      batchSize: 1,
      // Gradients 3 and 4, of the norm 5.
      loss: ({ graph, parameters, batch }) =>
        graph.mul(
          graph.mean(batch.x),
          graph.add(graph.mul(parameters.s, 3), graph.reshape(graph.mul(parameters.v, 4), [])),
        ),
    });
    const { parameters } = await train(
      program,
      { count: 1, rows: { x: Float32Array.of(1) } },
      { epochs: 1, seed: 1, threads: 1 },
    );
    expect(parameters['s'].data[0]).toBeCloseTo(3 - 3 / 5, 5);
    expect(parameters['v'].data[0]).toBeCloseTo(4 - 4 / 5, 5);
  });
});

describe('settings that make no sense are refused while the program is written', () => {
  it.each<[string, () => unknown]>([
    ['momentum in [0, 1). Got 1', () => sgd({ momentum: 1 })],
    ['beta2 of an optimizer must be in [0, 1). Got 1.2', () => adam({ beta2: 1.2 })],
    ['form of an optimizer must have a momentum. Got 0', () => sgd({ nesterov: true })],
    ['floor of a schedule must be in [0, 0.1]. Got -5', () => cosine(0.1, { steps: 10, floor: -5 })],
    [
      'clipped either by their norm or by value',
      () => linearRegression({ optimizer: sgd(), learningRate: 1, batchSize: 1, clip: { norm: 1, value: 1 } }),
    ],
    ['epsilon of an optimizer must be greater than 0. Got 0', () => adamW({ epsilon: 0 })],
    ['learning rate must be greater than 0 and finite. Got -1', () => constant(-1)],
    ['"every" of a schedule must be an integer of at least 1. Got 0', () => stepDecay(1, { every: 0, factor: 0.5 })],
    ['factor of a schedule must be in (0, 1]. Got 1.5', () => exponentialDecay(1, { factor: 1.5 })],
    [
      'limit of gradients must be greater than 0 and finite. Got 0',
      () => linearRegression({ optimizer: sgd(), learningRate: 1, batchSize: 1, clip: { norm: 0 } }),
    ],
    [
      'batch size must be an integer of at least 1. Got 0',
      () => linearRegression({ optimizer: sgd(), learningRate: 1, batchSize: 0 }),
    ],
    [
      'weight decay must be at least 0 and finite. Got -1',
      () => linearRegression({ optimizer: sgd(), learningRate: 1, batchSize: 1, weightDecay: -1 }),
    ],
  ])('%s', (message, make) => {
    expect(make).toThrow(RangeError);
    expect(make).toThrow(message.replace('momentum in', 'momentum of an optimizer must be in'));
  });
});
