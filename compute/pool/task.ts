/** What a compute task is: the contract between whoever asks for native compute and the process that does it. */

export interface ComputeTask<I> {
  /** URL of the module that exports the task, e.g. `new URL('./fit.ts', import.meta.url).href`. */
  module: string;
  /** Name of the exported `TaskFunction`. */
  name: string;
  /** Structured-cloneable and small: paths of files, parameters. */
  input: I;
  /** Kernel and session threads that it may use; counted against the pool's cores. */
  threads: number;
  /** For logs and process titles, e.g. `als trial 7`. */
  label: string;
}

export interface TaskContext {
  readonly threads: number;
  /** A folder of the task's own, removed after the caller has taken its results. */
  readonly workDir: string;
  /** @param fraction - done so far, in [0, 1]. */
  progress(fraction: number, note?: string): void;
  /**
   * Tells the caller that `file` (in `workDir`) holds a checkpoint. Resolves when the caller has stored it, so that a
   * task never runs more than one checkpoint ahead.
   */
  checkpoint(file: string, step: number): Promise<void>;
}

/** Runs in a compute process. What it returns is structured-cloneable and small; arrays leave as files in `workDir`. */
export type TaskFunction<I, O> = (input: I, context: TaskContext) => Promise<O>;

export interface RunOptions {
  /** Aborting kills the process at once; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (fraction: number, note?: string) => void;
  onCheckpoint?: (path: string, step: number) => Promise<void>;
  /** Folder for the task's files; a temporary one by default. */
  workDir: string;
}

export interface ComputePool {
  /**
   * @throws TradewindError whatever the task threw; `COMPUTE_PROCESS_DIED` (retryable) when its process ended with
   * signal or code. The pool replaces the process.
   */
  run<I, O>(task: ComputeTask<I>, options: RunOptions): Promise<O>;
  /** Process ids of the compute processes alive, for tests that kill them and for `tradewind doctor`. */
  readonly pids: number[];
  close(): Promise<void>;
}
