/** Personal frequency as a graph: score_j = Σ counts of j in the history + t_j. */
import { recommenderGraph, requireFinite, requireLength } from './recommender-graph.ts';

/**
 * @param state.popularity - `float32 [items]`: t, in (0, 1).
 * @throws RangeError when there is not one value per item; TradewindError `TRAINING_DIVERGED` when one is not finite.
 */
export function lowerPersonalFrequency(
  state: { popularity: Float32Array },
  catalogue: readonly string[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const items = catalogue.length;
  requireLength(state.popularity, items, 'The popularity of a catalogue');
  requireFinite(state.popularity, 'The popularity of an item');
  return recommenderGraph(catalogue, metadata, (g, { indices, counts }) => {
    const popularity = g.expand(g.constant('float32', state.popularity, [1, items], 'popularity'), ['batch', items]);
    return g.scatterElements(popularity, indices, counts, { axis: 1, reduction: 'add' });
  });
}
