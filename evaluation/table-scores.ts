/** The metrics of `contracts/table-evaluation.ts`, of one model's predictions. */
import {
  tableMetrics,
  tableMetricsOf,
  type TableEvaluationSummary,
  type TableMetricName,
} from '../contracts/table-evaluation.ts';
import { calibrationCurve, calibrationError, calibrationEvents } from './calibration.ts';
import {
  accuracy,
  averagedScores,
  balancedAccuracy,
  brier,
  classScores,
  countLabels,
  logLoss,
  mostLikely,
  type Average,
  type ClassScores,
  type LabelCounts,
} from './classification.ts';
import { areaUnderRoc, averagePrecision, oneVsRest, rankByClass, type OneVsRest } from './curves.ts';
import {
  meanAbsoluteError,
  meanAbsolutePercentageError,
  medianAbsoluteError,
  rootMeanSquaredError,
  rSquared,
} from './regression.ts';
import { requireRows, type Numbers, type RankedRows } from './rows.ts';

/** `Target` of `data/table.ts`. */
export type JudgedTarget =
  | { readonly kind: 'classes'; readonly codes: Int32Array; readonly classes: readonly string[] }
  | { readonly kind: 'number'; readonly values: Numbers };

/** Weighs the rows that metrics are taken over; null: undefined there. */
interface Scores {
  values(metrics: readonly TableMetricName[], weights?: Numbers): (number | null)[];
}

/** Rankings of so many numbers (64 MiB) are kept for the next call. */
const keptPlaces = 1 << 24;

export class ClassScorer implements Scores {
  readonly truth: Int32Array;
  readonly probabilities: Numbers;
  readonly classes: number;
  readonly weights: Numbers | undefined;
  /** The most likely class of each row. */
  readonly predicted: Int32Array;
  readonly #rankings = new Map<number, RankedRows>();
  #calibration: ReturnType<typeof calibrationEvents> | undefined;
  #against: Record<Area, OneVsRest> | undefined;
  #odds: RankedRows | undefined;

  /**
   * @param probabilities - `[rows × classes]`, row-major.
   * @param weights - of the rows; never written to afterwards.
   */
  constructor(truth: Int32Array, probabilities: Numbers, classes: number, weights?: Numbers) {
    requireRows(truth.length * classes, probabilities);
    this.weights = weights;
    this.truth = truth;
    this.probabilities = probabilities;
    this.classes = classes;
    this.predicted = mostLikely(probabilities, classes);
  }

  /** Rows ranked by the probability of a class. */
  ranked(c: number): RankedRows {
    const kept = this.#rankings.get(c);
    if (kept) return kept;
    const ranked = rankByClass(this.probabilities, this.classes, c);
    if ((this.#rankings.size + 1) * this.truth.length <= keptPlaces) this.#rankings.set(c, ranked);
    return ranked;
  }

  /**
   * Rows ranked by the odds of the second of two classes: as its probability ranks them, but told apart where that is
   * near 1, which float32 has fewer digits for than for what is near 0. Sure models would have ties there.
   */
  #rankedByOdds(): RankedRows {
    const { probabilities, truth } = this;
    this.#odds ??= rankByClass(
      Float64Array.from(truth, (_, i) => {
        const [p, q] = [probabilities[2 * i + 1], probabilities[2 * i]];
        return p === 0 ? 0 : Math.min(p / q, Number.MAX_VALUE);
      }),
      1,
      0,
    );
    return this.#odds;
  }

  get calibration(): ReturnType<typeof calibrationEvents> {
    this.#calibration ??= calibrationEvents(this.truth, this.probabilities, this.classes, this.predicted);
    return this.#calibration;
  }

  /** Each class against the rest, with the rows' own weights: ranked once for both metrics, and once for all. */
  get oneVsRest(): Record<Area, OneVsRest> {
    this.#against ??= this.#oneVsRest(['auc', 'averagePrecision'], this.weights);
    return this.#against;
  }

  #oneVsRest(areas: readonly Area[], weights?: Numbers): Record<Area, OneVsRest> {
    const metrics = areas.map((area) => (area === 'auc' ? areaUnderRoc : averagePrecision));
    const found = oneVsRest(metrics, this.truth, this.classes, (c) => this.ranked(c), weights);
    return Object.fromEntries(areas.map((area, i) => [area, found[i]])) as Record<Area, OneVsRest>;
  }

  /** @param weights - in place of the rows' own. */
  values(metrics: readonly TableMetricName[], weights = this.weights): (number | null)[] {
    const { truth, predicted, classes } = this;
    const counts = metrics.some(isOfLabels) ? countLabels(truth, predicted, classes, weights) : undefined;
    const areas = classes > 2 ? [...new Set(metrics.flatMap((metric) => areaOf[metric] ?? []))] : [];
    const own = weights === this.weights;
    const against = areas.length === 0 ? undefined : own ? this.oneVsRest : this.#oneVsRest(areas, weights);
    return metrics.map((metric) => {
      if (counts && isOfLabels(metric)) return ofLabels(metric, counts);
      const area = areaOf[metric];
      if (area === undefined) return this.#ofProbabilities(metric, weights);
      if (against) return against[area][metric === 'aucWeighted' ? 'weighted' : 'macro'];
      // With two classes, one against the rest is the other's mirror image: the means are the same.
      return (area === 'auc' ? areaUnderRoc : averagePrecision)(truth, 1, this.#rankedByOdds(), weights);
    });
  }

  #ofProbabilities(metric: TableMetricName, weights?: Numbers): number | null {
    const { truth, probabilities, classes } = this;
    if (metric === 'logLoss') return logLoss(truth, probabilities, classes, weights);
    if (metric === 'brier') return brier(truth, probabilities, classes, weights);
    const { happened, probabilities: chosen } = this.calibration;
    return calibrationError(calibrationCurve(happened, chosen, { weights }));
  }
}

type Area = 'auc' | 'averagePrecision';
const areaOf: { readonly [M in TableMetricName]?: Area } = {
  auc: 'auc',
  aucWeighted: 'auc',
  averagePrecision: 'averagePrecision',
};
const probabilityMetrics: readonly TableMetricName[] = ['logLoss', 'brier', 'calibrationError'];

function isOfLabels(metric: TableMetricName): boolean {
  return areaOf[metric] === undefined && !probabilityMetrics.includes(metric);
}

function ofLabels(metric: TableMetricName, counts: LabelCounts): number | null {
  if (metric === 'accuracy') return accuracy(counts);
  if (metric === 'balancedAccuracy') return balancedAccuracy(counts);
  const [, score, average] = /^(precision|recall|f1)(Micro|Macro|Weighted)?$/.exec(metric)!;
  const scores = average ? averagedScores(counts, average.toLowerCase() as Average) : classScores(counts, 1);
  return scores === null ? null : scores[score as keyof ClassScores];
}

export class NumberScorer implements Scores {
  readonly truth: Numbers;
  readonly predicted: Numbers;
  readonly weights: Numbers | undefined;

  constructor(truth: Numbers, predicted: Numbers, weights?: Numbers) {
    requireRows(truth.length, predicted);
    this.weights = weights;
    this.truth = truth;
    this.predicted = predicted;
  }

  values(metrics: readonly TableMetricName[], weights = this.weights): (number | null)[] {
    return metrics.map((metric) => numberMetrics[metric]!(this.truth, this.predicted, weights));
  }
}

const numberMetrics: { [M in TableMetricName]?: typeof meanAbsoluteError } = {
  mae: meanAbsoluteError,
  rmse: rootMeanSquaredError,
  medianAbsoluteError,
  mape: meanAbsolutePercentageError,
  r2: rSquared,
};

export function scorerOf(target: JudgedTarget, predictions: Numbers, weights?: Numbers): ClassScorer | NumberScorer {
  return target.kind === 'classes'
    ? new ClassScorer(target.codes, predictions, target.classes.length, weights)
    : new NumberScorer(target.values, predictions, weights);
}

/**
 * One metric of a model, e.g. what a trial reports at a rung.
 * @param predictions - `[rows × classes]` probabilities, or `[rows]` values.
 * @returns null where it is undefined on these rows (`whyUndefined`).
 * @throws RangeError without rows, where lengths do not fit, or where the metric is not one of the task.
 */
export function scoreTable(
  metric: TableMetricName,
  target: JudgedTarget,
  predictions: Numbers,
  weights?: Numbers,
): number | null {
  requireMetric(metric, target);
  return scorerOf(target, predictions, weights).values([metric])[0];
}

/** Metrics that are defined, and a sentence about each other one. */
export interface MeasuredTable {
  metrics: TableEvaluationSummary['metrics'];
  undefinedMetrics: TableEvaluationSummary['undefinedMetrics'];
}

/** All metrics of the task, or those asked for, e.g. of a fold. @throws RangeError as `scoreTable`. */
export function measureTable(
  target: JudgedTarget,
  predictions: Numbers,
  { metrics = metricsOf(target), weights }: { metrics?: readonly TableMetricName[]; weights?: Numbers } = {},
): MeasuredTable {
  for (const metric of metrics) requireMetric(metric, target);
  return measure(scorerOf(target, predictions, weights), metrics);
}

export function measure(scorer: ClassScorer | NumberScorer, names: readonly TableMetricName[]): MeasuredTable {
  const measured: MeasuredTable = { metrics: {}, undefinedMetrics: {} };
  for (const [m, value] of scorer.values(names).entries()) {
    if (value === null) measured.undefinedMetrics[names[m]] = whyUndefined(names[m]);
    else measured.metrics[names[m]] = value;
  }
  return measured;
}

export function metricsOf(target: JudgedTarget): TableMetricName[] {
  return target.kind === 'classes' ? tableMetricsOf('classify', target.classes.length) : tableMetricsOf('regress');
}

/** @throws RangeError where the metric is not one of the task, or of two classes and there are more. */
export function requireMetric(metric: TableMetricName, target: JudgedTarget): void {
  const { tasks, binary }: { tasks: readonly string[]; binary?: true } = tableMetrics[metric];
  if (!tasks.includes(target.kind === 'classes' ? 'classify' : 'regress')) {
    throw new RangeError(`The metric ${metric} is one of ${tasks.join(', ')}. Got a target of kind ${target.kind}.`);
  }
  if (binary && target.kind === 'classes' && target.classes.length !== 2) {
    throw new RangeError(`The metric ${metric} is one of two classes. Got ${target.classes.length}.`);
  }
}

/** A sentence about a metric that is null. */
export function whyUndefined(metric: TableMetricName): string {
  switch (metric) {
    case 'auc':
    case 'aucWeighted':
      return 'The area under the ROC curve needs rows of at least two classes.';
    case 'averagePrecision':
      return 'Average precision needs rows of the positive class.';
    case 'precision':
    case 'recall':
    case 'f1':
      return 'The positive class neither occurs nor is predicted.';
    case 'r2':
      return 'R² needs a target that is not constant.';
    case 'mape':
      return 'An error is no share of a true value of 0.';
    default:
      return 'No row has weight.';
  }
}
