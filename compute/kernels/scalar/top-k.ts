/** What `assembly/top-k.ts` chooses, by sorting whole rows: tests hold the kernel against it. */

export interface TopList {
  /** By score descending, then index ascending. */
  items: number[];
  scores: number[];
  /** Candidates outside a full list that score as its last place. */
  ties: number;
}

/** @param scores - a row; −∞ and NaN are no candidates. */
export function topOf(scores: ArrayLike<number>, k: number): TopList {
  const candidates = Array.from(scores, (_, item) => item)
    .filter((item) => scores[item] > -Infinity)
    .toSorted((a, b) => scores[b] - scores[a] || a - b);
  const items = candidates.slice(0, k);
  const last = scores[items[k - 1]];
  return {
    items,
    scores: items.map((item) => scores[item]),
    ties: candidates.slice(k).filter((item) => scores[item] === last).length,
  };
}
