/** Which features stay, by what they were judged by. */

/**
 * The features with the highest scores, ascending; among equals the earlier. Those that scored 0 say nothing and go,
 * however many are wanted; where all did, the first one stays.
 */
export function bestOf(scores: Float64Array, keep: number): Int32Array {
  const order = Array.from(scores.keys())
    .filter((feature) => scores[feature] > 0)
    .toSorted((a, b) => scores[b] - scores[a] || a - b);
  return Int32Array.from(order.length === 0 ? [0] : order.slice(0, keep)).sort();
}
