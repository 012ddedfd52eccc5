/** Judges a classifier or regressor on rows that it has not learned from: a summary, and details for a blob. */
import { TradewindError } from '../contracts/errors.ts';
import { payloadBytes } from '../contracts/payload.ts';
import {
  tableMetrics,
  type TableEvaluation,
  type TableEvaluationDetails,
  type TableEvaluationSummary,
  type TableMetricName,
} from '../contracts/table-evaluation.ts';
import { bootstrap, type Bootstrap } from './intervals.ts';
import {
  calibrationOf,
  classTableOf,
  confusionOf,
  curvesOf,
  largestClasses,
  pickClasses,
  residualsOf,
} from './report-details.ts';
import { requireRows, type Numbers } from './rows.ts';
import { sliceRows, type SliceColumn, type SliceOptions } from './slices.ts';
import {
  measure,
  metricsOf,
  NumberScorer,
  requireMetric,
  scorerOf,
  type ClassScorer,
  type JudgedTarget,
} from './table-scores.ts';

export interface TableEvaluationOptions {
  /** What models are chosen by. */
  objective: TableMetricName;
  /** Of the bootstrap. */
  seed: number;
  /** `[rows]`: at least 0; all the same when left out. */
  weights?: Numbers;
  /** Metrics with an interval; the objective alone by default. The time is theirs times `resamples`. */
  intervals?: readonly TableMetricName[];
  /** 0: no intervals. By default 1,000, or fewer, but at least 200, so that 200 million rows are drawn in all. */
  resamples?: number;
  /** 0.95 by default. */
  confidence?: number;
  /** `[rows]`: rows that belong together, e.g. of a household, are drawn together. */
  groups?: Int32Array;
  slices?: readonly ({ by: string; column: SliceColumn } & SliceOptions)[];
  /** Metrics of each slice: all of the task by default. */
  sliceMetrics?: readonly TableMetricName[];
  /** Slices of fewer rows are marked; 30 by default. */
  smallSlice?: number;
  /** Give metrics of small slices nevertheless. */
  showSmallSlices?: boolean;
}

/** Of a summary as JSON: half of what may pass through Temporal: it is not alone in its payload. */
export const summaryBytes = 32 * 1024;
const [fewestResamples, mostResamples, drawnRows] = [200, 1000, 200_000_000];
const mistakesShown = 10;
/** A softmax in float32 may end a little above 1. */
const tolerance = 1e-5;
/** A larger matrix is only told by its cells. */
const mostMatrixClasses = 64;

/**
 * @param target - of a model's task, `Target` of `data/table.ts`.
 * @param predictions - `[rows × classes]` probabilities, or `[rows]` values, as `FittedTableModel.predict` gives them.
 * @throws TradewindError `SPLIT_EMPTY` without rows; `TRAINING_DIVERGED` where a prediction is no finite number, or no
 * probability.
 * @throws RangeError where lengths do not fit, or a metric is not one of the task.
 */
export function evaluateTable(
  target: JudgedTarget,
  predictions: Numbers,
  options: TableEvaluationOptions,
): TableEvaluation {
  const rows = target.kind === 'classes' ? target.codes.length : target.values.length;
  if (rows === 0) throw nothingJudged();
  const { objective, weights } = options;
  const asked = options.intervals ?? [objective];
  for (const metric of [objective, ...asked, ...(options.sliceMetrics ?? [])]) requireMetric(metric, target);
  requireRows(rows, weights, options.groups);
  for (const { column } of options.slices ?? []) requireRows(rows, 'codes' in column ? column.codes : column.values);
  requirePredictions(predictions, target.kind === 'classes');

  const scorer = scorerOf(target, predictions, weights);
  const { metrics, undefinedMetrics } = measure(scorer, metricsOf(target));
  const drawn = intervalsOf(rows, asked, scorer, options);
  const intervals = Object.fromEntries(
    asked.flatMap((metric, m) => {
      const interval = drawn?.intervals[m];
      return interval ? [[metric, [interval.low, interval.high] as const]] : [];
    }),
  ) as TableEvaluationSummary['intervals'];

  const summary: TableEvaluationSummary = {
    task: target.kind === 'classes' ? 'classify' : 'regress',
    rows,
    weighted: weights !== undefined,
    objective: {
      metric: objective,
      direction: tableMetrics[objective].direction,
      value: metrics[objective] ?? null,
      ...(intervals[objective] && { interval: intervals[objective] }),
    },
    metrics,
    undefinedMetrics,
    intervals,
    ...(drawn && {
      bootstrap: { resamples: drawn.resamples, confidence: options.confidence ?? 0.95, units: drawn.units },
    }),
  };
  const details: TableEvaluationDetails = { slices: slicesOf(target, predictions, options) };
  if (scorer instanceof NumberScorer) return { summary, details: { ...details, residuals: residualsOf(scorer) } };
  const names = target.kind === 'classes' ? target.classes : [];
  const classes = classTableOf(scorer, names);
  const confusion = confusionOf(scorer);
  return {
    summary: fitted(summary, classes, confusion),
    details: {
      ...details,
      classes,
      confusion,
      curves: curvesOf(scorer, names),
      calibration: calibrationOf(scorer),
    },
  };
}

function intervalsOf(
  rows: number,
  metrics: readonly TableMetricName[],
  scorer: ClassScorer | NumberScorer,
  { weights, groups, seed, confidence, resamples }: TableEvaluationOptions,
): Bootstrap | undefined {
  const count = resamples ?? Math.min(mostResamples, Math.max(fewestResamples, Math.floor(drawnRows / rows)));
  if (count === 0 || metrics.length === 0) return undefined;
  const weighted = weights && new Float64Array(rows);
  const values = (drawn: Float64Array) => {
    if (!weighted || !weights) return scorer.values(metrics, drawn);
    for (let i = 0; i < rows; i++) weighted[i] = drawn[i] * weights[i];
    return scorer.values(metrics, weighted);
  };
  return bootstrap(rows, values, { seed, groups, confidence, resamples: count });
}

function slicesOf(
  target: JudgedTarget,
  predictions: Numbers,
  { slices = [], sliceMetrics, smallSlice = 30, showSmallSlices = false, weights }: TableEvaluationOptions,
): TableEvaluationDetails['slices'] {
  const names = sliceMetrics ?? metricsOf(target);
  return slices.map(({ by, column, ...options }) => ({
    by,
    slices: sliceRows(column, options).map(({ kind, label, rows }) => {
      const small = rows.length < smallSlice;
      if (small && !showSmallSlices) return { kind, label, rows: rows.length, metrics: {}, small };
      const taken = takeNumbers(predictions, rows, outputsOf(target));
      const ownWeights = weights && takeNumbers(weights, rows, 1);
      const { metrics } = measure(scorerOf(takeTarget(target, rows), taken, ownWeights), names);
      return { kind, label, rows: rows.length, metrics, small };
    }),
  }));
}

/** The fullest summary that is small enough: all classes with their matrix, all, those with most rows, none. */
function fitted(
  summary: TableEvaluationSummary,
  classes: NonNullable<TableEvaluationSummary['classes']>,
  cells: NonNullable<TableEvaluationDetails['confusion']>,
): TableEvaluationSummary {
  const count = classes.names.length;
  const withClasses = {
    ...summary,
    classes,
    mostConfused: cells.rows
      .map((rows, i) => ({ truth: cells.truth[i], predicted: cells.predicted[i], rows }))
      .filter(({ truth, predicted }) => truth !== predicted)
      .toSorted((a, b) => b.rows - a.rows || a.truth - b.truth || a.predicted - b.predicted)
      .slice(0, mistakesShown)
      .map(({ truth, predicted, rows }) => ({
        truth: classes.names[truth],
        predicted: classes.names[predicted],
        rows,
      })),
  };
  const forms: (() => TableEvaluationSummary)[] = [
    ...(count <= mostMatrixClasses ? [() => ({ ...withClasses, confusion: matrixOf(cells, count) })] : []),
    () => withClasses,
    ...[50, 10].map((most) => () => ({
      ...withClasses,
      classes: pickClasses(classes, largestClasses(classes.rows, most)),
      classesLeftOut: Math.max(0, count - most),
    })),
  ];
  for (const form of forms) {
    const made = form();
    if (payloadBytes(made) <= summaryBytes) return made;
  }
  // Names of classes that are texts themselves.
  return { ...summary, classesLeftOut: count };
}

function matrixOf({ truth, predicted, rows }: NonNullable<TableEvaluationDetails['confusion']>, count: number) {
  const matrix = Array.from({ length: count }, () => Array.from({ length: count }, () => 0));
  for (const [i, n] of rows.entries()) matrix[truth[i]][predicted[i]] = n;
  return matrix;
}

function outputsOf(target: JudgedTarget): number {
  return target.kind === 'classes' ? target.classes.length : 1;
}

function takeTarget(target: JudgedTarget, rows: Int32Array): JudgedTarget {
  return target.kind === 'classes'
    ? { ...target, codes: rows.map((row) => target.codes[row]) }
    : { kind: 'number', values: takeNumbers(target.values, rows, 1) };
}

/** Rows of a matrix, in their type. */
function takeNumbers(values: Numbers, rows: Int32Array, width: number): Numbers {
  const length = rows.length * width;
  const taken = values instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j < width; j++) taken[i * width + j] = values[rows[i] * width + j];
  }
  return taken;
}

function requirePredictions(predictions: Numbers, areProbabilities: boolean): void {
  const [low, high] = areProbabilities ? [-tolerance, 1 + tolerance] : [-Number.MAX_VALUE, Number.MAX_VALUE];
  for (let i = 0; i < predictions.length; i++) {
    if (predictions[i] >= low && predictions[i] <= high) continue;
    throw new TradewindError('TRAINING_DIVERGED', {
      subject: 'Every prediction of a model',
      rule: areProbabilities ? 'be a probability in [0, 1]' : 'be a finite number',
      value: String(predictions[i]),
      remedy: 'Lower the learning rate or raise the regularisation, and train again.',
    });
  }
}

function nothingJudged(): TradewindError {
  return new TradewindError('SPLIT_EMPTY', {
    subject: 'The judged part of the split',
    rule: 'hold at least one row',
    remedy: 'Give it a larger share, or move the cut-offs so that it holds rows.',
  });
}
