/** Popularity as a graph: the same scores for everybody, whatever the history. */
import { recommenderGraph, requireFinite, requireLength } from './recommender-graph.ts';

/**
 * @param state.scores - `float32 [items]`.
 * @throws RangeError when there is not one score per item; TradewindError `TRAINING_DIVERGED` when one is not finite.
 */
export function lowerPopularity(
  state: { scores: Float32Array },
  catalogue: readonly string[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const items = catalogue.length;
  requireLength(state.scores, items, 'Scores of a catalogue');
  requireFinite(state.scores, 'The popularity of an item');
  return recommenderGraph(catalogue, metadata, (g) =>
    g.expand(g.constant('float32', state.scores, [1, items], 'popularity'), ['batch', items]),
  );
}
