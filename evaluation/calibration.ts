/** Whether what is predicted with probability p happens in a share p of the cases. */
import { requireRows, type Numbers } from './rows.ts';

export interface CalibrationBin {
  /** Holds from < p ≤ to; the first bin `from` as well. */
  from: number;
  to: number;
  /** Weight of its rows, above 0. */
  weight: number;
  /** Mean of what was predicted. */
  predicted: number;
  /** Mean of what was observed: the share of rows where it happened. */
  observed: number;
}

export interface CalibrationOptions {
  /** 10 by default. */
  bins?: number;
  /** `uniform` (default): as wide. `quantile`: of as many rows. */
  strategy?: 'uniform' | 'quantile';
  weights?: Numbers;
}

/**
 * The bins that hold rows, ascending: scikit-learn's `calibration_curve`, which has no weights; quantiles here go by
 * rows and not by weights.
 * @param happened - `[rows]` of 0 and 1.
 * @param probabilities - `[rows]` in [0, 1].
 */
export function calibrationCurve(
  happened: Uint8Array,
  probabilities: Numbers,
  { bins = 10, strategy = 'uniform', weights }: CalibrationOptions = {},
): CalibrationBin[] {
  requireRows(happened.length, probabilities, weights);
  if (!Number.isInteger(bins) || bins < 1) throw new RangeError(`bins must be an integer of at least 1. Got ${bins}.`);
  const edges = strategy === 'uniform' ? evenSteps(bins) : quantiles(probabilities, evenSteps(bins));
  return binnedMeans(happened, probabilities, edges, weights);
}

/** Means of what was observed, in bins of what was predicted; equal edges bound no bin. */
export function binnedMeans(
  observed: Uint8Array | Numbers,
  predicted: Numbers,
  edges: Float64Array,
  weights?: Numbers,
): CalibrationBin[] {
  const bins = edges.length - 1;
  const [weight, sum, observedSum] = [0, 1, 2].map(() => new Float64Array(bins));
  for (let i = 0; i < observed.length; i++) {
    const bin = binOf(edges, predicted[i]);
    const w = weights ? weights[i] : 1;
    weight[bin] += w;
    sum[bin] += w * predicted[i];
    observedSum[bin] += w * observed[i];
  }
  return Array.from(weight, (w, bin) => ({
    from: edges[bin],
    to: edges[bin + 1],
    weight: w,
    predicted: sum[bin] / w,
    observed: observedSum[bin] / w,
  })).filter((bin) => bin.weight > 0);
}

/**
 * Expected calibration error: Σ weight share · |observed − predicted| over the bins (M. P. Naeini, G. F. Cooper,
 * M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015). Null without bins.
 */
export function calibrationError(curve: readonly CalibrationBin[]): number | null {
  let error = 0;
  let total = 0;
  for (const { weight, predicted, observed } of curve) {
    error += weight * Math.abs(observed - predicted);
    total += weight;
  }
  return total === 0 ? null : error / total;
}

/**
 * What a classifier's calibration is about. Of two classes: whether it was the last one, and its probability. Of more:
 * whether the most likely class was right, and its probability (C. Guo et al., "On calibration of modern neural
 * networks", ICML 2017).
 * @param predicted - `[rows]`: the most likely class.
 */
export function calibrationEvents(
  truth: Int32Array,
  probabilities: Numbers,
  classes: number,
  predicted: Int32Array,
): { happened: Uint8Array; probabilities: Float64Array } {
  const rows = truth.length;
  const happened = new Uint8Array(rows);
  const chosen = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const c = classes === 2 ? 1 : predicted[i];
    happened[i] = truth[i] === c ? 1 : 0;
    // float32 probabilities may round to a little above 1.
    chosen[i] = Math.min(1, probabilities[i * classes + c]);
  }
  return { happened, probabilities: chosen };
}

/** 0, 1 ÷ n, … 1 by multiples of the step, as numpy's `linspace`: 3 · 0.1 is not 0.3, and what lies on an edge shows it. */
export function evenSteps(n: number): Float64Array {
  const steps = Float64Array.from({ length: n + 1 }, (_, i) => i * (1 / n));
  steps[n] = 1;
  return steps;
}

/** Linear between the two nearest values, rounded as numpy's `percentile` of 100 times the shares. */
export function quantiles(values: Numbers, shares: Float64Array): Float64Array {
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => {
    const position = ((share * 100) / 100) * (sorted.length - 1);
    const below = Math.min(Math.floor(position), sorted.length - 1);
    const [a, b] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
    const t = position - below;
    return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
  });
}

/** The first bin whose upper edge is not below the value. */
function binOf(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle + 1] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
