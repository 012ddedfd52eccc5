/**
 * The estimator contract. Parameters are data (`contracts/algorithms.ts`); `fit` gives another type, so that "not
 * fitted" cannot be written; a fitted model can score, save itself and lower itself to one ONNX graph.
 */
import type { AlgorithmName, ParametersOf } from '../contracts/algorithms.ts';
import type { Execution } from '../contracts/execution.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Ranked, Wanted } from '../compute/kernels/top-k.ts';
import type { Interactions } from '../data/interactions.ts';

export type { AskedItems, Ranked, TopLists, Wanted } from '../compute/kernels/top-k.ts';

export interface FitContext {
  readonly seed: number;
  /** Kernel threads to use. The result must not depend on it. */
  readonly threads: number;
  /** What training programs are to run on; the CPU when left out. Kernels know nothing else. */
  readonly execution?: Execution;
  progress?(fraction: number, note?: string): void;
  /** A state to go on from, as a `checkpoint` call of an interrupted fit got it; the result is the same bytes. */
  readonly resume?: ArrayFile;
  checkpoint?(state: ArrayFile, step: number): Promise<void>;
  /** Least time between two checkpoints; the result does not depend on it. 5 s by default. */
  readonly checkpointMilliseconds?: number;
}

/** Histories of a batch of users in CSR form over the catalogue of the model that is asked. */
export interface Histories {
  /** `[rows + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: catalogue indices, ascending within a row. */
  indices: Int32Array;
  /** `[nnz]`: number of baskets. */
  counts: Float32Array;
}

export interface FittedRecommender {
  readonly algorithm: AlgorithmName;
  /** Catalogue size. */
  readonly items: number;
  /**
   * Scores rows [from, to) of `histories` against the whole catalogue. A user is always scored from the history alone,
   * so that known and new users go one way.
   * @param out - `float32 [(to − from) × items]`, row-major, overwritten.
   */
  score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void>;
  /**
   * The best of rows [from, to), chosen on the kernel threads while their scores are in the cache: the lists that
   * sorting what `score` gives would make, to the bit. Absent where a model gains nothing by it.
   * @param wanted - `asked` has the rows of `histories`; the scores of rows [from, to) alone come back.
   */
  rank?(histories: Histories, from: number, to: number, wanted: Wanted): Promise<Ranked>;
  /** Everything `load` needs: the same fit gives the same bytes. */
  state(): ArrayFile;
  /** ONNX bytes with the tensors of `recommenderTensors`, checked against `score` before they are packaged. */
  lower(catalogue: readonly string[], metadata: Readonly<Record<string, string>>): Uint8Array;
  /** Ends the kernel threads. */
  close(): Promise<void>;
}

export interface RecommenderEstimator<A extends AlgorithmName> {
  readonly algorithm: A;
  fit(train: Interactions, parameters: ParametersOf<A>, context: FitContext): Promise<FittedRecommender>;
  load(state: ArrayFile, context: { threads: number }): Promise<FittedRecommender>;
}
