/** References that pass through Temporal in place of data, and the manifests that the bucket holds. */
import { z } from 'zod';
import { algorithmNames } from './algorithms.ts';
import { tableAlgorithmNames } from './table-algorithms.ts';
import { tableEvaluationSummarySchema } from './table-evaluation.ts';
import { columnKinds, tableTasks } from './tables.ts';

export const digestPattern = /^[0-9a-f]{64}$/;

/** Immutable bytes in the bucket under `blobs/<digest>`. */
export const blobRefSchema = z.strictObject({
  /** SHA-256 of the bytes, lower-case hexadecimal. */
  digest: z.string().regex(digestPattern),
  bytes: z.int().min(0),
  /** File name to show and to save it under, e.g. `model.onnx`. */
  name: z.string(),
});
export type BlobRef = z.infer<typeof blobRefSchema>;

/** Metrics of one lane, e.g. `{ "ndcg@10": 0.049, "recall@10": 0.03 }`; each in [0, 1], but `novelty` in bits. */
export const laneMetricsSchema = z.strictObject({
  metrics: z.record(z.string(), z.number()),
  /** 95 % bootstrap interval over users of the optimised metric. */
  interval: z.tuple([z.number(), z.number()]).optional(),
  /** Users that the means are taken over. */
  users: z.int(),
});
export type LaneMetrics = z.infer<typeof laneMetricsSchema>;

/** `discovery`: items the user already has are left out. `repeat`: they count. */
export const lanes = ['discovery', 'repeat'] as const;
export type Lane = (typeof lanes)[number];

export const evaluationSchema = z.strictObject({
  discovery: laneMetricsSchema,
  repeat: laneMetricsSchema,
  /** What the metrics leave out (law 5): counted and shown. */
  leftOut: z.strictObject({
    /** Users of the judged period without a training history. */
    coldUsers: z.int(),
    /** Events of the judged period on items outside the catalogue. */
    coldItemEvents: z.int(),
    /** Users with no new item in the judged period: absent from the discovery lane. */
    usersWithoutDiscovery: z.int(),
  }),
});
export type Evaluation = z.infer<typeof evaluationSchema>;

/** A file of a packaged model. */
export const artifactFileSchema = blobRefSchema.extend({
  role: z.enum(['graph', 'catalogue', 'histories', 'state', 'preparation', 'profile']),
});

const parameterValues = z.record(z.string(), z.union([z.number(), z.string()]));
const artifactHead = {
  format: z.literal('tradewind-artifact/1'),
  model: z.string(),
};
const artifactBody = {
  parameters: parameterValues,
  seed: z.int(),
  files: z.array(artifactFileSchema),
  signature: z.strictObject({
    /** ONNX names, element types and shapes; `-1` is a free dimension. */
    inputs: z.array(z.strictObject({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) })),
    outputs: z.array(z.strictObject({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) })),
  }),
  lineage: z.strictObject({
    specDigest: z.string().regex(digestPattern),
    codeVersion: z.string().regex(digestPattern),
    dataDigest: z.string().regex(digestPattern),
    /** `YYYY-MM-DD`, exclusive: it has learned from nothing on or after this day. Empty where rows have no time. */
    trainedUntil: z.string(),
    /** Execution provider and instruction set that trained it, e.g. `cpu/x64/wasm-relaxed-fma`. */
    computedOn: z.string(),
    runtime: z.record(z.string(), z.string()),
  }),
};

export const recommenderArtifactSchema = z.strictObject({
  ...artifactHead,
  task: z.literal('recommend'),
  algorithm: z.enum(algorithmNames as [string, ...string[]]),
  ...artifactBody,
  catalogue: z.strictObject({ items: z.int(), users: z.int() }),
});

const fittedSteps = z.array(z.strictObject({ step: z.string(), parameters: parameterValues }));

export const tableArtifactSchema = z.strictObject({
  ...artifactHead,
  task: z.enum(tableTasks),
  algorithm: z.enum(tableAlgorithmNames as [string, ...string[]]),
  ...artifactBody,
  target: z.string(),
  /** In the order of the graph's probabilities; none of a regressor. */
  classes: z.array(z.string()),
  /** Columns that the graph takes. */
  columns: z.array(z.strictObject({ name: z.string(), kind: z.enum(columnKinds) })),
  /** Features that these steps make of them. */
  features: z.int(),
  preparation: z.strictObject({
    columns: z.array(z.strictObject({ columns: z.array(z.string()), steps: fittedSteps })),
    select: fittedSteps,
  }),
});
export type TableArtifact = z.infer<typeof tableArtifactSchema>;

/**
 * The artifact: what a version consists of. Its digest, the SHA-256 of its canonical JSON, is the version's identity;
 * it holds no time and no run id, so that the same spec, data and code give the same digest.
 */
export const artifactSchema = z.discriminatedUnion('task', [recommenderArtifactSchema, tableArtifactSchema]);
export type Artifact = z.infer<typeof artifactSchema>;

/** `models/<name>/versions/<number>.json`: immutable. */
export const versionManifestSchema = z.strictObject({
  model: z.string(),
  version: z.int().min(1),
  artifactDigest: z.string().regex(digestPattern),
  artifact: artifactSchema,
  evaluation: z.union([evaluationSchema, tableEvaluationSummarySchema]),
  /** What the spec optimises: of a recommender `metric@k` and its lane. */
  objective: z.strictObject({ lane: z.enum(lanes).optional(), metric: z.string() }),
  /** Champion at the time, if any: the version that this one was compared with. */
  parent: z.int().nullable(),
  createdAt: z.string(),
  createdBy: z.strictObject({ workflowId: z.string(), runId: z.string() }),
});
export type VersionManifest = z.infer<typeof versionManifestSchema>;

/** `models/<name>/aliases/<alias>.json`: changes only by `If-Match`. */
export const aliasSchema = z.strictObject({
  version: z.int().min(1),
  artifactDigest: z.string().regex(digestPattern),
  changedAt: z.string(),
  changedBy: z.string(),
  reason: z.string(),
  previousVersion: z.int().nullable(),
});
export type AliasRecord = z.infer<typeof aliasSchema>;

/**
 * An alias that was taken away: nothing has that role now. Kept as an object, since S3 servers differ in whether an
 * `If-None-Match` sees a deleted one.
 */
export const withdrawnAliasSchema = z.strictObject({
  withdrawn: z.literal(true),
  changedAt: z.string(),
  changedBy: z.string(),
  reason: z.string(),
  previousVersion: z.int(),
});

/** Tensor names of every recommender's graph. They never change. */
export const recommenderTensors = {
  /** `string [batch, history]`: item ids of a user's history, `""` pads; ids outside the catalogue count for nothing. */
  historyItems: 'history_items',
  /** `float32 [batch, history]`: strength of each; 0 pads. */
  historyWeights: 'history_weights',
  /** `bool [batch, items]`: which catalogue items may be recommended. `[1, items]` broadcasts. */
  candidates: 'candidates',
  /** `int64 [1]`: how many to return; at most the catalogue's size. */
  k: 'k',
  /** `string [batch, k]`: best first; ties go to the item earlier in the catalogue (the more popular). */
  ids: 'ids',
  /** `float32 [batch, k]`: `-inf` marks places that no allowed item fills. */
  scores: 'scores',
} as const;
