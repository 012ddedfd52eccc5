/**
 * Item-based nearest neighbours (Sarwar et al., 2001): a user gets what resembles the items of the own history.
 *
 * s_ij = Σ_u w_ui w_uj, where w is the strength divided by the length of the item's column (`cosine`), the same after
 * users have been weighted by their idf (`tf-idf`), or its BM25 weight (`bm25`); each item keeps its largest neighbours,
 * itself included. With shrinkage h, s_ij is s_ij · n_ij / (n_ij + h), n_ij the users who have both: what few have in
 * common counts less (R. M. Bell and Y. Koren, "Scalable collaborative filtering with jointly derived neighborhood
 * interpolation weights", ICDM 2007). That form, not an h beside the lengths in the denominator, as it means the same
 * whatever the strengths are, and for BM25 too, which divides by no length.
 * A user's score for j is Σ_i h_i s_ij over the history, h the plain strengths.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Interactions } from '../data/interactions.ts';
import { bm25Weights, tfIdfColumns, unitColumns } from './column-weights.ts';
import type { FitContext, FittedRecommender, RecommenderEstimator } from './estimator.ts';
import { FittedItemVotes, readVotes } from './item-votes.ts';
import { neighbourTable } from './neighbours.ts';
import { strengthsOf, transpose } from './sparse.ts';
import type { SparseMatrix } from './sparse.ts';

const format = 'tradewind-item-knn/1';

export const itemKnn: RecommenderEstimator<'item-knn'> = {
  algorithm: 'item-knn',

  async fit(train: Interactions, given: ParametersOf<'item-knn'>, context: FitContext): Promise<FittedRecommender> {
    const parameters = completeParameters('item-knn', algorithms['item-knn'].parameters, given) as typeof given;
    const { neighbours: most, shrinkage, weighting } = parameters;
    const items = train.items.length;
    const values = strengthsOf(train.counts, weighting);
    const weighted = weigh({ indptr: train.indptr, indices: train.indices, values }, items, parameters);
    if (!weighted.values.every(Number.isFinite)) throw notFinite('item-knn', parameters.similarity);
    context.progress?.(0.1, 'weighted');
    const byItem = transpose(weighted, items);
    const neighbours = await neighbourTable(byItem, weighted, items, most, shrinkage, context.threads);
    context.progress?.(1, `${neighbours.indices.length} neighbours`);
    return new FittedItemVotes('item-knn', format, { neighbours, weighting }, context.threads);
  },

  async load(state: ArrayFile, { threads }): Promise<FittedRecommender> {
    return new FittedItemVotes('item-knn', format, readVotes(state, format), threads);
  },
};

function weigh(strengths: SparseMatrix, items: number, { similarity, k1, b }: ParametersOf<'item-knn'>): SparseMatrix {
  switch (similarity) {
    case 'cosine':
      return unitColumns(strengths, items);
    case 'tf-idf':
      return tfIdfColumns(strengths, items);
    case 'bm25':
      return bm25Weights(strengths, items, k1, b);
  }
}

export function notFinite(algorithm: string, weights: string): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: `The ${weights} weights of ${algorithm}`,
    rule: 'be finite',
    value: 'infinity or NaN',
    remedy: 'Check the counts for values that are far too large.',
  });
}
