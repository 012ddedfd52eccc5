/** The spec of a classifier or a regressor: from a table of files, or from events of which a table is made. */
import { z } from 'zod';
import { preparationSectionSchema } from './preparation-spec.ts';
import {
  candidateSchemaOf,
  computeShape,
  datasetName,
  fileFormat,
  headShape,
  interactionsSource,
  itemsSource,
  location,
  seedSchema,
  tuningShape,
  warmStartIsHeard,
  warmStartsOnce,
} from './spec-sections.ts';
import { tableAlgorithms } from './table-algorithms.ts';
import { tableMetricNames, tableMetrics } from './table-evaluation.ts';
import { onBrokenRulesSchema, tableColumnsSchema, tableReadingSchema, tableRulesSchema } from './table-rules.ts';
import { behaviourSchema, tableCleaningSchema, tableSplitSchema } from './table-splits.ts';
import { tableTasks } from './tables.ts';

const tableSourceSchema = z.strictObject({
  path: location,
  format: fileFormat.optional().describe('Found from the file name when left out.'),
  columns: tableColumnsSchema.optional(),
  target: z.string().min(1).describe('Column that is to be predicted.'),
  reading: tableReadingSchema,
});

const dataSchema = z
  .strictObject({
    name: datasetName,
    table: tableSourceSchema.optional().describe('Files with a row for each example.'),
    interactions: interactionsSource.optional().describe('Events, of which "behaviour" makes a table.'),
    items: itemsSource.optional(),
    eventRules: z
      .strictObject({
        dropReturns: z.boolean().default(true).describe('Drop events whose quantity is 0 or less.'),
        maxEventsPerUserPerDay: z
          .int()
          .min(1)
          .default(1000)
          .describe('Users above it on any day are not human from then on.'),
      })
      .prefault({})
      .describe('Which events count.'),
    behaviour: behaviourSchema.optional().describe('What a user did before each of several days, and did next.'),
  })
  .refine((d) => (d.table === undefined) !== (d.interactions === undefined), {
    path: ['table'],
    message: 'must be given, or interactions in its place',
    params: { remedy: 'Name the files of one of the two.' },
  })
  .refine((d) => (d.interactions === undefined) === (d.behaviour === undefined), {
    path: ['behaviour'],
    message: 'must be given with interactions, and only with them',
    params: { remedy: 'Say which days features are to be made for, or take it out.' },
  });

const pruningSchema = z
  .strictObject({
    pruner: z.enum(['median', 'asha']).describe('median: below the median of others; asha: not among the best share.'),
    minResource: z.int().min(1).default(1).describe('Epochs before the first look.'),
    reductionFactor: z.int().min(2).max(16).default(3).describe('Looks are so many times further apart each time.'),
    startupTrials: z.int().min(0).default(5).describe('Trials that are never pruned.'),
    warmupRungs: z.int().min(0).default(0).describe('Looks at which none is pruned.'),
  })
  .optional()
  .describe('Ends trials early that fall behind others after as many epochs.');

export const tableSpecSchema = z
  .strictObject({
    ...headShape,
    task: z.enum(tableTasks).describe('classify: which of several classes. regress: how much.'),
    seed: seedSchema,
    data: dataSchema,
    validation: tableRulesSchema,
    onBrokenRules: onBrokenRulesSchema,
    cleaning: tableCleaningSchema,
    split: tableSplitSchema,
    preparation: preparationSectionSchema,
    objective: z.strictObject({ metric: z.enum(tableMetricNames) }),
    candidates: z.array(candidateSchemaOf(tableAlgorithms)).min(1),
    tuning: z
      .strictObject({
        ...tuningShape,
        pruning: pruningSchema,
      })
      .refine(...warmStartIsHeard)
      .refine(...warmStartsOnce)
      .prefault({}),
    evaluation: z
      .strictObject({
        slices: z.array(z.string().min(1)).max(8).default([]).describe('Columns to show the metrics by.'),
      })
      .prefault({}),
    gates: z
      .strictObject({
        minimum: z
          .number()
          .optional()
          .describe('Least value of the objective on the test part; of an error, the most.'),
        minimumGain: z.number().min(0).default(0).describe('Gain over the champion that a release needs, absolute.'),
      })
      .prefault({}),
    ...computeShape,
    deployment: z
      .strictObject({ target: z.literal('none').default('none').describe('Versions are registered, not served.') })
      .prefault({}),
  })
  .refine((spec) => (tableMetrics[spec.objective.metric].tasks as readonly string[]).includes(spec.task), {
    path: ['objective', 'metric'],
    message: 'must be a metric of the task',
    params: { remedy: 'Take e.g. auc or logLoss to classify, rmse or r2 to regress.' },
  })
  .refine(
    (spec) =>
      spec.candidates.every((c) => (tableAlgorithms[c.algorithm].tasks as readonly string[]).includes(spec.task)),
    {
      path: ['candidates'],
      message: 'must be algorithms for the task',
      params: { remedy: 'Take logistic-regression or mlp to classify, linear-regression to regress.' },
    },
  )
  .refine(
    (spec) =>
      spec.data.behaviour === undefined ||
      (spec.data.behaviour.target.kind === 'returns') === (spec.task === 'classify'),
    {
      path: ['data', 'behaviour', 'target', 'kind'],
      message: 'must fit the task',
      params: { remedy: 'returns is to be classified, spend to be regressed.' },
    },
  )
  .refine((spec) => new Set(spec.candidates.map((c) => JSON.stringify(c))).size === spec.candidates.length, {
    path: ['candidates'],
    message: 'must not hold the same candidate twice',
    params: { remedy: 'Remove one of the two.' },
  });

export type TableSpec = z.output<typeof tableSpecSchema>;
export type TableSpecInput = z.input<typeof tableSpecSchema>;
