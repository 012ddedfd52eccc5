/**
 * What a user has bought most often, then what most others have: the ranking that any model of repeat purchases has to
 * beat.
 *
 * The score of j is its count in the history + t_j, 0 < t_j < 1: t ranks the catalogue by popularity, ties by its order,
 * so that it decides among equal counts and orders what a history does not hold. No two items have the same.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Interactions } from '../data/interactions.ts';
import type { FitContext, FittedRecommender, Histories, RecommenderEstimator } from './estimator.ts';
import { lowerPersonalFrequency } from './lowering/personal-frequency.ts';
import { popularityOf } from './popularity.ts';
import { checkBatch } from './scorer.ts';
import { readState } from './state.ts';

const format = 'tradewind-personal-frequency/1';

class FittedPersonalFrequency implements FittedRecommender {
  readonly algorithm = 'personal-frequency';
  readonly items: number;
  readonly #popularity: Float32Array;

  constructor(popularity: Float32Array) {
    this.#popularity = popularity;
    this.items = popularity.length;
  }

  async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
    checkBatch(histories, from, to, this.items, out);
    const { indptr, indices, counts } = histories;
    for (let row = from; row < to; row++) {
      const start = (row - from) * this.items;
      out.set(this.#popularity, start);
      for (let k = indptr[row]; k < indptr[row + 1]; k++) {
        out[start + indices[k]] += Math.max(0, counts[k]);
      }
    }
  }

  state(): ArrayFile {
    return { arrays: { popularity: { data: this.#popularity } }, metadata: { format } };
  }

  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array {
    return lowerPersonalFrequency({ popularity: this.#popularity }, catalogue, metadata);
  }

  async close(): Promise<void> {}
}

export const personalFrequency: RecommenderEstimator<'personal-frequency'> = {
  algorithm: 'personal-frequency',

  async fit(
    train: Interactions,
    given: ParametersOf<'personal-frequency'>,
    context: FitContext,
  ): Promise<FittedRecommender> {
    const { popularity } = completeParameters(
      'personal-frequency',
      algorithms['personal-frequency'].parameters,
      given,
    ) as typeof given;
    const sums = popularityOf(train, popularity);
    const order = Array.from(sums.keys()).toSorted((i, j) => sums[j] - sums[i] || i - j);
    const places = new Float32Array(order.length);
    for (const [place, item] of order.entries()) places[item] = (order.length - place) / (order.length + 1);
    context.progress?.(1, 'counted');
    return new FittedPersonalFrequency(places);
  },

  async load(state: ArrayFile): Promise<FittedRecommender> {
    return new FittedPersonalFrequency(readState(state, format).floats('popularity'));
  },
};
