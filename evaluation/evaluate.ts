/** Judges a recommender on what its users did afterwards, against the full catalogue, in two lanes. */
import type { Evaluation, Lane } from '../contracts/artifacts.ts';
import type { Objective } from '../contracts/lifecycle.ts';
import type { LaneSlices } from '../contracts/recommender-slices.ts';
import type { Histories, TopLists } from '../models/estimator.ts';
import { selfInformation } from './graded-ranking.ts';
import { listsOf, rowsAtOnce, type Judged } from './lists.ts';
import { TopRanking } from './ranking.ts';
import { ownersOf, popularityBands } from './recommender-slices.ts';
import { LaneTally, nobodyJudged, type JudgeOptions } from './tally.ts';

export type { JudgeOptions } from './tally.ts';

/** What users of a training period did afterwards (`HeldOut` of `data/interactions.ts`). */
export interface JudgedPeriod {
  /** `[judged]`: row of each judged user in the training part. */
  rows: Int32Array;
  /** `[judged + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: distinct catalogue indices, ascending within a user. */
  indices: Int32Array;
  coldUsers: number;
  coldItemEvents: number;
}

export interface Judgement {
  evaluation: Evaluation;
  /**
   * `metric` of each user of the lane, in the order of `heldOut`; users whom the lane leaves out are not in it. So two
   * models that are judged on the same parts have the same users at the same places.
   */
  perUser: Record<Lane, Float32Array>;
  /** The same metric for new and for old users, and what is found of popular and of rare items. */
  slices: Record<Lane, LaneSlices>;
}

/**
 * `discovery`: what the training history holds is neither recommended nor relevant; users with nothing new are left
 * out. `repeat`: everything is a candidate and everything that was bought is relevant. Metrics are named
 * `<metric>@<k>`; besides those of `rankingMetrics` there are `coverage`, the share of the catalogue in any list, and
 * `novelty`, the mean self-information of what the lists hold, in bits.
 *
 * @param train - the training part: each user is scored from the history there, as in serving.
 * @throws TradewindError `SPLIT_EMPTY` where nobody can be judged; `TRAINING_DIVERGED` where a score is not finite.
 */
export async function evaluateRecommender(
  model: Judged,
  train: Histories,
  heldOut: JudgedPeriod,
  options: JudgeOptions,
): Promise<Judgement> {
  const { rows } = heldOut;
  const { items } = model;
  const histories = historiesOf(train, rows);
  const ranking = new TopRanking(options.k);
  const owners = ownersOf(train, items);
  const known = { information: selfInformation(owners, train.indptr.length - 1), bands: popularityBands(owners) };
  const discovery = new LaneTally('discovery', rows.length, known, options);
  const repeat = new LaneTally('repeat', rows.length, known, options);
  const fresh = { items: new Int32Array(items), scores: new Float32Array(items) };
  const found = new Float32Array(items);
  let judged = 0;
  let usersWithoutDiscovery = 0;

  const judge = (
    tally: LaneTally,
    lists: TopLists,
    row: number,
    historyItems: number,
    relevant: Int32Array,
    relevantScores: Float32Array,
    relevantCount: number,
  ) => {
    ranking.take(lists, row);
    ranking.place(relevant, relevantScores, relevantCount);
    tally.add(ranking.ranks, ranking.hits, relevantCount, historyItems);
    ranking.found(relevantScores, relevantCount, found);
    tally.seek(relevant, found, relevantCount);
    tally.show(ranking.items, ranking.length);
  };

  const blockRows = rowsAtOnce(model);
  for (let from = 0; from < rows.length; from += blockRows) {
    const to = Math.min(from + blockRows, rows.length);
    const lists = await listsOf(model, histories, from, to, options.k, heldOut);
    for (let user = from; user < to; user++) {
      const [begin, end] = [heldOut.indptr[user], heldOut.indptr[user + 1]];
      const relevant = heldOut.indices.subarray(begin, end);
      const scores = lists.askedScores.subarray(begin - heldOut.indptr[from], end - heldOut.indptr[from]);
      const history = histories.indices.subarray(histories.indptr[user], histories.indptr[user + 1]);
      if (relevant.length > 0) {
        judge(repeat, lists.all, user - from, history.length, relevant, scores, relevant.length);
        judged++;
      }
      const freshCount = difference(relevant, history, scores, fresh);
      if (freshCount > 0) {
        judge(discovery, lists.fresh, user - from, history.length, fresh.items, fresh.scores, freshCount);
      } else usersWithoutDiscovery++;
    }
    options.progress?.(to / rows.length);
  }

  if (judged === 0) throw nobodyJudged('repeat');
  const { coldUsers, coldItemEvents } = heldOut;
  return {
    evaluation: {
      discovery: discovery.finish(),
      repeat: repeat.finish(),
      leftOut: { coldUsers, coldItemEvents, usersWithoutDiscovery },
    },
    perUser: { discovery: discovery.perUser, repeat: repeat.perUser },
    slices: { discovery: discovery.slices, repeat: repeat.slices },
  };
}

/**
 * The number that models are chosen by.
 * @throws TradewindError `SPLIT_EMPTY` where the objective's lane has no users.
 */
export function objectiveValue(evaluation: Evaluation, { lane, metric, k }: Objective): number {
  const value = evaluation[lane].metrics[`${metric}@${k}`];
  if (value === undefined) throw nobodyJudged(lane);
  return value;
}

function historiesOf(train: Histories, rows: Int32Array): Histories {
  const indptr = new Int32Array(rows.length + 1);
  rows.forEach((row, i) => (indptr[i + 1] = indptr[i] + train.indptr[row + 1] - train.indptr[row]));
  const indices = new Int32Array(indptr[rows.length]);
  const counts = new Float32Array(indptr[rows.length]);
  rows.forEach((row, i) => {
    indices.set(train.indices.subarray(train.indptr[row], train.indptr[row + 1]), indptr[i]);
    counts.set(train.counts.subarray(train.indptr[row], train.indptr[row + 1]), indptr[i]);
  });
  return { indptr, indices, counts };
}

/** Writes what is in `a` and not in `b`, both ascending, with the scores beside `a` to `out`; returns how many. */
function difference(
  a: Int32Array,
  b: Int32Array,
  scores: Float32Array,
  out: { items: Int32Array; scores: Float32Array },
): number {
  let count = 0;
  let j = 0;
  for (let i = 0; i < a.length; i++) {
    while (j < b.length && b[j] < a[i]) j++;
    if (j < b.length && b[j] === a[i]) continue;
    out.items[count] = a[i];
    out.scores[count++] = scores[i];
  }
  return count;
}
