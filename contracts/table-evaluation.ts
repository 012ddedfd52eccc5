/**
 * How a classifier or regressor did: a summary that passes through Temporal, and details that are a blob. Every number
 * is finite; what is undefined on the judged rows is absent or null, and the summary says why.
 */
import { z } from 'zod';
import { tableTasks, type TableTask } from './tables.ts';

interface TableMetric {
  title: string;
  tasks: readonly TableTask[];
  direction: 'maximize' | 'minimize';
  /** Only with two classes, of which the last one is the positive one. */
  binary?: true;
  doc: string;
}

const up = { tasks: ['classify'], direction: 'maximize' } as const;
const loss = { tasks: ['classify'], direction: 'minimize' } as const;
const error = { tasks: ['regress'], direction: 'minimize' } as const;

/** Every metric of a table model: what a spec's objective chooses from. Over classes that do not occur see `doc`. */
export const tableMetrics = {
  accuracy: { title: 'Accuracy', ...up, doc: 'Share of rows predicted rightly.' },
  balancedAccuracy: { title: 'Balanced accuracy', ...up, doc: 'Mean recall of the classes that occur in the truth.' },
  precision: { title: 'Precision', ...up, binary: true, doc: 'Share of positive predictions that are right.' },
  recall: { title: 'Recall', ...up, binary: true, doc: 'Share of positive rows that are found.' },
  f1: { title: 'F1', ...up, binary: true, doc: 'Harmonic mean of precision and recall.' },
  precisionMicro: { title: 'Precision (micro)', ...up, doc: 'Of all rows together: the accuracy.' },
  precisionMacro: { title: 'Precision (macro)', ...up, doc: 'Mean over the classes that occur or are predicted.' },
  precisionWeighted: { title: 'Precision (weighted)', ...up, doc: 'The same, each class by its rows.' },
  recallMicro: { title: 'Recall (micro)', ...up, doc: 'Of all rows together: the accuracy.' },
  recallMacro: { title: 'Recall (macro)', ...up, doc: 'Mean over the classes that occur or are predicted.' },
  recallWeighted: { title: 'Recall (weighted)', ...up, doc: 'The same, each class by its rows: the accuracy.' },
  f1Micro: { title: 'F1 (micro)', ...up, doc: 'Of all rows together: the accuracy.' },
  f1Macro: { title: 'F1 (macro)', ...up, doc: 'Mean over the classes that occur or are predicted.' },
  f1Weighted: { title: 'F1 (weighted)', ...up, doc: 'The same, each class by its rows.' },
  auc: {
    title: 'AUC',
    ...up,
    doc: 'Area under the ROC curve; of more than two classes the mean of each against the rest.',
  },
  aucWeighted: { title: 'AUC (weighted)', ...up, doc: 'The same, each class by its rows.' },
  averagePrecision: {
    title: 'Average precision',
    ...up,
    doc: 'Of the precision-recall curve; of more than two classes the mean of each against the rest.',
  },
  logLoss: { title: 'Log loss', ...loss, doc: 'Mean −ln of the probability of the true class.' },
  brier: {
    title: 'Brier score',
    ...loss,
    doc: 'Mean squared error of the probabilities: to 1 with two classes, else to 2.',
  },
  calibrationError: {
    title: 'Calibration error',
    ...loss,
    doc: 'Expected distance of probability and frequency, ten bins; of more than two classes that of the likeliest.',
  },
  mae: { title: 'MAE', ...error, doc: 'Mean absolute error.' },
  rmse: { title: 'RMSE', ...error, doc: 'Root of the mean squared error.' },
  medianAbsoluteError: { title: 'Median absolute error', ...error, doc: 'Half of the rows err by less.' },
  mape: { title: 'MAPE', ...error, doc: 'Mean absolute error as a share of the truth, none of which may be 0.' },
  r2: { title: 'R²', tasks: ['regress'], direction: 'maximize', doc: 'Share of the variance that is explained.' },
} as const satisfies Record<string, TableMetric>;

export type TableMetricName = keyof typeof tableMetrics;
export const tableMetricNames = Object.keys(tableMetrics) as TableMetricName[];

/** Metrics that a table model has. @param classes - of a classifier. */
export function tableMetricsOf(task: TableTask, classes?: number): TableMetricName[] {
  return tableMetricNames.filter((name) => {
    const metric: TableMetric = tableMetrics[name];
    return metric.tasks.includes(task) && (!metric.binary || classes === 2);
  });
}

const metricName = z.enum(tableMetricNames);
const count = z.int().min(0);
const interval = z.tuple([z.number(), z.number()]);
/** `null`: undefined for that class. */
const perClass = z.array(z.number().nullable());

/** One entry a class, in the order of `names`. */
const classTable = z.strictObject({
  names: z.array(z.string()),
  /** Rows of the class, and rows predicted as it; unweighted. */
  rows: z.array(count),
  predicted: z.array(count),
  precision: perClass,
  recall: perClass,
  f1: perClass,
  /** Against the rest. */
  auc: perClass,
  averagePrecision: perClass,
});

export const tableEvaluationSummarySchema = z.strictObject({
  task: z.enum(tableTasks),
  rows: count,
  /** Whether metrics weigh rows. Counts of rows never do. */
  weighted: z.boolean(),
  /** `value`: null where it is undefined; `undefinedMetrics` says why. */
  objective: z.strictObject({
    metric: metricName,
    direction: z.enum(['maximize', 'minimize']),
    value: z.number().nullable(),
    interval: interval.optional(),
  }),
  metrics: z.partialRecord(metricName, z.number()),
  /** Why a metric is absent. */
  undefinedMetrics: z.partialRecord(metricName, z.string()),
  /** Bootstrap intervals. */
  intervals: z.partialRecord(metricName, interval),
  bootstrap: z
    .strictObject({
      resamples: count,
      confidence: z.number(),
      /** What was drawn: rows, or groups of them. */
      units: count,
    })
    .optional(),
  /** Of a classifier; the classes with most rows where there are too many for a summary. */
  classes: classTable.optional(),
  /** Classes that `classes` leaves out: the details have them. */
  classesLeftOut: count.optional(),
  /** Rows by true class and predicted class, where there are few enough for a summary. */
  confusion: z.array(z.array(count)).optional(),
  /** The most frequent mistakes, at most ten. */
  mostConfused: z.array(z.strictObject({ truth: z.string(), predicted: z.string(), rows: count })).optional(),
});
export type TableEvaluationSummary = z.infer<typeof tableEvaluationSummarySchema>;

const numbers = z.array(z.number());
const calibrationBin = z.strictObject({
  from: z.number(),
  to: z.number(),
  weight: z.number(),
  predicted: z.number(),
  observed: z.number(),
});

/** Rows that have something in common. */
const slice = z.strictObject({
  /** `range`: from < x ≤ to, the first one `from` as well. `other`: values too rare for a slice of their own. */
  kind: z.enum(['value', 'range', 'missing', 'other']),
  label: z.string(),
  rows: count,
  metrics: z.partialRecord(metricName, z.number()),
  /** Fewer rows than asked for: a metric here says little, and none is given unless asked for. */
  small: z.boolean(),
});

export const tableEvaluationDetailsSchema = z.strictObject({
  classes: classTable.optional(),
  /** Cells of the confusion matrix that are not 0, by true and then by predicted class. */
  confusion: z.strictObject({ truth: z.array(count), predicted: z.array(count), rows: z.array(count) }).optional(),
  /** One a class, against the rest; with two classes that of the positive one. At most 200 points each. */
  curves: z
    .array(
      z.strictObject({
        class: z.string(),
        /** The first threshold, above all scores, is null. */
        roc: z
          .strictObject({
            falsePositiveRate: numbers,
            truePositiveRate: numbers,
            thresholds: z.array(z.number().nullable()),
          })
          .nullable(),
        precisionRecall: z.strictObject({ precision: numbers, recall: numbers, thresholds: numbers }).nullable(),
      }),
    )
    .optional(),
  calibration: z
    .strictObject({
      of: z.enum(['positive class', 'most likely class']),
      uniform: z.array(calibrationBin),
      quantile: z.array(calibrationBin),
    })
    .optional(),
  /** Of a regressor. */
  residuals: z
    .strictObject({
      /** Quantiles of prediction − truth. */
      shares: numbers,
      quantiles: numbers,
      /** Rows in bins of the prediction, as many in each. */
      byPrediction: z.array(
        z.strictObject({ from: z.number(), to: z.number(), rows: count, predicted: z.number(), observed: z.number() }),
      ),
    })
    .optional(),
  slices: z.array(z.strictObject({ by: z.string(), slices: z.array(slice) })),
});
export type TableEvaluationDetails = z.infer<typeof tableEvaluationDetailsSchema>;

export const tableEvaluationSchema = z.strictObject({
  summary: tableEvaluationSummarySchema,
  details: tableEvaluationDetailsSchema,
});
export type TableEvaluation = z.infer<typeof tableEvaluationSchema>;

/** What one fold of a cross-validation gives; a metric that is undefined there is absent. */
export const foldMetricsSchema = z.strictObject({
  /** From 0. */
  fold: count,
  /** Judged ones. */
  rows: count,
  trainingRows: count.min(1),
  metrics: z.record(z.string(), z.number()),
});
export type FoldMetrics = z.infer<typeof foldMetricsSchema>;

export const crossValidationSchema = z.strictObject({
  /** By number. */
  folds: z.array(foldMetricsSchema),
  metrics: z.record(
    z.string(),
    z.strictObject({
      mean: z.number(),
      minimum: z.number(),
      maximum: z.number(),
      /** Folds where it is defined. */
      folds: count,
      /** Of the sample; absent with one fold, as both errors are. */
      standardDeviation: z.number().optional(),
      standardError: z.number().optional(),
      /** Larger, since folds share training rows. */
      correctedStandardError: z.number().optional(),
    }),
  ),
});
export type CrossValidation = z.infer<typeof crossValidationSchema>;
