/**
 * Ranking metrics of one user, from the k best of a row of scores.
 *
 * Ties count against the model (law 5): within a group of equal scores the irrelevant items come first, so a model
 * that scores everything alike finds nothing. A list says how many candidates beyond it score as its last place, so
 * that a tie group which straddles rank k is resolved by counting, and no row is ever sorted.
 */
import type { TopLists } from '../models/estimator.ts';

export const rankingMetrics = ['ndcg', 'recall', 'precision', 'map', 'mrr', 'hit'] as const;
export type RankingMetric = (typeof rankingMetrics)[number];

export class TopRanking {
  readonly k: number;
  /**
   * Catalogue indices of the list as it is served, `[length]`: by score, then by index, where a lower index is the
   * more popular item.
   */
  readonly items: Int32Array;
  length = 0;
  /** Candidates outside a full list that score as its last place. */
  ties = 0;
  /** Ranks of the relevant items under pessimistic ties, `[hits]`: 0-based, ascending, below k. */
  readonly ranks: Int32Array;
  hits = 0;

  /** The k best so far; the worst of them (lowest score, then highest index) at the root. */
  readonly #heapScores: Float32Array;
  readonly #heapItems: Int32Array;
  readonly #scores: Float32Array;

  /** @param k - length of the list, an integer of at least 1. One instance is used for many users. */
  constructor(k: number) {
    if (!Number.isInteger(k) || k < 1) throw new RangeError(`k must be an integer of at least 1. Got ${k}.`);
    this.k = k;
    this.items = new Int32Array(k);
    this.ranks = new Int32Array(k);
    this.#heapScores = new Float32Array(k);
    this.#heapItems = new Int32Array(k);
    this.#scores = new Float32Array(k);
  }

  /**
   * Makes the list of a row of scores and finds the ranks of what is relevant.
   * @param scores - `[items]`, a row: finite, or −∞ for what is no candidate.
   * @param relevant - `[≥ relevantCount]` catalogue indices, ascending, each once.
   */
  rank(scores: Float32Array, relevant: Int32Array, relevantCount: number): void {
    this.select(scores);
    const relevantScores = Float32Array.from({ length: relevantCount }, (_, i) => scores[relevant[i]]);
    this.place(relevant, relevantScores, relevantCount);
  }

  /** Makes the list of a row of scores, by a bounded heap in one pass. */
  select(scores: Float32Array): void {
    this.#gather(scores);
    this.#drain();
    this.ties = 0;
    if (this.length < this.k) return;
    const last = this.#scores[this.k - 1];
    for (let i = 0; i < scores.length; i++) if (scores[i] === last) this.ties++;
    for (let i = 0; i < this.k; i++) if (this.#scores[i] === last) this.ties--;
  }

  /** Takes a list of at most k that was made elsewhere. */
  take({ width, items, scores, lengths, ties }: TopLists, row: number): void {
    this.length = lengths[row];
    this.ties = ties[row];
    this.items.set(items.subarray(row * width, row * width + this.length));
    this.#scores.set(scores.subarray(row * width, row * width + this.length));
  }

  /** Writes the list to a row of lists of k. */
  copyTo({ width, items, scores, lengths, ties }: TopLists, row: number): void {
    lengths[row] = this.length;
    ties[row] = this.ties;
    items.set(this.items.subarray(0, this.length), row * width);
    scores.set(this.#scores.subarray(0, this.length), row * width);
  }

  /**
   * Finds the ranks of what is relevant in the list.
   * @param relevant - `[≥ relevantCount]` catalogue indices, ascending, each once.
   * @param relevantScores - `[≥ relevantCount]`: their scores; −∞ for what is no candidate.
   */
  place(relevant: Int32Array, relevantScores: Float32Array, relevantCount: number): void {
    this.hits = 0;
    const { length } = this;
    const top = this.#scores;
    for (let begin = 0; begin < length;) {
      const score = top[begin];
      let end = begin + 1;
      while (end < length && top[end] === score) end++;
      // Only the last group can go on outside the list.
      const beyond = end === length ? this.ties : 0;
      const found =
        beyond === 0
          ? this.#listed(begin, end, relevant, relevantCount)
          : countEqual(relevantScores, relevantCount, score);
      // The relevant ones are last in the group.
      for (let rank = end + beyond - found; rank < end; rank++) this.ranks[this.hits++] = rank;
      begin = end;
    }
  }

  /**
   * How much of each relevant item the list holds, after `place`: 1 or 0, and between them where relevant items of equal
   * score share the places at its end that ties leave them.
   * @param out - `[≥ relevantCount]`, overwritten.
   */
  found(relevantScores: Float32Array, relevantCount: number, out: Float32Array): void {
    // A list that is not full holds all candidates.
    const last = this.length < this.k ? -Infinity : this.#scores[this.length - 1];
    const sharing = last === -Infinity ? 0 : countEqual(relevantScores, relevantCount, last);
    let above = 0;
    for (let i = 0; i < relevantCount; i++) if (relevantScores[i] > last) above++;
    for (let i = 0; i < relevantCount; i++) {
      if (relevantScores[i] > last) out[i] = 1;
      else out[i] = relevantScores[i] === last && sharing > 0 ? (this.hits - above) / sharing : 0;
    }
  }

  /** How many of the places [begin, end) are relevant. */
  #listed(begin: number, end: number, relevant: Int32Array, relevantCount: number): number {
    let found = 0;
    for (let i = begin; i < end; i++) if (includes(relevant, relevantCount, this.items[i])) found++;
    return found;
  }

  #gather(scores: Float32Array): void {
    const { k } = this;
    const heapScores = this.#heapScores;
    const heapItems = this.#heapItems;
    let size = 0;
    let item = 0;
    for (; item < scores.length && size < k; item++) {
      const score = scores[item];
      if (score === -Infinity) continue;
      // Sift up.
      let hole = size++;
      while (hole > 0) {
        const parent = (hole - 1) >> 1;
        // The newcomer has the highest index so far, so it is the worse one of equals.
        if (heapScores[parent] < score) break;
        heapScores[hole] = heapScores[parent];
        heapItems[hole] = heapItems[parent];
        hole = parent;
      }
      heapScores[hole] = score;
      heapItems[hole] = item;
    }
    // An equal score has a higher index than all that are in, so it stays out.
    let threshold = heapScores[0];
    for (; item < scores.length; item++) {
      if (scores[item] > threshold) {
        this.#siftDown(scores[item], item, size);
        threshold = heapScores[0];
      }
    }
    this.length = size;
  }

  /** Puts an entry in the root's place. */
  #siftDown(score: number, item: number, size: number): void {
    const heapScores = this.#heapScores;
    const heapItems = this.#heapItems;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && worse(heapScores[right], heapItems[right], heapScores[child], heapItems[child]))
        child = right;
      if (!worse(heapScores[child], heapItems[child], score, item)) break;
      heapScores[hole] = heapScores[child];
      heapItems[hole] = heapItems[child];
      hole = child;
    }
    heapScores[hole] = score;
    heapItems[hole] = item;
  }

  /** Empties the heap into the list, from its end. */
  #drain(): void {
    for (let size = this.length; size > 0;) {
      size--;
      this.items[size] = this.#heapItems[0];
      this.#scores[size] = this.#heapScores[0];
      this.#siftDown(this.#heapScores[size], this.#heapItems[size], size);
    }
  }
}

/** Metrics at k of one user from the ranks of the hits. */
export class RankingMetrics {
  readonly #k: number;
  /** `1 / log2(rank + 2)` for 0-based ranks. */
  readonly #discount: Float64Array;
  /** `[k + 1]`: sum of the first n discounts, the DCG of n relevant items at the top. */
  readonly #ideal: Float64Array;

  constructor(k: number) {
    this.#k = k;
    this.#discount = Float64Array.from({ length: k }, (_, rank) => 1 / Math.log2(rank + 2));
    this.#ideal = new Float64Array(k + 1);
    for (let n = 0; n < k; n++) this.#ideal[n + 1] = this.#ideal[n] + this.#discount[n];
  }

  /**
   * With binary gains, and `n = min(k, relevantCount)`:
   * nDCG (Järvelin and Kekäläinen, 2002) = Σ 1/log2(rank + 2) ÷ that of n hits at the top; recall = hits ÷ relevant;
   * precision = hits ÷ k, also where fewer than k candidates are left; MAP = Σ precision at each hit ÷ n;
   * MRR = 1 ÷ (1 + rank of the first hit), 0 without; hit = 1 with any hit.
   *
   * @param ranks - 0-based ranks of the hits, ascending, below k; `[hits]`.
   * @param relevantCount - at least 1.
   * @param out - `[rankingMetrics.length]`, in that order, each in [0, 1]; overwritten.
   */
  of(ranks: Int32Array, hits: number, relevantCount: number, out: Float64Array): void {
    let dcg = 0;
    let precisions = 0;
    for (let i = 0; i < hits; i++) {
      dcg += this.#discount[ranks[i]];
      precisions += (i + 1) / (ranks[i] + 1);
    }
    const n = Math.min(this.#k, relevantCount);
    out[0] = dcg / this.#ideal[n];
    out[1] = hits / relevantCount;
    out[2] = hits / this.#k;
    out[3] = precisions / n;
    out[4] = hits > 0 ? 1 / (ranks[0] + 1) : 0;
    out[5] = hits > 0 ? 1 : 0;
  }
}

function worse(score: number, item: number, otherScore: number, otherItem: number): boolean {
  return score < otherScore || (score === otherScore && item > otherItem);
}

function countEqual(values: Float32Array, length: number, value: number): number {
  let count = 0;
  for (let i = 0; i < length; i++) if (values[i] === value) count++;
  return count;
}

function includes(sorted: Int32Array, length: number, value: number): boolean {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low < length && sorted[low] === value;
}
