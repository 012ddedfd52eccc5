/**
 * Metrics of regressors. Weights are those of rows, at least 0, all 1 when left out. Null where no row has weight.
 * Equal to scikit-learn 1.9, unless a comment says where not.
 */
import { rankRows, requireRows, type Numbers } from './rows.ts';

/** Σ w |p − y| ÷ Σ w */
export function meanAbsoluteError(truth: Numbers, predicted: Numbers, weights?: Numbers): number | null {
  return weightedMean(truth, predicted, weights, (y, p) => Math.abs(p - y));
}

/** √(Σ w (p − y)² ÷ Σ w) */
export function rootMeanSquaredError(truth: Numbers, predicted: Numbers, weights?: Numbers): number | null {
  const square = weightedMean(truth, predicted, weights, (y, p) => (p - y) * (p - y));
  return square === null ? null : Math.sqrt(square);
}

/**
 * 1 − Σ w (p − y)² ÷ Σ w (y − ȳ)². Null where the truth is constant or has one row: there `r2_score` gives NaN or −∞,
 * or by its `force_finite` 1 and 0.
 */
export function rSquared(truth: Numbers, predicted: Numbers, weights?: Numbers): number | null {
  const mean = weightedMean(truth, predicted, weights, (y) => y);
  if (mean === null || isConstant(truth, weights)) return null;
  const residual = weightedMean(truth, predicted, weights, (y, p) => (p - y) * (p - y))!;
  const spread = weightedMean(truth, predicted, weights, (y) => (y - mean) * (y - mean))!;
  return spread === 0 ? null : 1 - residual / spread;
}

/**
 * Median of |p − y|: the error with half of the weight on either side, the mean of two where the halves meet between
 * them.
 */
export function medianAbsoluteError(truth: Numbers, predicted: Numbers, weights?: Numbers): number | null {
  requireRows(truth.length, predicted, weights);
  const errors = Float64Array.from(truth, (y, i) => Math.abs(predicted[i] - y));
  if (weights === undefined) {
    errors.sort();
    const middle = errors.length >> 1;
    return errors.length % 2 === 1 ? errors[middle] : (errors[middle - 1] + errors[middle]) / 2;
  }
  const { order } = rankRows(errors);
  let total = 0;
  for (let i = order.length - 1; i >= 0; i--) total += weights[order[i]];
  if (total === 0) return null;
  let below = 0;
  for (let i = order.length - 1; i >= 0; i--) {
    below += weights[order[i]];
    if (below < total / 2) continue;
    if (below - total / 2 > Number.EPSILON) return errors[order[i]];
    let next = i - 1;
    while (next >= 0 && weights[order[next]] === 0) next--;
    return next < 0 ? errors[order[i]] : (errors[order[i]] + errors[order[next]]) / 2;
  }
  return errors[order[0]];
}

/**
 * Σ w |p − y| ÷ |y| ÷ Σ w, a share and not per cent. Null where a row with weight has a truth of 0, of which no error
 * is a share; scikit-learn divides by 2^-52 there.
 */
export function meanAbsolutePercentageError(truth: Numbers, predicted: Numbers, weights?: Numbers): number | null {
  requireRows(truth.length, predicted, weights);
  for (let i = 0; i < truth.length; i++) if (truth[i] === 0 && (!weights || weights[i] > 0)) return null;
  return weightedMean(truth, predicted, weights, (y, p) => (y === 0 ? 0 : Math.abs(p - y) / Math.abs(y)));
}

function weightedMean(
  truth: Numbers,
  predicted: Numbers,
  weights: Numbers | undefined,
  of: (y: number, p: number) => number,
): number | null {
  requireRows(truth.length, predicted, weights);
  let [sum, total] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    const weight = weights ? weights[i] : 1;
    sum += weight * of(truth[i], predicted[i]);
    total += weight;
  }
  return total === 0 ? null : sum / total;
}

/** Told by comparing: the rounded spread of equal values need not be 0. */
function isConstant(truth: Numbers, weights: Numbers | undefined): boolean {
  let first: number | undefined;
  for (let i = 0; i < truth.length; i++) {
    if (weights && weights[i] === 0) continue;
    first ??= truth[i];
    if (truth[i] !== first) return false;
  }
  return true;
}
