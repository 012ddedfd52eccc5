/**
 * Implicit-feedback matrix factorization by alternating least squares with conjugate gradient (Hu, Koren and Volinsky,
 * 2008; Takács, Pilászy and Tikk, 2011): minimises Σ_ui c_ui (p_ui − x_u·yᵢ)² + λ (Σ‖x_u‖² + Σ‖yᵢ‖²) with p = 1 for
 * what a user has and 0 for the rest, c = 1 + α · strength.
 *
 * A fitted model keeps the item factors only: a user is folded in from the history each time.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import { TradewindError } from '../contracts/errors.ts';
import { Random } from '../contracts/random.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import { KernelThreads } from '../compute/kernels/threads.ts';
import { rankDense } from '../compute/kernels/top-k.ts';
import type { Interactions } from '../data/interactions.ts';
import { rowChunks } from './chunks.ts';
import type { FitContext, FittedRecommender, Histories, Ranked, RecommenderEstimator, Wanted } from './estimator.ts';
import { lowerAls } from './lowering/als.ts';
import { Scorer, type HistoryPiece } from './scorer.ts';
import { strengthsOf, transpose } from './sparse.ts';
import type { SparseMatrix, Weighting } from './sparse.ts';
import { readState } from './state.ts';

const format = 'tradewind-als/1';
const checkpointFormat = 'tradewind-als-checkpoint/1';

/**
 * Conjugate-gradient steps, from zero, by which a history becomes user factors; the exported graph takes as many. They
 * bring the residual to the accuracy of float32 for the settings that rank well.
 */
export const foldInSteps = 16;

/** What a killed fit may lose. Quick fits need no checkpoint: they are begun again in less time than one takes. */
const defaultCheckpointMilliseconds = 5_000;

/** Half the width of the interval that factors start in. */
const initialScale = 0.01;

interface AlsModel {
  /** `float32 [items × width]`, row-major. */
  itemFactors: Float32Array;
  /** Factors rounded up to a multiple of 8; the columns beyond `factors` are zero. */
  width: number;
  regularization: number;
  alpha: number;
  weighting: Weighting;
}

class FittedAls implements FittedRecommender {
  readonly algorithm = 'als';
  readonly items: number;
  readonly #model: AlsModel;
  readonly #scorer: Scorer<{ itemFactors: number; gram: number }>;

  constructor(model: AlsModel, threads: number) {
    const { itemFactors, width, regularization, alpha, weighting } = model;
    const items = itemFactors.length / width;
    this.items = items;
    this.#model = model;
    const foldIn = async (
      kernels: KernelThreads,
      constants: { itemFactors: number; gram: number },
      { rows, indptr, indices, weights }: HistoryPiece,
    ) => {
      const users = kernels.alloc(rows * width * 4);
      const side: Side = { rows, factors: users, csr: [indptr, indices, weights] };
      await solve(kernels, 'fold-in', side, constants.itemFactors, constants.gram, width, foldInSteps);
      return users;
    };
    this.#scorer = new Scorer(threads, {
      items,
      kernels: ['fold-in', 'scoring', 'top-k'],
      load: async (kernels) => {
        const factors = kernels.put(itemFactors);
        const gram = await exactGram(kernels, factors, items, width, regularization);
        return { itemFactors: factors, gram: kernels.put(gram) };
      },
      weigh: (counts) => confidences(counts, weighting, alpha),
      score: async (kernels, constants, piece) => {
        const users = await foldIn(kernels, constants, piece);
        const userChunks = rowChunks(piece.rows, 32);
        const itemChunks = rowChunks(items, 2048);
        await kernels.parallelFor('scoring', 'dense', userChunks.count * itemChunks.count, (chunk) => [
          users,
          constants.itemFactors,
          width,
          items,
          ...userChunks.range(Math.floor(chunk / itemChunks.count)),
          ...itemChunks.range(chunk % itemChunks.count),
          piece.scores,
        ]);
      },
      rank: async (kernels, constants, piece, wanted) => {
        const users = await foldIn(kernels, constants, piece);
        const { rows, indptr, indices } = piece;
        const factors = { users, items: constants.itemFactors, width };
        return await rankDense(kernels, { rows, items, history: { indptr, indices } }, factors, wanted);
      },
    });
  }

  async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
    await this.#scorer.score(histories, from, to, out);
  }

  async rank(histories: Histories, from: number, to: number, wanted: Wanted): Promise<Ranked> {
    return await this.#scorer.rank(histories, from, to, wanted);
  }

  state(): ArrayFile {
    const { itemFactors, width, regularization, alpha, weighting } = this.#model;
    return {
      arrays: { item_factors: { data: itemFactors, shape: [this.items, width] } },
      metadata: {
        format,
        width: String(width),
        regularization: String(regularization),
        alpha: String(alpha),
        weighting,
      },
    };
  }

  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array {
    const { itemFactors, width, regularization, alpha, weighting } = this.#model;
    const model = { itemFactors, factors: width, regularization, alpha, weighting, steps: foldInSteps };
    return lowerAls(model, catalogue, metadata);
  }

  async close(): Promise<void> {
    await this.#scorer.close();
  }
}

export const als: RecommenderEstimator<'als'> = {
  algorithm: 'als',

  async fit(train: Interactions, given: ParametersOf<'als'>, context: FitContext): Promise<FittedRecommender> {
    const parameters = completeParameters('als', algorithms.als.parameters, given) as typeof given;
    const { regularization, alpha, weighting } = parameters;
    const width = Math.ceil(parameters.factors / 8) * 8;
    const kernels = new KernelThreads(context.threads, ['als']);
    try {
      const itemFactors = await alternate(kernels, train, parameters, width, context);
      return new FittedAls({ itemFactors, width, regularization, alpha, weighting }, context.threads);
    } finally {
      await kernels.close();
    }
  },

  async load(state: ArrayFile, { threads }): Promise<FittedRecommender> {
    const read = readState(state, format);
    return new FittedAls(
      {
        itemFactors: read.floats('item_factors'),
        width: read.number('width'),
        regularization: read.number('regularization'),
        alpha: read.number('alpha'),
        weighting: read.text('weighting') as Weighting,
      },
      threads,
    );
  },
};

/** @returns the item factors, in memory of the caller's own. */
async function alternate(
  kernels: KernelThreads,
  train: Interactions,
  parameters: ParametersOf<'als'>,
  width: number,
  context: FitContext,
): Promise<Float32Array> {
  const { regularization, iterations, conjugateGradientSteps } = parameters;
  const userCount = train.indptr.length - 1;
  const itemCount = train.items.length;
  const values = confidences(train.counts, parameters.weighting, parameters.alpha);
  const byUser: SparseMatrix = { indptr: train.indptr, indices: train.indices, values };
  const users = putSide(kernels, byUser, width);
  const items = putSide(kernels, transpose(byUser, itemCount), width);
  const userFactors = kernels.view('f32', users.factors, userCount * width);
  const itemFactors = kernels.view('f32', items.factors, itemCount * width);
  const G = kernels.alloc(width * width * 4);

  const fingerprint = JSON.stringify([parameters, context.seed, userCount, itemCount, train.indices.length]);
  let done = 0;
  if (context.resume) {
    done = restore(context.resume, fingerprint, userFactors, itemFactors);
  } else {
    const random = new Random(context.seed);
    draw(random, userFactors, parameters.factors, width);
    draw(random, itemFactors, parameters.factors, width);
  }

  let saved = performance.now();
  for (let iteration = done + 1; iteration <= iterations; iteration++) {
    await gram(kernels, items.factors, itemCount, width, regularization, G);
    await solve(kernels, 'als', users, items.factors, G, width, conjugateGradientSteps);
    await gram(kernels, users.factors, userCount, width, regularization, G);
    await solve(kernels, 'als', items, users.factors, G, width, conjugateGradientSteps);
    if (!allFinite(userFactors) || !allFinite(itemFactors)) throw diverged(iteration, parameters);
    context.progress?.(iteration / iterations, `iteration ${iteration} of ${iterations}`);
    const due = performance.now() - saved >= (context.checkpointMilliseconds ?? defaultCheckpointMilliseconds);
    if (due && iteration < iterations && context.checkpoint) {
      await context.checkpoint(snapshot(fingerprint, iteration, userFactors, itemFactors, width), iteration);
      saved = performance.now();
    }
  }
  return new Float32Array(itemFactors);
}

/** One side of the alternation in kernel memory: addresses of its factors and of its CSR arrays. */
interface Side {
  rows: number;
  factors: number;
  csr: number[];
}

function putSide(kernels: KernelThreads, { indptr, indices, values }: SparseMatrix, width: number): Side {
  const rows = indptr.length - 1;
  const csr = [indptr, indices, values].map((array) => kernels.put(array));
  return { rows, csr, factors: kernels.alloc(rows * width * 4) };
}

/** G ← YᵀY + λI over chunks of rows that only their number decides, so that threads do not change a bit. */
async function gram(kernels: KernelThreads, Y: number, rows: number, width: number, lambda: number, G: number) {
  const mark = kernels.mark();
  try {
    const chunks = rowChunks(rows, 512, 32);
    const partBytes = width * width * 4;
    const parts = kernels.alloc(chunks.count * partBytes);
    await kernels.parallelFor('als', 'gram', chunks.count, (chunk) => [
      Y,
      ...chunks.range(chunk),
      width,
      parts + chunk * partBytes,
    ]);
    await kernels.parallelFor('als', 'gramSum', 1, () => [parts, chunks.count, width, lambda, G]);
  } finally {
    kernels.release(mark);
  }
}

/** YᵀY + λI accumulated in float64 and then rounded to float32, like the constant of the exported graph. */
async function exactGram(
  kernels: KernelThreads,
  Y: number,
  rows: number,
  width: number,
  lambda: number,
): Promise<Float64Array> {
  const mark = kernels.mark();
  const size = width * width;
  const G = new Float64Array(size);
  try {
    const chunks = rowChunks(rows, 512, 32);
    const parts = kernels.alloc(chunks.count * size * 8);
    await kernels.parallelFor('fold-in', 'gram', chunks.count, (chunk) => [
      Y,
      ...chunks.range(chunk),
      width,
      parts + chunk * size * 8,
    ]);
    for (let chunk = 0; chunk < chunks.count; chunk++) {
      const part = kernels.view('f64', parts + chunk * size * 8, size);
      for (let k = 0; k < size; k++) G[k] += part[k];
    }
  } finally {
    kernels.release(mark);
  }
  for (let i = 0; i < width; i++) {
    G[i * width + i] += lambda;
    for (let j = i; j < width; j++) G[j * width + i] = G[i * width + j] = Math.fround(G[i * width + j]);
  }
  return G;
}

async function solve(
  kernels: KernelThreads,
  kernel: 'als' | 'fold-in',
  side: Side,
  Y: number,
  G: number,
  width: number,
  steps: number,
) {
  const chunks = rowChunks(side.rows, 32);
  const scratch = 4 * width * (kernel === 'als' ? 4 : 8);
  const argsOf = (chunk: number) => [...side.csr, side.factors, Y, G, ...chunks.range(chunk), width, steps];
  await kernels.parallelFor(kernel, 'solve', chunks.count, argsOf, scratch);
}

/** c = 1 + α · strength */
function confidences(counts: Float32Array, weighting: Weighting, alpha: number): Float32Array {
  return strengthsOf(counts, weighting).map((strength) => 1 + alpha * strength);
}

function draw(random: Random, into: Float32Array, factors: number, width: number): void {
  into.fill(0);
  for (let row = 0; row < into.length; row += width) {
    for (let f = 0; f < factors; f++) into[row + f] = (2 * random.uniform() - 1) * initialScale;
  }
}

function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]) < Infinity)) return false;
  return true;
}

function diverged(iteration: number, { alpha, regularization }: ParametersOf<'als'>): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: `Iteration ${iteration} of als`,
    rule: 'end with finite factors',
    value: `infinity or NaN with "alpha" ${alpha} and "regularization" ${regularization}`,
    remedy: 'Lower "alpha" or raise "regularization", and check the counts for values that are far too large.',
  });
}

function snapshot(
  fingerprint: string,
  iteration: number,
  userFactors: Float32Array,
  itemFactors: Float32Array,
  width: number,
): ArrayFile {
  const copy = (factors: Float32Array) => ({
    data: new Float32Array(factors),
    shape: [factors.length / width, width],
  });
  return {
    arrays: { user_factors: copy(userFactors), item_factors: copy(itemFactors) },
    metadata: { format: checkpointFormat, iteration: String(iteration), fingerprint },
  };
}

/** @returns the iteration that the checkpoint was made after. */
function restore(file: ArrayFile, fingerprint: string, userFactors: Float32Array, itemFactors: Float32Array): number {
  const read = readState(file, checkpointFormat);
  if (read.text('fingerprint') !== fingerprint) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: 'A checkpoint of als',
      rule: 'come from the same data, parameters and seed as the fit that goes on from it',
      remedy: 'Delete the checkpoint and train again.',
    });
  }
  userFactors.set(read.floats('user_factors'));
  itemFactors.set(read.floats('item_factors'));
  return read.number('iteration');
}
