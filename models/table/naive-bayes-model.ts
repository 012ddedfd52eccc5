/**
 * A naive Bayes classifier that has been fitted. Whatever a feature's distribution, the classes' log likelihoods are
 * sums over features: z² S + z L + b, z = (x − shift) · scale, in float64, of which a softmax makes probabilities.
 */
import { TradewindError } from '../../contracts/errors.ts';
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { Features } from '../../data/features.ts';
import { readState } from '../state.ts';
import type { FittedTableModel } from '../table-estimator.ts';
import { fillDense } from './network-data.ts';

export type NaiveBayesName = 'gaussian-naive-bayes' | 'multinomial-naive-bayes' | 'complement-naive-bayes';

export interface NaiveBayesModel {
  readonly algorithm: NaiveBayesName;
  /** Classes of a prediction. */
  readonly outputs: number;
  /** `[learned]`: the classes that had a row to learn from, ascending; the others' probability is 0. */
  readonly learned: Int32Array;
  /** Of a Gaussian one, `[features]`; scale is 0 for a feature that did not vary. Counts are taken as they are. */
  readonly scaling?: { readonly shift: Float64Array; readonly scale: Float64Array };
  /** S and L, `[features × learned]`, row-major. S is of a Gaussian one. */
  readonly squares?: Float64Array;
  readonly weights: Float64Array;
  /** b, `[learned]` */
  readonly bias: Float64Array;
  /** `[features]`, sum 1 or all 0. */
  readonly importance: Float64Array;
}

const formatOf = (algorithm: NaiveBayesName) => `tradewind-${algorithm}/1`;

export class FittedNaiveBayes implements FittedTableModel {
  readonly algorithm: NaiveBayesName;
  readonly task = 'classify';
  readonly outputs: number;
  readonly #model: NaiveBayesModel;

  constructor(model: NaiveBayesModel) {
    this.algorithm = model.algorithm;
    this.outputs = model.outputs;
    this.#model = model;
  }

  /** @throws RangeError for another number of features. */
  async predict(x: Features): Promise<Float32Array> {
    const { learned, importance } = this.#model;
    if (x.names.length !== importance.length) {
      throw new RangeError(`Features for this model must be ${importance.length}. Got ${x.names.length}.`);
    }
    const out = new Float32Array(x.rows * this.outputs);
    const scores = new Float64Array(learned.length);
    const scoreRow = this.#model.scaling ? this.#gaussian(x) : this.#linear(x);
    for (let i = 0; i < x.rows; i++) {
      scoreRow(i, scores);
      let most = -Infinity;
      for (let k = 0; k < scores.length; k++) most = Math.max(most, scores[k]);
      let sum = 0;
      for (let k = 0; k < scores.length; k++) sum += scores[k] = Math.exp(scores[k] - most);
      for (let k = 0; k < scores.length; k++) out[i * this.outputs + learned[k]] = scores[k] / sum;
    }
    return out;
  }

  /** s ← x L + b; of a sparse row its entries alone. */
  #linear(x: Features): (row: number, scores: Float64Array) => void {
    const { weights, bias } = this.#model;
    const width = bias.length;
    const columns = x.names.length;
    if (x.kind === 'dense') {
      return (row, scores) => {
        scores.set(bias);
        for (let j = 0; j < columns; j++) {
          const value = x.values[row * columns + j];
          if (value === 0) continue;
          for (let k = 0; k < width; k++) scores[k] += value * weights[j * width + k];
        }
      };
    }
    const { indptr, indices, values } = x.csr;
    return (row, scores) => {
      scores.set(bias);
      for (let e = indptr[row]; e < indptr[row + 1]; e++) {
        const from = indices[e] * width;
        for (let k = 0; k < width; k++) scores[k] += values[e] * weights[from + k];
      }
    };
  }

  /** s ← z² S + z L + b */
  #gaussian(x: Features): (row: number, scores: Float64Array) => void {
    const { weights, bias } = this.#model;
    const squares = this.#model.squares!;
    const { shift, scale } = this.#model.scaling!;
    const width = bias.length;
    const columns = x.names.length;
    const spread = new Float32Array(x.kind === 'sparse' ? columns : 0);
    return (row, scores) => {
      if (x.kind === 'sparse') fillDense(x, row, row + 1, spread.fill(0));
      const values = x.kind === 'dense' ? x.values : spread;
      const from = x.kind === 'dense' ? row * columns : 0;
      scores.set(bias);
      for (let j = 0; j < columns; j++) {
        const z = (values[from + j] - shift[j]) * scale[j];
        for (let k = 0; k < width; k++) scores[k] += z * (z * squares[j * width + k] + weights[j * width + k]);
      }
    };
  }

  lower(g: Graph, features: Tensor<'float32'>): Tensor<'float32'> {
    const { learned, scaling, squares, weights, bias, importance } = this.#model;
    const columns = importance.length;
    const shape = [columns, learned.length];
    const vector = (data: Float64Array, name: string) => g.constant('float64', data, [data.length], name);
    let scores: Tensor<'float64'>;
    if (columns === 0) {
      scores = g.add(g.full('float64', [features.shape[0], learned.length], 0), vector(bias, 'bias'));
    } else {
      // In float64: what decides is the difference of sums that are large where texts are long, or rows far away.
      const x = g.cast(features, 'float64');
      const z = scaling ? g.mul(g.sub(x, vector(scaling.shift, 'shift')), vector(scaling.scale, 'scale')) : x;
      const linear = g.add(g.matmul(z, g.constant('float64', weights, shape, 'weights')), vector(bias, 'bias'));
      scores = squares
        ? g.add(g.matmul(g.mul(z, z), g.constant('float64', squares, shape, 'squares')), linear)
        : linear;
    }
    const probabilities = g.cast(g.softmax(scores), 'float32');
    if (learned.length === this.outputs) return probabilities;
    const places = new Float32Array(learned.length * this.outputs);
    for (const [k, place] of learned.entries()) places[k * this.outputs + place] = 1;
    return g.matmul(probabilities, g.constant('float32', places, [learned.length, this.outputs], 'places'));
  }

  importances(): Float64Array {
    return this.#model.importance;
  }

  state(): ArrayFile {
    const { algorithm, outputs, learned, scaling, squares, weights, bias, importance } = this.#model;
    const shape = [importance.length, learned.length];
    return {
      arrays: {
        learned: { data: learned },
        ...(scaling && { shift: { data: scaling.shift }, scale: { data: scaling.scale } }),
        ...(squares && { squares: { data: squares, shape } }),
        weights: { data: weights, shape },
        bias: { data: bias },
        importance: { data: importance },
      },
      metadata: { format: formatOf(algorithm), outputs: String(outputs) },
    };
  }

  async close(): Promise<void> {}
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where the state is of another algorithm, or its arrays do not fit. */
export function loadNaiveBayes(algorithm: NaiveBayesName, state: ArrayFile): FittedNaiveBayes {
  const read = readState(state, formatOf(algorithm));
  const outputs = read.number('outputs');
  const learned = read.integers('learned');
  const [weights, bias, importance] = ['weights', 'bias', 'importance'].map((name) => read.doubles(name));
  const gaussian = algorithm === 'gaussian-naive-bayes';
  const scaling = gaussian ? { shift: read.doubles('shift'), scale: read.doubles('scale') } : undefined;
  const squares = gaussian ? read.doubles('squares') : undefined;
  const features = importance.length;
  const cells = features * learned.length;
  const fits =
    learned.length > 0 &&
    learned.every((place, k) => place >= 0 && place < outputs && (k === 0 || place > learned[k - 1])) &&
    bias.length === learned.length &&
    weights.length === cells &&
    (squares === undefined || squares.length === cells) &&
    (scaling === undefined || (scaling.shift.length === features && scaling.scale.length === features));
  if (!fits) {
    throw new TradewindError('ARTIFACT_CORRUPT', {
      subject: `A saved state of ${algorithm}`,
      rule: 'hold a weight of each feature for each class',
      value: `${weights.length} weights of ${features} features for ${learned.length} classes`,
      remedy: 'Train the model again.',
    });
  }
  const gaussianParts = scaling && squares && { scaling, squares };
  return new FittedNaiveBayes({ algorithm, outputs, learned, weights, bias, importance, ...gaussianParts });
}
