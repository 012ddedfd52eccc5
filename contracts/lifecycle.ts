/** Inputs and results of the workflows and their activities. Everything here passes through Temporal: ids, digests, metrics. */
import type { AlgorithmName } from './algorithms.ts';
import type { BlobRef, Evaluation, Lane } from './artifacts.ts';
import type { Stage } from './names.ts';
import type { ParameterValues, SearchSpace } from './parameters.ts';
import type { PipelineSpec } from './spec.ts';

export interface LifecycleInput {
  spec: PipelineSpec;
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

export interface TrialReport {
  index: number;
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  state: 'running' | 'done' | 'failed';
  /** The objective on the validation period. */
  value?: number;
  milliseconds?: number;
  cached?: boolean;
  error?: string;
}

export interface LifecycleProgress {
  model: string;
  dataset: string;
  seed: number;
  stages: StageReport[];
  trials: { total: number; done: number; failed: number; best?: TrialReport; latest: TrialReport[] };
  candidates: CandidateResult[];
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
  /** SHA-256 over the digests of all source files, in order: names the data. */
  dataDigest: string;
}

export interface ValidateRequest {
  interactions: BlobRef;
  rules: PipelineSpec['validation'];
}
export interface ValidateResult extends StageTiming {
  report: BlobRef;
  rows: number;
  users: number;
  items: number;
  firstDay: string;
  lastDay: string;
  warnings: string[];
}

export interface CleanRequest {
  interactions: BlobRef;
  preparation: PipelineSpec['preparation'];
}
export interface CleanResult extends StageTiming {
  interactions: BlobRef;
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

export interface SuggestRequest {
  sampler: PipelineSpec['tuning']['sampler'];
  space: SearchSpace;
  seed: number;
  /** Index of the trial within its space. */
  index: number;
  /** Finished trials that it may look at (law 8: exactly those before index − W). */
  history: { parameters: ParameterValues; value: number }[];
}
export interface SuggestResult {
  /** `null` when the sampler has run out of points (grid). */
  parameters: ParameterValues | null;
}

export interface TrialRequest {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  seed: number;
  part: SplitPart;
  objective: Objective;
  threads: number;
}
export interface TrialResult extends StageTiming {
  value: number;
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
}

export interface CandidateResult {
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  /** The objective on the validation period: what the choice is made by. */
  validation?: number;
  evaluation?: Evaluation;
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
  /** The packaged challenger, to recognise that it is the champion already. */
  artifactDigest: string;
}
export interface CompareResult extends StageTiming {
  champion: { version: number; value: number; artifactDigest: string } | null;
  /** True when the challenger may be deployed. */
  better: boolean;
  sameArtifact: boolean;
  reason: string;
}

export interface PackageRequest {
  model: string;
  algorithm: AlgorithmName;
  parameters: ParameterValues;
  seed: number;
  state: BlobRef;
  part: SplitPart;
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

export interface RegisterRequest {
  model: string;
  artifact: BlobRef;
  evaluation: Evaluation;
  objective: { lane: Lane; metric: string };
  parent: number | null;
}
export interface RegisterResult extends StageTiming {
  version: number;
  /** False when this artifact was a version already. */
  created: boolean;
}

// ---- release -----------------------------------------------------------------------------------------------------

export interface ReleaseInput {
  model: string;
  version: number;
  artifactDigest: string;
  reason: string;
  approval: 'automatic' | 'manual';
  deployment: PipelineSpec['deployment'];
  links?: Links;
  dataset: string;
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
  version: number;
  created: boolean;
  artifactDigest: string;
  outcome: Outcome;
  candidates: CandidateResult[];
  champion: { version: number; value: number } | null;
  performance?: PerformanceReport;
  /** `runs/<workflow id>/report.json` and `trials.ndjson`. */
  report: string;
  milliseconds: number;
}

// ---- study -------------------------------------------------------------------------------------------------------

export interface StudyInput {
  model: string;
  dataset: string;
  seed: number;
  part: SplitPart;
  objective: Objective;
  candidates: PipelineSpec['candidates'];
  tuning: PipelineSpec['tuning'];
  compute: PipelineSpec['compute'];
}
export interface StudyResult {
  /** The best trial of each candidate, in the spec's order. */
  best: TrialReport[];
  trials: number;
  failed: number;
  /** NDJSON of all trials. */
  table: BlobRef;
}
