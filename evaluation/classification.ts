/**
 * Metrics of classifiers, over classes numbered from 0. Weights are those of rows, at least 0, all 1 when left out.
 * Everything equals scikit-learn 1.9's function of the same name, unless its comment says where not.
 */
import { requireRows, type Numbers } from './rows.ts';

/** The class with the highest probability of each row; of equal ones the first. */
export function mostLikely(probabilities: Numbers, classes: number): Int32Array {
  const rows = probabilities.length / classes;
  const predicted = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let c = 1; c < classes; c++) {
      if (probabilities[row * classes + c] > probabilities[row * classes + best]) best = c;
    }
    predicted[row] = best;
  }
  return predicted;
}

/** Float64 `[classes × classes]`, row-major: rows are the truth, columns the predictions. */
export function confusionMatrix(
  truth: Int32Array,
  predicted: Int32Array,
  classes: number,
  weights?: Numbers,
): Float64Array {
  requireRows(truth.length, predicted, weights);
  const matrix = new Float64Array(classes * classes);
  for (let i = 0; i < truth.length; i++) matrix[truth[i] * classes + predicted[i]] += weights ? weights[i] : 1;
  return matrix;
}

/** Weight of rows by class, float64 `[classes]` each: what all metrics of labels are made of. */
export interface LabelCounts {
  /** Rightly predicted. */
  hits: Float64Array;
  /** Of that class. */
  truths: Float64Array;
  /** Predicted as that class. */
  predictions: Float64Array;
}

export function countLabels(truth: Int32Array, predicted: Int32Array, classes: number, weights?: Numbers): LabelCounts {
  requireRows(truth.length, predicted, weights);
  const counts = {
    hits: new Float64Array(classes),
    truths: new Float64Array(classes),
    predictions: new Float64Array(classes),
  };
  for (let i = 0; i < truth.length; i++) {
    const weight = weights ? weights[i] : 1;
    counts.truths[truth[i]] += weight;
    counts.predictions[predicted[i]] += weight;
    if (truth[i] === predicted[i]) counts.hits[truth[i]] += weight;
  }
  return counts;
}

/** Share of rows predicted rightly; null where no row has weight. */
export function accuracy({ hits, truths }: LabelCounts): number | null {
  return ratio(sum(hits), sum(truths));
}

/** Mean of the recalls of the classes that occur in the truth; null where none does. */
export function balancedAccuracy({ hits, truths }: LabelCounts): number | null {
  let recalls = 0;
  let present = 0;
  for (let c = 0; c < truths.length; c++) {
    if (truths[c] === 0) continue;
    recalls += hits[c] / truths[c];
    present++;
  }
  return ratio(recalls, present);
}

export interface ClassScores {
  /** Hits ÷ predictions. */
  precision: number;
  /** Hits ÷ truths. */
  recall: number;
  /** 2 · hits ÷ (truths + predictions). */
  f1: number;
}

/** Of one class: 0 ÷ 0 is 0 where the class occurs; null where it occurs neither in the truth nor as a prediction. */
export function classScores({ hits, truths, predictions }: LabelCounts, c: number): ClassScores | null {
  if (truths[c] === 0 && predictions[c] === 0) return null;
  return {
    precision: ratio(hits[c], predictions[c]) ?? 0,
    recall: ratio(hits[c], truths[c]) ?? 0,
    f1: (2 * hits[c]) / (truths[c] + predictions[c]),
  };
}

export const averages = ['micro', 'macro', 'weighted'] as const;
export type Average = (typeof averages)[number];

/**
 * `micro`: of all rows together, where precision, recall and F1 are all the accuracy. `macro`: mean over the classes
 * that occur in the truth or as a prediction, with weight (scikit-learn counts a class of weightless rows as 0).
 * `weighted`: the same mean, each class by its weight in the truth.
 * 0 ÷ 0 is 0 (`zero_division=0`). Null where no row has weight.
 */
export function averagedScores(counts: LabelCounts, average: Average): ClassScores | null {
  const total = sum(counts.truths);
  if (total === 0) return null;
  const share = sum(counts.hits) / total;
  if (average === 'micro') return { precision: share, recall: share, f1: share };
  const mean = { precision: 0, recall: 0, f1: 0 };
  let weights = 0;
  for (let c = 0; c < counts.truths.length; c++) {
    const scores = classScores(counts, c);
    if (scores === null) continue;
    const weight = average === 'macro' ? 1 : counts.truths[c];
    mean.precision += weight * scores.precision;
    mean.recall += weight * scores.recall;
    mean.f1 += weight * scores.f1;
    weights += weight;
  }
  return { precision: mean.precision / weights, recall: mean.recall / weights, f1: mean.f1 / weights };
}

/**
 * −Σ w ln p(truth) ÷ Σ w, with p clipped by the machine epsilon of its type (2^-23, 2^-52) on either side. Always
 * summed in float64, where scikit-learn sums float32 as such.
 * @param probabilities - `[rows × classes]`, each row summing to 1.
 */
export function logLoss(truth: Int32Array, probabilities: Numbers, classes: number, weights?: Numbers): number | null {
  requireRows(truth.length, weights);
  requireRows(truth.length * classes, probabilities);
  const epsilon = probabilities instanceof Float32Array ? 2 ** -23 : 2 ** -52;
  let loss = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = weights ? weights[i] : 1;
    const p = Math.min(Math.max(probabilities[i * classes + truth[i]], epsilon), 1 - epsilon);
    loss -= weight * Math.log(p);
    total += weight;
  }
  return ratio(loss, total);
}

/**
 * Mean squared distance of the probabilities from the truth (G. W. Brier, Monthly Weather Review 78, 1950): Σ over all
 * classes, in [0, 2]; with two classes half of it, in [0, 1], which is the usual binary form.
 */
export function brier(truth: Int32Array, probabilities: Numbers, classes: number, weights?: Numbers): number | null {
  requireRows(truth.length, weights);
  requireRows(truth.length * classes, probabilities);
  let squares = 0;
  let total = 0;
  for (let i = 0; i < truth.length; i++) {
    const weight = weights ? weights[i] : 1;
    let square = 0;
    for (let c = 0; c < classes; c++) {
      const error = probabilities[i * classes + c] - (truth[i] === c ? 1 : 0);
      square += error * error;
    }
    squares += weight * square;
    total += weight;
  }
  return ratio(classes === 2 ? squares / 2 : squares, total);
}

function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

function ratio(a: number, b: number): number | null {
  return b === 0 ? null : a / b;
}
