/** The pipeline spec: a YAML file that people write. Its JSON Schema for editors is made by `node scripts/schema.ts`. */
import { z } from 'zod';
import { algorithms, type AlgorithmName } from './algorithms.ts';
import { lanes } from './artifacts.ts';
import { isBefore } from './cut-offs.ts';
import { eventRulesSchema } from './event-rules.ts';
import {
  candidateSchemaOf,
  computeShape,
  cutOffSchema,
  datasetName,
  headShape,
  interactionsSource,
  itemsSource,
  seedSchema,
  tuningShape,
  warmStartIsHeard,
  warmStartsOnce,
} from './spec-sections.ts';
import { onBrokenRulesSchema } from './table-rules.ts';

const dataSchema = z.strictObject({
  name: datasetName,
  interactions: interactionsSource,
  items: itemsSource.optional(),
});

const preparationSchema = z
  .strictObject({
    dropReturns: z.boolean().default(true).describe('Drop rows whose quantity is 0 or less.'),
    maxEventsPerUserPerDay: z
      .int()
      .min(1)
      .default(1000)
      .describe('Users above it on any day are dropped as not human.'),
    minUsersPerItem: z.int().min(1).default(5).describe('Items of fewer training users are left out of the catalogue.'),
    minItemsPerUser: z.int().min(1).default(1),
  })
  .prefault({});

const splitSchema = z
  .strictObject({
    by: z.literal('time').default('time').describe('Global cut-offs in time: the only honest split of a recommender.'),
    validationFrom: cutOffSchema.describe(
      'Tuning trains on what is before and is judged on [validationFrom, testFrom).',
    ),
    testFrom: cutOffSchema.describe('The final training ends here; candidates are compared on what follows.'),
    testUntil: cutOffSchema.optional().describe('Exclusive; the end of the data when left out.'),
  })
  .refine((s) => isBefore(s.validationFrom, s.testFrom) !== false, {
    path: ['validationFrom'],
    message: 'must be before testFrom',
    params: { remedy: 'Swap them or move one of the two.' },
  })
  .refine((s) => s.testUntil === undefined || isBefore(s.testFrom, s.testUntil) !== false, {
    path: ['testUntil'],
    message: 'must be after testFrom',
    params: { remedy: 'Move it to a later day, or leave it out.' },
  });

const candidateSchema = candidateSchemaOf(algorithms);

/** A rule across keys says its remedy itself, as `params.remedy` of its refinement. */
export const pipelineSpecSchema = z
  .strictObject({
    ...headShape,
    task: z.literal('recommend').describe('What kind of model.'),
    seed: seedSchema,
    data: dataSchema,
    validation: eventRulesSchema,
    onBrokenRules: onBrokenRulesSchema,
    preparation: preparationSchema,
    split: splitSchema,
    objective: z
      .strictObject({
        lane: z
          .enum(lanes)
          .default('discovery')
          .describe('discovery: without what the user already has; repeat: with it.'),
        metric: z.enum(['ndcg', 'recall', 'map', 'mrr']).default('ndcg'),
        k: z.int().min(1).max(1000).default(10),
      })
      .prefault({}),
    candidates: z.array(candidateSchema).min(1),
    tuning: z
      .strictObject(tuningShape)
      .refine(...warmStartIsHeard)
      .refine(...warmStartsOnce)
      .prefault({}),
    gates: z
      .strictObject({
        minimum: z.number().min(0).max(1).optional().describe('Least value of the objective on the test period.'),
        beatPopularity: z.boolean().default(true).describe('The chosen model must beat popularity on the test period.'),
        minimumGain: z.number().min(0).default(0).describe('Gain over the champion that a deployment needs, absolute.'),
      })
      .prefault({}),
    ...computeShape,
    deployment: z
      .strictObject({
        target: z.enum(['local', 'none']).default('local'),
        performanceTest: z
          .strictObject({
            requests: z.int().min(10).max(1_000_000).default(300),
            connections: z.int().min(1).max(512).default(4),
            maxP99Milliseconds: z.number().min(0.1).default(250),
            maxErrorRate: z.number().min(0).max(1).default(0),
          })
          .prefault({}),
      })
      .prefault({}),
  })
  .refine((spec) => new Set(spec.candidates.map((c) => JSON.stringify(c))).size === spec.candidates.length, {
    path: ['candidates'],
    message: 'must not hold the same candidate twice',
    params: { remedy: 'Remove one of the two.' },
  });

export type PipelineSpec = z.output<typeof pipelineSpecSchema>;
export type PipelineSpecInput = z.input<typeof pipelineSpecSchema>;
export interface Candidate {
  algorithm: AlgorithmName;
  parameters?: Record<string, number | string | undefined>;
  search?: Record<string, string[] | { min: number; max: number; log?: boolean | undefined } | undefined>;
}
