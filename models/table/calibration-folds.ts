/**
 * Parts of the training rows for decision values out of fold: each part is judged by a model of the other ones.
 *
 * Rows that are alike share a part, as a model that has learned a row knows its double by heart; so a row of weight 2 is
 * the same as two rows. Within each class they are dealt out evenly. Neither the order of the rows nor their form, dense
 * or sparse, decides anything.
 */
import { Random } from '../../contracts/random.ts';
import type { Features } from '../../data/features.ts';

export interface CalibrationFolds {
  /** `[rows]`: from 0 on; −1 of a row of weight 0. */
  readonly of: Int32Array;
  readonly count: number;
  /** `[classes]`: rows of each class that differ from one another. With less than two, some part's model lacks it. */
  readonly distinct: Int32Array;
}

/** @param codes - `[rows]`: class of each. @param weights - `[rows]`, at least 0. */
export function calibrationFolds(
  x: Features,
  codes: Int32Array,
  classes: number,
  { folds, seed, weights }: { folds: number; seed: number; weights?: Float32Array | undefined },
): CalibrationFolds {
  const hashes = hashesOf(x, new Random(seed).bits());
  const members = Array.from({ length: classes }, (): number[] => []);
  for (let i = 0; i < x.rows; i++) if (weights?.[i] !== 0) members[codes[i]].push(i);
  const of = new Int32Array(x.rows).fill(-1);
  const distinct = new Int32Array(classes);
  let dealt = 0;
  for (const [k, rows] of members.entries()) {
    rows.sort((a, b) => hashes[a] - hashes[b]);
    for (const [at, row] of rows.entries()) {
      if (at === 0 || hashes[row] !== hashes[rows[at - 1]]) {
        distinct[k]++;
        dealt++;
      }
      of[row] = dealt % folds;
    }
  }
  return { of, count: folds, distinct };
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
