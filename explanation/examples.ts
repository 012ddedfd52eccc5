/** What a model does, shown on a few users: the best item that each does not have, and the reasons in the history. */
import { Random } from '../contracts/random.ts';
import type { FittedRecommender, Histories } from '../models/estimator.ts';
import { explainRecommendation } from './influence.ts';

export interface ExampleReason {
  /** Id of an item of the user's history. */
  item: string;
  /** Above 0, in units of the score: what the score would lose without that item. */
  influence: number;
}

/** Users are numbered among the examples: an id of theirs, or a row of the training part, has no place in a report. */
export interface Example {
  /** From 1 to `of`. */
  user: number;
  of: number;
  /** Distinct items in the history. */
  historyItems: number;
  /** Id of the item that the model ranks first among those that the history does not hold. */
  item: string;
  score: number;
  /** Strongest first; none for a model that ranks alike for everybody. */
  reasons: ExampleReason[];
}

export interface ExampleOptions {
  /** Examples wanted; fewer come where fewer users can be shown. */
  users: number;
  /** Reasons of each at most. */
  perUser: number;
  seed: number;
}

/**
 * The same users for every model of one training part, where `seed` is the same: users with a history that leaves
 * something to recommend, drawn without replacement.
 * @param train - the training part that the model was fitted on, with the ids of its catalogue.
 */
export async function explainExamples(
  model: Pick<FittedRecommender, 'score' | 'items'>,
  train: Histories & { readonly items: readonly string[] },
  { users, perUser, seed }: ExampleOptions,
): Promise<Example[]> {
  if (train.items.length !== model.items) {
    throw new RangeError(`The catalogue must hold the model's ${model.items} items. Got ${train.items.length}.`);
  }
  const rows = drawUsers(train, users, seed);
  const scores = new Float32Array(model.items);
  const examples: Example[] = [];
  for (const [at, row] of rows.entries()) {
    const history: Histories = {
      indptr: train.indptr.subarray(row, row + 2),
      indices: train.indices,
      counts: train.counts,
    };
    await model.score(history, 0, 1, scores);
    for (let k = history.indptr[0]; k < history.indptr[1]; k++) scores[train.indices[k]] = -Infinity;
    const best = firstOfLargest(scores);
    // All influences, as one that speaks against the item may be the largest.
    const { score, influences } = await explainRecommendation(model, history, best, { top: Infinity });
    const reasons = influences.filter(({ influence }) => influence > 0).slice(0, perUser);
    examples.push({
      user: at + 1,
      of: rows.length,
      historyItems: history.indptr[1] - history.indptr[0],
      item: train.items[best],
      score,
      reasons: reasons.map(({ item, influence }) => ({ item: train.items[item], influence })),
    });
  }
  return examples;
}

/** The head of a seeded shuffle (Durstenfeld, 1964) of the users that can be shown. */
function drawUsers(train: Histories & { readonly items: readonly string[] }, users: number, seed: number): number[] {
  const { indptr } = train;
  const shown: number[] = [];
  for (let row = 0; row + 1 < indptr.length; row++) {
    const length = indptr[row + 1] - indptr[row];
    if (length > 0 && length < train.items.length) shown.push(row);
  }
  const random = new Random(seed);
  const drawn = Math.min(users, shown.length);
  for (let i = 0; i < drawn; i++) {
    const j = i + random.integer(shown.length - i);
    [shown[i], shown[j]] = [shown[j], shown[i]];
  }
  return shown.slice(0, drawn);
}

/** Equal scores go to the lower index, the more popular item. */
function firstOfLargest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
  return best;
}
