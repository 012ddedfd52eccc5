/**
 * Random walks of three steps with a penalty for popularity: RP³β (B. Paudel, F. Christoffel, C. Newell and A. Bernstein,
 * "Updatable, accurate, diverse, and scalable recommendations for interactive applications", ACM TiiS 7:1, 2017) on the
 * transitions of P³α (C. Cooper et al., "Random walks in recommender systems", WWW 2014).
 *
 * From a user to an item the walk goes with p_ui = x_ui / Σ_j x_uj, back with p_iu = x_ui / Σ_v x_vi, x the strengths. The
 * score of j is Σ_i Σ_v p_ui^α p_iv^α p_vj^α / d_j^β, d_j the number of users who have j: α = β = 0 counts the paths, a
 * larger β recommends less of what is popular. s_ij = Σ_v p_iv^α p_vj^α / d_j^β, of which each item keeps the largest.
 * The divisor (Σ_j x_uj)^α, which all scores of a user have in common, is left out: it changes no order.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Interactions } from '../data/interactions.ts';
import type { FitContext, FittedRecommender, RecommenderEstimator } from './estimator.ts';
import { notFinite } from './item-knn.ts';
import { FittedItemVotes, readVotes } from './item-votes.ts';
import { neighbourTable } from './neighbours.ts';
import { strengthsOf, transpose } from './sparse.ts';
import type { SparseMatrix } from './sparse.ts';

const format = 'tradewind-rp3beta/1';

export const rp3beta: RecommenderEstimator<'rp3beta'> = {
  algorithm: 'rp3beta',

  async fit(train: Interactions, given: ParametersOf<'rp3beta'>, context: FitContext): Promise<FittedRecommender> {
    const parameters = completeParameters('rp3beta', algorithms.rp3beta.parameters, given) as typeof given;
    const { alpha, beta, neighbours: most, weighting } = parameters;
    const items = train.items.length;
    const values = strengthsOf(train.counts, weighting);
    const strengths: SparseMatrix = { indptr: train.indptr, indices: train.indices, values };
    const byItem = transpose(strengths, items);
    const fromItems = transitions(byItem, alpha);
    const toItems = transitions(strengths, alpha);
    const penalties = Float64Array.from({ length: items }, (_, j) => {
      const users = byItem.indptr[j + 1] - byItem.indptr[j];
      return users ** -beta;
    });
    // p_vj^α / d_j^β
    const penalised = { ...toItems, values: toItems.values.map((p, k) => p * penalties[toItems.indices[k]]) };
    for (const matrix of [fromItems, penalised]) {
      if (!matrix.values.every(Number.isFinite)) throw notFinite('rp3beta', 'transition');
    }
    context.progress?.(0.1, 'weighted');
    const neighbours = await neighbourTable(fromItems, penalised, items, most, 0, context.threads);
    context.progress?.(1, `${neighbours.indices.length} neighbours`);
    return new FittedItemVotes('rp3beta', format, { neighbours, weighting, power: alpha }, context.threads);
  },

  async load(state: ArrayFile, { threads }): Promise<FittedRecommender> {
    return new FittedItemVotes('rp3beta', format, readVotes(state, format), threads);
  },
};

/** (x / Σ x)^α by rows; what is not there is no transition, for α = 0 either. */
function transitions({ indptr, indices, values }: SparseMatrix, alpha: number): SparseMatrix {
  const powers = new Float32Array(values.length);
  for (let r = 0; r + 1 < indptr.length; r++) {
    let sum = 0;
    for (let k = indptr[r]; k < indptr[r + 1]; k++) sum += values[k];
    for (let k = indptr[r]; k < indptr[r + 1]; k++) powers[k] = values[k] > 0 ? (values[k] / sum) ** alpha : 0;
  }
  return { indptr, indices, values: powers };
}
