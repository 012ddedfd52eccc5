/** Inputs and results of the activities that make a classifier or a regressor. As in `lifecycle.ts`: references, no data. */
import type { BlobRef } from './artifacts.ts';
import type { CheckedData } from './data-decision.ts';
import type { LifecycleInput, LifecycleResult, StageTiming } from './lifecycle.ts';
import type { ParameterValues } from './parameters.ts';
import type { Preparation } from './preparation.ts';
import type { TableAlgorithmName } from './table-algorithms.ts';
import type { RungValues, TrialPruning } from './study.ts';
import type { FoldMetrics } from './table-evaluation.ts';
import type { ColumnDefinition, TableTask } from './tables.ts';
import type { TableSpec } from './table-spec.ts';

/** A table on its way: typed Parquet, and what its columns are. */
export interface TableRef {
  table: BlobRef;
  columns: ColumnDefinition[];
}

// ---- data stages -------------------------------------------------------------------------------------------------

export interface IngestTableRequest {
  data: TableSpec['data'];
}
export interface IngestTableResult extends StageTiming, TableRef {
  rows: number;
  /** What was mended while reading, e.g. `{ "dates written d/m/y": 120 }`. */
  repairs: Record<string, number>;
  /** Rows that could not be read and were kept aside, with their reasons. */
  unreadable?: BlobRef;
  warnings: string[];
  /** SHA-256 over the digests of all source files, in order: names the data. */
  dataDigest: string;
}

export interface BehaviourRequest {
  /** Parquet of `ingest`. */
  interactions: BlobRef;
  items?: BlobRef;
  behaviour: NonNullable<TableSpec['data']['behaviour']>;
}
export interface BehaviourResult extends StageTiming, TableRef {
  rows: number;
  users: number;
  target: 'returns' | 'spend';
  /** Days that a label reaches beyond its cut-off. */
  horizonDays: number;
  /** `YYYY-MM-DD`, ascending. */
  cutOffs: string[];
  warnings: string[];
}

export interface ValidateTableRequest extends TableRef {
  dataset: string;
  /** Of the champion, or the latest version, whose training data the drift rules compare with. */
  model: string;
  target: string;
  rules: TableSpec['validation'];
}
export interface ValidateTableResult extends StageTiming, CheckedData {
  profile: BlobRef;
  /** Names of columns without any value, where there are some. */
  empty?: string[];
  broken: string[];
  rows: number;
  /** How many were checked. */
  rules: number;
  warnings: string[];
}

export interface CleanTableRequest extends TableRef {
  target: string;
  task: TableTask;
  cleaning: TableSpec['cleaning'];
  /** Columns in which rows are alike. */
  features: string[];
}
export interface CleanTableResult extends StageTiming {
  table: BlobRef;
  rows: number;
  /** Rows dropped, by reason. */
  dropped: Record<string, number>;
  /** Parquet of them. */
  droppedRows?: BlobRef;
  /** Rows of rare classes that became one. */
  merged: number;
  /** Rows equal in all features to one of another class. */
  contradicting: number;
}

export interface SplitTableRequest extends TableRef {
  target: string;
  task: TableTask;
  split: TableSpec['split'];
  /** Days between what is learned from and what is judged, where the spec leaves it to the labels' horizon. */
  gapDays?: number;
  seed: number;
  /** Columns that make two rows equal. */
  features: string[];
  /** `YYYY-MM-DD`: what cut-offs like `-31d` count from. */
  lastDay?: string;
}
export interface SplitTableResult extends StageTiming {
  /** Safetensors: the part and fold of each row. */
  split: BlobRef;
  /** JSON: classes, groups and days of each part. */
  summary: BlobRef;
  /** `learning`: what the final training learns from. */
  rows: { train: number; validation: number; test: number; learning: number };
  folds: number;
  /** Only for comparison with published figures: the split is not an honest one. */
  comparisonOnly: boolean;
  /** Classes of the target, ascending; none of a number. */
  classes: string[];
  warnings: string[];
}

// ---- models ------------------------------------------------------------------------------------------------------

/** What every activity that fits a table's model is told of the data. */
export interface TableWork extends TableRef {
  split: BlobRef;
  target: string;
  task: TableTask;
  classes: string[];
  metric: TableSpec['objective']['metric'];
  seed: number;
  /** What becomes of contradicting rows among those that are learned from; left out, they stay. */
  contradictions?: 'majority' | 'drop';
}
/** One way of making a model: what a trial tries. */
export interface TableCandidate {
  algorithm: TableAlgorithmName;
  parameters: ParameterValues;
  preparation: Preparation;
}

export interface TableTrialRequest extends TableWork, TableCandidate {
  /** Judged on the validation part, or on each fold in turn: the mean. */
  judgedOn: 'validation' | 'folds';
  /** Of trials on the validation part alone. */
  pruning?: TrialPruning;
}
export interface TableTrialResult extends StageTiming {
  value: number;
  state: 'done' | 'pruned';
  rungs?: RungValues;
}

export interface TableFoldRequest extends TableWork, TableCandidate {
  fold: number;
}
export interface TableFoldResult extends StageTiming, FoldMetrics {
  value: number;
  /** Safetensors: rows and predictions, out of fold. */
  predictions: BlobRef;
}

export interface TableTrainRequest extends TableWork, TableCandidate {}
export interface TableTrainResult extends StageTiming {
  /** Safetensors of the fitted preparation, and of the fitted model. */
  preparation: BlobRef;
  model: BlobRef;
  features: number;
  /** Rows not learned from because they contradict others; where the spec says so. */
  contradictions?: number;
}

export interface TableEvaluateRequest extends TableWork {
  algorithm: TableAlgorithmName;
  preparation: BlobRef;
  model: BlobRef;
  /** Columns to show the metrics by. */
  slices: string[];
}
export interface TableEvaluateResult extends StageTiming {
  /** The objective; null where it is undefined on the test part. */
  value: number | null;
  interval?: [number, number];
  /** JSON of the `TableEvaluationSummary`. */
  summary: BlobRef;
  /** JSON: curves, calibration, slices. */
  details: BlobRef;
  predictions: BlobRef;
}

export interface TablePackageRequest extends TableWork, TableCandidate {
  model: string;
  fitted: { preparation: BlobRef; model: BlobRef };
  /** Profile of what was learned from, kept for drift. */
  profile: BlobRef;
  specDigest: string;
  dataDigest: string;
  /** `YYYY-MM-DD`, exclusive; empty where rows have no time. */
  trainedUntil: string;
}
export interface TablePackageResult extends StageTiming {
  /** Blob of the canonical JSON of the `TableArtifact`; its digest is the artifact's digest. */
  artifact: BlobRef;
  graph: BlobRef;
  /** Rows that the export gate compared, and the largest difference of a prediction. */
  verified: { rows: number; largestDifference: number };
}

// ---- results -----------------------------------------------------------------------------------------------------

export interface TableCandidateResult extends TableCandidate {
  /** The objective in tuning. */
  validation?: number;
  /** Over the folds, where the spec has some. */
  folds?: { mean: number; standardError?: number; values: number[] };
  /** The objective on the test part; null where it is undefined there. */
  test?: { value: number | null; interval?: [number, number] | undefined };
  /** JSON: metrics, and curves, calibration and slices. */
  evaluation?: { summary: BlobRef; details: BlobRef };
  features?: number;
  chosen?: boolean;
}

export type TableLifecycleInput = LifecycleInput<TableSpec>;
export interface TableLifecycleResult extends Omit<LifecycleResult, 'candidates' | 'champion' | 'performance'> {
  task: TableTask;
  direction: 'maximize' | 'minimize';
  candidates: TableCandidateResult[];
}
