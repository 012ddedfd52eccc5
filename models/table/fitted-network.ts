/** A trained network: predicting by onnxruntime, in blocks of rows, on the graph that is served. */
import { TradewindError } from '../../contracts/errors.ts';
import type { TableAlgorithmName } from '../../contracts/table-algorithms.ts';
import { tableTasks, type TableTask } from '../../contracts/tables.ts';
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import { encodeModel } from '../../compute/onnx/model.ts';
import { openSession, type Session, type TensorValue } from '../../compute/onnx/session.ts';
import type { Features } from '../../data/features.ts';
import { readState } from '../state.ts';
import type { FittedTableModel } from '../table-estimator.ts';
import { forward, linked, logitsOf, type FeatureRows, type Layer } from './network.ts';

export interface Network {
  readonly algorithm: TableAlgorithmName;
  readonly task: TableTask;
  /** Width of a prediction. */
  readonly outputs: number;
  /** `[features]`: what is taken from them before the first layer. */
  readonly mean: Float32Array;
  /** At least one; the first takes the features, in their own units. */
  readonly layers: readonly Layer<Float32Array>[];
}

/** Numbers that a block holds, of the features or of the widest layer: 4 MiB. */
const blockNumbers = 2 ** 20;
const mostRows = 1024;

type Form = Features['kind'];

export class FittedNetwork implements FittedTableModel {
  readonly algorithm: TableAlgorithmName;
  readonly task: TableTask;
  readonly outputs: number;
  readonly #network: Network;
  /**
   * Rows of every block, the last one filled up with zeros: onnxruntime chooses how to multiply by the number of rows,
   * and a row's prediction must not depend on it.
   */
  readonly #blockRows: number;
  readonly #sessions = new Map<Form, Promise<Session>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(network: Network) {
    const { algorithm, task, outputs, mean, layers } = network;
    this.algorithm = algorithm;
    this.task = task;
    this.outputs = outputs;
    this.#network = network;
    const widest = Math.max(mean.length, ...layers.map(({ b }) => b.length));
    this.#blockRows = Math.min(mostRows, Math.max(16, Math.floor(blockNumbers / widest)));
  }

  /** One call at a time, in the order of the calls. @throws RangeError for another number of features. */
  async predict(x: Features): Promise<Float32Array> {
    const features = this.#network.mean.length;
    if (x.names.length !== features) {
      throw new RangeError(`Features for this model must be ${features}. Got ${x.names.length}.`);
    }
    const call = this.#last.then(() => this.#predict(x));
    this.#last = call.catch(() => undefined);
    return await call;
  }

  async #predict(x: Features): Promise<Float32Array> {
    const out = new Float32Array(x.rows * this.outputs);
    if (x.rows === 0) return out;
    const session = await this.#session(x.kind);
    for (let from = 0; from < x.rows; from += this.#blockRows) {
      const to = Math.min(x.rows, from + this.#blockRows);
      const { prediction } = await session.run(this.#feeds(x, from, to));
      out.set((prediction.data as Float32Array).subarray(0, (to - from) * this.outputs), from * this.outputs);
    }
    return out;
  }

  #feeds(x: Features, from: number, to: number): Record<string, TensorValue> {
    const features = x.names.length;
    if (x.kind === 'dense') {
      let data = x.values.subarray(from * features, to * features);
      if (to - from < this.#blockRows) {
        const filled = new Float32Array(this.#blockRows * features);
        filled.set(data);
        data = filled;
      }
      return { features: { datatype: 'float32', shape: [this.#blockRows, features], data } };
    }
    const { indptr, indices, values } = x.csr;
    const [begin, end] = [indptr[from], indptr[to]];
    const row = new Int32Array(end - begin);
    for (let i = from; i < to; i++) row.fill(i - from, indptr[i] - begin, indptr[i + 1] - begin);
    const shape = [end - begin];
    return {
      row: { datatype: 'int32', shape, data: row },
      column: { datatype: 'int32', shape, data: indices.subarray(begin, end) },
      value: { datatype: 'float32', shape, data: values.subarray(begin, end) },
    };
  }

  #session(form: Form): Promise<Session> {
    let session = this.#sessions.get(form);
    if (session === undefined) {
      const g = new Graph();
      const rows = this.#blockRows;
      if (form === 'dense') {
        const dense = g.input('features', 'float32', [rows, this.#network.mean.length]);
        g.output('prediction', this.#predictions(g, { dense }));
      } else {
        const row = g.input('row', 'int32', ['entries']);
        const column = g.input('column', 'int32', ['entries']);
        const value = g.input('value', 'float32', ['entries']);
        g.output('prediction', this.#predictions(g, { sparse: { rows, row, column, value } }));
      }
      // One thread, as products are cut by the number of threads and would differ in their last bits.
      session = openSession(encodeModel(g.toModel()), { threads: 1 });
      this.#sessions.set(form, session);
    }
    return session;
  }

  #predictions(g: Graph, rows: FeatureRows): Tensor<'float32'> {
    const { mean, layers, task } = this.#network;
    const constants = layers.map(({ w, b }, k) => ({
      w: g.constant('float32', w, [w.length / b.length, b.length], `w${k + 1}`),
      b: g.constant('float32', b, [b.length], `b${k + 1}`),
    }));
    const shift = { mean: g.constant('float32', mean, [mean.length], 'mean') };
    return linked(g, forward(g, rows, shift, constants), task);
  }

  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    return this.#predictions(graph, { dense: features });
  }

  state(): ArrayFile {
    const { algorithm, task, outputs, mean, layers } = this.#network;
    const arrays: ArrayFile['arrays'] = { mean: { data: mean } };
    for (const [k, { w, b }] of layers.entries()) {
      arrays[`w${k + 1}`] = { data: w, shape: [k === 0 ? mean.length : layers[k - 1].b.length, b.length] };
      arrays[`b${k + 1}`] = { data: b };
    }
    const metadata = { format: formatOf(algorithm), task, outputs: String(outputs), layers: String(layers.length) };
    return { arrays, metadata };
  }

  async close(): Promise<void> {
    await this.#last;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await (await session.catch(() => undefined))?.close();
  }
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where the state is of another algorithm, or its arrays do not fit. */
export function loadNetwork(algorithm: TableAlgorithmName, state: ArrayFile): FittedNetwork {
  const read = readState(state, formatOf(algorithm));
  const task = tableTasks.find((known) => known === read.text('task'));
  const outputs = read.number('outputs');
  const mean = read.floats('mean');
  const layers = Array.from({ length: read.number('layers') }, (_, k) => ({
    w: read.floats(`w${k + 1}`),
    b: read.floats(`b${k + 1}`),
  }));
  const widths = [mean.length, ...layers.map(({ b }) => b.length)];
  const fits =
    task !== undefined &&
    layers.length > 0 &&
    layers.every(({ w }, k) => w.length === widths[k] * widths[k + 1]) &&
    widths.at(-1) === logitsOf(outputs);
  if (!fits) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: `A saved state of ${algorithm}`,
      rule: 'hold layers that follow one upon the other, from the features to the outputs',
      value: `widths ${widths.join(', ')} for ${outputs} outputs`,
      remedy: 'Train the model again.',
    });
  }
  return new FittedNetwork({ algorithm, task, outputs, mean, layers });
}

function formatOf(algorithm: TableAlgorithmName): string {
  return `tradewind-${algorithm}/1`;
}
