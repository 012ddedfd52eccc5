/** The metrics of `contracts/table-evaluation.ts`, of one model's predictions. */
import { tableMetrics, type TableMetricName } from '../contracts/table-evaluation.ts';
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
  /** The most likely class of each row. */
  readonly predicted: Int32Array;
  readonly #rankings = new Map<number, RankedRows>();
  #calibration: ReturnType<typeof calibrationEvents> | undefined;

  /** @param probabilities - `[rows × classes]`, row-major. */
  constructor(truth: Int32Array, probabilities: Numbers, classes: number) {
    requireRows(truth.length * classes, probabilities);
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

  get calibration(): ReturnType<typeof calibrationEvents> {
    this.#calibration ??= calibrationEvents(this.truth, this.probabilities, this.classes, this.predicted);
    return this.#calibration;
  }

  /** Each class against the rest. */
  perClass(metric: 'auc' | 'averagePrecision', weights?: Numbers): OneVsRest {
    const of = metric === 'auc' ? areaUnderRoc : averagePrecision;
    return oneVsRest(of, this.truth, this.classes, (c) => this.ranked(c), weights);
  }

  values(metrics: readonly TableMetricName[], weights?: Numbers): (number | null)[] {
    const counts = metrics.some((metric) => !scoreMetrics.has(metric))
      ? countLabels(this.truth, this.predicted, this.classes, weights)
      : undefined;
    return metrics.map((metric) =>
      scoreMetrics.has(metric) ? this.#ofScores(metric, weights) : ofLabels(metric, counts!),
    );
  }

  #ofScores(metric: TableMetricName, weights?: Numbers): number | null {
    const { truth, probabilities, classes } = this;
    switch (metric) {
      case 'logLoss':
        return logLoss(truth, probabilities, classes, weights);
      case 'brier':
        return brier(truth, probabilities, classes, weights);
      case 'calibrationError': {
        const { happened, probabilities: chosen } = this.calibration;
        return calibrationError(calibrationCurve(happened, chosen, { weights }));
      }
      case 'averagePrecision':
        return classes === 2
          ? averagePrecision(truth, 1, this.ranked(1), weights)
          : this.perClass('averagePrecision', weights).macro;
      default:
        // With two classes, one against the rest is the other's mirror image: all means are the same.
        if (classes === 2) return areaUnderRoc(truth, 1, this.ranked(1), weights);
        return this.perClass('auc', weights)[metric === 'auc' ? 'macro' : 'weighted'];
    }
  }
}

const scoreMetrics: ReadonlySet<TableMetricName> = new Set<TableMetricName>([
  'logLoss',
  'brier',
  'calibrationError',
  'averagePrecision',
  'auc',
  'aucWeighted',
]);

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

  constructor(truth: Numbers, predicted: Numbers) {
    requireRows(truth.length, predicted);
    this.truth = truth;
    this.predicted = predicted;
  }

  values(metrics: readonly TableMetricName[], weights?: Numbers): (number | null)[] {
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

export function scorerOf(target: JudgedTarget, predictions: Numbers): ClassScorer | NumberScorer {
  return target.kind === 'classes'
    ? new ClassScorer(target.codes, predictions, target.classes.length)
    : new NumberScorer(target.values, predictions);
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
  return scorerOf(target, predictions).values([metric], weights)[0];
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
