/**
 * ROC and precision-recall curves and the areas under them, exact with ties: rows of equal score change sides together.
 * One class, by its number, is the positive one; the rest is negative. Equal to scikit-learn 1.9 where both sides occur.
 */
import { rankRows, requireRows, type Numbers, type RankedRows } from './rows.ts';

/** Sums over the rows with at least a score, one entry for each different score of a row with weight, falling. */
export interface ThresholdCounts {
  thresholds: Float64Array;
  truePositives: Float64Array;
  falsePositives: Float64Array;
}

export function countsAtThresholds(
  truth: Int32Array,
  positive: number,
  { order, ends, scores }: RankedRows,
  weights?: Numbers,
): ThresholdCounts {
  requireRows(truth.length, order, weights);
  let groups = 0;
  for (let i = 0; i < ends.length; i++) groups += ends[i];
  const [thresholds, truePositives, falsePositives] = [0, 1, 2].map(() => new Float64Array(groups));
  let [found, tp, fp, groupWeight] = [0, 0, 0, 0];
  for (let i = 0; i < order.length; i++) {
    const row = order[i];
    const weight = weights ? weights[row] : 1;
    if (truth[row] === positive) tp += weight;
    else fp += weight;
    groupWeight += weight;
    if (ends[i] === 0) continue;
    // A group without weight is no threshold.
    if (groupWeight > 0) {
      thresholds[found] = scores[row];
      truePositives[found] = tp;
      falsePositives[found++] = fp;
    }
    groupWeight = 0;
  }
  return {
    thresholds: thresholds.subarray(0, found),
    truePositives: truePositives.subarray(0, found),
    falsePositives: falsePositives.subarray(0, found),
  };
}

export interface RocCurve {
  /** From 0 to 1. */
  falsePositiveRate: Float64Array;
  truePositiveRate: Float64Array;
  /** Falling, from ∞: rows with at least this score are called positive. */
  thresholds: Float64Array;
}

/** `roc_curve(drop_intermediate=False)`; null where there are no positive or no negative rows. */
export function rocCurve({ thresholds, truePositives, falsePositives }: ThresholdCounts): RocCurve | null {
  const n = thresholds.length;
  const [positives, negatives] = n === 0 ? [0, 0] : [truePositives[n - 1], falsePositives[n - 1]];
  if (positives === 0 || negatives === 0) return null;
  const curve = {
    falsePositiveRate: new Float64Array(n + 1),
    truePositiveRate: new Float64Array(n + 1),
    thresholds: new Float64Array(n + 1),
  };
  curve.thresholds[0] = Infinity;
  for (let i = 0; i < n; i++) {
    curve.falsePositiveRate[i + 1] = falsePositives[i] / negatives;
    curve.truePositiveRate[i + 1] = truePositives[i] / positives;
    curve.thresholds[i + 1] = thresholds[i];
  }
  return curve;
}

export interface PrecisionRecallCurve {
  precision: Float64Array;
  /** Rising to 1. */
  recall: Float64Array;
  /** Falling. */
  thresholds: Float64Array;
}

/**
 * `precision_recall_curve` from its other end, without the point (recall 0, precision 1) that it adds; null where there
 * are no positive rows (scikit-learn calls every recall 1 then).
 */
export function precisionRecallCurve(counts: ThresholdCounts): PrecisionRecallCurve | null {
  const { thresholds, truePositives, falsePositives } = counts;
  const positives = thresholds.length === 0 ? 0 : truePositives[thresholds.length - 1];
  if (positives === 0) return null;
  return {
    precision: truePositives.map((tp, i) => tp / (tp + falsePositives[i])),
    recall: truePositives.map((tp) => tp / positives),
    thresholds,
  };
}

/**
 * Area under the ROC curve by trapezoids: the chance that a positive row scores above a negative one, ties counting
 * half (J. A. Hanley and B. J. McNeil, Radiology 143, 1982). Without weights it is exact to one rounding.
 * @returns null where there are no positive or no negative rows (scikit-learn: NaN).
 */
export function areaUnderRoc(
  truth: Int32Array,
  positive: number,
  { order, ends }: RankedRows,
  weights?: Numbers,
): number | null {
  requireRows(truth.length, order, weights);
  let [tp, fp, groupTp, groupFp, doubled] = [0, 0, 0, 0, 0];
  for (let i = 0; i < order.length; i++) {
    const row = order[i];
    const weight = weights ? weights[row] : 1;
    if (truth[row] === positive) groupTp += weight;
    else groupFp += weight;
    if (ends[i] === 0) continue;
    // Twice the trapezoid: Δfp · (tp before + tp after).
    doubled += groupFp * (2 * tp + groupTp);
    tp += groupTp;
    fp += groupFp;
    groupTp = groupFp = 0;
  }
  return tp === 0 || fp === 0 ? null : doubled / (2 * tp * fp);
}

/**
 * Average precision: Σ (recall − recall before) · precision over the thresholds, without interpolation.
 * @returns null where there are no positive rows (scikit-learn: 0).
 */
export function averagePrecision(
  truth: Int32Array,
  positive: number,
  { order, ends }: RankedRows,
  weights?: Numbers,
): number | null {
  requireRows(truth.length, order, weights);
  let [tp, fp, groupTp, area] = [0, 0, 0, 0];
  for (let i = 0; i < order.length; i++) {
    const row = order[i];
    const weight = weights ? weights[row] : 1;
    if (truth[row] === positive) groupTp += weight;
    else fp += weight;
    if (ends[i] === 0) continue;
    tp += groupTp;
    // Δtp · precision
    if (groupTp > 0) area += groupTp * (tp / (tp + fp));
    groupTp = 0;
  }
  return tp === 0 ? null : area / tp;
}

/** Rows ranked by the probability of one class. */
export function rankByClass(probabilities: Numbers, classes: number, c: number): RankedRows {
  const rows = probabilities.length / classes;
  const scores = probabilities instanceof Float32Array ? new Float32Array(rows) : new Float64Array(rows);
  for (let i = 0; i < rows; i++) scores[i] = probabilities[i * classes + c];
  return rankRows(scores);
}

export interface OneVsRest {
  /** `[classes]`: null where it is not defined. */
  perClass: (number | null)[];
  /** Mean over the classes where it is defined; null where there are none. */
  macro: number | null;
  /** The same, each class by its weight in the truth. */
  weighted: number | null;
}

/**
 * Each of some metrics of each class against all others, as `roc_auc_score(multi_class='ovr')` and `average_precision_score` have
 * it. Classes without a positive or, for the area under ROC, without a negative row are left out of the means, where
 * scikit-learn gives an error or NaN.
 * @param rankedBy - rows ranked by the probability of a class, e.g. by `rankByClass`.
 */
export function oneVsRest(
  metrics: readonly (typeof areaUnderRoc)[],
  truth: Int32Array,
  classes: number,
  rankedBy: (c: number) => RankedRows,
  weights?: Numbers,
): OneVsRest[] {
  const prevalence = new Float64Array(classes);
  for (let i = 0; i < truth.length; i++) prevalence[truth[i]] += weights ? weights[i] : 1;
  const perClass = metrics.map((): (number | null)[] => Array.from({ length: classes }, () => null));
  for (let c = 0; c < classes; c++) {
    if (prevalence[c] === 0) continue;
    const ranked = rankedBy(c);
    for (const [m, metric] of metrics.entries()) perClass[m][c] = metric(truth, c, ranked, weights);
  }
  return perClass.map((values) => averaged(values, prevalence));
}

function averaged(perClass: (number | null)[], prevalence: Float64Array): OneVsRest {
  let [macro, defined, weighted, total] = [0, 0, 0, 0];
  for (const [c, value] of perClass.entries()) {
    if (value === null) continue;
    macro += value;
    defined++;
    weighted += prevalence[c] * value;
    total += prevalence[c];
  }
  return { perClass, macro: defined === 0 ? null : macro / defined, weighted: total === 0 ? null : weighted / total };
}

/**
 * Places of at most `most` points that draw a curve, the ends among them, spread evenly along `positions`.
 * @param positions - rising, e.g. the sum of both rates of a ROC curve, or the recall.
 */
export function thinned(positions: Float64Array, most: number): Uint32Array {
  const n = positions.length;
  if (n <= most) return Uint32Array.from({ length: n }, (_, i) => i);
  const kept = [0];
  const [first, last] = [positions[0], positions[n - 1]];
  for (let i = 1; i < n - 1; i++) {
    // The first point at or after each mark, that at the last position among them; several marks in a gap are one.
    const marks = Math.floor(((positions[i] - first) / (last - first)) * (most - 2));
    const before = Math.floor(((positions[i - 1] - first) / (last - first)) * (most - 2));
    if (marks > before) kept.push(i);
  }
  kept.push(n - 1);
  return Uint32Array.from(kept);
}
