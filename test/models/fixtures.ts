import { Random } from '../../contracts/random.ts';
import type { Interactions } from '../../data/interactions.ts';
import type { TopList } from '../../compute/kernels/scalar/top-k.ts';
import type { FittedRecommender, Histories, TopLists } from '../../models/estimator.ts';

/** Interactions of rows of `[item, count]`. */
export function interactionsOf(rows: readonly (readonly [number, number][])[], items: number): Interactions {
  const sorted = rows.map((row) => row.toSorted(([a], [b]) => a - b));
  const indptr = new Int32Array(rows.length + 1);
  for (const [u, row] of rows.entries()) indptr[u + 1] = indptr[u] + row.length;
  return {
    users: rows.map((_, u) => `user ${u}`),
    items: Array.from({ length: items }, (_, i) => `item ${i}`),
    indptr,
    indices: Int32Array.from(sorted.flat(), ([item]) => item),
    counts: Float32Array.from(sorted.flat(), ([, count]) => count),
  };
}

/**
 * A board of n × n: user u has the items of the own parity except item u. The only item of the own parity that is
 * missing is the one to recommend (a fixture of implicit's tests).
 */
export function checkerboard(n: number): Interactions {
  const own = (u: number) => Array.from({ length: n }, (_, i) => i).filter((i) => i % 2 === u % 2 && i !== u);
  return interactionsOf(
    Array.from({ length: n }, (_, u) => own(u).map((i): [number, number] => [i, 1])),
    n,
  );
}

/** Long-tailed: low items are the frequent ones, as in a catalogue ordered by popularity; counts 1 to 6. */
export function shop(seed: number, users: number, items: number): Interactions {
  const random = new Random(seed);
  const rows = Array.from({ length: users }, () => {
    const had = new Map<number, number>();
    const length = 1 + random.integer(Math.min(30, items));
    for (let k = 0; k < length; k++) had.set(Math.floor(items * random.uniform() ** 2), 1 + random.integer(6));
    return [...had];
  });
  return interactionsOf(rows, items);
}

export const noHistory: Histories = {
  indptr: Int32Array.of(0, 0),
  indices: new Int32Array(0),
  counts: new Float32Array(0),
};

export async function scoresOf(model: FittedRecommender, histories: Histories, from?: number, to?: number) {
  const [start, end] = [from ?? 0, to ?? histories.indptr.length - 1];
  const out = new Float32Array((end - start) * model.items).fill(Number.NaN);
  await model.score(histories, start, end, out);
  return out;
}

/** One row of lists. */
export function listOf({ width, items, scores, lengths, ties }: TopLists, row: number): TopList {
  const span = [row * width, row * width + lengths[row]] as const;
  return { items: [...items.subarray(...span)], scores: [...scores.subarray(...span)], ties: ties[row] };
}

/** Items by descending score, ties to the lower index, without the row's own. */
export function recommended(scores: Float32Array, histories: Histories, row: number): number[] {
  const own = new Set(histories.indices.subarray(histories.indptr[row], histories.indptr[row + 1]));
  return Array.from(scores.keys())
    .filter((item) => !own.has(item))
    .toSorted((a, b) => scores[b] - scores[a] || a - b);
}
