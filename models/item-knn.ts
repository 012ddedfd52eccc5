/**
 * Item-based nearest neighbours (Sarwar et al., 2001): a user gets what resembles the items of the own history.
 *
 * s_ij = Σ_u w_ui w_uj, where w is the strength divided by the length of the item's column (`cosine`), or its BM25
 * weight (`bm25`); each item keeps its largest neighbours, itself included.
 * A user's score for j is Σ_i h_i s_ij over the history, h the plain strengths.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import { KernelThreads } from '../compute/kernels/threads.ts';
import { rankSparse } from '../compute/kernels/top-k.ts';
import type { Interactions } from '../data/interactions.ts';
import { rowChunks } from './chunks.ts';
import type { FitContext, FittedRecommender, Histories, Ranked, RecommenderEstimator, Wanted } from './estimator.ts';
import { lowerItemKnn } from './lowering/item-knn.ts';
import { Scorer } from './scorer.ts';
import { strengthsOf, transpose } from './sparse.ts';
import type { SparseMatrix, Weighting } from './sparse.ts';
import { readState } from './state.ts';

const format = 'tradewind-item-knn/1';

class FittedItemKnn implements FittedRecommender {
  readonly algorithm = 'item-knn';
  readonly items: number;
  readonly #neighbours: SparseMatrix;
  readonly #weighting: Weighting;
  readonly #scorer: Scorer<{ indptr: number; indices: number; values: number }>;

  /** @param neighbours - row i: the items that i votes for. */
  constructor(neighbours: SparseMatrix, weighting: Weighting, threads: number) {
    const items = neighbours.indptr.length - 1;
    this.items = items;
    this.#neighbours = neighbours;
    this.#weighting = weighting;
    this.#scorer = new Scorer(threads, {
      items,
      kernels: ['scoring', 'top-k'],
      load: async (kernels) => ({
        indptr: kernels.put(neighbours.indptr),
        indices: kernels.put(neighbours.indices),
        values: kernels.put(neighbours.values),
      }),
      weigh: (counts) => strengthsOf(counts, weighting),
      score: async (kernels, table, { rows, indptr, indices, weights, scores }) => {
        const chunks = rowChunks(rows, 4);
        const history = [indptr, indices, weights];
        const neighbourRows = [table.indptr, table.indices, table.values];
        await kernels.parallelFor('scoring', 'sparse', chunks.count, (chunk) => [
          ...history,
          ...neighbourRows,
          items,
          ...chunks.range(chunk),
          scores,
        ]);
      },
      rank: async (kernels, table, { rows, indptr, indices, weights }, wanted) =>
        rankSparse(kernels, { rows, items, history: { indptr, indices } }, weights, table, wanted),
    });
  }

  async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
    await this.#scorer.score(histories, from, to, out);
  }

  async rank(histories: Histories, from: number, to: number, wanted: Wanted): Promise<Ranked> {
    return await this.#scorer.rank(histories, from, to, wanted);
  }

  state(): ArrayFile {
    const { indptr, indices, values } = this.#neighbours;
    return {
      arrays: { indptr: { data: indptr }, indices: { data: indices }, values: { data: values } },
      metadata: { format, weighting: this.#weighting },
    };
  }

  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array {
    return lowerItemKnn({ ...this.#neighbours, weighting: this.#weighting }, catalogue, metadata);
  }

  async close(): Promise<void> {
    await this.#scorer.close();
  }
}

export const itemKnn: RecommenderEstimator<'item-knn'> = {
  algorithm: 'item-knn',

  async fit(train: Interactions, given: ParametersOf<'item-knn'>, context: FitContext): Promise<FittedRecommender> {
    const parameters = completeParameters('item-knn', algorithms['item-knn'].parameters, given) as typeof given;
    const items = train.items.length;
    const values = strengthsOf(train.counts, parameters.weighting);
    const strengths: SparseMatrix = { indptr: train.indptr, indices: train.indices, values };
    const weighted =
      parameters.similarity === 'cosine'
        ? unitColumns(strengths, items)
        : bm25Weights(strengths, items, parameters.k1, parameters.b);
    if (!weighted.values.every(Number.isFinite)) throw notFinite(parameters);
    context.progress?.(0.1, 'weighted');
    const neighbours = await neighbourTable(weighted, items, parameters.neighbours, context.threads);
    context.progress?.(1, `${neighbours.indices.length} neighbours`);
    return new FittedItemKnn(neighbours, parameters.weighting, context.threads);
  },

  async load(state: ArrayFile, { threads }): Promise<FittedRecommender> {
    const read = readState(state, format);
    const neighbours = {
      indptr: read.integers('indptr'),
      indices: read.integers('indices'),
      values: read.floats('values'),
    };
    return new FittedItemKnn(neighbours, read.text('weighting') as Weighting, threads);
  },
};

function notFinite({ similarity }: ParametersOf<'item-knn'>): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: `The ${similarity} weights of item-knn`,
    rule: 'be finite',
    value: 'infinity or NaN',
    remedy: 'Check the counts for values that are far too large.',
  });
}

/** Columns of length 1. */
function unitColumns({ indptr, indices, values }: SparseMatrix, items: number): SparseMatrix {
  const squares = new Float64Array(items);
  for (let k = 0; k < indices.length; k++) squares[indices[k]] += values[k] * values[k];
  return {
    indptr,
    indices,
    values: values.map((value, k) => (value > 0 ? value / Math.sqrt(squares[indices[k]]) : 0)),
  };
}

/**
 * Items are documents, the users who have them their terms (as in implicit; the other way round ranked worse):
 * w_ui = idf_u · s (k₁ + 1) / (s + k₁ (1 − b + b |i| / mean |i|)), |i| the sum of an item's strengths and
 * idf_u = log(1 + (N − n_u + ½) / (n_u + ½)) over N items, n_u of which the user has (Robertson and Zaragoza, 2009; the
 * 1 + keeps it positive for a user who has most of them).
 */
function bm25Weights({ indptr, indices, values }: SparseMatrix, items: number, k1: number, b: number): SparseMatrix {
  const lengths = new Float64Array(items);
  let total = 0;
  for (let k = 0; k < indices.length; k++) {
    lengths[indices[k]] += values[k];
    total += values[k];
  }
  const saturations = lengths.map((length) => k1 * (1 - b + (b * length * items) / total));
  const weights = new Float32Array(values.length);
  for (let u = 0; u + 1 < indptr.length; u++) {
    const having = indptr[u + 1] - indptr[u];
    const idf = Math.log1p((items - having + 0.5) / (having + 0.5));
    for (let k = indptr[u]; k < indptr[u + 1]; k++) {
      const s = values[k];
      weights[k] = s > 0 ? (idf * s * (k1 + 1)) / (s + saturations[indices[k]]) : 0;
    }
  }
  return { indptr, indices, values: weights };
}

/** The `most` largest entries of each row of WᵀW, W the weighted users × items. */
async function neighbourTable(
  weighted: SparseMatrix,
  items: number,
  most: number,
  threads: number,
): Promise<SparseMatrix> {
  const K = Math.min(most, items);
  const kernels = new KernelThreads(threads, ['similarity']);
  try {
    const put = ({ indptr, indices, values }: SparseMatrix) => [indptr, indices, values].map((a) => kernels.put(a));
    const byItem = put(transpose(weighted, items));
    const byUser = put(weighted);
    const counts = kernels.alloc(items * 4);
    const columns = kernels.alloc(items * K * 4);
    const values = kernels.alloc(items * K * 4);
    const chunks = rowChunks(items, 16);
    const scratch = Math.ceil(items / 64) * 64 * 16;
    await kernels.parallelFor(
      'similarity',
      'neighbours',
      chunks.count,
      (chunk) => [...byItem, ...byUser, items, K, ...chunks.range(chunk), counts, columns, values],
      scratch,
    );
    return packRows(
      kernels.view('i32', counts, items),
      kernels.view('i32', columns, items * K),
      kernels.view('f32', values, items * K),
      K,
    );
  } finally {
    await kernels.close();
  }
}

/** Rows of up to K entries, laid out K apart, as CSR in memory of the caller's own. */
function packRows(counts: Int32Array, columns: Int32Array, values: Float32Array, K: number): SparseMatrix {
  const indptr = new Int32Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) indptr[i + 1] = indptr[i] + counts[i];
  const packed = {
    indptr,
    indices: new Int32Array(indptr[counts.length]),
    values: new Float32Array(indptr[counts.length]),
  };
  for (let i = 0; i < counts.length; i++) {
    packed.indices.set(columns.subarray(i * K, i * K + counts[i]), indptr[i]);
    packed.values.set(values.subarray(i * K, i * K + counts[i]), indptr[i]);
  }
  return packed;
}
