/**
 * EASE (H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019): the item weights B with zeros on the
 * diagonal that minimise ‖X − XB‖² + λ‖B‖², X the strengths, in closed form: B = I − P diag(P)⁻¹, P = (XᵀX + λI)⁻¹.
 * A user's score for j is Σ_i x_i b_ij over the history; weights may be negative.
 *
 * Of each item's weights the largest by magnitude are kept; the state and the last note of progress say how much of the
 * Frobenius norm they hold. No checkpoint: at the bound's size an interrupted fit loses a minute, and half of its matrix
 * would be 400 MB to store.
 */
import { completeParameters } from '../contracts/parameters.ts';
import { algorithms } from '../contracts/algorithms.ts';
import type { ParametersOf } from '../contracts/algorithms.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import { easeWeights } from '../compute/kernels/ease.ts';
import { KernelThreads } from '../compute/kernels/threads.ts';
import type { Interactions } from '../data/interactions.ts';
import type { FitContext, FittedRecommender, RecommenderEstimator } from './estimator.ts';
import { notFinite } from './item-knn.ts';
import { FittedItemVotes, readVotes } from './item-votes.ts';
import { strengthsOf } from './sparse.ts';

const format = 'tradewind-ease/1';

/**
 * Rows of the matrix that is inverted: the items, or the users where they are fewer. Its time grows with their cube (6,000
 * take 15 s on two threads), its memory with their square (10,000 take 800 MB).
 */
export const mostInvertedRows = 10_000;

export const ease: RecommenderEstimator<'ease'> = {
  algorithm: 'ease',

  async fit(train: Interactions, given: ParametersOf<'ease'>, context: FitContext): Promise<FittedRecommender> {
    const parameters = completeParameters('ease', algorithms.ease.parameters, given) as typeof given;
    const { regularization, keep, weighting } = parameters;
    const [items, users] = [train.items.length, train.indptr.length - 1];
    if (Math.min(items, users) > mostInvertedRows) throw tooLarge(items, users);
    const values = strengthsOf(train.counts, weighting);
    if (!values.every((value) => Number.isFinite(value * value))) throw notFinite('ease', weighting);
    const threads = new KernelThreads(context.threads, ['ease', 'csr']);
    try {
      const strengths = { indptr: train.indptr, indices: train.indices, values };
      const { weights, squares } = await easeWeights(threads, strengths, items, { regularization, keep }, (done) =>
        context.progress?.(0.99 * done, done < 1 ? undefined : 'weighted'),
      );
      if (!weights.values.every(Number.isFinite) || !Number.isFinite(squares.whole)) {
        throw notFinite('ease', 'item-to-item');
      }
      const share = squares.whole > 0 ? Math.sqrt(squares.kept / squares.whole) : 1;
      const facts = { keptShareOfNorm: share.toFixed(4) };
      context.progress?.(1, `${weights.indices.length} weights, ${(100 * share).toFixed(1)} % of their Frobenius norm`);
      return new FittedItemVotes('ease', format, { neighbours: weights, weighting, facts }, context.threads);
    } finally {
      await threads.close();
    }
  },

  async load(state: ArrayFile, { threads }): Promise<FittedRecommender> {
    return new FittedItemVotes('ease', format, readVotes(state, format, ['keptShareOfNorm']), threads);
  },
};

function tooLarge(items: number, users: number): TradewindError {
  const bound = mostInvertedRows.toLocaleString('en');
  return new TradewindError('PARAMETER_INVALID', {
    subject: 'The training part of ease',
    rule: `have at most ${bound} items or at most ${bound} users, as a matrix with a row for each is inverted`,
    value: `${items.toLocaleString('en')} items and ${users.toLocaleString('en')} users`,
    remedy: 'Raise "preparation.minUsersPerItem", or take item-knn or rp3beta, which have no such bound.',
  });
}
