/** Names that more than one process must agree on: queues, workflow ids, search attributes, object keys. */

export const taskQueues = {
  /** Workflows, and activities that only wait, decide or talk to S3. */
  orchestration: 'tradewind',
  /** Activities that compute on CPU cores. */
  cpu: 'tradewind-cpu',
  /** Activities that compute on a GPU; work waits here for a stated time, then goes to `cpu`. */
  gpu: 'tradewind-gpu',
} as const;

/**
 * Search attributes, registered on the namespace by `tradewind up`. The keys are what people type into the Web UI's
 * filter; the types are Temporal's.
 */
export const searchAttributes = {
  TradewindModel: 'KEYWORD',
  TradewindVersion: 'INT',
  TradewindStage: 'KEYWORD',
  TradewindDataset: 'KEYWORD',
} as const;

export const workflowIds = {
  /** @param run - unique per run: a UTC time stamp and four random characters. */
  lifecycle: (model: string, run: string) => `lifecycle/${model}/${run}`,
  study: (lifecycleId: string) => `${lifecycleId}/tune`,
  release: (lifecycleId: string) => `${lifecycleId}/release`,
  deployment: (model: string, version: number, lifecycleId: string) =>
    `deploy/${model}/v${version}/${lifecycleId.split('/').slice(2).join('/')}`,
  schedule: (model: string) => `retrain/${model}`,
} as const;

/** Aliases of a model that point at one of its versions. The only mutable objects in the bucket. */
export const aliases = ['champion', 'challenger'] as const;
export type Alias = (typeof aliases)[number];

/** Keys of the artifact bucket. Everything else in the product asks here. */
export const objectKeys = {
  blob: (digest: string) => `blobs/${digest}`,
  cache: (stage: string, key: string) => `cache/${stage}/${key}.json`,
  runFile: (workflowId: string, name: string) => `runs/${workflowId}/${name}`,
  checkpoint: (activityKey: string, name: string) => `checkpoints/${activityKey}/${name}`,
  versions: (model: string) => `models/${model}/versions/`,
  version: (model: string, version: number) => `models/${model}/versions/${version}.json`,
  byDigest: (model: string, digest: string) => `models/${model}/by-digest/${digest}.json`,
  alias: (model: string, alias: Alias) => `models/${model}/aliases/${alias}.json`,
} as const;

/** Stages of a recommender's `modelLifecycle`, in order. */
export const stages = [
  'ingest',
  'validate',
  'clean',
  'split',
  'tune',
  'train',
  'evaluate',
  'compare',
  'package',
  'register',
  'deploy',
  'test',
  'serve',
] as const;
/** Stages of a classifier's or regressor's. */
export const tableStages = [
  'ingest',
  'validate',
  'clean',
  'split',
  'tune',
  'cross-validate',
  'train',
  'evaluate',
  'package',
  'register',
] as const;
export type Stage = (typeof stages)[number] | (typeof tableStages)[number];

/** Largest payload that may pass through Temporal, in bytes (law 1: histories carry references, never data). */
export const maxPayloadBytes = 64 * 1024;

/** Rejects names that could not stand in a workflow id, an S3 key and a URL at once. */
export const modelNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
