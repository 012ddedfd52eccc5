/** Compute that keeps a process busy: what the works of the pool are measured under. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Graph } from '../../../../compute/graph/graph.ts';
import { encodeModel } from '../../../../compute/onnx/model.ts';
import { openSession } from '../../../../compute/onnx/session.ts';
import type { TaskContext } from '../../../../compute/pool/task.ts';
import { glorot, zeros } from '../../../../compute/training/initializers.ts';
import { adam } from '../../../../compute/training/optimizers.ts';
import { trainingProgram } from '../../../../compute/training/program.ts';
import { train } from '../../../../compute/training/train.ts';
import { Random } from '../../../../contracts/random.ts';

const [inputs, first, second, classes] = [784, 256, 128, 10];
/** An epoch takes a few hundred milliseconds, as long as the engine lets one run be. */
const rows = 32_768;
/** Numbers drawn; the rows repeat them. What is learned from them does not matter. */
const drawn = 64;

export interface TrainFor {
  /** Trains until that long has passed, and the epoch is done. */
  milliseconds: number;
}

/** A perceptron of two hidden layers, batches of 128, Adam. */
export async function trainFor({ milliseconds }: TrainFor, context: TaskContext): Promise<{ epochs: number }> {
  const random = new Random(1);
  const x = new Float32Array(rows * inputs);
  for (let i = 0; i < drawn * inputs; i++) x[i] = random.uniform();
  for (let row = drawn; row < rows; row += drawn) x.copyWithin(row * inputs, 0, drawn * inputs);
  const label = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i % classes));
  const program = trainingProgram({
    parameters: {
      w1: { shape: [inputs, first], initial: glorot },
      b1: { shape: [first], initial: zeros },
      w2: { shape: [first, second], initial: glorot },
      b2: { shape: [second], initial: zeros },
      w3: { shape: [second, classes], initial: glorot },
    },
    rows: { x: { type: 'float32', shape: [inputs] }, label: { type: 'int64', shape: [] } } as const,
    optimizer: adam(),
    learningRate: 1e-3,
    batchSize: 128,
    loss({ graph, parameters: { w1, b1, w2, b2, w3 }, batch }) {
      const layer1 = graph.relu(graph.add(graph.matmul(batch.x, w1), b1));
      const layer2 = graph.relu(graph.add(graph.matmul(layer1, w2), b2));
      const logProbability = graph.logSoftmax(graph.matmul(layer2, w3), 1);
      return graph.neg(graph.mean(graph.gatherElements(logProbability, graph.unsqueeze(batch.label, [1]), 1)));
    },
  });
  const from = performance.now();
  const { losses } = await train(
    program,
    { count: rows, rows: { x, label } },
    {
      epochs: 1_000_000,
      seed: 1,
      threads: context.threads,
      progress: (fraction, note) => context.progress(fraction, note),
      afterEpoch: () => performance.now() - from < milliseconds,
    },
  );
  return { epochs: losses.length };
}

/** Bytes that a process has in arrays when it is killed: giving them back is a part of its end. */
const held = 256 * 2 ** 20;

/**
 * One `run()` of well over ten seconds. `running` appears in the folder just before: from then on the main thread is in
 * native code, where it hears of nothing.
 */
export async function oneLongRun(_: unknown, { threads, workDir }: TaskContext): Promise<number> {
  const size = 1024;
  const graph = new Graph();
  const x = graph.input('x', 'float32', [size, size]);
  let product = x;
  for (let i = 0; i < 2000; i++) product = graph.matmul(product, x);
  graph.output('y', product);
  const session = await openSession(encodeModel(graph.toModel()), { threads });
  const arrays = new Uint8Array(held).fill(1);
  await writeFile(join(workDir, 'running'), '');
  await session.run({ x: { datatype: 'float32', shape: [size, size], data: new Float32Array(size * size) } });
  return arrays[0];
}
