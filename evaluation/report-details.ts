/** The large parts of a report: classes one by one, curves, calibration, residuals. */
import type { TableEvaluationDetails } from '../contracts/table-evaluation.ts';
import { binnedMeans, calibrationCurve, evenSteps, quantiles } from './calibration.ts';
import { classScores, countLabels } from './classification.ts';
import { countsAtThresholds, precisionRecallCurve, rocCurve, thinned } from './curves.ts';
import type { ClassScorer, NumberScorer } from './table-scores.ts';

type Part<K extends keyof TableEvaluationDetails> = NonNullable<TableEvaluationDetails[K]>;

export const curvePoints = 200;
/** Of more classes, those with most rows have curves. */
export const curveClasses = 20;
const residualBins = 10;
const residualShares = Float64Array.of(0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99);

export function classTableOf(scorer: ClassScorer, names: readonly string[]): Part<'classes'> {
  const { truth, predicted, classes, weights } = scorer;
  const plain = countLabels(truth, predicted, classes);
  const counts = weights ? countLabels(truth, predicted, classes, weights) : plain;
  const scores = names.map((_, c) => classScores(counts, c));
  return {
    names: [...names],
    rows: [...plain.truths],
    predicted: [...plain.predictions],
    precision: scores.map((score) => score && score.precision),
    recall: scores.map((score) => score && score.recall),
    f1: scores.map((score) => score && score.f1),
    auc: scorer.oneVsRest.auc.perClass,
    averagePrecision: scorer.oneVsRest.averagePrecision.perClass,
  };
}

/** Classes with most rows, by number; of equal ones the first. */
export function largestClasses(rows: readonly number[], most: number): number[] {
  const bySize = rows.map((_, c) => c).toSorted((a, b) => rows[b] - rows[a] || a - b);
  return bySize.slice(0, most).toSorted((a, b) => a - b);
}

export function pickClasses(table: Part<'classes'>, picked: readonly number[]): Part<'classes'> {
  const pick = <T>(values: readonly T[]) => picked.map((c) => values[c]);
  return {
    names: pick(table.names),
    rows: pick(table.rows),
    predicted: pick(table.predicted),
    precision: pick(table.precision),
    recall: pick(table.recall),
    f1: pick(table.f1),
    auc: pick(table.auc),
    averagePrecision: pick(table.averagePrecision),
  };
}

export function confusionOf({ truth, predicted, classes }: ClassScorer): Part<'confusion'> {
  const cells = new Map<number, number>();
  for (let i = 0; i < truth.length; i++) {
    const cell = truth[i] * classes + predicted[i];
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
  }
  const sorted = [...cells.keys()].toSorted((a, b) => a - b);
  return {
    truth: sorted.map((cell) => Math.floor(cell / classes)),
    predicted: sorted.map((cell) => cell % classes),
    rows: sorted.map((cell) => cells.get(cell)!),
  };
}

export function curvesOf(scorer: ClassScorer, names: readonly string[]): Part<'curves'> {
  const drawn = scorer.classes === 2 ? [1] : largestClasses([...classSizes(scorer)], curveClasses);
  return drawn.map((c) => {
    const counts = countsAtThresholds(scorer.truth, c, scorer.ranked(c), scorer.weights);
    const roc = rocCurve(counts);
    const precisionRecall = precisionRecallCurve(counts);
    return {
      class: names[c],
      roc: roc && thinnedRoc(roc),
      precisionRecall: precisionRecall && thinnedPrecisionRecall(precisionRecall),
    };
  });
}

function classSizes({ truth, classes }: ClassScorer): Float64Array {
  const sizes = new Float64Array(classes);
  for (const code of truth) sizes[code]++;
  return sizes;
}

function thinnedRoc({ falsePositiveRate, truePositiveRate, thresholds }: NonNullable<ReturnType<typeof rocCurve>>) {
  // Along both rates: a corner of the curve is at most a step away.
  const kept = thinned(
    falsePositiveRate.map((x, i) => x + truePositiveRate[i]),
    curvePoints,
  );
  return {
    falsePositiveRate: pick(falsePositiveRate, kept),
    truePositiveRate: pick(truePositiveRate, kept),
    thresholds: pick(thresholds, kept).map((threshold) => (threshold === Infinity ? null : threshold)),
  };
}

function thinnedPrecisionRecall(curve: NonNullable<ReturnType<typeof precisionRecallCurve>>) {
  const kept = thinned(curve.recall, curvePoints);
  return {
    precision: pick(curve.precision, kept),
    recall: pick(curve.recall, kept),
    thresholds: pick(curve.thresholds, kept),
  };
}

function pick(values: Float64Array, places: Uint32Array): number[] {
  return Array.from(places, (place) => values[place]);
}

export function calibrationOf(scorer: ClassScorer): Part<'calibration'> {
  const { happened, probabilities } = scorer.calibration;
  const { weights } = scorer;
  return {
    of: scorer.classes === 2 ? 'positive class' : 'most likely class',
    uniform: calibrationCurve(happened, probabilities, { weights }),
    quantile: calibrationCurve(happened, probabilities, { strategy: 'quantile', weights }),
  };
}

export function residualsOf({ truth, predicted }: NumberScorer): Part<'residuals'> {
  const residuals = Float64Array.from(truth, (y, i) => predicted[i] - y);
  const edges = quantiles(predicted, evenSteps(residualBins));
  return {
    shares: [...residualShares],
    quantiles: [...quantiles(residuals, residualShares)],
    byPrediction: binnedMeans(truth, predicted, edges).map(({ weight, ...bin }) => ({ ...bin, rows: weight })),
  };
}
