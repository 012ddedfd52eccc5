/** The same ranking for everybody: what most users have, or what was bought most often. */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Interactions } from '../data/interactions.ts';
import type { FitContext, FittedRecommender, Histories, RecommenderEstimator } from './estimator.ts';
import { lowerPopularity } from './lowering/popularity.ts';
import { checkBatch } from './scorer.ts';
import { readState } from './state.ts';

const format = 'tradewind-popularity/1';

class FittedPopularity implements FittedRecommender {
  readonly algorithm = 'popularity';
  readonly items: number;
  readonly #scores: Float32Array;

  constructor(scores: Float32Array) {
    this.#scores = scores;
    this.items = scores.length;
  }

  async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
    checkBatch(histories, from, to, this.items, out);
    for (let row = 0; row < to - from; row++) out.set(this.#scores, row * this.items);
  }

  state(): ArrayFile {
    return { arrays: { scores: { data: this.#scores } }, metadata: { format } };
  }

  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array {
    return lowerPopularity({ scores: this.#scores }, catalogue, metadata);
  }

  async close(): Promise<void> {}
}

export const popularity: RecommenderEstimator<'popularity'> = {
  algorithm: 'popularity',

  async fit(train: Interactions, given: ParametersOf<'popularity'>, context: FitContext): Promise<FittedRecommender> {
    const { by } = completeParameters('popularity', algorithms.popularity.parameters, given);
    const sums = popularityOf(train, by as ParametersOf<'popularity'>['by']);
    context.progress?.(1, 'counted');
    return new FittedPopularity(Float32Array.from(sums));
  },

  async load(state: ArrayFile): Promise<FittedRecommender> {
    return new FittedPopularity(readState(state, format).floats('scores'));
  },
};

/** Users of each item, or the sum of its counts: whole numbers far below 2^53, exact in whatever order they come. */
export function popularityOf(train: Interactions, by: ParametersOf<'popularity'>['by']): Float64Array {
  const sums = new Float64Array(train.items.length);
  for (let k = 0; k < train.indices.length; k++) sums[train.indices[k]] += by === 'users' ? 1 : train.counts[k];
  return sums;
}
