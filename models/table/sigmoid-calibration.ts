/**
 * Probabilities from decision values by a sigmoid: J. Platt, "Probabilistic outputs for support vector machines", 1999,
 * fitted as H.-T. Lin, C.-J. Lin and R. Weng, "A note on Platt's probabilistic outputs for support vector machines",
 * Machine Learning 68, 2007, do it.
 *
 * Formula: p = σ(slope · f + offset), which minimise −Σ wᵢ (tᵢ ln pᵢ + (1 − tᵢ) ln(1 − pᵢ)), where tᵢ is
 * (N₊ + 1) / (N₊ + 2) of a row of the class and 1 / (N₋ + 2) of another one, so that rows which are told apart without an
 * error leave a doubt that is smaller the more they are.
 *
 * The decision values must be of rows that the model which made them has not learned from, or the sigmoid is too steep.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { StateReader } from '../state.ts';

/** Of each decision value of a row. Of two classes there is one value, which speaks for the second. */
export interface SigmoidCalibration {
  /** float32 `[decisions]`, at least 0. */
  readonly slope: Float32Array;
  /** float32 `[decisions]` */
  readonly offset: Float32Array;
}

export interface Sigmoid {
  slope: number;
  offset: number;
}

const mostIterations = 100;
/** Of the gradient, as a part of the rows' weight. */
const accuracy = 1e-9;
const leastStep = 1e-10;
/** Keeps the Hessian regular where all decision values are the same. */
const ridge = 1e-12;

/** Where there is nothing to calibrate, as in a regression. */
export const uncalibrated: SigmoidCalibration = { slope: new Float32Array(0), offset: new Float32Array(0) };

/** From the arrays `slope` and `offset` of a saved state. */
export function readCalibration(read: StateReader): SigmoidCalibration {
  return { slope: read.floats('slope'), offset: read.floats('offset') };
}

/** How many decision values a row has for classes of this number. */
export function decisionsOf(classes: number): number {
  return classes === 2 ? 1 : classes;
}

/**
 * @param decisions - `[rows]`
 * @param positive - `[rows]`: whether a row is of the class that high values speak for.
 * @param weights - `[rows]`, at least 0; all 1 when left out. Rows of 0 are absent.
 * @returns a slope of at least 0: decision values that rank the wrong way round say nothing, and then the share of the
 * class is what is known.
 */
export function fitSigmoid(
  decisions: Float64Array,
  positive: (row: number) => boolean,
  weights?: Float32Array,
): Sigmoid {
  let [yes, no, largest] = [0, 0, 0];
  for (let i = 0; i < decisions.length; i++) {
    const w = weights?.[i] ?? 1;
    if (w === 0) continue;
    if (positive(i)) yes += w;
    else no += w;
    largest = Math.max(largest, Math.abs(decisions[i]));
  }
  const [high, low] = [(yes + 1) / (yes + 2), 1 / (no + 2)];
  if (yes === 0 || no === 0 || largest === 0) return shareOf(yes, no, high, low);

  // Newton's method on values within [−1, 1], with halved steps.
  const unit = 1 / largest;
  const lossOf = (slope: number, offset: number): number => {
    let loss = 0;
    for (let i = 0; i < decisions.length; i++) {
      const w = weights?.[i] ?? 1;
      if (w === 0) continue;
      const z = slope * decisions[i] * unit + offset;
      // −t ln σ(z) − (1 − t) ln(1 − σ(z)) = ln(1 + e^−|z|) + max(z, 0) − t z
      loss += w * (Math.log1p(Math.exp(-Math.abs(z))) + Math.max(z, 0) - (positive(i) ? high : low) * z);
    }
    return loss;
  };
  let slope = 0;
  let offset = Math.log((yes + 1) / (no + 1));
  let loss = lossOf(slope, offset);
  for (let iteration = 0; iteration < mostIterations; iteration++) {
    let [g1, g2, h11, h12, h22] = [0, 0, ridge, 0, ridge];
    for (let i = 0; i < decisions.length; i++) {
      const w = weights?.[i] ?? 1;
      if (w === 0) continue;
      const f = decisions[i] * unit;
      const p = sigmoid(slope * f + offset);
      const d = w * (p - (positive(i) ? high : low));
      const h = w * p * (1 - p);
      g1 += f * d;
      g2 += d;
      h11 += f * f * h;
      h12 += f * h;
      h22 += h;
    }
    if (Math.max(Math.abs(g1), Math.abs(g2)) <= accuracy * (yes + no)) break;
    // H (Δslope, Δoffset) = −g
    const determinant = h11 * h22 - h12 * h12;
    const [d1, d2] = [-(h22 * g1 - h12 * g2) / determinant, -(h11 * g2 - h12 * g1) / determinant];
    const descent = g1 * d1 + g2 * d2;
    let step = 1;
    let next = lossOf(slope + d1, offset + d2);
    while (!(next <= loss + 1e-4 * step * descent) && step >= leastStep) {
      step /= 2;
      next = lossOf(slope + step * d1, offset + step * d2);
    }
    if (!(next < loss)) break;
    slope += step * d1;
    offset += step * d2;
    loss = next;
  }
  return slope > 0 ? { slope: slope * unit, offset } : shareOf(yes, no, high, low);
}

/** The best of those that do not look at the decision value: σ(offset) is the mean of t. */
function shareOf(yes: number, no: number, high: number, low: number): Sigmoid {
  const total = yes + no;
  const mean = total === 0 ? 0.5 : (yes * high + no * low) / total;
  return { slope: 0, offset: Math.log(mean / (1 - mean)) };
}

function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}

export function calibrationOf(sigmoids: readonly Sigmoid[]): SigmoidCalibration {
  return {
    slope: Float32Array.from(sigmoids, ({ slope }) => slope),
    offset: Float32Array.from(sigmoids, ({ offset }) => offset),
  };
}

/**
 * Of two classes σ(−z) and σ(z); of more, each class against the others by its own sigmoid, divided by their sum.
 * @param decisions - `[rows × decisions]`, row-major.
 * @returns float32 `[rows × classes]`
 */
export function probabilitiesOf(
  decisions: Float64Array,
  { slope, offset }: SigmoidCalibration,
  classes: number,
): Float32Array {
  const width = slope.length;
  const rows = decisions.length / width;
  const out = new Float32Array(rows * classes);
  const logs = new Float64Array(width);
  for (let i = 0; i < rows; i++) {
    let most = -Infinity;
    for (let k = 0; k < width; k++) {
      const z = slope[k] * decisions[i * width + k] + offset[k];
      if (classes === 2) {
        out[2 * i] = sigmoid(-z);
        out[2 * i + 1] = sigmoid(z);
      }
      // ln σ(z): a sum of chances that are all too small for a number is none to divide by.
      logs[k] = Math.min(z, 0) - Math.log1p(Math.exp(-Math.abs(z)));
      most = Math.max(most, logs[k]);
    }
    if (classes === 2) continue;
    let sum = 0;
    for (let k = 0; k < width; k++) sum += Math.exp(logs[k] - most);
    for (let k = 0; k < width; k++) out[i * classes + k] = Math.exp(logs[k] - most) / sum;
  }
  return out;
}

/** The same in a graph. @param decisions - float32 `[batch, decisions]`. @returns float32 `[batch, classes]` */
export function lowerProbabilities(
  g: Graph,
  decisions: Tensor<'float32'>,
  { slope, offset }: SigmoidCalibration,
  classes: number,
): Tensor<'float32'> {
  const z = g.add(
    g.mul(decisions, g.constant('float32', slope, [slope.length], 'slope')),
    g.constant('float32', offset, [offset.length], 'offset'),
  );
  // Each by itself: 1 − p would lose the digits of a small chance.
  if (classes === 2) return g.concat([g.sigmoid(g.neg(z)), g.sigmoid(z)], 1);
  // ln σ(z) = −ln(1 + e^−z), and softmax divides by the sum.
  return g.softmax(g.neg(g.softplus(g.neg(z))), 1);
}
