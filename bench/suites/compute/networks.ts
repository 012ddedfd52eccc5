/**
 * Networks against PyTorch (PyPI), two threads each: an epoch of 8,000 digits in batches of 128 (the last one of 64),
 * Adam, float32. Each side keeps the data in memory, takes the rows of each epoch in another order and reads them by
 * index; an epoch is everything from the shuffle to its loss.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Graph } from '../../../compute/graph/graph.ts';
import { convolutionBlock, flattenedProduct } from '../../../compute/graph/layers/convolution.ts';
import { softmaxCrossEntropy } from '../../../compute/graph/layers/losses.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import type { Initializer } from '../../../compute/training/initializers.ts';
import { adam } from '../../../compute/training/optimizers.ts';
import { trainingProgram } from '../../../compute/training/program.ts';
import { train, type Trained } from '../../../compute/training/train.ts';
import { classes, pixels, readDigits, type DigitSplit, type Digits } from '../../digits.ts';
import { median, type Agreement, type Group, type Match, type Sample, type Work } from '../../measure.ts';
import { PeerProcess, ensurePeers, environments } from '../../peers.ts';

export interface NetworkContext extends DigitSplit {
  /** @throws PeerUnavailable */
  peer: () => Promise<PeerProcess>;
  close: () => Promise<void>;
}

const threads = 2;
const seed = 20171201;
const batchSize = 128;
const learningRate = 1e-3;
const peerScript = fileURLToPath(new URL('../../peers/pytorch_peer.py', import.meta.url));

/** @param startPeer - starts the peer, before it is given the data. */
export async function openContext(digits: DigitSplit, startPeer: () => Promise<PeerProcess>): Promise<NetworkContext> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-bench-'));
  let opened: Promise<PeerProcess> | undefined;
  const open = async () => {
    const peer = await startPeer();
    for (const part of ['train', 'validation'] as const) {
      for (const array of ['images', 'labels'] as const) {
        await writeFile(join(folder, `${part}_${array}`), digits[part][array]);
      }
    }
    await peer.call('load', { folder, threads });
    return peer;
  };
  return {
    ...digits,
    peer: () => (opened ??= open()),
    async close() {
      const peer = await opened?.catch(() => undefined);
      await peer?.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Parameters = Readonly<Record<string, Tensor<'float32'>>>;

interface Network {
  /** Name, shape and how many inputs an output of the layer has, of weights and biases. */
  parameters: Readonly<Record<string, { shape: readonly number[]; inputs: number }>>;
  /** Of one image. */
  shape: readonly number[];
  /** `[batch, …shape] → [batch, classes]`. */
  logits: (g: Graph, images: Tensor<'float32'>, parameters: Parameters) => Tensor<'float32'>;
}

const mlp: Network = {
  parameters: {
    w1: { shape: [pixels, 256], inputs: pixels },
    b1: { shape: [256], inputs: pixels },
    w2: { shape: [256, 128], inputs: 256 },
    b2: { shape: [128], inputs: 256 },
    w3: { shape: [128, classes], inputs: 128 },
    b3: { shape: [classes], inputs: 128 },
  },
  shape: [pixels],
  logits(g, images, { w1, b1, w2, b2, w3, b3 }) {
    const first = g.relu(g.add(g.matmul(images, w1), b1));
    const second = g.relu(g.add(g.matmul(first, w2), b2));
    return g.add(g.matmul(second, w3), b3);
  },
};

const cnn: Network = {
  parameters: {
    w1: { shape: [16, 1, 3, 3], inputs: 9 },
    b1: { shape: [16], inputs: 9 },
    w2: { shape: [32, 16, 3, 3], inputs: 144 },
    b2: { shape: [32], inputs: 144 },
    w3: { shape: [1568, classes], inputs: 1568 },
    b3: { shape: [classes], inputs: 1568 },
  },
  shape: [1, 28, 28],
  logits(g, images, { w1, b1, w2, b2, w3, b3 }) {
    const first = convolutionBlock(g, images, w1, b1, { pads: 1, pool: 2 });
    const second = convolutionBlock(g, first, w2, b2, { pads: 1, pool: 2 });
    return g.add(flattenedProduct(g, second, w3), b3);
  },
};

/** PyTorch's own beginning of linear layers and convolutions, biases included: uniform in ±1/√inputs. */
const likePyTorch =
  (inputs: number): Initializer =>
  (shape, random) =>
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => (2 * random.uniform() - 1) / Math.sqrt(inputs),
    );

function programOf({ parameters, shape, logits }: Network) {
  return trainingProgram({
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, p]) => [name, { shape: p.shape, initial: likePyTorch(p.inputs) }]),
    ),
    rows: { images: { type: 'float32', shape }, labels: { type: 'int32', shape: [] } } as const,
    optimizer: adam(),
    learningRate,
    batchSize,
    loss: ({ graph: g, parameters: p, batch }) => softmaxCrossEntropy(g, logits(g, batch.images, p), batch.labels),
  });
}

async function accuracyOf(
  { shape, logits }: Network,
  parameters: Trained['parameters'],
  { count, images, labels }: Digits,
): Promise<number> {
  const g = new Graph();
  const constants = Object.entries(parameters).map(
    ([name, { data, shape: sizes }]) =>
      [name, g.constant('float32', data as Float32Array<ArrayBuffer>, sizes, name)] as const,
  );
  const input = g.input('images', 'float32', ['batch', ...shape]);
  g.output('digits', g.argMax(logits(g, input, Object.fromEntries(constants)), 1));
  const session = await openSession(encodeModel(g.toModel()), { threads });
  try {
    const { digits } = await session.run({ images: { datatype: 'float32', shape: [count, ...shape], data: images } });
    return Array.from(digits.data as BigInt64Array).filter((digit, i) => Number(digit) === labels[i]).length / count;
  } finally {
    await session.close();
  }
}

/** What one training ends with. */
interface Outcome {
  /** Of the last epoch. */
  loss: number;
  /** Share of the 2,000 validation digits. */
  accuracy: number;
}

interface PeerTraining {
  walls: number[];
  cpus: number[];
  losses: number[];
  accuracy: number;
}

/**
 * The two draw other random numbers; means over all runs are compared. Of eight seeds of PyTorch's, losses of the
 * last epoch lie within 7 % of their mean (standard deviation 4.5 %) and accuracies within 0.006; one epoch more or less
 * changes the loss by a fifth.
 */
const tolerance = { loss: 0.15, accuracy: 0.015 };

function epochOf(
  name: string,
  network: Network,
  { about, bound, epochs, runs }: { about: string; bound: number; epochs: number; runs: number },
): Work<NetworkContext> {
  return {
    name,
    about,
    peerName: 'PyTorch 2.15.0',
    bound,
    runs,
    async open({ train: digits, validation, peer }): Promise<Match> {
      const program = programOf(network);
      const outcomes: { ours: Outcome[]; peer: Outcome[] } = { ours: [], peer: [] };
      return {
        /** A training of its own seed each time; the median of its epochs after the first. */
        async ours() {
          const ends: Sample[] = [];
          const start = { wall: performance.now(), cpu: process.cpuUsage() };
          const trained = await train(
            program,
            { count: digits.count, rows: { images: digits.images, labels: digits.labels } },
            {
              epochs: 1 + epochs,
              seed: seed + outcomes.ours.length,
              threads,
              afterEpoch() {
                const { user, system } = process.cpuUsage(start.cpu);
                ends.push({ wall: performance.now() - start.wall, cpu: (user + system) / 1000 });
              },
            },
          );
          const accuracy = await accuracyOf(network, trained.parameters, validation);
          outcomes.ours.push({ loss: trained.losses.at(-1)!, accuracy });
          const lasted = (key: keyof Sample) => median(ends.slice(1).map((end, i) => end[key] - ends[i][key]));
          return { wall: lasted('wall'), cpu: lasted('cpu') };
        },
        async peer() {
          const { walls, cpus, losses, accuracy } = await (
            await peer()
          ).call<PeerTraining>(`${name}_epochs`, {
            epochs,
            batch: batchSize,
            learning_rate: learningRate,
            seed: seed + outcomes.peer.length,
          });
          outcomes.peer.push({ loss: losses.at(-1)!, accuracy });
          return { wall: median(walls), cpu: median(cpus) };
        },
        compare: async () => compared(mean(outcomes.ours), mean(outcomes.peer), 1 + epochs),
        close: async () => undefined,
      };
    },
  };
}

function mean(outcomes: readonly Outcome[]): Outcome {
  const of = (key: keyof Outcome) => outcomes.reduce((sum, outcome) => sum + outcome[key], 0) / outcomes.length;
  return { loss: of('loss'), accuracy: of('accuracy') };
}

function compared(ours: Outcome, peer: Outcome, epochs: number): Agreement {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return {
    agree:
      Math.abs(ours.loss / peer.loss - 1) <= tolerance.loss &&
      Math.abs(ours.accuracy - peer.accuracy) <= tolerance.accuracy,
    said:
      `after ${epochs} epochs, loss ${ours.loss.toPrecision(3)} and ${peer.loss.toPrecision(3)}, ` +
      `${percent(ours.accuracy)} and ${percent(peer.accuracy)} of the validation digits`,
  };
}

export const networks: Group<NetworkContext> = {
  works: [
    epochOf('mlp', mlp, {
      about: 'An epoch of a perceptron 784-256-128-10 with ReLU: cross entropy, Adam, batches of 128',
      bound: 1,
      epochs: 5,
      runs: 7,
    }),
    epochOf('cnn', cnn, {
      about: 'The same of two convolutions 3 × 3 of 16 and 32 channels, each with ReLU and max pooling by 2',
      bound: 1.2,
      epochs: 3,
      runs: 5,
    }),
  ],
  async open(say) {
    say('Reading the digits');
    return openContext(await readDigits({ seed }), async () => {
      const python = await ensurePeers(environments.pytorch, { say });
      // glibc gives large arrays back to the system and asks for them again, batch by batch, unless told to keep them:
      // that costs PyTorch's convolutions a third of their speed. Its tuning guide advises another allocator for that.
      const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '33554432', MALLOC_TRIM_THRESHOLD_: '1073741824' };
      return new PeerProcess(python, [peerScript], env);
    });
  },
  close: (context) => context.close(),
};
