/** Numbers in bins of about as many rows each, for counting. */
import type { FeatureColumn } from './columns.ts';

/** Rows that a bin should have at least, as a count below says little. */
const least = 5;

/**
 * The largest value of each bin but the last: x is in the first bin b with x ≤ edges[b].
 *
 * Bins are filled from the smallest value on until they have their share of the rows; a value that has more by itself
 * has a bin of its own. Where there are no more distinct values than bins, each has its own. Either way a bin has at least
 * five rows, where there are as many, so that no more is made of a rare word than that it is there.
 * @param bins - about how many; at most twice as many.
 */
export function quantileEdges({ values }: FeatureColumn, rows: number, bins: number): number[] {
  const { distinct, counts } = countDistinct(values, rows - values.length);
  const share = distinct.length <= bins ? least : Math.max(least, rows / bins);
  const edges: number[] = [];
  let inBin = 0;
  for (const [k, count] of counts.entries()) {
    if (inBin >= share || (count >= share && inBin >= least)) {
      edges.push(distinct[k - 1]);
      inBin = 0;
    }
    inBin += count;
  }
  // What is left over goes to the bin before.
  if (inBin < least) edges.pop();
  return edges;
}

/** @param edges - ascending. */
export function binOf(edges: readonly number[], value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= edges[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Ascending, with the number of rows of each. @param zeros - rows that are 0 and not among the values. */
function countDistinct(values: Float32Array, zeros: number): { distinct: Float32Array; counts: Float64Array } {
  const sorted = values.slice().sort();
  const distinct = new Float32Array(sorted.length + 1);
  const counts = new Float64Array(sorted.length + 1);
  let found = 0;
  const add = (value: number, count: number) => {
    // −0 and 0 are one value.
    if (found === 0 || distinct[found - 1] !== value) distinct[found++] = value;
    counts[found - 1] += count;
  };
  let left = zeros;
  for (const value of sorted) {
    if (left > 0 && value >= 0) {
      add(0, left);
      left = 0;
    }
    add(value, 1);
  }
  if (left > 0) add(0, left);
  return { distinct: distinct.subarray(0, found), counts: counts.subarray(0, found) };
}
