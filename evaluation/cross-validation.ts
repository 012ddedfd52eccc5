/** What folds that were judged one by one say together. */
import type { CrossValidation, FoldMetrics } from '../contracts/table-evaluation.ts';
import type { Numbers } from './rows.ts';

/**
 * Mean, spread and table of the folds' metrics. A metric that is undefined on a fold, absent there, is averaged over
 * the others, and `folds` tells how many.
 *
 * The standard error is that of independent folds, which is too small, since their training rows overlap, and no
 * estimate without bias exists (Y. Bengio and Y. Grandvalet, JMLR 5, 2004). The corrected one takes a variance of
 * s² · (1/n + test rows ÷ training rows) (C. Nadeau and Y. Bengio, Machine Learning 52, 2003).
 * @throws RangeError without folds, or where one comes twice.
 */
export function poolFolds(folds: readonly FoldMetrics[]): CrossValidation {
  if (folds.length === 0) throw new RangeError('A cross-validation needs at least one fold. Got none.');
  const table = folds.toSorted((a, b) => a.fold - b.fold);
  table.forEach(({ fold }, i) => {
    if (i > 0 && table[i - 1].fold === fold) throw new RangeError(`A fold must come once. Fold ${fold} comes twice.`);
  });
  const names = [...new Set(table.flatMap(({ metrics }) => Object.keys(metrics)))];
  return {
    folds: table,
    metrics: Object.fromEntries(names.map((name) => [name, summarise(table.filter((fold) => name in fold.metrics), name)])), // prettier-ignore
  };
}

function summarise(folds: readonly FoldMetrics[], name: string): CrossValidation['metrics'][string] {
  const n = folds.length;
  const values = folds.map(({ metrics }) => metrics[name]);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const spread = { mean, minimum: Math.min(...values), maximum: Math.max(...values), folds: n };
  if (n < 2) return spread;
  const standardDeviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const testShare = folds.reduce((sum, fold) => sum + fold.rows / fold.trainingRows, 0) / n;
  return {
    ...spread,
    standardDeviation,
    standardError: standardDeviation / Math.sqrt(n),
    correctedStandardError: standardDeviation * Math.sqrt(1 / n + testShare),
  };
}

/** The predictions of one fold for its own rows. */
export interface FoldPredictions {
  /** Row numbers in the whole table. */
  rows: Int32Array;
  /** `[rows × outputs]`, row-major. */
  predictions: Numbers;
}

/**
 * Every row's prediction by the model that has not seen it, to be judged as one: pooled metrics. Those of ranking, as
 * the area under ROC, then compare scores of different models, which the mean over folds does not.
 * @returns rows ascending; a row that no fold predicts is in neither.
 * @throws RangeError where two folds predict a row, or lengths do not fit.
 */
export function poolPredictions(folds: readonly FoldPredictions[], outputs: number) {
  const total = folds.reduce((sum, { rows }) => sum + rows.length, 0);
  const rows = new Int32Array(total);
  const source = new Int32Array(total);
  const exact = folds.some(({ predictions }) => predictions instanceof Float64Array);
  const all = exact ? new Float64Array(total * outputs) : new Float32Array(total * outputs);
  let at = 0;
  for (const fold of folds) {
    if (fold.predictions.length !== fold.rows.length * outputs) {
      throw new RangeError(`A fold of ${fold.rows.length} rows must have ${fold.rows.length * outputs} numbers. Got ${fold.predictions.length}.`); // prettier-ignore
    }
    rows.set(fold.rows, at);
    all.set(fold.predictions, at * outputs);
    at += fold.rows.length;
  }
  for (let i = 0; i < total; i++) source[i] = i;
  source.sort((a, b) => rows[a] - rows[b]);
  const sorted = source.map((place) => rows[place]);
  for (let i = 1; i < total; i++) {
    if (sorted[i] === sorted[i - 1]) throw new RangeError(`A row must be in one fold. Row ${sorted[i]} is in two.`);
  }
  const predictions = all.slice();
  source.forEach((place, i) => {
    for (let output = 0; output < outputs; output++) predictions[i * outputs + output] = all[place * outputs + output];
  });
  return { rows: sorted, predictions };
}
