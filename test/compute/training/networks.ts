/** Small programs whose right answer is known, for the tests of training. */
import { Random } from '../../../contracts/random.ts';
import { softmaxCrossEntropy } from '../../../compute/graph/layers/losses.ts';
import { dropout } from '../../../compute/graph/layers/random.ts';
import { glorot, zeros, type Initializer } from '../../../compute/training/initializers.ts';
import { adam, type Clipping, type Optimizer } from '../../../compute/training/optimizers.ts';
import { trainingProgram, type TrainingProgram } from '../../../compute/training/program.ts';
import type { Schedule } from '../../../compute/training/schedules.ts';
import type { TrainingData, TrainingOptions } from '../../../compute/training/train.ts';

/** One thread is enough for programs of this size. */
export const quick = { seed: 7, threads: 1 } satisfies Partial<TrainingOptions>;

export const from =
  (values: readonly number[]): Initializer =>
  () =>
    Float32Array.from(values);

/** Mean squared error of y = x·w + b, from a given beginning. */
export function linearRegression(settings: {
  optimizer: Optimizer;
  learningRate: number | Schedule;
  batchSize: number;
  weightDecay?: number;
  clip?: Clipping;
  w?: readonly number[];
}): TrainingProgram {
  const { w = [0.5, -1], ...rest } = settings;
  return trainingProgram({
    ...rest,
    parameters: {
      w: { shape: [w.length, 1], initial: from(w) },
      b: { shape: [1], initial: from([0.25]), decay: false },
    },
    rows: { x: { type: 'float32', shape: [w.length] }, y: { type: 'float32', shape: [1] } } as const,
    loss({ graph, parameters, batch }) {
      const error = graph.sub(graph.add(graph.matmul(batch.x, parameters.w), parameters.b), batch.y);
      return graph.mean(graph.mul(error, error));
    },
  });
}

/** Two hidden layers with dropout and a softmax over two classes. */
export function classifier(batchSize = 32, learningRate = 0.01): TrainingProgram {
  return trainingProgram({
    parameters: {
      w1: { shape: [2, 32], initial: glorot },
      b1: { shape: [32], initial: zeros, decay: false },
      w2: { shape: [32, 32], initial: glorot },
      b2: { shape: [32], initial: zeros, decay: false },
      w3: { shape: [32, 2], initial: glorot },
    },
    rows: { x: { type: 'float32', shape: [2] }, label: { type: 'int64', shape: [] } } as const,
    optimizer: adam(),
    learningRate,
    weightDecay: 1e-4,
    clip: { norm: 5 },
    batchSize,
    loss({ graph, parameters: { w1, b1, w2, b2, w3 }, batch, random }) {
      const hidden = graph.tanh(graph.add(graph.matmul(batch.x, w1), b1));
      const first = dropout(graph, hidden, 0.05, random);
      const second = graph.tanh(graph.add(graph.matmul(first, w2), b2));
      return softmaxCrossEntropy(graph, graph.matmul(second, w3), batch.label);
    },
  });
}

/** Two arms of a spiral, one class each: no straight line parts them. */
export function spirals(count: number, seed = 1): TrainingData & { rows: { x: Float32Array; label: BigInt64Array } } {
  const random = new Random(seed);
  const x = new Float32Array(count * 2);
  const label = new BigInt64Array(count);
  for (let i = 0; i < count; i++) {
    const arm = i % 2;
    const t = random.uniform();
    const angle = 6 * t + arm * Math.PI;
    x[2 * i] = t * Math.cos(angle) + 0.03 * random.normal();
    x[2 * i + 1] = t * Math.sin(angle) + 0.03 * random.normal();
    label[i] = BigInt(arm);
  }
  return { count, rows: { x, label } };
}

/** Bytes of all parameters, to be compared. */
export function bytesOf(parameters: Readonly<Record<string, { data: Float32Array }>>): string {
  return Object.entries(parameters)
    .map(([name, { data }]) => `${name}: ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`)
    .join('\n');
}
