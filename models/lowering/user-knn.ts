/**
 * User-kNN as a graph: s_v = Σ_i w_i B[i, v] over the history, score_j = Σ_v s_v X[v, j] over the K largest s_v > 0, B the
 * training users' weights by item and X their strengths by user.
 *
 * A request takes the rows of B that its history names, and of X those of its neighbours, entry by entry
 * (`table/sparse-product.ts`): popular items have long rows, and padding all to the longest would multiply the matrix.
 * Similarities are summed in float64 and rounded to float32 before the largest are chosen, as `user-knn.ts` does.
 */
import { product } from '../../compute/graph/dimensions.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { SparseMatrix } from '../sparse.ts';
import { entriesOf, type SparseEntries } from '../table/sparse-product.ts';
import {
  recommenderGraph,
  requireFinite,
  requireLength,
  type GraphHistory,
  type Weighting,
} from './recommender-graph.ts';

export interface UserKnnState {
  users: number;
  items: number;
  /** X, users × items. */
  strengths: SparseMatrix;
  /** B, items × users. */
  byItem: SparseMatrix;
  /** K, at most the number of users. */
  neighbours: number;
  /** h ≥ 0. */
  shrinkage: number;
  weighting: Weighting;
  /** `[items]`: what a history's weights are multiplied by. */
  idf?: Float64Array;
  /** BM25 of a history; without it, its weights get the length 1. */
  saturation?: { k1: number; b: number; meanLength: number };
}

/**
 * @throws RangeError when the matrices do not fit the catalogue; TradewindError `TRAINING_DIVERGED` when a value is not
 * finite.
 */
export function lowerUserKnn(
  state: UserKnnState,
  catalogue: readonly string[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const { users, strengths, byItem, neighbours } = state;
  const items = catalogue.length;
  requireLength(byItem.indptr, items + 1, 'Row bounds of a catalogue');
  requireLength(strengths.indptr, users + 1, 'Row bounds of the users');
  requireFinite(byItem.values, 'A weight of a training user');
  requireFinite(strengths.values, 'A strength of a training user');
  return recommenderGraph(catalogue, metadata, (g, history) => {
    if (users === 0) return g.full('float32', ['batch', items], 0);
    const similarities = compare(g, history, state);
    const best = g.topK(similarities, g.literal('int64', [neighbours]), { size: neighbours });
    const votes = g.max(best.values, 0);
    const found = rowsOf(g, strengths, 'strengths', best.indices, g.greater(votes, 0), 'votes');
    return addUp(g, found, votes, g.mul(found.value, g.gather(flat(g, votes), found.row)), items);
  });
}

/** float32 `[batch, users]`: similarities, at least 0. */
function compare(g: Graph, history: GraphHistory, state: UserKnnState): Tensor<'float32'> {
  const { users, byItem, shrinkage } = state;
  const weights = weigh(g, history, state);
  const found = rowsOf(g, byItem, 'weights', history.indices, history.present, 'products');
  const terms = g.mul(g.cast(found.value, 'float64'), g.gather(flat(g, weights), found.row));
  const sums = addUp(g, found, weights, terms, users);
  if (shrinkage === 0) return g.cast(sums, 'float32');
  const common = addUp(g, found, weights, g.where(g.greaterOrEqual(found.row, 0), g.literal('float64', 1), 0), users);
  return g.cast(g.div(g.mul(sums, common), g.add(common, shrinkage)), 'float32'); // s · n / (n + h)
}

/** float64 `[batch, history+1]`: w of a history, 0 where nothing is present. */
function weigh(
  g: Graph,
  { indices, counts, present }: GraphHistory,
  { weighting, idf, saturation }: UserKnnState,
): Tensor<'float64'> {
  const exact = g.cast(counts, 'float64');
  const s = weighting === 'count' ? exact : weighting === 'log' ? g.log(g.add(exact, 1)) : g.cast(present, 'float64');
  let w = s;
  if (saturation) {
    const { k1, b, meanLength } = saturation;
    const limit = g.add(g.mul(g.div(g.mul(g.sum(s, [1], true), b), meanLength), k1), k1 * (1 - b));
    w = g.where(present, g.div(g.mul(s, k1 + 1), g.where(present, g.add(s, limit), 1)), 0);
  }
  if (idf) w = g.mul(w, g.gather(g.constant('float64', idf, [idf.length], 'idf'), indices));
  if (saturation) return w;
  const squares = g.sum(g.mul(w, w), [1], true);
  const some = g.greater(squares, 0);
  return g.where(some, g.div(w, g.sqrt(g.where(some, squares, 1))), 0);
}

/** Entries of the rows that are named where something is used; their rows are places of `[batch × places]`. */
function rowsOf(
  g: Graph,
  { indptr, indices, values }: SparseMatrix,
  name: string,
  rows: Tensor<'int64'>,
  used: Tensor<'bool'>,
  entries: string,
): SparseEntries {
  const count = indptr.length - 1;
  const begins = g.constant('int32', indptr.slice(0, count), [count], `${name}_begins`);
  const lengths = g.constant('int32', indptr.slice(1).map((end, i) => end - indptr[i]), [count], `${name}_lengths`); // prettier-ignore
  const batch = {
    begin: flat(g, g.gather(begins, rows)),
    length: flat(g, g.where(used, g.gather(lengths, rows), 0)),
    columns: g.constant('int32', indices, [indices.length], `${name}_columns`),
    values: g.constant('float32', values, [values.length], name),
  };
  return entriesOf(g, batch, entries);
}

/** `[batch, columns]`: sums of the terms of each history by their columns; `places` has the shape that the rows count. */
function addUp<D extends 'float32' | 'float64'>(
  g: Graph,
  { row, column }: SparseEntries,
  places: Tensor,
  terms: Tensor<D>,
  columns: number,
): Tensor<D> {
  const one = g.full('int32', places.shape, 1);
  const historyOf = flat(g, g.sub(g.cumulativeSum(one, 0), 1));
  const at = g.add(g.mul(g.gather(historyOf, row), columns), column);
  const total = product(['batch', columns]);
  const zeros = g.full(terms.type, [total], 0);
  return g.reshape(g.scatterElements(zeros, at, terms, { axis: 0, reduction: 'add' }), ['batch', columns]);
}

function flat<T extends Tensor>(g: Graph, tensor: T): T {
  return g.reshape(tensor, [product(tensor.shape)]) as T;
}
