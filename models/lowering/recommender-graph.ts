/**
 * What every recommender's graph has in common: from a history of item ids to the catalogue's indices, and from scores
 * to the k best ids, under the names of `recommenderTensors`. What lies between, `score`, is the algorithm's own file.
 */
import { TradewindError } from '../../contracts/errors.ts';
import { recommenderTensors } from '../../contracts/artifacts.ts';
import { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import { encodeModel } from '../../compute/onnx/model.ts';

/** How strong one household's evidence for one item is; see the `weighting` parameter of the algorithms. */
export type Weighting = 'count' | 'log' | 'binary';

/**
 * A batch of histories within the graph. It has one place more than the request's, which is never present, so that no
 * tensor is empty: runtimes disagree on products over an empty axis.
 */
export interface GraphHistory {
  /** int64 `[batch, history+1]`: catalogue indices; 0 where nothing is present. */
  readonly indices: Tensor<'int64'>;
  /** float32 `[batch, history+1]`: counts, in (0, 2^24] where an item is present, else 0. */
  readonly counts: Tensor<'float32'>;
  /** bool `[batch, history+1]`: an item of the catalogue with a positive count. */
  readonly present: Tensor<'bool'>;
}

/** float32 `[batch, items]`, all finite. */
export type ScoreTensor = Tensor<'float32'>;

/** The greatest count that float32 tells from its neighbours; above it, infinity included, counts are all the same. */
const maxCount = 2 ** 24;

/**
 * @param catalogue - ids, the more popular first: ties between scores go to the lower index.
 * @param score - adds the algorithm's part. A repeated id in a history is to count as often as it is there, each time
 * with its own weight; who wants repeats merged, merges them before.
 * @returns bytes of the ONNX model; the same for the same arguments.
 * @throws RangeError when an id cannot be told from another, or from padding.
 */
export function recommenderGraph(
  catalogue: readonly string[],
  metadata: Readonly<Record<string, string>>,
  score: (graph: Graph, history: GraphHistory) => ScoreTensor,
): Uint8Array {
  checkCatalogue(catalogue);
  const items = catalogue.length;
  const names = recommenderTensors;
  const g = new Graph();
  const historyItems = g.input(names.historyItems, 'string', ['batch', 'history']);
  const historyWeights = g.input(names.historyWeights, 'float32', ['batch', 'history']);
  const candidates = g.input(names.candidates, 'bool', ['batch|1', items]);
  const k = g.input(names.k, 'int64', [1]);

  const found = g.concat([g.labelEncode(historyItems, catalogue, -1), g.full('int64', ['batch', 1], -1)], 1);
  const weights = g.concat([historyWeights, g.full('float32', ['batch', 1], 0)], 1);
  // NaN is not greater than 0 either.
  const present = g.and(g.greaterOrEqual(found, 0), g.greater(weights, 0));
  const counts = g.where(present, g.min(weights, maxCount), 0);
  const scores = score(g, { indices: g.max(found, 0), counts, present });

  const allowed = g.where(candidates, scores, Number.NEGATIVE_INFINITY);
  const best = g.topK(allowed, g.min(k, items), { size: 'k' });
  // Places that no allowed item fills show no id, lest somebody recommends what the mask forbids.
  const shown = g.where(g.greater(best.values, Number.NEGATIVE_INFINITY), best.indices, items);
  g.output(names.ids, g.gather(g.constant('string', [...catalogue, ''], [items + 1], 'catalogue'), shown));
  g.output(names.scores, best.values);
  return encodeModel(g.toModel({ metadata, name: 'recommender' }));
}

/** float32 `[batch, history+1]`: strength of each place of a history, 0 where nothing is present. */
export function strengths(g: Graph, { counts, present }: GraphHistory, weighting: Weighting): Tensor<'float32'> {
  switch (weighting) {
    case 'count':
      return counts;
    case 'log':
      return g.log(g.add(counts, 1));
    case 'binary':
      return g.cast(present, 'float32');
  }
}

/** @throws TradewindError `TRAINING_DIVERGED` when a learned value is not finite: it would make every score NaN. */
export function requireFinite(values: Float32Array, subject: string): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new TradewindError('TRAINING_DIVERGED', {
    subject,
    rule: 'be finite',
    value: `${values[at]} at position ${at}`,
    remedy: 'Raise the regularization, or lower alpha.',
  });
}

export function requireLength(values: ArrayLike<unknown>, length: number, subject: string): void {
  if (values.length !== length) throw new RangeError(`${subject} must have ${length} elements. Got ${values.length}.`);
}

function checkCatalogue(catalogue: readonly string[]): void {
  if (catalogue.length === 0) throw new RangeError('A catalogue must hold an item. Got none.');
  const seen = new Set<string>();
  for (const id of catalogue) {
    const rule =
      id === ''
        ? 'not be empty, which pads histories'
        : // Runtimes take strings as UTF-8 that ends at the first NUL.
          id.includes('\0') || !id.isWellFormed()
          ? 'be well-formed text without NUL'
          : seen.has(id)
            ? 'be in a catalogue once'
            : undefined;
    if (rule !== undefined) throw new RangeError(`The item id ${JSON.stringify(id)} must ${rule}.`);
    seen.add(id);
  }
}
