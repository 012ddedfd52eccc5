/** A support vector machine with a kernel that has been fitted: kernel values with its support vectors, and their sums. */
import { TradewindError } from '../../../contracts/errors.ts';
import { tableTasks, type TableTask } from '../../../contracts/tables.ts';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import type { SvmKernel } from '../../../compute/kernels/kernel-values.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession, type Session } from '../../../compute/onnx/session.ts';
import type { Features } from '../../../data/features.ts';
import { readState } from '../../state.ts';
import type { FittedTableModel } from '../../table-estimator.ts';
import {
  decisionsOf,
  lowerProbabilities,
  readCalibration,
  uncalibrated,
  type SigmoidCalibration,
} from '../sigmoid-calibration.ts';
import { lowerDecisions } from './lower-kernel.ts';
import type { Scaling } from './scaling.ts';

export type ModelKernel = Extract<SvmKernel, { kind: 'rbf' | 'polynomial' }>;

export interface KernelModel {
  readonly task: TableTask;
  readonly outputs: number;
  readonly kernel: ModelKernel;
  /** Of the features, before they meet the support vectors. */
  readonly scaling: Scaling;
  /** Support vectors, scaled; a column of zeros where there are no features. */
  readonly support: FeatureRows;
  /** float32 `[decisions × support vectors]`, row-major: β; and `[decisions]`. */
  readonly coefficients: Float32Array;
  readonly bias: Float32Array;
  /** Of classes. */
  readonly calibration: SigmoidCalibration;
}

const format = 'tradewind-kernel-svm/1';
/** Numbers of support vectors that a session may hold: 1 GiB of float64. */
const mostNumbers = 2 ** 27;
/** Rows of every block, the last one filled up with zeros: how onnxruntime multiplies depends on their number. */
const blockRows = 64;

export class FittedKernelSvm implements FittedTableModel {
  readonly algorithm = 'kernel-svm';
  readonly task: TableTask;
  readonly outputs: number;
  readonly #model: KernelModel;
  #session: Promise<Session> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws TradewindError `PARAMETER_INVALID` where the support vectors are too large to be served. */
  constructor(model: KernelModel) {
    requireServable(model);
    this.task = model.task;
    this.outputs = model.outputs;
    this.#model = model;
  }

  /** By the graph that is served; one call at a time. @throws RangeError for another number of features. */
  async predict(x: Features): Promise<Float32Array> {
    const features = this.#model.scaling.shift.length;
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
    for (let from = 0; from < x.rows; from += blockRows) {
      const to = Math.min(x.rows, from + blockRows);
      const data = denseBlock(x, from, to);
      const { prediction } = await session.run({
        features: { datatype: 'float32', shape: [blockRows, features], data },
      });
      out.set((prediction.data as Float32Array).subarray(0, (to - from) * this.outputs), from * this.outputs);
    }
    return out;
  }

  #open(): Promise<Session> {
    const graph = new Graph();
    const features = graph.input('features', 'float32', [blockRows, this.#model.scaling.shift.length]);
    graph.output('prediction', this.lower(graph, features));
    // One thread, as products are cut by the number of threads and would differ in their last bits.
    return openSession(encodeModel(graph.toModel()), { threads: 1 });
  }

  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    const decisions = lowerDecisions(graph, features, this.#model, limitOf(this.#model));
    if (this.task === 'regress') return decisions;
    return lowerProbabilities(graph, decisions, this.#model.calibration, this.outputs);
  }

  state(): ArrayFile {
    const { task, outputs, kernel, scaling, support, coefficients, bias, calibration } = this.#model;
    const { slope, offset } = calibration;
    const rows = coefficients.length / bias.length;
    const { kind, ...parameters } = kernel;
    const sparse = 'indptr' in support;
    return {
      arrays: {
        shift: { data: scaling.shift },
        scale: { data: scaling.scale },
        support: { data: support.values, ...(!sparse && { shape: [rows, support.columns] }) },
        ...(sparse && { indptr: { data: support.indptr }, indices: { data: support.indices } }),
        coefficients: { data: coefficients, shape: [bias.length, rows] },
        bias: { data: bias },
        ...(task === 'classify' && { slope: { data: slope }, offset: { data: offset } }),
      },
      metadata: {
        format,
        task,
        outputs: String(outputs),
        form: sparse ? 'sparse' : 'dense',
        kernel: kind,
        ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])),
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

/** float32 `[blockRows × features]`; rows behind the last one are 0. */
function denseBlock(x: Features, from: number, to: number): Float32Array {
  const features = x.names.length;
  const data = new Float32Array(blockRows * features);
  if (x.kind === 'dense') {
    data.set(x.values.subarray(from * features, to * features));
    return data;
  }
  const { indptr, indices, values } = x.csr;
  for (let i = from; i < to; i++) {
    for (let k = indptr[i]; k < indptr[i + 1]; k++) data[(i - from) * features + indices[k]] = values[k];
  }
  return data;
}

function requireServable({ coefficients, bias, support }: KernelModel): void {
  const rows = coefficients.length / bias.length;
  if (rows * support.columns <= mostNumbers) return;
  throw new TradewindError('PARAMETER_INVALID', {
    subject: 'The support vectors of kernel-svm',
    rule: `be at most ${mostNumbers} numbers, all features of each counted`,
    value: `${rows} vectors of ${support.columns} features`,
    remedy: 'Keep fewer features, such as the terms of a text, learn from fewer rows, or use linear-svm.',
  });
}

/**
 * What scaled features are clipped to, so that no kernel value leaves float32, however far a row is from those that were
 * learned from: of them all, by far the most are within 100.
 */
function limitOf({ kernel, support }: KernelModel): number {
  if (kernel.kind === 'rbf') return 1e15 / Math.sqrt(support.columns);
  const { values, columns } = support;
  let widest = 1;
  const rows = 'indptr' in support ? support.indptr.length - 1 : values.length / columns;
  for (let i = 0; i < rows; i++) {
    const [from, to] = 'indptr' in support ? support.indptr.subarray(i, i + 2) : [i * columns, (i + 1) * columns];
    let sum = 0;
    for (let k = from; k < to; k++) sum += Math.abs(values[k]);
    widest = Math.max(widest, sum);
  }
  // (γ limit Σ |v| + offset)^degree ≤ 10³⁰
  return Math.max(1, (10 ** (30 / kernel.degree) - kernel.offset) / (kernel.gamma * widest));
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where the state is of another algorithm, or its arrays do not fit. */
export function loadKernelSvm(state: ArrayFile): FittedKernelSvm {
  const read = readState(state, format);
  const task = tableTasks.find((known) => known === read.text('task'));
  const outputs = read.number('outputs');
  const kernel: ModelKernel =
    read.text('kernel') === 'rbf'
      ? { kind: 'rbf', gamma: read.number('gamma') }
      : {
          kind: 'polynomial',
          degree: read.number('degree'),
          gamma: read.number('gamma'),
          offset: read.number('offset'),
        };
  const scaling = { shift: read.floats('shift'), scale: read.floats('scale') };
  const [values, coefficients, bias] = ['support', 'coefficients', 'bias'].map((name) => read.floats(name));
  const calibration = task === 'classify' ? readCalibration(read) : uncalibrated;
  const { slope, offset } = calibration;
  const columns = Math.max(1, scaling.shift.length);
  const sparse = read.text('form') === 'sparse';
  const support: FeatureRows = sparse
    ? { values, columns, indptr: read.integers('indptr'), indices: read.integers('indices') }
    : { values, columns };
  const decisions = task === 'classify' ? decisionsOf(outputs) : 1;
  const rows = coefficients.length / decisions;
  const fits =
    task !== undefined &&
    scaling.scale.length === scaling.shift.length &&
    bias.length === decisions &&
    Number.isInteger(rows) &&
    rows > 0 &&
    ('indptr' in support ? fitsSparse(support, rows) : values.length === rows * columns) &&
    (task === 'regress' || [slope, offset].every(({ length }) => length === decisions));
  if (!fits) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: 'A saved state of kernel-svm',
      rule: 'hold support vectors with a coefficient for each decision',
      value: `${coefficients.length} coefficients for ${decisions} decisions`,
      remedy: 'Train the model again.',
    });
  }
  return new FittedKernelSvm({ task, outputs, kernel, scaling, support, coefficients, bias, calibration });
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
