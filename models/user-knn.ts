/**
 * User-based nearest neighbours (P. Resnick et al., CSCW 1994; on events, without ratings, as B. Sarwar et al., EC 2000): a
 * user gets what the most similar training users have.
 *
 * s_uv = Σ_i w_ui w_vi, where w is the strength divided by the length of the user's row (`cosine`), the same after items
 * have been weighted by their idf (`tf-idf`), or its BM25 weight (`bm25`), users as documents. With shrinkage h it is
 * s_uv · n_uv / (n_uv + h), n_uv the items in common (Bell and Koren, 2007). A user's score for j is Σ_v s_uv x_vj over
 * the K most similar training users, x the plain strengths; one who was trained on is a neighbour of the own.
 *
 * Similarities are float64 sums, rounded to float32 before they are compared: so the exported graph chooses the same
 * neighbours, although it adds in another order. The model, and its graph, carry the training histories themselves, without
 * the ids of their users.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { KernelThreads } from '../compute/kernels/threads.ts';
import type { Interactions } from '../data/interactions.ts';
import { rowChunks } from './chunks.ts';
import { bm25IdfOf, bm25Weights, tfIdfColumns, tfIdfOf, unitColumns } from './column-weights.ts';
import type { FitContext, FittedRecommender, Histories, RecommenderEstimator } from './estimator.ts';
import { notFinite } from './item-knn.ts';
import { lowerUserKnn, type UserKnnState } from './lowering/user-knn.ts';
import { largestProducts } from './neighbours.ts';
import { Scorer } from './scorer.ts';
import { strengthsOf, transpose } from './sparse.ts';
import type { SparseMatrix } from './sparse.ts';
import { readState } from './state.ts';

const format = 'tradewind-user-knn/1';

/** Training entries are in the graph twice, at 16 bytes each: 320 MB. */
export const mostEntries = 20_000_000;
/** A request compares with all of them: 16 MB of sums for each of its histories. */
export const mostUsers = 1_000_000;

type Parameters = ParametersOf<'user-knn'>;
const table = algorithms['user-knn'].parameters;

class FittedUserKnn implements FittedRecommender {
  readonly algorithm = 'user-knn';
  readonly items: number;
  readonly #train: SparseMatrix;
  readonly #parameters: Parameters;
  readonly #scorer: Scorer<{ strengths: number[]; byItem: number[] }>;
  readonly #model: UserKnnState;

  /** @param train - users × items: counts. */
  constructor(train: SparseMatrix, items: number, parameters: Parameters, threads: number) {
    const users = train.indptr.length - 1;
    const model = modelOf(train, items, parameters);
    this.items = items;
    this.#train = train;
    this.#parameters = parameters;
    this.#model = model;
    this.#scorer = new Scorer(threads, {
      items,
      kernels: ['similarity', 'scoring'],
      load: async (kernels) => ({
        strengths: putMatrix(kernels, model.strengths),
        byItem: putMatrix(kernels, model.byItem),
      }),
      // What a history weighs depends on all of its row, and is float64.
      weigh: (counts) => counts,
      score: async (kernels, constants, { rows, indptr, indices, weights, scores }) => {
        const bounds = kernels.view('i32', indptr, rows + 1);
        const entries = bounds[rows];
        const own = kernels.view('i32', indices, entries);
        const query = kernels.put(queriesOf(model, bounds, own, kernels.view('f32', weights, entries)));
        const neighbours = await largestProducts(kernels, {
          csr: [indptr, indices, query, ...constants.byItem],
          rows,
          columns: users,
          most: parameters.neighbours,
          shrinkage: parameters.shrinkage,
          exact: true,
        });
        const votes = putMatrix(kernels, neighbours);
        const chunks = rowChunks(rows, 4);
        await kernels.parallelFor('scoring', 'sparse', chunks.count, (chunk) => [
          ...votes,
          ...constants.strengths,
          items,
          ...chunks.range(chunk),
          scores,
        ]);
      },
    });
  }

  async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
    await this.#scorer.score(histories, from, to, out);
  }

  state(): ArrayFile {
    const { indptr, indices, values } = this.#train;
    const parameters = Object.entries(this.#parameters).map(([name, value]) => [name, String(value)]);
    return {
      arrays: { indptr: { data: indptr }, indices: { data: indices }, counts: { data: values } },
      metadata: { format, items: String(this.items), ...Object.fromEntries(parameters) },
    };
  }

  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array {
    return lowerUserKnn(this.#model, catalogue, metadata);
  }

  async close(): Promise<void> {
    await this.#scorer.close();
  }
}

export const userKnn: RecommenderEstimator<'user-knn'> = {
  algorithm: 'user-knn',

  async fit(train: Interactions, given: Parameters, context: FitContext): Promise<FittedRecommender> {
    const parameters = completeParameters('user-knn', table, given) as Parameters;
    const { indptr, indices, counts } = train;
    const users = indptr.length - 1;
    if (users > mostUsers || indices.length > mostEntries) throw tooLarge(users, indices.length);
    const model = new FittedUserKnn(
      { indptr, indices, values: counts },
      train.items.length,
      parameters,
      context.threads,
    );
    context.progress?.(1, `${users} users`);
    return model;
  },

  async load(state: ArrayFile, { threads }): Promise<FittedRecommender> {
    const read = readState(state, format);
    const train = { indptr: read.integers('indptr'), indices: read.integers('indices'), values: read.floats('counts') };
    const parameters = Object.entries(table).map(([name, { kind }]) => [
      name,
      kind === 'choice' ? read.text(name) : read.number(name),
    ]);
    return new FittedUserKnn(train, read.number('items'), Object.fromEntries(parameters) as Parameters, threads);
  },
};

/** @throws TradewindError `TRAINING_DIVERGED` where a weight is not finite. */
function modelOf(train: SparseMatrix, items: number, parameters: Parameters): UserKnnState {
  const { similarity, weighting, k1, b, neighbours, shrinkage } = parameters;
  const users = train.indptr.length - 1;
  const strengths = { ...train, values: strengthsOf(train.values, weighting) };
  const turned = transpose(strengths, items);
  let total = 0;
  for (const value of strengths.values) total += value;
  const byItem =
    similarity === 'cosine'
      ? unitColumns(turned, users)
      : similarity === 'tf-idf'
        ? tfIdfColumns(turned, users)
        : bm25Weights(turned, users, k1, b);
  if (!byItem.values.every(Number.isFinite)) throw notFinite('user-knn', similarity);
  const idf =
    similarity === 'cosine'
      ? undefined
      : similarity === 'tf-idf'
        ? tfIdfOf(turned.indptr, users)
        : bm25IdfOf(turned.indptr, users);
  const saturation = similarity === 'bm25' ? { k1, b, meanLength: users > 0 ? total / users : 0 } : undefined;
  return {
    strengths,
    byItem,
    items,
    users,
    neighbours: Math.min(neighbours, users),
    shrinkage,
    weighting,
    idf,
    saturation,
  };
}

/** What histories weigh, as the training users do: `float64 [nnz]`. */
function queriesOf(
  { weighting, idf, saturation }: UserKnnState,
  indptr: Int32Array,
  indices: Int32Array,
  counts: Float32Array,
): Float64Array {
  const weights = new Float64Array(indices.length);
  for (let u = 0; u + 1 < indptr.length; u++) {
    const [from, to] = [indptr[u], indptr[u + 1]];
    let length = 0;
    for (let k = from; k < to; k++) {
      const count = counts[k];
      const strength = !(count > 0) ? 0 : weighting === 'count' ? count : weighting === 'log' ? Math.log(count + 1) : 1;
      weights[k] = strength;
      length += strength;
    }
    let squares = 0;
    for (let k = from; k < to; k++) {
      const s = weights[k];
      if (saturation && s > 0) {
        const { k1, b, meanLength } = saturation;
        weights[k] = (s * (k1 + 1)) / (s + k1 * (1 - b + (b * length) / meanLength));
      }
      if (idf) weights[k] *= idf[indices[k]];
      squares += weights[k] * weights[k];
    }
    if (saturation || squares === 0) continue;
    for (let k = from; k < to; k++) weights[k] /= Math.sqrt(squares);
  }
  return weights;
}

function putMatrix(kernels: KernelThreads, { indptr, indices, values }: SparseMatrix): number[] {
  return [indptr, indices, values].map((array) => kernels.put(array));
}

function tooLarge(users: number, entries: number): TradewindError {
  const [most, pairs] = [mostUsers, mostEntries].map((bound) => bound.toLocaleString('en'));
  return new TradewindError('PARAMETER_INVALID', {
    subject: 'The training part of user-knn',
    rule: `have at most ${most} users and ${pairs} user-item pairs, as the model carries them all`,
    value: `${users.toLocaleString('en')} users and ${entries.toLocaleString('en')} pairs`,
    remedy: 'Take item-knn, whose size the catalogue bounds, or raise "preparation.minItemsPerUser".',
  });
}
