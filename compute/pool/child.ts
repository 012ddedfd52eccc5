/** One compute process as its parent sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TradewindError } from '../../contracts/errors.ts';
import { died, exceeded, explain, LastErrors, type Ending } from './ending.ts';
import type { GrantedTask } from './grant.ts';
import { spellBytes } from './memory.ts';
import { packError, unpackError, type FromProcess, type MeasuredUsage, type ToProcess } from './messages.ts';
import type { RunOptions, TaskUsage } from './task.ts';
import { restingBytes } from './watch.ts';

export interface ComputeLogEntry {
  /** `output`: a line that the process wrote. `task`: a task came to its own end, and what it took. */
  event: 'started' | 'output' | 'task' | 'ended';
  pid: number;
  /** Of the task that runs in it, or ran last. */
  label?: string;
  stream?: 'stdout' | 'stderr';
  text: string;
  usage?: TaskUsage;
}
export type ComputeLog = (entry: ComputeLogEntry) => void;

/**
 * What of the environment a compute process gets. An allow-list, as tasks need no credentials and whatever runs native
 * code on people's data should hold none.
 */
const passedVariables =
  'PATH HOME USER TMPDIR TMP TEMP LANG LC_ALL TZ SystemRoot ' +
  // What the execution providers of onnxruntime look at, and where their libraries are kept.
  'LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER CUDA_HOME CUDA_PATH NVIDIA_VISIBLE_DEVICES ' +
  'NVIDIA_TF32_OVERRIDE VK_DRIVER_FILES VK_ICD_FILENAMES XDG_CACHE_HOME TRADEWIND_CACHE';

function environment(): NodeJS.ProcessEnv {
  const names = passedVariables.split(' ').filter((name) => process.env[name]);
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

/** How long the last output of an ended process is waited for, where a process of its own holds its pipes open. */
const lastWordsMilliseconds = 100;

/** The task in hand. */
interface Run {
  task: GrantedTask;
  options: RunOptions;
  accepted: boolean;
  /** Its result or error has come; what happens to the process now is nothing to it. */
  answered: boolean;
  /** The last checkpoint's storing; they are stored one after another. */
  stored: Promise<void>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * The limit of a process's JavaScript heap, in MiB: three quarters of what its tasks may have. V8 collects the harder the
 * nearer it is to its limit, so that garbage alone does not bring a task to its budget; the rest is for the process
 * itself and for what lies outside of the heap, as arrays and sessions do. V8's own limit, some 4 GiB on large machines,
 * would be too high for small budgets, and for large ones low enough to die of a full heap within them.
 */
export const heapOf = ({ memoryBytes }: GrantedTask): number => Math.max(1, Math.floor((0.75 * memoryBytes) / 2 ** 20));

/** The process ended before it took the task, so that the task may go to another one. */
export class NotAccepted extends Error {}

export class ComputeProcess {
  readonly heapMebibytes: number;
  readonly #child: ChildProcess;
  readonly #log: ComputeLog;
  readonly #lastErrors = new LastErrors();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #label: string | undefined;
  #run: Run | undefined;
  #killedBecause: string | undefined;
  /** Resident bytes for which the lifeline ended it. */
  #usedBytes: number | undefined;
  #usable = true;

  /** @param heapMebibytes - limit of its JavaScript heap; @see heapOf */
  constructor(heapMebibytes: number, log: ComputeLog) {
    this.heapMebibytes = heapMebibytes;
    this.#log = log;
    const child = fork(fileURLToPath(new URL('./process.ts', import.meta.url)), [], {
      // Not the parent's: an `--inspect` port cannot be opened twice.
      execArgv: [`--max-old-space-size=${heapMebibytes}`, '--expose-gc'],
      env: environment(),
      serialization: 'advanced',
      // The fifth is the pipe whose end tells the process that this one is gone (`lifeline.ts`).
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
    });
    this.#child = child;
    child.on('message', (message: FromProcess) => this.#receive(message));
    child.on('error', (error) => {
      // Without a process id nothing was started, and no `exit` follows.
      if (child.pid === undefined)
        this.#finish({ code: null, signal: null, reason: `it could not be started: ${error.message}` });
    });
    child.on('exit', (code, signal) => {
      const ending = { code, signal, reason: this.#killedBecause };
      if (this.#run?.options.signal?.aborted) return this.#finish(ending);
      // Its last messages and lines may still be on their way. `close` comes when the channel and both pipes are empty.
      const timer = setTimeout(() => this.#finish(ending), lastWordsMilliseconds);
      child.once('close', () => {
        clearTimeout(timer);
        this.#finish(ending);
      });
      return undefined;
    });
    const lifeline = child.stdio[4] as Socket | undefined;
    lifeline?.on('error', () => {});
    if (lifeline) createInterface({ input: lifeline }).on('line', (text) => (this.#usedBytes = Number(text)));
    for (const stream of ['stdout', 'stderr'] as const) {
      createInterface({ input: child[stream]! }).on('line', (text) => this.#output(stream, text));
    }
    // A process that dies before it is ready shows in the run that waits for it.
    this.#ready.promise.catch(() => {});
    if (child.pid !== undefined) log({ event: 'started', pid: child.pid, text: 'compute process started' });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** False once it has ended, was killed or is in a state that nobody knows. */
  get usable(): boolean {
    return this.#usable && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Settles when the process is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  kill(reason: string): void {
    this.#usable = false;
    this.#killedBecause ??= reason;
    this.#child.kill('SIGKILL');
  }

  /**
   * @throws NotAccepted when the process ended before it took the task.
   * @throws the signal's reason, after the process is gone.
   */
  async run(task: GrantedTask, options: RunOptions): Promise<unknown> {
    options.signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const run: Run = { task, options, accepted: false, answered: false, stored: Promise.resolve(), resolve, reject };
    this.#run = run;
    this.#label = task.label;
    const abort = () => this.kill('its task was cancelled');
    options.signal?.addEventListener('abort', abort);
    try {
      this.#ready.promise.then(
        () => this.#post({ kind: 'run', task, workDir: options.workDir }),
        () => {},
      );
      return await promise;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      this.#run = undefined;
    }
  }

  #post(message: ToProcess): void {
    // An error means that the process is ending, which its `exit` event reports with the reason.
    this.#child.send(message, undefined, undefined, () => {});
  }

  #receive(message: FromProcess): void {
    const run = this.#run;
    if (message.kind === 'ready') this.#ready.resolve();
    if (!run) return;
    switch (message.kind) {
      case 'ready':
        return;
      case 'accepted':
        run.accepted = true;
        return;
      case 'progress':
        this.#progress(run, message);
        return;
      case 'checkpoint':
        run.stored = run.stored.then(() => this.#store(run, message));
        return;
      case 'done':
        run.answered = true;
        // The caller removes the folder once it has the result: not while a checkpoint in it is still being stored.
        void run.stored.then(() => {
          if (this.#account(run, message.usage)) run.resolve(message.value);
        });
        return;
      case 'failed':
        run.answered = true;
        void run.stored.then(() => {
          // After a complaint of its own a process is as good as new; after anything else threads or memory may be left.
          if (!message.error.complaint) this.kill('a task failed in it for an unknown reason');
          if (message.usage === undefined || this.#account(run, message.usage)) run.reject(unpackError(message.error));
        });
    }
  }

  /** @returns false where the caller's `onUsage` threw, which is what it gets then. */
  #account({ task, options, reject }: Run, { peakBytes, keptBytes, cpuMilliseconds }: MeasuredUsage): boolean {
    const usage: TaskUsage = { peakBytes, budgetBytes: task.memoryBytes, cpuMilliseconds };
    const took = `peak ${spellBytes(peakBytes)} of ${spellBytes(task.memoryBytes)}, ${(cpuMilliseconds / 1000).toFixed(1)} s CPU`;
    this.#log({ event: 'task', pid: this.pid!, label: task.label, text: `task ended: ${took}`, usage });
    // Warm processes are not counted against the pool's memory, and the next task's budget holds what it begins with.
    if (keptBytes > Math.max(restingBytes, task.memoryBytes / 4)) {
      this.kill(`it kept ${spellBytes(keptBytes)} after its task`);
    }
    try {
      options.onUsage?.(usage);
      return true;
    } catch (error) {
      reject(error);
      return false;
    }
  }

  #progress(run: Run, { fraction, note }: Extract<FromProcess, { kind: 'progress' }>): void {
    try {
      run.options.onProgress?.(fraction, note);
    } catch (error) {
      // The caller's own error goes to the caller; left alone it would end this process.
      run.answered = true;
      this.kill("its caller's onProgress failed");
      run.reject(error);
    }
  }

  async #store(run: Run, { number, file, step }: Extract<FromProcess, { kind: 'checkpoint' }>): Promise<void> {
    if (this.#run !== run) return;
    try {
      await run.options.onCheckpoint?.(resolve(run.options.workDir, file), step);
      this.#post({ kind: 'stored', number });
    } catch (error) {
      this.#post({ kind: 'stored', number, error: packError(error) });
    }
  }

  #output(stream: 'stdout' | 'stderr', text: string): void {
    if (stream === 'stderr') this.#lastErrors.add(text);
    this.#log({ event: 'output', pid: this.pid!, label: this.#label, stream, text });
  }

  #finish(ending: Ending): void {
    this.#usable = false;
    const error = this.#obituary(ending);
    this.#ready.reject(error);
    const run = this.#run;
    if (run) {
      if (run.options.signal?.aborted) run.reject(run.options.signal.reason);
      else if (!run.answered)
        run.reject(run.accepted || this.#killedBecause ? error : new NotAccepted(error.message, { cause: error }));
    }
    if (this.pid !== undefined) {
      this.#log({
        event: 'ended',
        pid: this.pid,
        label: this.#label,
        text: `compute process ended: ${explain(ending)}`,
      });
    }
    this.#ended.resolve();
  }

  #obituary(ending: Ending): TradewindError {
    const { task } = this.#run ?? {};
    // What the pool itself did comes before what the process was about to say.
    if (task && this.#killedBecause === undefined) {
      if (this.#usedBytes !== undefined) return exceeded(task.label, task.memoryBytes, this.#usedBytes);
      if (ending.signal === 'SIGABRT' && this.#lastErrors.heapFull)
        return exceeded(task.label, task.memoryBytes, 'heap');
    }
    return died(this.#label, explain(ending) + this.#lastErrors.quoted());
  }
}
