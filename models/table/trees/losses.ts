/** The losses that boosted trees lower: objectives of rows, each for itself. */
import type { Target } from '../../../data/table.ts';
import type { Objective, Scores } from './boosting.ts';

/** Chances are at least this, so that their logarithm is a number. */
const least = 1e-15;
/** Second derivatives of a sure row are not 0. */
const leastCurvature = 1e-16;

export interface LossSettings {
  readonly loss: 'squared' | 'absolute' | 'huber';
  /** Of "huber": where errors begin to cost by their size alone, in deviations of the target. */
  readonly huberDelta: number;
}

/**
 * @param rows - those that are learned from: scores begin with what fits them best.
 * @param weights - of all rows.
 */
export function objectiveOf(
  y: Target,
  rows: Int32Array,
  weights: Float32Array | undefined,
  settings: LossSettings,
): Objective {
  const weightOf = (row: number) => weights?.[row] ?? 1;
  if (y.kind === 'number') return ofNumbers(y.values, rows, weightOf, settings);
  const shares = new Float64Array(y.classes.length);
  let all = 0;
  for (const row of rows) {
    shares[y.codes[row]] += weightOf(row);
    all += weightOf(row);
  }
  for (let c = 0; c < shares.length; c++) shares[c] /= all;
  return shares.length === 2 ? logistic(y.codes, shares[1], rows, weightOf) : softmax(y.codes, shares, rows, weightOf);
}

type Weight = (row: number) => number;

/** −log p of its class, where p = 1 / (1 + e⁻ˢ): g = p − y, h = p (1 − p). */
function logistic(codes: Int32Array, share: number, rows: Int32Array, weightOf: Weight): Objective {
  const p = Math.min(1 - least, Math.max(least, share));
  return {
    base: Float32Array.of(Math.log(p / (1 - p))),
    fixed: [share === 0 || share === 1],
    derivatives([scores], [pairs]) {
      for (let k = 0; k < rows.length; k++) {
        const row = rows[k];
        const w = weightOf(row);
        const chance = 1 / (1 + Math.exp(-scores[row]));
        pairs[2 * row] = w * (chance - codes[row]);
        pairs[2 * row + 1] = w * Math.max(leastCurvature, chance * (1 - chance));
      }
    },
    // log(1 + e⁻ᵗ) with t = s or −s, without overflow.
    loss: ([scores], judged) =>
      meanOf(judged, weightOf, (row) => {
        const t = codes[row] === 1 ? scores[row] : -scores[row];
        return t > 0 ? Math.log1p(Math.exp(-t)) : Math.log1p(Math.exp(t)) - t;
      }),
  };
}

/** −log p of its class, where p = softmax(s): g = p − y, h = K / (K − 1) · p (1 − p), as LightGBM has it. */
function softmax(codes: Int32Array, shares: Float64Array, rows: Int32Array, weightOf: Weight): Objective {
  const classes = shares.length;
  const factor = classes / (classes - 1);
  const chances = new Float64Array(classes);
  const toChances = (scores: Scores, row: number) => {
    let most = -Infinity;
    let sum = 0;
    for (let c = 0; c < classes; c++) most = Math.max(most, scores[c][row]);
    for (let c = 0; c < classes; c++) sum += chances[c] = Math.exp(scores[c][row] - most);
    for (let c = 0; c < classes; c++) chances[c] /= sum;
  };
  return {
    base: Float32Array.from(shares, (share) => Math.log(Math.max(least, share))),
    fixed: Array.from(shares, (share) => share === 0 || share === 1),
    derivatives(scores, pairs) {
      for (let k = 0; k < rows.length; k++) {
        const row = rows[k];
        const w = weightOf(row);
        toChances(scores, row);
        for (let c = 0; c < classes; c++) {
          const p = chances[c];
          pairs[c][2 * row] = w * (codes[row] === c ? p - 1 : p);
          pairs[c][2 * row + 1] = w * Math.max(leastCurvature, factor * p * (1 - p));
        }
      }
    },
    loss: (scores, judged) =>
      meanOf(judged, weightOf, (row) => {
        toChances(scores, row);
        return -Math.log(Math.max(Number.MIN_VALUE, chances[codes[row]]));
      }),
  };
}

/** Of the error e = s − y: ½ e²; |e|; or the one up to δ and the other beyond, δ (|e| − δ / 2) (P. Huber, 1964). */
function ofNumbers(
  values: Float32Array,
  rows: Int32Array,
  weightOf: Weight,
  { loss, huberDelta }: LossSettings,
): Objective {
  let [all, sum] = [0, 0];
  for (const row of rows) {
    all += weightOf(row);
    sum += weightOf(row) * values[row];
  }
  const mean = sum / all;
  const variance = meanOf(rows, weightOf, (row) => (values[row] - mean) ** 2);
  const delta = loss === 'huber' ? huberDelta * Math.sqrt(variance) : Infinity;
  const costs = {
    squared: (e: number) => 0.5 * e * e,
    absolute: Math.abs,
    huber: (e: number) => (Math.abs(e) <= delta ? 0.5 * e * e : delta * (Math.abs(e) - 0.5 * delta)),
  };
  const cost = costs[loss];
  const slope = loss === 'absolute' ? Math.sign : (e: number) => Math.min(delta, Math.max(-delta, e));
  const medianOf = (of: Int32Array, valueOf: (row: number) => number) => weightedMedian(of, valueOf, weightOf);
  return {
    base: Float32Array.of(loss === 'absolute' ? medianOf(rows, (row) => values[row]) : mean),
    derivatives([scores], [pairs]) {
      for (let k = 0; k < rows.length; k++) {
        const row = rows[k];
        const w = weightOf(row);
        pairs[2 * row] = w * slope(scores[row] - values[row]);
        pairs[2 * row + 1] = w;
      }
    },
    ...(loss === 'absolute' && {
      leafValue: (leaf: Int32Array, scores: Float64Array) => medianOf(leaf, (row) => values[row] - scores[row]),
    }),
    loss: ([scores], judged) => meanOf(judged, weightOf, (row) => cost(scores[row] - values[row])),
  };
}

function meanOf(rows: Int32Array, weightOf: Weight, valueOf: (row: number) => number): number {
  let [sum, all] = [0, 0];
  for (let k = 0; k < rows.length; k++) {
    const w = weightOf(rows[k]);
    sum += w * valueOf(rows[k]);
    all += w;
  }
  return sum / all;
}

/** The least value that half of the weight is not above; halfway to the next one where that is exactly half. */
function weightedMedian(rows: Int32Array, valueOf: (row: number) => number, weightOf: Weight): number {
  const sorted = Array.from(rows, (row) => ({ value: valueOf(row), weight: weightOf(row) }));
  sorted.sort((a, b) => a.value - b.value);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let sum = 0;
  for (const [k, { value, weight }] of sorted.entries()) {
    sum += weight;
    if (sum > half) return value;
    if (sum === half) return (value + (sorted[k + 1]?.value ?? value)) / 2;
  }
  return sorted.at(-1)?.value ?? 0;
}
