/**
 * Users and items in two colours: a user has every item of the own colour but the one with the user's own number, which
 * is therefore the one right recommendation, and every reason for it has the same colour.
 */
import type { Interactions } from '../../data/interactions.ts';

/** @param countOf - baskets of a user with an item; 1 unless given. */
export function checkerboard(size: number, countOf: (user: number, item: number) => number = () => 1): Interactions {
  const indptr = [0];
  const indices: number[] = [];
  const counts: number[] = [];
  for (let user = 0; user < size; user++) {
    for (let item = user % 2; item < size; item += 2) {
      if (item === user) continue;
      indices.push(item);
      counts.push(countOf(user, item));
    }
    indptr.push(indices.length);
  }
  return {
    users: Array.from({ length: size }, (_, user) => `household-${user}`),
    items: Array.from({ length: size }, (_, item) => `item-${item}`),
    indptr: Int32Array.from(indptr),
    indices: Int32Array.from(indices),
    counts: Float32Array.from(counts),
  };
}

export const rowOf = (train: Interactions, user: number) => ({
  indptr: train.indptr.subarray(user, user + 2),
  indices: train.indices,
  counts: train.counts,
});
