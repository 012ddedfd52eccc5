/**
 * Nearest neighbours in a graph: one product with the training rows ranks them all, the best are measured again row by
 * row, and the nearest of these vote.
 *
 * Ranks are by ‖v‖² − 2 u · v, whose terms cancel: the candidates, a few more than are asked for, are compared by
 * Σ (u − v)² in float64, so that rows that are alike have the distance 0. Distances that are equal in float32 are ties,
 * and the row that was learned from first comes first.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { FeatureRows } from '../../compute/kernels/feature-rows.ts';
import type { TableTask } from '../../contracts/tables.ts';

export interface KnnModel {
  readonly task: TableTask;
  readonly outputs: number;
  readonly metric: 'euclidean' | 'cosine';
  readonly voting: 'uniform' | 'distance';
  readonly neighbours: number;
  /** What all rows are ranked in. */
  readonly precision: 'float32' | 'float64';
  /** `[features]`: what is taken from features, and what they are then multiplied by: a power of 2, or 0. */
  readonly shift: Float32Array;
  readonly scale: Float32Array;
  /** Training rows in their own units; a column of zeros where there are no features. */
  readonly rows: FeatureRows;
  /** `[rows]`: numbers, or places of classes. */
  readonly targets: Float32Array;
  /** `[rows]`: how often each counts, with mean 1; absent where all count once. */
  readonly counts?: Float32Array;
}

/** Rows that are measured besides those that are asked for: as many may be ranked wrongly by rounding. */
const spare = 8;
/** Scaled features are within 1; rows that are farther away than this have lost all neighbourhood. */
const limit = 2 ** 40;
/** Cosine distances below it are what rounding to float32 makes of rows in one direction. */
const sameDirection = 1e-14;

/** Rows that may be needed until `neighbours` are counted. */
function reached({ neighbours, counts, targets }: KnnModel): number {
  if (counts === undefined) return neighbours;
  const ascending = counts.toSorted();
  let [sum, rows] = [0, 0];
  while (rows < targets.length && sum < neighbours) sum += ascending[rows++];
  return rows;
}

/** Rows that are measured for each row that is asked about. */
export const candidatesOf = (model: KnnModel): number => Math.min(model.targets.length, reached(model) + spare);

/** @returns float32 `[batch, outputs]` */
export function lowerKnn(g: Graph, features: Tensor<'float32'>, model: KnnModel): Tensor<'float32'> {
  const { metric, precision, targets } = model;
  const count = targets.length;
  const [batch, columns] = features.shape;
  const width = candidatesOf(model);
  const x = scaled(g, columns === 0 ? g.full('float32', [batch, 1], 0) : features, model);
  const y = scaled(g, storedRows(g, model.rows, count), model);

  const [u, v] = [x, y].map((z) => (metric === 'cosine' ? directions(g, z, precision) : g.cast(z, precision)));
  const ranks =
    metric === 'cosine'
      ? g.gemm(u, v, undefined, { transB: true, alpha: -1 })
      : g.gemm(u, v, g.unsqueeze(g.sum(g.mul(v, v), [1]), [0]), { transB: true, alpha: -2 });
  const candidates = g.topK(ranks, g.literal('int64', [width]), { largest: false, size: width }).indices;
  const ascending = g.topK(candidates, g.literal('int64', [width]), { largest: false, size: width }).values;

  const others = g.cast(g.gather(y, ascending), 'float64');
  const own = g.unsqueeze(g.cast(x, 'float64'), [1]);
  const measured = metric === 'cosine' ? angles(g, own, others) : squares(g, own, others);
  const near = reached(model);
  const nearest = g.topK(measured, g.literal('int64', [near]), { largest: false, size: near });
  const distances = metric === 'cosine' ? nearest.values : g.sqrt(nearest.values);
  return decide(g, distances, g.gatherElements(ascending, nearest.indices, 1), model);
}

/** float32 `[rows, columns]`; sparse rows are spread when a session is opened. */
function storedRows(g: Graph, rows: FeatureRows, count: number): Tensor<'float32'> {
  const { columns, values } = rows;
  if (!('indptr' in rows)) return g.constant('float32', values, [count, columns], 'rows');
  const { indptr, indices } = rows;
  const places = new Int32Array(indices.length);
  for (let i = 0; i < count; i++) {
    for (let e = indptr[i]; e < indptr[i + 1]; e++) places[e] = i * columns + indices[e];
  }
  const flat = g.scatterElements(
    g.full('float32', [count * columns], 0),
    g.constant('int32', places, [places.length], 'places'),
    g.constant('float32', values, [values.length], 'rows'),
    { axis: 0 },
  );
  return g.reshape(flat, [count, columns]);
}

function scaled(g: Graph, x: Tensor<'float32'>, { shift, scale }: KnnModel): Tensor<'float32'> {
  if (shift.length === 0) return x;
  const vector = (data: Float32Array, name: string) => g.constant('float32', data, [data.length], name);
  const shifted = shift.every((value) => value === 0) ? x : g.sub(x, vector(shift, 'shift'));
  return g.max(g.min(g.mul(shifted, vector(scale, 'scale')), limit), -limit);
}

/** z / ‖z‖; 0 stays 0. */
function directions<D extends 'float32' | 'float64'>(g: Graph, z: Tensor<'float32'>, type: D): Tensor<D> {
  const exact = g.cast(z, 'float64');
  return g.cast(g.div(exact, lengths(g, exact, 1)), type);
}

/** ‖z‖, or 1 where that is 0. */
function lengths(g: Graph, z: Tensor<'float64'>, axis: number): Tensor<'float64'> {
  const norm = g.sqrt(g.sum(g.mul(z, z), [axis], true));
  return g.where(g.greater(norm, 0), norm, 1);
}

/** Σ (u − v)² of `[batch, 1, columns]` and `[batch, width, columns]`. */
function squares(g: Graph, own: Tensor<'float64'>, others: Tensor<'float64'>): Tensor<'float32'> {
  const difference = g.sub(others, own);
  return g.cast(g.sum(g.mul(difference, difference), [2]), 'float32');
}

/** 1 − cos(u, v); rows of zeros are at a right angle to all. */
function angles(g: Graph, own: Tensor<'float64'>, others: Tensor<'float64'>): Tensor<'float32'> {
  const products = g.sum(g.mul(others, own), [2], true);
  const cosine = g.div(products, g.mul(lengths(g, others, 2), lengths(g, own, 2)));
  const distance = g.squeeze(g.sub(1, cosine), [2]);
  return g.cast(g.where(g.less(distance, sameDirection), 0, distance), 'float32');
}

/** @param distances - `[batch, near]`, ascending. @param rows - int64 of the same shape. */
function decide(g: Graph, distances: Tensor<'float32'>, rows: Tensor<'int64'>, model: KnnModel): Tensor<'float32'> {
  const { task, outputs, voting, neighbours, targets, counts } = model;
  const d = g.cast(distances, 'float64');
  const ones = g.add(g.mul(d, 0), 1);
  // Where a neighbour is alike, only such ones vote.
  const alike = g.equal(d, 0);
  const any = g.equal(g.least(d, [1], true), 0);
  let votes =
    voting === 'uniform' ? ones : g.where(any, g.where(alike, ones, 0), g.reciprocal(g.where(alike, ones, d)));
  if (counts !== undefined) {
    // A row counts as often as it weighs, until all neighbours are counted.
    const w = g.cast(g.gather(g.constant('float32', counts, [counts.length], 'counts'), rows), 'float64');
    const before = g.sub(g.cumulativeSum(w, 1), w);
    votes = g.mul(votes, g.max(g.min(w, g.sub(neighbours, before)), 0));
  }
  const all = g.sum(votes, [1], true);
  const found = g.gather(g.constant('float32', targets, [targets.length], 'targets'), rows);
  if (task === 'regress') {
    return g.cast(g.div(g.sum(g.mul(votes, g.cast(found, 'float64')), [1], true), all), 'float32');
  }
  const places = g.constant(
    'float32',
    Float32Array.from({ length: outputs }, (_, k) => k),
    [1, 1, outputs],
    'classes',
  );
  const own = g.where(g.equal(g.unsqueeze(found, [2]), places), g.unsqueeze(votes, [2]), 0);
  return g.cast(g.div(g.sum(own, [1]), all), 'float32');
}
