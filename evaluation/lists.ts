/** The lists that are judged: the model's own way of making them where it has one, else from its scores. */
import { TradewindError } from '../contracts/errors.ts';
import type { AskedItems, FittedRecommender, Histories, TopLists } from '../models/estimator.ts';
import { TopRanking } from './ranking.ts';

export type Judged = Pick<FittedRecommender, 'score' | 'items' | 'rank'>;

/** Of some rows of histories, counted from the first of them. */
export interface JudgedLists {
  /** Everything is a candidate. */
  all: TopLists;
  /** What the history holds is none. */
  fresh: TopLists;
  /** `[nnz]` of the asked items of these rows. */
  askedScores: Float32Array;
}

/** Scores held at a time where lists are made from scores: 16 MiB. */
const blockScores = 4 * 1024 * 1024;
/** Rows that are ranked in one call where no scores are held. */
const rankedRows = 1024;

/** Rows that `listsOf` takes at a time. */
export function rowsAtOnce(model: Judged): number {
  return model.rank ? rankedRows : Math.max(1, Math.floor(blockScores / model.items));
}

/**
 * @param asked - rows as in `histories`.
 * @throws TradewindError `TRAINING_DIVERGED` where a score is not finite.
 */
export async function listsOf(
  model: Judged,
  histories: Histories,
  from: number,
  to: number,
  k: number,
  asked: AskedItems,
): Promise<JudgedLists> {
  if (!model.rank) return await listsFromScores(model, histories, from, to, k, asked);
  const wanted = { k, all: true, fresh: true, checked: true, asked };
  const { all, fresh, finite, askedScores } = await model.rank(histories, from, to, wanted);
  const broken = finite!.indexOf(0);
  if (broken >= 0) {
    const scores = new Float32Array(model.items);
    await model.score(histories, from + broken, from + broken + 1, scores);
    throw notFinite(scores);
  }
  return { all: all!, fresh: fresh!, askedScores: askedScores! };
}

async function listsFromScores(
  model: Judged,
  histories: Histories,
  from: number,
  to: number,
  k: number,
  asked: AskedItems,
): Promise<JudgedLists> {
  const { items } = model;
  const ranking = new TopRanking(k);
  const block = new Float32Array((to - from) * items);
  await model.score(histories, from, to, block);
  const [all, fresh] = [emptyLists(to - from, k), emptyLists(to - from, k)];
  const askedScores = new Float32Array(asked.indptr[to] - asked.indptr[from]);
  for (let row = from; row < to; row++) {
    const scores = block.subarray((row - from) * items, (row - from + 1) * items);
    requireFinite(scores);
    for (let at = asked.indptr[row]; at < asked.indptr[row + 1]; at++) {
      askedScores[at - asked.indptr[from]] = scores[asked.indices[at]];
    }
    ranking.select(scores);
    ranking.copyTo(all, row - from);
    for (let at = histories.indptr[row]; at < histories.indptr[row + 1]; at++) {
      scores[histories.indices[at]] = -Infinity;
    }
    ranking.select(scores);
    ranking.copyTo(fresh, row - from);
  }
  return { all, fresh, askedScores };
}

function emptyLists(rows: number, width: number): TopLists {
  return {
    width,
    items: new Int32Array(rows * width),
    scores: new Float32Array(rows * width),
    lengths: new Int32Array(rows),
    ties: new Int32Array(rows),
  };
}

/** −∞ would pass for "no candidate" and NaN would slip through every comparison, both without a word. */
function requireFinite(scores: Float32Array): void {
  // x − x is 0 for what is finite and NaN for what is not.
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += scores[i] - scores[i];
  if (sum !== 0) throw notFinite(scores);
}

function notFinite(scores: Float32Array): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: 'Every score of a model',
    rule: 'be a finite number',
    value: String(scores.find((score) => !Number.isFinite(score))),
    remedy: 'Raise the regularisation or lower what multiplies the strengths, and train again.',
  });
}
