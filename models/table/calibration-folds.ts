/**
 * Parts of the training rows for decision values out of fold: each part is judged by a model of the other ones.
 *
 * Rows that are alike share a part, as a model that has learned a row knows its double by heart; so a row of weight 2 is
 * the same as two rows. What is there more often than there are parts is no double but common, and will come again: its
 * rows are dealt out like all others. Within each class parts are as large as can be. Neither the order of the rows nor
 * their form, dense or sparse, decides anything.
 */
import { Random } from '../../contracts/random.ts';
import type { Features } from '../../data/features.ts';

export interface CalibrationFolds {
  /** `[rows]`: from 0 on; −1 of a row of weight 0. */
  readonly of: Int32Array;
  /** `[classes]`: whether both sides, this class and the others, have rows in two parts: else some model lacks one. */
  readonly possible: readonly boolean[];
}

/** @param codes - `[rows]`: class of each. @param weights - `[rows]`, at least 0. */
export function calibrationFolds(
  x: Features,
  codes: Int32Array,
  classes: number,
  { folds, seed, weights }: { folds: number; seed: number; weights?: Float32Array | undefined },
): CalibrationFolds {
  const hashes = hashesOf(x, new Random(seed).bits());
  const of = new Int32Array(x.rows).fill(-1);
  const dealt = Int32Array.from({ length: classes }, (_, k) => k);
  const next = (k: number) => dealt[k]++ % folds;
  for (const group of alike(hashes, (row) => weights?.[row] !== 0)) {
    if (group.length > folds) {
      for (const row of group) of[row] = next(codes[row]);
    } else if (group.length > 0) {
      const counts = new Int32Array(classes);
      for (const row of group) counts[codes[row]]++;
      const fold = next(counts.indexOf(Math.max(...counts)));
      for (const row of group) of[row] = fold;
    }
  }
  const rowsOf = Array.from({ length: classes }, () => new Int32Array(folds));
  const all = new Int32Array(folds);
  for (const [row, fold] of of.entries()) {
    if (fold < 0) continue;
    rowsOf[codes[row]][fold]++;
    all[fold]++;
  }
  const parts = (rows: Int32Array) => rows.filter((count) => count > 0).length;
  const possible = rowsOf.map((own) => parts(own) >= 2 && parts(all.map((count, fold) => count - own[fold])) >= 2);
  return { of, possible };
}

/** Rows of one hash together, by their hashes. */
function* alike(hashes: Uint32Array, counts: (row: number) => boolean): Generator<number[]> {
  // A hash and a row in one number: what the rows need of its 53 bits, the hash has to do without.
  const places = 2 ** Math.ceil(Math.log2(hashes.length + 1));
  const cut = Math.max(1, (places * 2 ** 32) / 2 ** 53);
  const keys = Float64Array.from(hashes, (hash, row) => Math.floor(hash / cut) * places + row).sort();
  let group: number[] = [];
  let last = -1;
  for (const key of keys) {
    const hash = Math.floor(key / places);
    const row = key % places;
    if (hash !== last) {
      yield group;
      group = [];
      last = hash;
    }
    if (counts(row)) group.push(row);
  }
  yield group;
}

/** uint32 `[rows]`; rows that differ and share one do no harm but to share a part. */
function hashesOf(x: Features, seed: number): Uint32Array {
  const hashes = new Uint32Array(x.rows);
  const columns = x.names.length;
  const bits = new Int32Array(1);
  const number = new Float32Array(bits.buffer);
  for (let i = 0; i < x.rows; i++) {
    let hash = seed;
    const add = (column: number, value: number) => {
      if (value === 0) return;
      number[0] = value;
      hash = mix(mix(hash ^ column) + bits[0]);
    };
    if (x.kind === 'dense') {
      for (let j = 0; j < columns; j++) add(j, x.values[i * columns + j]);
    } else {
      const { indptr, indices, values } = x.csr;
      for (let k = indptr[i]; k < indptr[i + 1]; k++) add(indices[k], values[k]);
    }
    hashes[i] = hash;
  }
  return hashes;
}

/** The finalizer of MurmurHash3 (A. Appleby): each bit of the word moves each bit of the result. */
function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
