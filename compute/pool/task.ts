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
  /**
   * Memory that its process may have, counted against the pool's; above it the process is ended. By default the share
   * of the pool's memory that goes with its threads.
   */
  memoryBytes?: number;
  /** For logs and process titles, e.g. `als trial 7`. */
  label: string;
}

export interface TaskContext {
  /** What was granted: what the task asked for, or all that there are. A kernel or session that asks for more gets this. */
  readonly threads: number;
  /** What the task's process may have, itself included: it takes some 50 MiB when it begins, 150 with onnxruntime. */
  readonly memoryBytes: number;
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

/** What a task took. */
export interface TaskUsage {
  /** Largest resident memory of its process while it ran. Exact on Linux, elsewhere sampled every 50 ms. */
  peakBytes: number;
  budgetBytes: number;
  /** Processor time over all threads. */
  cpuMilliseconds: number;
}

export interface RunOptions {
  /** Aborting kills the process at once; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (fraction: number, note?: string) => void;
  onCheckpoint?: (path: string, step: number) => Promise<void>;
  /** Called once, before the promise settles, where the task itself came to an end: with a result or an error. */
  onUsage?: (usage: TaskUsage) => void;
  /** Folder for the task's files; a temporary one by default. */
  workDir: string;
}

export interface ComputePool {
  /**
   * @throws TradewindError whatever the task threw; `COMPUTE_PROCESS_DIED` (retryable) when its process ended with
   * signal or code; `COMPUTE_MEMORY_EXCEEDED` when it was ended above its memory budget or its JavaScript heap, which
   * may take three quarters of it, was full. The pool replaces the process.
   */
  run<I, O>(task: ComputeTask<I>, options: RunOptions): Promise<O>;
  /** Process ids of the compute processes alive, for tests that kill them and for `tradewind doctor`. */
  readonly pids: number[];
  close(): Promise<void>;
}
