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
import { convolved, imagesOf, sizesAfter, type Block, type ImageShape } from './images.ts';
import { fillDense } from './network-data.ts';
import { forward, linked, logitsOf, onward, type FeatureRows, type Gain, type Layer } from './network.ts';

export interface Network {
  readonly algorithm: TableAlgorithmName;
  readonly task: TableTask;
  /** Width of a prediction. */
  readonly outputs: number;
  /** `[features]`: what is taken from them before the first layer. */
  readonly mean: Float32Array;
  /** Of features that are pixels: what becomes of them before the first layer. */
  readonly images?: {
    readonly shape: ImageShape;
    /** `[features]`: what they are multiplied by after the mean was taken from them. */
    readonly scale: Float32Array;
    readonly blocks: readonly Block<Float32Array>[];
  };
  /** At least one; the first takes the features, in their own units, or what the blocks leave of images. */
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
    const { algorithm, task, outputs, mean, layers, images } = network;
    this.algorithm = algorithm;
    this.task = task;
    this.outputs = outputs;
    this.#network = network;
    const places = images ? sizesAfter(images.shape, images.blocks.length) : [];
    const planes = images?.blocks.map(({ w }, k) => (w.length / 9) * places[k][0] * places[k][1]) ?? [];
    const widest = Math.max(mean.length, ...planes, ...layers.map(({ b }) => b!.length));
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
    const sparse = x.kind === 'sparse' && this.#network.images !== undefined;
    if (x.kind === 'dense' || sparse) {
      let data = x.kind === 'dense' ? x.values.subarray(from * features, to * features) : new Float32Array();
      if (sparse || to - from < this.#blockRows) {
        const filled = new Float32Array(this.#blockRows * features);
        if (x.kind === 'dense') filled.set(data);
        else fillDense(x, from, to, filled);
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

  #session(given: Form): Promise<Session> {
    // Pixels are taken as dense ones.
    const form = this.#network.images ? 'dense' : given;
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
    const { mean, layers, task, images } = this.#network;
    const vector = (data: Float32Array, name: string) => g.constant('float32', data, [data.length], name);
    const ofUnits = (data: Float32Array | undefined, name: string) => data && vector(data, name);
    const normOf = (norm: Gain<Float32Array> | undefined, prefix: string, k: number) =>
      norm && { gain: vector(norm.gain, `${prefix}gain${k}`), shift: vector(norm.shift, `${prefix}shift${k}`) };
    const dense = layers.map(({ w, b, norm }, k) => ({
      w: g.constant('float32', w, [w.length / b!.length, b!.length], `w${k + 1}`),
      b: vector(b!, `b${k + 1}`),
      norm: normOf(norm, '', k + 1),
    }));
    const centre = vector(mean, 'mean');
    if (!images || !('dense' in rows)) return linked(g, forward(g, rows, { mean: centre }, dense), task);
    let inner = images.shape.channels;
    const blocks = images.blocks.map(({ w, scale, b, norm }, k) => {
      const outer = w.length / (9 * inner);
      const weight = g.constant('float32', w, [outer, inner, 3, 3], `block/w${k + 1}`);
      inner = outer;
      return {
        w: weight,
        scale: ofUnits(scale, `block/scale${k + 1}`),
        b: ofUnits(b, `block/b${k + 1}`),
        norm: normOf(norm, 'block/', k + 1),
      };
    });
    const x = imagesOf(g, rows.dense, { mean: centre, scale: vector(images.scale, 'scale') }, images.shape);
    return linked(g, onward(g, g.matmul(convolved(g, x, blocks), dense[0].w), dense), task);
  }

  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    return this.#predictions(graph, { dense: features });
  }

  state(): ArrayFile {
    const { algorithm, task, outputs, mean, layers, images } = this.#network;
    const arrays: ArrayFile['arrays'] = { mean: { data: mean } };
    const put = (prefix: string, k: number, parts: Readonly<Record<string, Float32Array | undefined>>) => {
      for (const [name, data] of Object.entries(parts)) if (data) arrays[`${prefix}${name}${k + 1}`] = { data };
    };
    for (const [k, { w, b, norm }] of layers.entries()) {
      arrays[`w${k + 1}`] = { data: w, shape: [w.length / b!.length, b!.length] };
      put('', k, { b, ...norm });
    }
    if (images) arrays['scale'] = { data: images.scale };
    for (const [k, { w, scale, b, norm }] of images?.blocks.entries() ?? []) {
      put('block/', k, { w, scale, b, ...norm });
    }
    const metadata = {
      format: formatOf(algorithm),
      task,
      outputs: String(outputs),
      layers: String(layers.length),
      ...(images && {
        blocks: String(images.blocks.length),
        image: [images.shape.height, images.shape.width, images.shape.channels].join(' '),
      }),
      ...(layers[0].norm || images?.blocks[0].norm ? { norm: 'layer' } : {}),
      ...(images?.blocks[0].scale && { norm: 'batch' }),
    };
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
  const norm = state.metadata['norm'];
  const normAt = (prefix: string, k: number, units: number): Gain<Float32Array> => {
    const [gain, shift] = [read.floats(`${prefix}gain${k}`), read.floats(`${prefix}shift${k}`)];
    if (gain.length !== units || shift.length !== units)
      throw unfit(`a layer norm of ${units} units`, `${gain.length}`);
    return { gain, shift };
  };
  const count = read.number('layers');
  const layers = Array.from({ length: count }, (_, k): Layer<Float32Array> => {
    const [w, b] = [read.floats(`w${k + 1}`), read.floats(`b${k + 1}`)];
    return { w, b, ...(norm === 'layer' && k < count - 1 && { norm: normAt('', k + 1, b.length) }) };
  });
  let images: Network['images'];
  let inputs = mean.length;
  if (state.metadata['image'] !== undefined) {
    const [height, width, channels] = read.text('image').split(' ').map(Number);
    const scale = read.floats('scale');
    if (height * width * channels !== mean.length || scale.length !== mean.length) {
      throw unfit('a scale of each pixel', `${scale.length} for ${read.text('image')}`);
    }
    let inner = channels;
    const blocks = Array.from({ length: read.number('blocks') }, (_, k): Block<Float32Array> => {
      const [w, b] = [read.floats(`block/w${k + 1}`), read.floats(`block/b${k + 1}`)];
      const factor = norm === 'batch' ? read.floats(`block/scale${k + 1}`) : undefined;
      if (w.length !== b.length * inner * 9 || (factor && factor.length !== b.length)) {
        throw unfit(
          'blocks that follow one upon the other',
          `${w.length} weights for ${b.length} channels of ${inner}`,
        );
      }
      inner = b.length;
      const own = norm === 'layer' && { norm: normAt('block/', k + 1, inner) };
      return { w, b, ...(factor && { scale: factor }), ...own };
    });
    images = { shape: { height, width, channels }, scale, blocks };
    inputs =
      inner *
      sizesAfter(images.shape, blocks.length)
        .at(-1)!
        .reduce((places, size) => places * size, 1);
  }
  const widths = [inputs, ...layers.map(({ b }) => b!.length)];
  const fits =
    task !== undefined &&
    layers.length > 0 &&
    layers.every(({ w }, k) => w.length === widths[k] * widths[k + 1]) &&
    widths.at(-1) === logitsOf(outputs);
  if (!fits) {
    throw unfit(
      'layers that follow one upon the other, from the features to the outputs',
      `widths ${widths.join(', ')} for ${outputs} outputs`,
    );
  }
  return new FittedNetwork({ algorithm, task, outputs, mean, ...(images && { images }), layers });

  function unfit(what: string, value: string): TradewindError {
    return new TradewindError('ARTIFACT_CORRUPT', {
      subject: `A saved state of ${algorithm}`,
      rule: `hold ${what}`,
      value,
      remedy: 'Train the model again.',
    });
  }
}

function formatOf(algorithm: TableAlgorithmName): string {
  return `tradewind-${algorithm}/1`;
}
