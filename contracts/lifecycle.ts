/** Inputs and results of the workflows and their activities. Everything here passes through Temporal: ids, digests, metrics. */
import type { AlgorithmName } from './algorithms.ts';
import type { BlobRef, Evaluation, Lane } from './artifacts.ts';
import type { CheckedData } from './data-decision.ts';
import type { Stage } from './names.ts';
import type { ParameterValues } from './parameters.ts';
import type { ShownSlices } from './recommender-slices.ts';
import type { PipelineSpec } from './spec.ts';
import type { TableCandidateResult } from './table-lifecycle.ts';
import type { RungValues, TrialPruning, TrialReport } from './study.ts';

export type { StudyResult, TrialReport } from './study.ts';

export interface LifecycleInput<S = PipelineSpec> {
  spec: S;
  /** SHA-256 of the spec as written, paths and all settings included, in canonical JSON. */
  specDigest: string;
  /** Where the person who started it can look: base URL of the Web UI, for links in current details. */
  links?: Links;
}
export interface Links {
  webUi?: string;
  namespace?: string;
  /** The inference server's base URL. */
  api?: string;
}

/** Time and cache verdict that every stage reports. */
export interface StageTiming {
  /** True when the step cache held the result. */
  cached: boolean;
  /** Wall time of this activity, in milliseconds. */
  milliseconds: number;
}

export interface StageReport {
  stage: Stage;
  state: 'waiting' | 'running' | 'done' | 'skipped' | 'failed';
  startedAt?: string;
  milliseconds?: number;
  cached?: boolean;
  /** One line for people, e.g. `1,469,307 rows of 2,469 users`. */
  note?: string;
}

export interface LifecycleProgress {
  model: string;
  dataset: string;
  seed: number;
  /** The objective's name, e.g. `ndcg@10`. */
  objective: string;
  stages: StageReport[];
  trials: { total: number; done: number; failed: number; best?: TrialReport; latest: TrialReport[] };
  candidates: CandidateResult[];
  /** In their place, of a classifier or regressor. */
  tableCandidates?: TableCandidateResult[];
  /** Broken rules of the data, while somebody is to decide about them. */
  waitsFor?: string[];
  warnings: string[];
  version?: number;
  outcome?: Outcome;
}

// ---- data stages -------------------------------------------------------------------------------------------------

export interface IngestRequest {
  data: PipelineSpec['data'];
}
export interface IngestResult extends StageTiming {
  /** Parquet `user VARCHAR, item VARCHAR, time TIMESTAMP, quantity DOUBLE, value DOUBLE, basket VARCHAR`; nulls kept. */
  interactions: BlobRef;
  /** Parquet `item VARCHAR, title VARCHAR, category VARCHAR, department VARCHAR`. */
  items?: BlobRef;
  rows: number;
  itemRows: number;
  /** Source files without a row, of several. */
  emptyFiles: number;
  /** SHA-256 over the digests of all source files, in order: names the data. */
  dataDigest: string;
}

export interface ValidateRequest {
  interactions: BlobRef;
  rules: PipelineSpec['validation'];
  /** Of the champion, or the latest version, whose training data the drift rules compare with. */
  model: string;
}
export interface ValidateResult extends StageTiming, CheckedData {
  rows: number;
  users: number;
  items: number;
  /** Empty where no row has a time. */
  firstDay: string;
  lastDay: string;
  warnings: string[];
}

export interface CleanRequest {
  interactions: BlobRef;
  /** For the profile. */
  items?: BlobRef;
  preparation: PipelineSpec['preparation'];
}
export interface CleanResult extends StageTiming {
  interactions: BlobRef;
  /** JSON of `data/profile.ts`: rows per month, top items, sparsity, repeats. */
  profile: BlobRef;
  rows: number;
  /** Rows dropped, by reason. */
  dropped: Record<string, number>;
}

export interface SplitRequest {
  interactions: BlobRef;
  preparation: PipelineSpec['preparation'];
  split: PipelineSpec['split'];
}
export interface SplitPart {
  /** Safetensors of `data/interactions.ts`: CSR users × items and both vocabularies. */
  train: BlobRef;
  /** Safetensors: what the same users did afterwards. */
  heldOut: BlobRef;
  users: number;
  items: number;
  interactions: number;
  judgedUsers: number;
}
export interface SplitResult extends StageTiming {
  /** Trained before `validationFrom`, judged on [validationFrom, testFrom). */
  tuning: SplitPart;
  /** Trained before `testFrom`, judged on [testFrom, testUntil). */
  final: SplitPart;
}

// ---- models ------------------------------------------------------------------------------------------------------

export interface Objective {
  lane: Lane;
  metric: PipelineSpec['objective']['metric'];
  k: number;
}

export interface TrialRequest {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  seed: number;
  part: SplitPart;
  objective: Objective;
  threads: number;
  /** Of algorithms that are pruned; those that learn in one piece leave it aside. */
  pruning?: TrialPruning;
}
export interface TrialResult extends StageTiming {
  /** Of a pruned trial, at its last rung. */
  value: number;
  /** `done` when left out. */
  state?: 'done' | 'pruned';
  rungs?: RungValues;
  evaluation: Evaluation;
}

export interface TrainRequest {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  seed: number;
  part: SplitPart;
}
export interface TrainResult extends StageTiming {
  /** Safetensors of the fitted model's state. */
  state: BlobRef;
}

export interface EvaluateRequest {
  algorithm: AlgorithmName;
  state: BlobRef;
  part: SplitPart;
  objective: Objective;
}
export interface EvaluateResult extends StageTiming {
  evaluation: Evaluation;
  value: number;
  /** Of the objective's lane; in results of before there were slices, absent. */
  slices?: ShownSlices;
  /** JSON of the evaluation with the slices of both lanes. */
  details?: BlobRef;
}

export interface CandidateResult {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  /** The objective on the validation period: what the choice is made by. */
  validation?: number;
  evaluation?: Evaluation;
  /** JSON: the evaluation with slices of both lanes. */
  details?: BlobRef;
  /** Of the chosen one: those of the objective's lane. */
  slices?: ShownSlices;
  state?: BlobRef;
  chosen?: boolean;
}

export interface CompareRequest {
  model: string;
  part: SplitPart;
  objective: Objective;
  /** Value of the chosen candidate on the test period. */
  value: number;
  minimumGain: number;
  /** First day of the test period: a champion that knows it cannot be compared. */
  testFrom: string;
}
export interface CompareResult extends StageTiming {
  /** `value`: `null` where it knows the test period. */
  champion: { version: number; value: number | null; artifactDigest: string } | null;
  /** True when the challenger may be deployed. */
  better: boolean;
  reason: string;
}

export interface PackageRequest {
  model: string;
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  seed: number;
  state: BlobRef;
  part: SplitPart;
  /** The items table of ingest, for titles in answers. */
  items?: BlobRef;
  /** Of what was learned from, kept for drift. */
  profile?: BlobRef;
  /** `YYYY-MM-DD`, exclusive. */
  trainedUntil: string;
  specDigest: string;
  dataDigest: string;
}
export interface PackageResult extends StageTiming {
  /** Blob of the canonical JSON of the `Artifact`; its digest is the artifact's digest. */
  artifact: BlobRef;
  graph: BlobRef;
  /** Users that the export gate compared, and the largest difference of a score. */
  verified: { users: number; largestDifference: number };
}

export interface ExplainRequest {
  algorithm: AlgorithmName;
  state: BlobRef;
  part: SplitPart;
  seed: number;
}
export interface ExplainResult extends StageTiming {
  /** JSON of `explanation/examples.ts`: a few users' best item and what speaks for it; no id of a user. */
  examples: BlobRef;
}

export interface RegisterRequest {
  model: string;
  artifact: BlobRef;
  /** Of a table's model the JSON of its summary, which may be large. */
  evaluation: Evaluation | BlobRef;
  objective: { lane?: Lane; metric: string };
  parent: number | null;
}
export interface RegisterResult extends StageTiming {
  version: number;
  /** False when this artifact was a version already. */
  created: boolean;
}

// ---- release -----------------------------------------------------------------------------------------------------

/** A deployment, and who decides about it. */
export interface ReleaseInput extends DeploymentInput {
  approval: 'automatic' | 'manual';
}
export interface ReleaseResult {
  decision: 'approved' | 'rejected';
  by: string;
  deployment?: DeploymentResult;
}
export interface ReleaseDecision {
  decision: 'approved' | 'rejected';
  by: string;
  reason?: string;
}

export interface DeploymentInput {
  model: string;
  version: number;
  artifactDigest: string;
  reason: string;
  deployment: PipelineSpec['deployment'];
  /** Champion that the version was compared with; when another one stands there by then, the version gives way. */
  expectedChampion: number | null;
  links?: Links;
  dataset: string;
}
export interface DeploymentResult {
  model: string;
  version: number;
  previousVersion: number | null;
  /** What the performance test measured on the served version. */
  performance?: PerformanceReport;
  state: 'deployed' | 'compensated' | 'superseded';
  reason?: string;
}
export interface PerformanceReport {
  requests: number;
  errors: number;
  seconds: number;
  p50Milliseconds: number;
  p99Milliseconds: number;
  requestsPerSecond: number;
}

export type Outcome =
  | { kind: 'deployed'; version: number; reason: string }
  | { kind: 'unchanged'; version: number; reason: string }
  | { kind: 'registered'; version: number; reason: string }
  | { kind: 'awaiting-approval'; version: number; reason: string; releaseWorkflowId: string };

export interface LifecycleResult {
  model: string;
  /** The objective's name, e.g. `ndcg@10`. */
  metric: string;
  version: number;
  created: boolean;
  artifactDigest: string;
  outcome: Outcome;
  candidates: CandidateResult[];
  champion: { version: number; value: number | null } | null;
  performance?: PerformanceReport;
  /** What validation found worth a look. */
  warnings: string[];
  /** `s3://` address of the stage and candidate tables in Markdown. */
  table: string;
  /** `s3://` address of everything about the run in JSON. */
  report: string;
  milliseconds: number;
}

export interface ProveRequest {
  artifactDigest: string;
  model: string;
  version: number;
}
export interface ProveResult {
  milliseconds: number;
  /** Users of the artifact's own histories that were asked for. */
  users: number;
}
export interface PointChampionRequest {
  model: string;
  version: number;
  artifactDigest: string;
  expectedChampion: number | null;
  changedBy: string;
  reason: string;
}
export interface PointChampionResult {
  /** `superseded`: another version than the expected one is champion by now. */
  state: 'moved' | 'already' | 'superseded';
  previousVersion: number | null;
  champion: number;
}
export interface RestoreChampionRequest {
  model: string;
  /** The version that failed. */
  version: number;
  previousVersion: number | null;
  changedBy: string;
  reason: string;
}
export interface ConfirmChampionRequest {
  model: string;
}
export interface AwaitServedRequest {
  model: string;
  version: number;
}
export interface AwaitServedResult {
  url: string;
  milliseconds: number;
}
export interface PerformanceTestRequest {
  model: string;
  version: number;
  artifactDigest: string;
  gates: PipelineSpec['deployment']['performanceTest'];
  seed: number;
}
export interface WriteReportRequest {
  workflowId: string;
  report: unknown;
  markdown: string;
}
