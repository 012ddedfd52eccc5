/** A linear support vector machine that has been fitted: a product, and a sigmoid for classes. */
import { TradewindError } from '../../../contracts/errors.ts';
import { tableTasks, type TableTask } from '../../../contracts/tables.ts';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import type { Graph } from '../../../compute/graph/graph.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import type { Features } from '../../../data/features.ts';
import { readState } from '../../state.ts';
import type { FittedTableModel } from '../../table-estimator.ts';
import {
  decisionsOf,
  lowerProbabilities,
  probabilitiesOf,
  readCalibration,
  uncalibrated,
  type SigmoidCalibration,
} from '../sigmoid-calibration.ts';

export interface LinearModel {
  readonly task: TableTask;
  readonly outputs: number;
  /** float32 `[features]`: what is taken from each, mostly 0; and how much each varied in the training rows. */
  readonly shift: Float32Array;
  readonly deviation: Float32Array;
  /** float32 `[features × decisions]`, row-major, of features in their own units; and `[decisions]`. */
  readonly weights: Float32Array;
  readonly intercept: Float32Array;
  /** Of classes. */
  readonly calibration: SigmoidCalibration;
}

const format = 'tradewind-linear-svm/1';

export class FittedLinearSvm implements FittedTableModel {
  readonly algorithm = 'linear-svm';
  readonly task: TableTask;
  readonly outputs: number;
  readonly #model: LinearModel;

  constructor(model: LinearModel) {
    this.task = model.task;
    this.outputs = model.outputs;
    this.#model = model;
  }

  /** @throws RangeError for another number of features. */
  async predict(x: Features): Promise<Float32Array> {
    const { shift, calibration } = this.#model;
    if (x.names.length !== shift.length) {
      throw new RangeError(`Features for this model must be ${shift.length}. Got ${x.names.length}.`);
    }
    const decisions = this.decisions(x);
    if (this.task === 'regress') return Float32Array.from(decisions);
    return probabilitiesOf(decisions, calibration, this.outputs);
  }

  /** float64 `[rows × decisions]`: (x − shift) · w + b. */
  decisions(x: Features): Float64Array {
    const { shift, weights, intercept } = this.#model;
    const width = intercept.length;
    const base = Float64Array.from(intercept);
    for (let j = 0; j < shift.length; j++) {
      if (shift[j] === 0) continue;
      for (let k = 0; k < width; k++) base[k] -= shift[j] * weights[j * width + k];
    }
    return products(x, weights, base);
  }

  lower(graph: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    const { shift, weights, intercept, calibration } = this.#model;
    const w = graph.constant('float32', weights, [shift.length, intercept.length], 'weights');
    const b = graph.constant('float32', intercept, [intercept.length], 'intercept');
    const shifted = shift.every((value) => value === 0)
      ? features
      : graph.sub(features, graph.constant('float32', shift, [shift.length], 'shift'));
    const decisions = graph.add(graph.matmul(shifted, w), b);
    return this.task === 'regress' ? decisions : lowerProbabilities(graph, decisions, calibration, this.outputs);
  }

  /** Σ |weight| · deviation over the decisions: how far a feature moves them. */
  importances(): Float64Array {
    const { deviation, weights, intercept } = this.#model;
    const width = intercept.length;
    const sizes = Float64Array.from(deviation, (sigma, j) => {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += Math.abs(weights[j * width + k]);
      return sigma * sum;
    });
    const total = sizes.reduce((sum, size) => sum + size, 0);
    return total > 0 ? sizes.map((size) => size / total) : sizes;
  }

  state(): ArrayFile {
    const { task, outputs, shift, deviation, weights, intercept, calibration } = this.#model;
    const { slope, offset } = calibration;
    return {
      arrays: {
        shift: { data: shift },
        deviation: { data: deviation },
        weights: { data: weights, shape: [shift.length, intercept.length] },
        intercept: { data: intercept },
        ...(task === 'classify' && { slope: { data: slope }, offset: { data: offset } }),
      },
      metadata: { format, task, outputs: String(outputs) },
    };
  }

  async close(): Promise<void> {}
}

/**
 * base + X W, in float64; a row's does not depend on the others.
 * @param weights - `[features × decisions]`, row-major. @param base - `[decisions]`
 */
function products(x: Features, weights: Float32Array, base: Float64Array): Float64Array {
  const width = base.length;
  const columns = x.names.length;
  const out = new Float64Array(x.rows * width);
  for (let i = 0; i < x.rows; i++) {
    const at = i * width;
    for (let k = 0; k < width; k++) out[at + k] = base[k];
    if (x.kind === 'dense') {
      for (let j = 0; j < columns; j++) {
        const value = x.values[i * columns + j];
        if (value === 0) continue;
        for (let k = 0; k < width; k++) out[at + k] += value * weights[j * width + k];
      }
    } else {
      const { indptr, indices, values } = x.csr;
      for (let e = indptr[i]; e < indptr[i + 1]; e++) {
        const from = indices[e] * width;
        for (let k = 0; k < width; k++) out[at + k] += values[e] * weights[from + k];
      }
    }
  }
  return out;
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where the state is of another algorithm, or its arrays do not fit. */
export function loadLinearSvm(state: ArrayFile): FittedLinearSvm {
  const read = readState(state, format);
  const task = tableTasks.find((known) => known === read.text('task'));
  const outputs = read.number('outputs');
  const [shift, deviation, weights, intercept] = ['shift', 'deviation', 'weights', 'intercept'].map((name) =>
    read.floats(name),
  );
  const calibration = task === 'classify' ? readCalibration(read) : uncalibrated;
  const { slope, offset } = calibration;
  const decisions = task === 'classify' ? decisionsOf(outputs) : 1;
  const fits =
    task !== undefined &&
    deviation.length === shift.length &&
    weights.length === shift.length * decisions &&
    intercept.length === decisions &&
    (task === 'regress' || [slope, offset].every(({ length }) => length === decisions));
  if (!fits) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: 'A saved state of linear-svm',
      rule: 'hold weights of each feature and decision',
      value: `${weights.length} weights of ${shift.length} features and ${decisions} decisions`,
      remedy: 'Train the model again.',
    });
  }
  return new FittedLinearSvm({ task, outputs, shift, deviation, weights, intercept, calibration });
}
