/**
 * Fitted models in which every item of a history votes for others: score_j = Σ_i h_i s_ij. What the votes s are is the
 * algorithm's own; how they are added up, saved and exported is the same for all.
 */
import type { AlgorithmName } from '../contracts/algorithms.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import { rankSparse } from '../compute/kernels/top-k.ts';
import { rowChunks } from './chunks.ts';
import type { FittedRecommender, Histories, Ranked, Wanted } from './estimator.ts';
import { lowerItemKnn } from './lowering/item-knn.ts';
import { Scorer } from './scorer.ts';
import { strengthsOf } from './sparse.ts';
import type { SparseMatrix, Weighting } from './sparse.ts';
import { readState } from './state.ts';

export interface ItemVotes {
  /** Row i: the items that i votes for. */
  neighbours: SparseMatrix;
  weighting: Weighting;
  /** h is the strength to this power; 1 when left out. */
  power?: number;
  /** What else there is to say about the model, under names of its own. */
  facts?: Readonly<Record<string, string>>;
}

export class FittedItemVotes<A extends AlgorithmName> implements FittedRecommender {
  readonly algorithm: A;
  readonly items: number;
  readonly #format: string;
  readonly #votes: ItemVotes;
  readonly #scorer: Scorer<{ indptr: number; indices: number; values: number }>;

  /** @param format - of its state. */
  constructor(algorithm: A, format: string, votes: ItemVotes, threads: number) {
    const { neighbours, weighting, power = 1 } = votes;
    const items = neighbours.indptr.length - 1;
    this.algorithm = algorithm;
    this.items = items;
    this.#format = format;
    this.#votes = votes;
    this.#scorer = new Scorer(threads, {
      items,
      kernels: ['scoring', 'top-k'],
      load: async (kernels) => ({
        indptr: kernels.put(neighbours.indptr),
        indices: kernels.put(neighbours.indices),
        values: kernels.put(neighbours.values),
      }),
      weigh: (counts) => powersOf(strengthsOf(counts, weighting), power),
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
    const { neighbours, weighting, power, facts } = this.#votes;
    return {
      arrays: {
        indptr: { data: neighbours.indptr },
        indices: { data: neighbours.indices },
        values: { data: neighbours.values },
      },
      metadata: {
        format: this.#format,
        weighting,
        ...(power !== undefined && { power: String(power) }),
        ...facts,
      },
    };
  }

  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array {
    const { neighbours, weighting, power } = this.#votes;
    return lowerItemKnn({ ...neighbours, weighting, power }, catalogue, metadata);
  }

  async close(): Promise<void> {
    await this.#scorer.close();
  }
}

/** @param facts - names of what else the state says. */
export function readVotes(state: ArrayFile, format: string, facts: readonly string[] = []): ItemVotes {
  const read = readState(state, format);
  return {
    neighbours: {
      indptr: read.integers('indptr'),
      indices: read.integers('indices'),
      values: read.floats('values'),
    },
    weighting: read.text('weighting') as Weighting,
    ...(state.metadata['power'] !== undefined && { power: read.number('power') }),
    ...(facts.length > 0 && { facts: Object.fromEntries(facts.map((name) => [name, read.text(name)])) }),
  };
}

export function powersOf(strengths: Float32Array, power: number): Float32Array {
  return power === 1 ? strengths : strengths.map((strength) => (strength > 0 ? strength ** power : 0));
}
