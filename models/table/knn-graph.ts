/**
 * Nearest neighbours in a graph: one product with the training rows ranks them all, the best are measured again row by
 * row, and the nearest of these vote.
 *
 * Ranks are by ‖v‖² − 2 u · v, whose terms cancel: the candidates, a few more than are asked for, are compared by
 * Σ (u − v)², so that rows that are alike have the distance 0. Distances that are equal in float32 are ties, and the row
 * that was learned from first comes first.
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
  /** What distances are computed in. */
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
  const stored = inUnits(model);
  const z = scaled(g, columns === 0 ? g.full('float32', [batch, 1], 0) : features, model);
  const x = g.cast(metric === 'cosine' ? directions(g, z) : z, precision);
  const y = g.cast(storedRows(g, stored.rows, count), precision);

  const norms = g.cast(g.constant('float64', stored.norms, [1, count], 'norms'), precision);
  const ranks =
    metric === 'cosine'
      ? g.gemm(x, y, undefined, { transB: true, alpha: -1 })
      : g.gemm(x, y, norms, { transB: true, alpha: -2 });
  const candidates = g.topK(ranks, g.literal('int64', [width]), { largest: false, size: width }).indices;
  const ascending = g.topK(candidates, g.literal('int64', [width]), { largest: false, size: width }).values;

  const apart = squares(g, g.unsqueeze(x, [1]), g.gather(y, ascending));
  const measured = metric === 'cosine' ? angles(g, apart, z, ascending, stored.norms) : apart;
  const near = reached(model);
  const nearest = g.topK(measured, g.literal('int64', [near]), { largest: false, size: near });
  const distances = metric === 'cosine' ? nearest.values : g.sqrt(nearest.values);
  return decide(g, distances, g.gatherElements(ascending, nearest.indices, 1), model);
}

/** Training rows as the graph makes them, to the bit, and their ‖v‖²; else a session would take longer to open. */
function inUnits({ rows, shift, scale, targets, metric }: KnnModel): { rows: FeatureRows; norms: Float64Array } {
  const count = targets.length;
  const norms = new Float64Array(count);
  const { columns, values } = rows;
  const out = new Float32Array(values.length);
  if ('indptr' in rows && shift.every((value) => value === 0)) {
    const { indptr, indices } = rows;
    for (let i = 0; i < count; i++) {
      for (let e = indptr[i]; e < indptr[i + 1]; e++) {
        out[e] = values[e] * scale[indices[e]];
        norms[i] += out[e] * out[e];
      }
      if (metric === 'cosine') turn(out, indptr[i], indptr[i + 1], norms[i]);
    }
    return { rows: { ...rows, values: out }, norms };
  }
  const dense = 'indptr' in rows ? spread(rows, count) : values;
  const z = new Float32Array(dense.length);
  for (let i = 0, at = 0; i < count && shift.length > 0; i++) {
    let norm = 0;
    for (let j = 0; j < columns; j++, at++) {
      z[at] = Math.fround(dense[at] - shift[j]) * scale[j];
      norm += z[at] * z[at];
    }
    norms[i] = norm;
    if (metric === 'cosine') turn(z, at - columns, at, norm);
  }
  return { rows: { columns, values: z }, norms };
}

/** To the length 1; zeros stay. */
function turn(values: Float32Array, from: number, to: number, norm: number): void {
  const length = Math.sqrt(norm);
  if (length > 0) for (let at = from; at < to; at++) values[at] /= length;
}

function spread({ columns, indptr, indices, values }: Extract<FeatureRows, { indptr: Int32Array }>, count: number) {
  const out = new Float32Array(count * columns);
  for (let i = 0; i < count; i++) {
    for (let e = indptr[i]; e < indptr[i + 1]; e++) out[i * columns + indices[e]] = values[e];
  }
  return out;
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
function directions(g: Graph, z: Tensor<'float32'>): Tensor<'float32'> {
  const exact = g.cast(z, 'float64');
  const norm = g.sqrt(g.sum(g.mul(exact, exact), [1], true));
  return g.cast(g.div(exact, g.where(g.greater(norm, 0), norm, 1)), 'float32');
}

/** Σ (u − v)² of `[batch, 1, columns]` and `[batch, width, columns]`. */
function squares(
  g: Graph,
  own: Tensor<'float32' | 'float64'>,
  others: Tensor<'float32' | 'float64'>,
): Tensor<'float32'> {
  // Rows begin alike in memory, so that their terms are added in one order: rows that are alike are as far away.
  const gap = -(others.shape[2] as number) & 15;
  const difference = g.sub(others, own);
  const whole = gap === 0 ? difference : g.pad(difference, [0, 0, 0], [0, 0, gap]);
  return g.cast(g.sumOfSquares(whole, [2]), 'float32');
}

/**
 * 1 − cos(u, v) = ½ ‖u − v‖² of directions; rows of zeros have none, and are at a right angle to all.
 * @param apart - `[batch, width]`: ‖u − v‖². @param z - `[batch, columns]`. @param norms - of the training rows.
 */
function angles(
  g: Graph,
  apart: Tensor<'float32'>,
  z: Tensor<'float32'>,
  rows: Tensor<'int64'>,
  norms: Float64Array,
): Tensor<'float32'> {
  const half = g.mul(apart, 0.5);
  const empty = Float32Array.from(norms, (norm) => (norm === 0 ? 0.5 : 0));
  const ofOthers = g.gather(g.constant('float32', empty, [empty.length], 'empty'), rows);
  const own = g.equal(g.largest(g.abs(z), [1], true), 0);
  const distance = g.add(g.add(half, ofOthers), g.where(own, g.full('float32', [1, 1], 0.5), 0));
  return g.where(g.less(distance, sameDirection), 0, distance);
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
