/**
 * k nearest neighbours for classes and numbers, exact: the training rows are the model. The neighbours of a row are
 * found by the graph that is served (`knn-graph.ts`), in blocks.
 *
 * As scikit-learn's `KNeighborsClassifier` and `KNeighborsRegressor`, but that a feature that did not vary has no part in
 * Euclidean distances, and that a row of weight w counts as w neighbours.
 */
import { TradewindError } from '../../contracts/errors.ts';
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import { tableTasks, type TableTask } from '../../contracts/tables.ts';
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { FeatureRows } from '../../compute/kernels/feature-rows.ts';
import { encodeModel } from '../../compute/onnx/model.ts';
import { openSession, type Session } from '../../compute/onnx/session.ts';
import type { Features } from '../../data/features.ts';
import { readState } from '../state.ts';
import type { FittedTableModel, TableEstimator } from '../table-estimator.ts';
import { requireFinite } from './finite-features.ts';
import { candidatesOf, lowerKnn, type KnnModel } from './knn-graph.ts';
import { momentsOf } from './moments.ts';
import { fillDense } from './network-data.ts';
import { checkedWeights } from './row-weights.ts';

const format = 'tradewind-knn/1';
/** Numbers of the training rows that a session may hold, zeros counted: 512 MiB of float32. */
const mostNumbers = 2 ** 27;
/** Numbers that a block holds, of its distances or of its candidates: 8 MiB of float32. */
const blockNumbers = 2 ** 21;
const mostBlockRows = 256;
/** Features that vary alike, at least, for float32 to tell neighbours among all rows. */
const leastDimensions = 16;

export const knn: TableEstimator<'knn'> = {
  algorithm: 'knn',

  async fit(x, y, given, context) {
    const table = tableAlgorithms.knn.parameters;
    const { neighbours, metric, weights: voting } = completeParameters('knn', table, given) as TableParametersOf<'knn'>;
    const weights = checkedWeights(x, y, context.weights);
    requireFinite('knn', x);
    requireRows(neighbours, x);
    context.progress?.(0.2, `${x.rows} rows`);
    const { shift, scale, precision } = unitsOf(x, weights, metric);
    const kept = weights && Int32Array.from([...weights.keys()].filter((i) => weights[i] > 0));
    const targets = y.kind === 'classes' ? Float32Array.from(y.codes) : y.values.slice();
    const all = rowsOf(x);
    const model: KnnModel = {
      task: y.kind === 'classes' ? 'classify' : 'regress',
      outputs: y.kind === 'classes' ? y.classes.length : 1,
      metric,
      voting,
      neighbours,
      precision,
      shift,
      scale,
      rows: kept ? takeRows(all, kept) : all,
      targets: kept ? Float32Array.from(kept, (i) => targets[i]) : targets,
      ...(kept && weights.some((weight) => weight !== 1) && { counts: Float32Array.from(kept, (i) => weights[i]) }),
    };
    context.progress?.(1);
    return new FittedKnn(model, context.threads);
  },

  load: async (state, { threads }) => new FittedKnn(loadModel(state), threads),
};

export class FittedKnn implements FittedTableModel {
  readonly algorithm = 'knn';
  readonly task: TableTask;
  readonly outputs: number;
  readonly #model: KnnModel;
  readonly #threads: number;
  /** Rows of every block, the last one filled up with zeros: how onnxruntime multiplies depends on their number. */
  readonly #blockRows: number;
  #session: Promise<Session> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(model: KnnModel, threads: number) {
    this.task = model.task;
    this.outputs = model.outputs;
    this.#model = model;
    this.#threads = threads;
    const widest = Math.max(model.targets.length, candidatesOf(model) * model.rows.columns);
    this.#blockRows = Math.min(mostBlockRows, Math.max(16, 2 ** Math.floor(Math.log2(blockNumbers / widest))));
  }

  /** One call at a time, in the order of the calls. @throws RangeError for another number of features. */
  async predict(x: Features): Promise<Float32Array> {
    const features = this.#model.shift.length;
    if (x.names.length !== features) {
      throw new RangeError(`Features for this model must be ${features}. Got ${x.names.length}.`);
    }
    const call = this.#last.then(() => this.#predict(x));
    this.#last = call.catch(() => undefined);
    return await call;
  }

  async #predict(x: Features): Promise<Float32Array> {
    const features = x.names.length;
    const out = new Float32Array(x.rows * this.outputs);
    if (x.rows === 0) return out;
    this.#session ??= this.#open();
    const session = await this.#session;
    for (let from = 0; from < x.rows; from += this.#blockRows) {
      const to = Math.min(x.rows, from + this.#blockRows);
      const whole = x.kind === 'dense' && to - from === this.#blockRows;
      const data = whole ? x.values.subarray(from * features, to * features) : this.#filled(x, from, to);
      const shape = [this.#blockRows, features];
      const { prediction } = await session.run({ features: { datatype: 'float32', shape, data } });
      out.set((prediction.data as Float32Array).subarray(0, (to - from) * this.outputs), from * this.outputs);
    }
    return out;
  }

  #filled(x: Features, from: number, to: number): Float32Array {
    const features = x.names.length;
    const data = new Float32Array(this.#blockRows * features);
    if (x.kind === 'dense') data.set(x.values.subarray(from * features, to * features));
    else fillDense(x, from, to, data);
    return data;
  }

  #open(): Promise<Session> {
    const g = new Graph();
    const features = g.input('features', 'float32', [this.#blockRows, this.#model.shift.length]);
    g.output('prediction', this.lower(g, features));
    return openSession(encodeModel(g.toModel()), { threads: this.#threads });
  }

  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    return lowerKnn(graph, features, this.#model);
  }

  state(): ArrayFile {
    const { task, outputs, metric, voting, neighbours, precision, shift, scale, rows, targets, counts } = this.#model;
    const sparse = 'indptr' in rows;
    return {
      arrays: {
        shift: { data: shift },
        scale: { data: scale },
        rows: { data: rows.values, ...(!sparse && { shape: [targets.length, rows.columns] }) },
        ...(sparse && { indptr: { data: rows.indptr }, indices: { data: rows.indices } }),
        targets: { data: targets },
        ...(counts && { counts: { data: counts } }),
      },
      metadata: {
        format,
        task,
        outputs: String(outputs),
        metric,
        voting,
        neighbours: String(neighbours),
        precision,
        form: sparse ? 'sparse' : 'dense',
        counted: counts ? 'by weight' : 'once',
      },
    };
  }

  async close(): Promise<void> {
    await this.#last;
    const session = this.#session;
    this.#session = undefined;
    await (await session?.catch(() => undefined))?.close();
  }
}

function requireRows(neighbours: number, { rows, names }: Features): void {
  if (neighbours > rows) {
    throw new TradewindError('PARAMETER_INVALID', {
      subject: 'The "neighbours" parameter of knn',
      rule: `be at most the number of training rows, ${rows}`,
      value: String(neighbours),
      remedy: 'Lower it, or learn from more rows.',
    });
  }
  if (rows * names.length > mostNumbers) {
    throw new TradewindError('PARAMETER_INVALID', {
      subject: 'The training rows that knn keeps',
      rule: `be at most ${mostNumbers} numbers, zeros counted`,
      value: `${rows} rows of ${names.length} features`,
      remedy: 'Keep fewer features, such as the terms of a text, learn from fewer rows, or use another algorithm.',
    });
  }
}

/**
 * Units in which differences are within 1 and lose nothing: what is taken from a feature and what it is multiplied by are
 * such that whole numbers and other multiples of a power of 2 stay exact, and ties stay ties.
 */
function unitsOf(
  x: Features,
  weights: Float32Array | undefined,
  metric: 'euclidean' | 'cosine',
): Pick<KnnModel, 'shift' | 'scale' | 'precision'> {
  const { mean, deviation } = momentsOf(x, weights);
  const features = x.names.length;
  const shift = new Float32Array(features);
  if (metric === 'euclidean') {
    for (let j = 0; j < features; j++) {
      if (deviation[j] === 0) continue;
      const unit = 2 ** Math.floor(Math.log2(deviation[j]));
      shift[j] = Math.abs(mean[j]) > 2 * deviation[j] ? Math.round(mean[j] / unit) * unit : 0;
    }
  }
  const varies = (j: number) => metric === 'cosine' || deviation[j] > 0;
  const sizes = new Float64Array(features);
  if (x.kind === 'dense') {
    for (let i = 0, at = 0; i < x.rows; i++) {
      for (let j = 0; j < features; j++, at++) {
        const size = Math.abs(x.values[at] - shift[j]);
        if (size > sizes[j]) sizes[j] = size;
      }
    }
  } else {
    const { indices, values } = x.csr;
    for (let j = 0; j < features; j++) sizes[j] = Math.abs(shift[j]);
    for (let e = 0; e < values.length; e++) {
      const j = indices[e];
      sizes[j] = Math.max(sizes[j], Math.abs(values[e] - shift[j]));
    }
  }
  let largest = 0;
  for (let j = 0; j < features; j++) if (varies(j)) largest = Math.max(largest, sizes[j]);
  const exponent = largest > 0 ? Math.ceil(Math.log2(largest)) : 0;
  const factor = 2 ** Math.max(-126, Math.min(126, -exponent));
  const scale = Float32Array.from({ length: features }, (_, j) => (varies(j) ? factor : 0));
  // How many features vary alike: (Σ σ²)² / Σ σ⁴. Where few do, rows lie close and the float32 of a product is too coarse.
  let [sum, squares] = [0, 0];
  for (let j = 0; j < features; j++) {
    const variance = (deviation[j] * factor) ** 2;
    sum += variance;
    squares += variance ** 2;
  }
  return { shift, scale, precision: squares > 0 && sum ** 2 / squares >= leastDimensions ? 'float32' : 'float64' };
}

function rowsOf(x: Features): FeatureRows {
  const columns = Math.max(1, x.names.length);
  if (x.kind === 'sparse' && x.names.length > 0) return { ...x.csr, columns };
  return { values: x.kind === 'dense' && x.names.length > 0 ? x.values : new Float32Array(x.rows * columns), columns };
}

function takeRows(rows: FeatureRows, kept: Int32Array): FeatureRows {
  const { columns, values } = rows;
  if (!('indptr' in rows)) {
    const taken = new Float32Array(kept.length * columns);
    for (const [k, i] of kept.entries()) taken.set(values.subarray(i * columns, (i + 1) * columns), k * columns);
    return { columns, values: taken };
  }
  const entries: number[] = [];
  const indptr = new Int32Array(kept.length + 1);
  for (const [k, i] of kept.entries()) {
    for (let e = rows.indptr[i]; e < rows.indptr[i + 1]; e++) entries.push(e);
    indptr[k + 1] = entries.length;
  }
  const indices = Int32Array.from(entries, (e) => rows.indices[e]);
  return { columns, indptr, indices, values: Float32Array.from(entries, (e) => values[e]) };
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where the state is of another algorithm, or its arrays do not fit. */
function loadModel(state: ArrayFile): KnnModel {
  const read = readState(state, format);
  const task = tableTasks.find((known) => known === read.text('task'));
  const [shift, scale, values, targets] = ['shift', 'scale', 'rows', 'targets'].map((name) => read.floats(name));
  const counts = read.text('counted') === 'by weight' ? read.floats('counts') : undefined;
  const columns = Math.max(1, shift.length);
  const sparse = read.text('form') === 'sparse';
  const rows: FeatureRows = sparse
    ? { values, columns, indptr: read.integers('indptr'), indices: read.integers('indices') }
    : { values, columns };
  const [outputs, neighbours] = [read.number('outputs'), read.number('neighbours')];
  const fits =
    task !== undefined &&
    scale.length === shift.length &&
    targets.length > 0 &&
    (counts === undefined || counts.length === targets.length) &&
    (counts !== undefined || neighbours <= targets.length) &&
    (task === 'regress' || targets.every((code) => Number.isInteger(code) && code >= 0 && code < outputs)) &&
    ('indptr' in rows ? fitsSparse(rows, targets.length) : values.length === targets.length * columns);
  if (!fits) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: 'A saved state of knn',
      rule: 'hold rows of all features with a target each',
      value: `${values.length} numbers and ${targets.length} targets for ${shift.length} features`,
      remedy: 'Train the model again.',
    });
  }
  const metric = read.text('metric') === 'cosine' ? 'cosine' : 'euclidean';
  const voting = read.text('voting') === 'distance' ? 'distance' : 'uniform';
  const precision = read.text('precision') === 'float32' ? 'float32' : 'float64';
  return {
    task,
    outputs,
    metric,
    voting,
    neighbours,
    precision,
    shift,
    scale,
    rows,
    targets,
    ...(counts && { counts }),
  };
}

function fitsSparse(
  { indptr, indices, values, columns }: Extract<FeatureRows, { indptr: Int32Array }>,
  rows: number,
): boolean {
  return (
    indptr.length === rows + 1 &&
    indptr[0] === 0 &&
    indptr[rows] === values.length &&
    indices.length === values.length &&
    indptr.every((end, i) => i === 0 || end >= indptr[i - 1]) &&
    indices.every((column) => column >= 0 && column < columns)
  );
}
