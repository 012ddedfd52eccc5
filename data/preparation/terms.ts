/** The terms of texts: words and sequences of words, and in how many texts they are. */

/** Of all texts, word for word. */
export interface WordLists {
  /** Distinct, in the order of their numbers. */
  readonly words: readonly string[];
  /** The words of all texts, one text behind the other. */
  readonly numbers: Int32Array;
  /** `[texts + 1]`: where each text begins. */
  readonly starts: Int32Array;
  /** `[texts]`: how many rows have each. */
  readonly rows: Int32Array;
}

export interface Term {
  /** Numbers of its words. */
  readonly words: readonly number[];
  /** Joined by spaces. */
  readonly text: string;
  /** How many rows have it. */
  readonly rows: number;
}

export interface TermLimits {
  /** Longest sequence of words that is a term. */
  readonly ngrams: number;
  readonly minRows: number;
  readonly maxTerms: number;
}

/**
 * Those in enough rows, by the number of their words and then by UTF-16 code units; where there are too many, those
 * that occur most often, of several the first by UTF-16 code units.
 */
export function frequentTerms(lists: WordLists, { ngrams, minRows, maxTerms }: TermLimits): Term[] {
  const levels: Level[] = [];
  for (let n = 1; n <= ngrams; n++) levels.push(countLevel(lists, n, levels[n - 2], minRows));
  const found = levels.flatMap((level, i) => level.frequent(minRows).map((id) => ({ level: i, id })));
  const occurrences = Float64Array.from(found, ({ level, id }) => levels[level].occurrences[id]);
  const textOf = (one: (typeof found)[number]) => wordsOf(levels, one).map((word) => lists.words[word]);

  let kept = found;
  if (found.length > maxTerms) {
    const least = occurrences.slice().sort()[found.length - maxTerms];
    const above = found.filter((_, i) => occurrences[i] > least);
    const among = found.filter((_, i) => occurrences[i] === least).map((one) => ({ one, text: textOf(one).join(' ') }));
    among.sort((a, b) => (a.text < b.text ? -1 : 1));
    kept = [...above, ...among.slice(0, maxTerms - above.length).map(({ one }) => one)];
  }
  const terms = kept.map((one): Term => {
    const words = wordsOf(levels, one);
    return { words, text: words.map((word) => lists.words[word]).join(' '), rows: levels[one.level].rows[one.id] };
  });
  return terms.sort((a, b) => a.words.length - b.words.length || (a.text < b.text ? -1 : 1));
}

function wordsOf(levels: readonly Level[], { level, id }: { level: number; id: number }): number[] {
  const last = levels[level].last[id];
  return level === 0 ? [last] : [...wordsOf(levels, { level: level - 1, id: levels[level].before[id] }), last];
}

/** The sequences of n words. */
class Level {
  /** Of each sequence: that of its first n − 1 words, and its last word. */
  before = new Int32Array(1024);
  last = new Int32Array(1024);
  /** Rows that have it, and how often they do. */
  rows = new Float64Array(1024);
  occurrences = new Float64Array(1024);
  /** By position among all words: the sequence that begins there; −1 for none, or one that is rare for sure. */
  readonly at: Int32Array;
  #seen = new Int32Array(1024).fill(-1);
  #size = 0;
  /** Open addressing; −1 is free. */
  #slots = new Int32Array(4096).fill(-1);

  constructor(positions: number) {
    this.at = new Int32Array(positions).fill(-1);
  }

  /** Counts one in a text that so many rows have. @returns its number. */
  count(before: number, last: number, text: number, rows: number): number {
    let slot = this.#slotOf(before, last);
    if (this.#slots[slot] < 0) {
      if (this.#size === this.last.length) {
        this.#grow();
        slot = this.#slotOf(before, last);
      }
      this.before[this.#size] = before;
      this.last[this.#size] = last;
      this.#slots[slot] = this.#size++;
    }
    const id = this.#slots[slot];
    this.occurrences[id] += rows;
    if (this.#seen[id] !== text) {
      this.#seen[id] = text;
      this.rows[id] += rows;
    }
    return id;
  }

  frequent(minRows: number): number[] {
    const found: number[] = [];
    for (let id = 0; id < this.#size; id++) if (this.rows[id] >= minRows) found.push(id);
    return found;
  }

  #slotOf(before: number, last: number): number {
    const mask = this.#slots.length - 1;
    // Multipliers of xxHash, which spread neighbouring numbers.
    let hash = Math.imul(before, 0x9e3779b1) ^ Math.imul(last, 0x85ebca77);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae3d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    for (let id = this.#slots[slot]; id >= 0; id = this.#slots[slot]) {
      if (this.before[id] === before && this.last[id] === last) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const size = 2 * this.last.length;
    this.before = enlarged(this.before, new Int32Array(size));
    this.last = enlarged(this.last, new Int32Array(size));
    this.rows = enlarged(this.rows, new Float64Array(size));
    this.occurrences = enlarged(this.occurrences, new Float64Array(size));
    this.#seen = enlarged(this.#seen, new Int32Array(size).fill(-1));
    this.#slots = new Int32Array(4 * size).fill(-1);
    for (let id = 0; id < this.#size; id++) this.#slots[this.#slotOf(this.before[id], this.last[id])] = id;
  }
}

function enlarged<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

/**
 * A sequence that is frequent has frequent parts, so that only those are looked at (R. Agrawal and R. Srikant, "Fast
 * algorithms for mining association rules", VLDB 1994).
 */
function countLevel(
  { numbers, starts, rows }: WordLists,
  n: number,
  shorter: Level | undefined,
  minRows: number,
): Level {
  const level = new Level(numbers.length);
  const isFrequent = (position: number) => {
    const id = shorter!.at[position];
    return id >= 0 && shorter!.rows[id] >= minRows;
  };
  for (let text = 0; text < rows.length; text++) {
    for (let at = starts[text]; at + n <= starts[text + 1]; at++) {
      if (shorter !== undefined && !(isFrequent(at) && isFrequent(at + 1))) continue;
      level.at[at] = level.count(shorter?.at[at] ?? 0, numbers[at + n - 1], text, rows[text]);
    }
  }
  return level;
}
