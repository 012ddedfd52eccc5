/**
 * Which of a user's items speak for a recommended item, and how much: leave-one-out influence,
 *   influence(i) = score(history) − score(history without i),
 * after Cook's (1977) deletion of one observation. It asks nothing of a model but `score`, so that it says the same of
 * every algorithm: of item-kNN, where a score is a sum over the history, the exact summand; of ALS the true change of
 * the fold-in, its confidence and all.
 */
import type { FittedRecommender, Histories } from '../models/estimator.ts';

/** Items of a history whose influence is asked for, unless told otherwise. */
export const mostConsidered = 256;

/** Scores held at a time: 16 MiB. */
const blockScores = 4 * 1024 * 1024;

export interface Influence {
  /** Catalogue index of an item of the history. */
  item: number;
  /** In units of the model's score; positive: the item would score lower without it. */
  influence: number;
}

export interface Explanation {
  /** The model's score of the item with the whole history. */
  score: number;
  /** By |influence|, descending, then by catalogue index. */
  influences: Influence[];
  /** Items of the history that the limit left out: they are in every scored history, their influence was not asked. */
  notConsidered: number;
}

export interface ExplanationOptions {
  /** Influences to return, at least 1. */
  top: number;
  /**
   * Each considered item costs one scoring of the catalogue. Of a longer history only the items with the largest counts
   * are considered, equal ones by catalogue index.
   */
  limit?: number;
}

/**
 * @param history - one row.
 * @param item - catalogue index of the recommended item; it may be one of the history.
 * @throws RangeError where one of the arguments is out of its range.
 */
export async function explainRecommendation(
  model: Pick<FittedRecommender, 'score' | 'items'>,
  history: Histories,
  item: number,
  { top, limit = mostConsidered }: ExplanationOptions,
): Promise<Explanation> {
  if (history.indptr.length !== 2) {
    throw new RangeError(`The history to explain must be one row. Got ${history.indptr.length - 1}.`);
  }
  if (!Number.isInteger(item) || item < 0 || item >= model.items) {
    throw new RangeError(`The item to explain must lie within the catalogue of ${model.items}. Got ${item}.`);
  }
  for (const [name, value] of Object.entries({ top, limit })) {
    if (!(Number.isInteger(value) || value === Infinity) || value < 1) {
      throw new RangeError(`"${name}" must be an integer of at least 1. Got ${value}.`);
    }
  }
  const [begin, end] = history.indptr;
  const indices = history.indices.subarray(begin, end);
  const counts = history.counts.subarray(begin, end);
  const considered = strongest(counts, limit);
  const scores = await scoresOf(model, withoutEach(indices, counts, considered), item);
  const influences = Array.from(considered, (place, row) => ({
    item: indices[place],
    influence: scores[0] - scores[row + 1],
  }));
  influences.sort((a, b) => Math.abs(b.influence) - Math.abs(a.influence) || a.item - b.item);
  return {
    score: scores[0],
    influences: influences.slice(0, top),
    notConsidered: indices.length - considered.length,
  };
}

/** Places of the `limit` largest counts, ascending; equal counts by place, and places follow the catalogue. */
function strongest(counts: Float32Array, limit: number): Int32Array {
  const places = Int32Array.from(counts.keys());
  if (places.length <= limit) return places;
  return places
    .sort((a, b) => counts[b] - counts[a] || a - b)
    .slice(0, limit)
    .sort();
}

/** Row 0: the whole history; row r + 1: the history without `places[r]`. */
function withoutEach(indices: Int32Array, counts: Float32Array, places: Int32Array): Histories {
  const { length } = indices;
  const indptr = new Int32Array(places.length + 2);
  for (let row = 0; row <= places.length; row++) indptr[row + 1] = indptr[row] + (row === 0 ? length : length - 1);
  const rows: Histories = {
    indptr,
    indices: new Int32Array(indptr.at(-1)!),
    counts: new Float32Array(indptr.at(-1)!),
  };
  rows.indices.set(indices);
  rows.counts.set(counts);
  places.forEach((place, r) => {
    const at = indptr[r + 1];
    rows.indices.set(indices.subarray(0, place), at);
    rows.indices.set(indices.subarray(place + 1), at + place);
    rows.counts.set(counts.subarray(0, place), at);
    rows.counts.set(counts.subarray(place + 1), at + place);
  });
  return rows;
}

/** The score of one item under each history. */
async function scoresOf(
  model: Pick<FittedRecommender, 'score' | 'items'>,
  histories: Histories,
  item: number,
): Promise<Float32Array> {
  const rows = histories.indptr.length - 1;
  const { items } = model;
  const blockRows = Math.max(1, Math.min(rows, Math.floor(blockScores / items)));
  const block = new Float32Array(blockRows * items);
  const scores = new Float32Array(rows);
  for (let from = 0; from < rows; from += blockRows) {
    const to = Math.min(from + blockRows, rows);
    await model.score(histories, from, to, block.subarray(0, (to - from) * items));
    for (let row = from; row < to; row++) scores[row] = block[(row - from) * items + item];
  }
  return scores;
}
