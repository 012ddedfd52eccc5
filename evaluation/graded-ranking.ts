/**
 * nDCG with graded relevance, and what lists show. The graded nDCG is for judged queries; recommenders with binary
 * relevance go through `ranking.ts`, which sorts no row.
 */
import { rankRows, requireRows, type Numbers } from './rows.ts';

export interface GradedOptions {
  /** Only the first k places count; all by default. */
  k?: number;
  /**
   * Within a group of equal scores: `average` over all orders (F. McSherry and M. Najork, ECIR 2008; scikit-learn's
   * way), or `pessimistic` (default), the least relevant first, our way everywhere else.
   */
  ties?: 'average' | 'pessimistic';
}

/**
 * Σ gain ÷ log₂(rank + 1), ranks from 1 by falling score (K. Järvelin and J. Kekäläinen, ACM TOIS 20, 2002).
 * @param gains - `[documents]`, at least 0, used as they are: pass 2^grade − 1 for the exponential form.
 * @param scores - `[documents]`
 */
export function discountedGain(
  gains: Numbers,
  scores: Numbers,
  { k, ties = 'pessimistic' }: GradedOptions = {},
): number {
  requireRows(gains.length, scores);
  const { order, ends } = rankRows(scores);
  const places = Math.min(k ?? gains.length, gains.length);
  let total = 0;
  for (let begin = 0; begin < places;) {
    let end = begin;
    while (ends[end] === 0) end++;
    const group = Float64Array.from(order.subarray(begin, end + 1), (document) => gains[document]);
    if (ties === 'pessimistic') group.sort();
    else group.fill(group.reduce((sum, gain) => sum + gain, 0) / group.length);
    for (let i = begin; i <= end && i < places; i++) total += group[i - begin] / Math.log2(i + 2);
    begin = end + 1;
  }
  return total;
}

/**
 * Discounted gain ÷ that of the best order, in [0, 1]; 0 where nothing is relevant. With `ties: 'average'` equal to
 * scikit-learn's `ndcg_score` of one query.
 * @throws RangeError for a gain below 0 or no number.
 */
export function gradedNdcg(gains: Numbers, scores: Numbers, options: GradedOptions = {}): number {
  const bad = gains.findIndex((gain) => !(gain >= 0));
  if (bad >= 0) throw new RangeError(`A gain must be at least 0. Document ${bad} has ${gains[bad]}.`);
  const ideal = discountedGain(gains, gains, options);
  return ideal === 0 ? 0 : discountedGain(gains, scores, options) / ideal;
}

/** Share of the catalogue in any list, in [0, 1]. @param lists - catalogue indices. */
export function coverage(lists: Iterable<Int32Array>, items: number): number {
  const shown = new Uint8Array(items);
  for (const list of lists) for (const item of list) shown[item] = 1;
  return shown.reduce((sum, one) => sum + one, 0) / items;
}

/**
 * Self-information of each item in bits, −log₂ of the share of users who have it (T. Zhou et al., "Solving the apparent
 * diversity-accuracy dilemma of recommender systems", PNAS 107, 2010): 0 for what everybody has. An item that nobody
 * has counts as one that one user has.
 * @param owners - `[items]`: users with the item.
 */
export function selfInformation(owners: Int32Array, users: number): Float64Array {
  const information = new Float64Array(owners.length);
  for (let item = 0; item < owners.length; item++) information[item] = Math.log2(users / Math.max(1, owners[item]));
  return information;
}

/**
 * Mean self-information of the items in a list, over the lists that hold any; null where none does.
 * @param information - `[items]`, of `selfInformation`.
 */
export function novelty(lists: Iterable<Int32Array>, information: Float64Array): number | null {
  let [total, count] = [0, 0];
  for (const list of lists) {
    if (list.length === 0) continue;
    let sum = 0;
    for (const item of list) sum += information[item];
    total += sum / list.length;
    count++;
  }
  return count === 0 ? null : total / count;
}
