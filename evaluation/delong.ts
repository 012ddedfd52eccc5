/**
 * Standard error and comparison of areas under the ROC curve (E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson,
 * Biometrics 44, 1988), in O(n log n) by midranks (X. Sun and W. Xu, IEEE Signal Processing Letters 21, 2014).
 */
import { normalQuantile, normalUpperTail } from './distributions.ts';
import { midranks, requireRows, type Numbers } from './rows.ts';

export interface AreaComparison {
  areas: [number, number];
  /** Of `b − a`: above 0 where `b` is better. */
  difference: number;
  standardError: number;
  /** `difference ÷ standardError`; null where the standard error is 0. */
  z: number | null;
  /** Two-sided; where the standard error is 0: 1 without a difference, else 0. */
  pValue: number;
}

/**
 * Compares two scorings of the same rows.
 * @param positive - class of the positive rows; all others are negative.
 * @returns null with fewer than two positive or two negative rows.
 */
export function compareAreas(truth: Int32Array, positive: number, a: Numbers, b: Numbers): AreaComparison | null {
  const [first, second] = [components(truth, positive, a), components(truth, positive, b)];
  if (first === null || second === null) return null;
  const [m, n] = [first.ofPositives.length, first.ofNegatives.length];
  const difference = second.area - first.area;
  // Var = S₁₀ ÷ m + S₀₁ ÷ n of the components' differences
  const variance =
    variationOf(second.ofPositives.map((v, i) => v - first.ofPositives[i])) / m +
    variationOf(second.ofNegatives.map((v, i) => v - first.ofNegatives[i])) / n;
  const standardError = Math.sqrt(variance);
  const z = standardError === 0 ? null : difference / standardError;
  const pValue = z === null ? (difference === 0 ? 1 : 0) : 2 * normalUpperTail(Math.abs(z));
  return { areas: [first.area, second.area], difference, standardError, z, pValue };
}

export interface AreaInterval {
  area: number;
  standardError: number;
  /** Normal, cut off at 0 and 1. */
  low: number;
  high: number;
}

/** @returns null with fewer than two positive or two negative rows. */
export function areaInterval(
  truth: Int32Array,
  positive: number,
  scores: Numbers,
  confidence = 0.95,
): AreaInterval | null {
  const parts = components(truth, positive, scores);
  if (parts === null) return null;
  const { area, ofPositives, ofNegatives } = parts;
  const standardError = Math.sqrt(
    variationOf(ofPositives) / ofPositives.length + variationOf(ofNegatives) / ofNegatives.length,
  );
  const half = normalQuantile((1 + confidence) / 2) * standardError;
  return { area, standardError, low: Math.max(0, area - half), high: Math.min(1, area + half) };
}

interface Components {
  area: number;
  /** V₁₀: share of negative rows below each positive one, ties half. */
  ofPositives: Float64Array;
  /** V₀₁: share of positive rows above each negative one, ties half. */
  ofNegatives: Float64Array;
}

function components(truth: Int32Array, positive: number, scores: Numbers): Components | null {
  requireRows(truth.length, scores);
  const inAll = midranks(scores);
  let m = 0;
  for (const code of truth) if (code === positive) m++;
  const n = truth.length - m;
  if (m < 2 || n < 2) return null;
  const [positives, negatives] = [new Float64Array(m), new Float64Array(n)];
  const [ofPositives, ofNegatives] = [new Float64Array(m), new Float64Array(n)];
  let [p, q] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === positive) {
      positives[p] = scores[i];
      ofPositives[p++] = inAll[i];
    } else {
      negatives[q] = scores[i];
      ofNegatives[q++] = inAll[i];
    }
  }
  const [withinPositives, withinNegatives] = [midranks(positives), midranks(negatives)];
  let area = 0;
  for (let i = 0; i < m; i++) {
    // V₁₀ = (T_Z − T_X) ÷ n
    ofPositives[i] = (ofPositives[i] - withinPositives[i]) / n;
    area += ofPositives[i] / m;
  }
  // V₀₁ = 1 − (T_Z − T_Y) ÷ m
  for (let j = 0; j < n; j++) ofNegatives[j] = 1 - (ofNegatives[j] - withinNegatives[j]) / m;
  return { area, ofPositives, ofNegatives };
}

/** Sample variance. */
function variationOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares / (values.length - 1);
}
