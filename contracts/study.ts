/** A study: what it is given, what people may tell it while it runs, and what its activities ask of each other. */
import type { AnyAlgorithmName } from './algorithm-titles.ts';
import type { BlobRef, Lane } from './artifacts.ts';
import type { Objective, SplitPart } from './lifecycle.ts';
import type { ParameterValues, SearchSpace } from './parameters.ts';
import type { PreparedColumns } from './preparation.ts';
import type { PreparationSection } from './preparation-spec.ts';
import type { PipelineSpec } from './spec.ts';
import type { SamplerName } from './studies.ts';
import type { TableTrialRequest, TableWork } from './table-lifecycle.ts';
import type { TableSpec } from './table-spec.ts';

export type Direction = 'maximize' | 'minimize';

/** Values of a trial on its way, e.g. after 1, 3 and 9 epochs, ascending; in the metric's own unit. */
export type RungValues = { rung: number; value: number }[];

export interface TrialReport {
  /** Within the study, from 0, in the order in which trials start. */
  index: number;
  /** Place of the candidate in the study's list. */
  candidate: number;
  algorithm: AnyAlgorithmName;
  /** Complete: fixed ones and defaults included. */
  parameters: ParameterValues;
  /** `pruned`: ended at a rung. `stopped`: cut off by the study's end, without a value. */
  state: 'running' | 'done' | 'pruned' | 'failed' | 'stopped';
  /** The objective, in its own unit; of a pruned trial, at its last rung. */
  value?: number;
  rungs?: RungValues;
  /** Somebody asked for these parameters; no sampler chose them. */
  enqueued?: true;
  milliseconds?: number;
  cached?: boolean;
  error?: string;
}

// ---- input and result --------------------------------------------------------------------------------------------

/** Ends trials early that fall behind others at the same rung. */
export interface Pruning {
  pruner: 'median' | 'asha';
  /** Rungs are `minResource · reductionFactor^k` up to `maxResource`, in the unit that trials count in (epochs). */
  minResource: number;
  /** At least 2; with `asha` also the share that goes on at each rung, 1 / `reductionFactor`. */
  reductionFactor: number;
  maxResource: number;
  /** Of `median`: trials that must have ended with a value before any is pruned. 5 by default. */
  startupTrials?: number;
  /** Of `median`: first rungs at which none is pruned. 0 by default. */
  warmupRungs?: number;
}

export interface StudyTuning {
  /** Trials over all candidates that search something; those that search nothing are tried once each, beside these. */
  trials: number;
  /** Trials in flight, W: trial i starts when trial i − W has ended. */
  parallel: number;
  sampler: SamplerName;
  /** Time limit, pauses left out. The study ends with what it has, which depends on the machine: no determinism here. */
  timeoutMinutes: number;
  /** Ends the study after this many trials in a row without improvement. */
  patience?: number;
  /**
   * `even`: each candidate is searched apart and gets its share of the trials. `joint`: one space, of which the
   * candidate is a dimension, so that more trials go where they gain more.
   */
  candidates?: 'even' | 'joint';
  pruning?: Pruning;
}

/** What is tried, and on what. */
export type StudySubject = RecommenderSubject | TableSubject;
export interface RecommenderSubject {
  kind: 'recommender';
  part: SplitPart;
  objective: Objective;
  candidates: PipelineSpec['candidates'];
}
export interface TableSubject {
  kind: 'table';
  work: TableWork;
  candidates: TableSpec['candidates'];
  preparation: PreparationSection;
  /** What the section's patterns are matched with: `preparationColumns` of `table-features.ts`. */
  preparing: { names: string[]; byDefault: PreparedColumns[] };
  judgedOn: TableTrialRequest['judgedOn'];
}

export interface StudyInput {
  model: string;
  dataset: string;
  seed: number;
  subject: StudySubject;
  /** `maximize` by default. */
  direction?: Direction;
  tuning: StudyTuning;
  compute: PipelineSpec['compute'];
  /**
   * `tables` of earlier studies. Their trials that fit a candidate's space are known to its sampler from the start; to
   * pruners and as this study's own best they count for nothing, as the data may have changed.
   */
  warmStart?: BlobRef[];
  /** What one run of the workflow hands over to the next as it continues as new. Whoever starts a study leaves it out. */
  carried?: CarriedStudy;
}

export type StudyEnding = 'trials' | 'time' | 'patience' | 'failures' | 'stop';

export interface StudyResult {
  /** The best trial of each candidate that has one, in the spec's order. */
  best: TrialReport[];
  trials: number;
  failed: number;
  pruned: number;
  endedBy: StudyEnding;
  /** NDJSON of all trials, ascending; a later study can start warm from it. Equal studies give equal bytes. */
  tables: BlobRef[];
  /** The same as lines of Optuna's journal storage; also at `runs/<workflow id>/study.optuna.log`. */
  journal: BlobRef;
  /** No GPU worker took a trial in time: the study went on on CPUs. */
  fellBack: boolean;
  /** Of a study that started warm. */
  warm?: WarmTrials;
}

/** What became of the trials of earlier studies. */
export interface WarmTrials {
  /** Those that a candidate which searches something could have drawn. */
  known: number;
  /** Those that no candidate could have drawn: other fixed parameters, or outside the ranges. */
  unfit: number;
}

// ---- what people may ask and tell --------------------------------------------------------------------------------

export interface StudyBudget {
  trials: number;
  parallel: number;
  minutes: number;
  /** `null`: any number of trials without improvement. */
  patience: number | null;
}

/** What a trial is to try: complete, and within the space of its candidate. */
export interface SettledTrial {
  candidate: number;
  algorithm: AnyAlgorithmName;
  parameters: ParameterValues;
}
export interface EnqueueOrder {
  /** Place in the study's list, or the algorithm, where only one candidate has it. */
  candidate: number | string;
  /** Searched parameters by their names; what is left out takes the candidate's default. */
  parameters: ParameterValues;
}

export interface StudyStatus {
  model: string;
  /** Name of the metric, e.g. `ndcg@10`. */
  metric: string;
  direction: Direction;
  state: 'running' | 'paused' | 'ending' | 'ended';
  endedBy?: StudyEnding;
  budget: StudyBudget;
  counts: TrialCounts;
  /** Trials that the study will have had if nothing changes. */
  planned: number;
  waiting: SettledTrial[];
  warm?: WarmTrials;
  best?: TrialReport;
  /** Trials in pieces: see `store/trial-archive.ts`. */
  archive: BlobRef | null;
  /** Those that are in no piece yet, running ones included. */
  tail: TrialReport[];
}
export interface TrialCounts {
  started: number;
  running: number;
  done: number;
  pruned: number;
  failed: number;
  stopped: number;
}

// ---- what a run of the workflow keeps ----------------------------------------------------------------------------

/** Trials that are drawn from one space: of one candidate, or of several that share a joint one. */
export interface TrialPool {
  /** Places in the study's list. */
  candidates: number[];
  /** Trials that it gets. */
  share: number;
}

export interface CarriedStudy {
  budget: StudyBudget;
  paused: boolean;
  waiting: SettledTrial[];
  /** By pool: trials started, suggestions among them, and whether the sampler has nothing left. */
  pools: { started: number; suggested: number; exhausted: boolean }[];
  counts: TrialCounts;
  tally: StudyTally;
  /** By candidate. */
  best: (TrialReport | null)[];
  latest: TrialReport[];
  archive: BlobRef | null;
  spentMilliseconds: number;
  fellBack: boolean;
  firstError: string | null;
}

/** What decides whether a study goes on, from trials in their order whatever their timing. */
export interface StudyTally {
  /** Trials before this one are counted in. */
  seen: number;
  bestIndex: number;
  bestValue: number | null;
  failuresInARow: number;
  /** Ended, but not counted in yet: `null` has no value to compare. */
  unseen: { index: number; state: TrialReport['state']; value: number | null }[];
}

// ---- activities --------------------------------------------------------------------------------------------------

export interface EarlierStudiesRequest {
  model: string;
  /** `previous`, or workflow ids of studies or of their lifecycles. */
  warmStart: 'previous' | string[];
  /** What the new study is judged by: values of anything else are no use to it. */
  objective: { lane?: Lane; metric: string };
  direction: Direction;
}
export interface EarlierStudies {
  studies: { workflowId: string; table: BlobRef }[];
  /** Why there are none. */
  reason?: string;
}

export interface StudyPlanRequest {
  subject: StudySubject;
  trials: number;
  sharing: 'even' | 'joint';
  warmStart?: BlobRef[];
}
export interface StudyPlan {
  pools: TrialPool[];
  /** By candidate: what to call it in summaries. */
  titles: string[];
  /** JSON: a `SearchedCandidate` for each. */
  candidates: BlobRef;
  warm?: WarmTrials;
}
/** What samplers know of a candidate, whatever it makes. */
export interface SearchedCandidate {
  algorithm: AnyAlgorithmName;
  /** Fixed ones and defaults: what a trial has besides what was drawn for it. */
  parameters: ParameterValues;
  /** Empty where nothing is searched. */
  space: SearchSpace;
}

/** What a sampler needs to know of a trial of the same study; `state: 'running'` has parameters alone. */
export type KnownTrial = Pick<TrialReport, 'index' | 'candidate' | 'parameters' | 'state' | 'value' | 'rungs'>;

export interface SuggestRequest {
  candidates: BlobRef;
  /** Places of those to suggest for. */
  pool: number[];
  sampler: SamplerName;
  seed: number;
  /** Suggestions for this pool before this one. */
  index: number;
  /** Trials before this one may be looked at; of those from it on, the parameters alone (law 8). */
  seen: number;
  direction: Direction;
  archive: BlobRef | null;
  tail: KnownTrial[];
  warmStart?: BlobRef[];
  pruning?: Pruning;
}
export interface Suggestion extends SettledTrial {
  pruning?: TrialPruning;
}
export interface SuggestResult {
  /** `null` when the sampler has run out of points (grid). */
  trial: Suggestion | null;
}

export interface SettleRequest {
  candidates: BlobRef;
  order: EnqueueOrder;
}

export interface ArchiveRequest {
  archive: BlobRef | null;
  trials: TrialReport[];
}

export interface CloseStudyRequest {
  workflowId: string;
  /** What to call the study in the journal: nothing that differs between equal studies. */
  name: string;
  metric: string;
  direction: Direction;
  candidates: BlobRef;
  archive: BlobRef | null;
  /** Trials that the archive must hold, each once. */
  trials: number;
}
export interface CloseStudyResult {
  table: BlobRef;
  journal: BlobRef;
}

/** What a trial is told about its way before it begins. `tuning/hurdles.ts` goes by it. */
export interface TrialPruning {
  /** Ascending. */
  rungs: number[];
  /** By rung, turned so that higher is better: a trial that has less ends there. `null`: any goes on. */
  thresholds: (number | null)[];
  /** What is compared with them: the trial's best value so far, or that at the rung. */
  judges: 'best' | 'latest';
  /** In which the trial's own values are turned. */
  direction: Direction;
}
