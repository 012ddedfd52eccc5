/**
 * Compute processes and their threads. Native compute never runs in the process that asks for it (law 3): it would
 * block its event loop, and could only be cancelled by ending that process.
 */
import { ComputeProcess, heapOf, NotAccepted, type ComputeLog } from './child.ts';
import { died } from './ending.ts';
import type { GrantedTask } from './grant.ts';
import { defaultMemory } from './memory.ts';
import type { ComputePool, ComputeTask, RunOptions } from './task.ts';

export type { ComputeLog, ComputeLogEntry } from './child.ts';
export type { ComputePool, ComputeTask, RunOptions, TaskContext, TaskFunction, TaskUsage } from './task.ts';

interface Waiting {
  task: GrantedTask;
  options: RunOptions;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

export interface PoolOptions {
  /** Threads that all running tasks may have together; an integer of at least 1. A task that asks for more gets them all. */
  cores: number;
  /** Bytes that all running tasks may have together, likewise; three quarters of the machine's by default. */
  memoryBytes?: number;
  /** Gets the processes' beginnings and ends, what tasks took, and every line that they write. */
  log?: ComputeLog;
}

/** @throws RangeError of cores or memory that are no integers of at least 1. */
export function createComputePool({ cores, memoryBytes = defaultMemory(), log = () => {} }: PoolOptions): ComputePool {
  requirePositive('The cores of a compute pool', cores);
  requirePositive('The bytes of a compute pool', memoryBytes);
  const processes = new Set<ComputeProcess>();
  /** Warm processes without a task, the last used at the end. With those at work, at most as many as cores. */
  const idle: ComputeProcess[] = [];
  const queue: Waiting[] = [];
  const free = { threads: cores, memoryBytes };
  let closed = false;

  function start(heapMebibytes: number): ComputeProcess {
    if (processes.size >= cores) idle.shift()?.kill('a task of another memory budget needed its place');
    const compute = new ComputeProcess(heapMebibytes, log);
    processes.add(compute);
    void compute.ended.then(() => {
      processes.delete(compute);
      const position = idle.indexOf(compute);
      if (position >= 0) idle.splice(position, 1);
    });
    return compute;
  }

  /** The limit of a heap is set when a process starts, so that one serves tasks of the same memory only. */
  function warm(heapMebibytes: number): ComputeProcess | undefined {
    const position = idle.findLastIndex((compute) => compute.usable && compute.heapMebibytes === heapMebibytes);
    return position < 0 ? undefined : idle.splice(position, 1)[0];
  }

  /** Runs the task in a warm process or a new one. One that died while it was idle does not count as a try. */
  async function execute({ task, options }: Waiting): Promise<unknown> {
    const heap = heapOf(task);
    for (;;) {
      const reused = warm(heap);
      const compute = reused ?? start(heap);
      try {
        return await compute.run(task, options);
      } catch (error) {
        if (!(error instanceof NotAccepted)) throw error;
        if (!reused) throw error.cause;
      } finally {
        if (compute.usable) idle.push(compute);
        // Its threads hold their cores until it is gone.
        else await compute.ended;
      }
    }
  }

  /** Strictly first come, first served: a large task at the head is not overtaken by small ones, so it cannot starve. */
  function admit(): void {
    while (queue.length > 0 && fits(queue[0].task)) {
      const next = queue.shift()!;
      const { threads, memoryBytes: bytes } = next.task;
      free.threads -= threads;
      free.memoryBytes -= bytes;
      execute(next)
        .then(next.resolve, next.reject)
        .finally(() => {
          free.threads += threads;
          free.memoryBytes += bytes;
          admit();
        });
    }
  }

  function fits(task: GrantedTask): boolean {
    return task.threads <= free.threads && task.memoryBytes <= free.memoryBytes;
  }

  /** @throws RangeError */
  function grant(task: ComputeTask<unknown>): GrantedTask {
    requirePositive('The threads of a compute task', task.threads);
    const threads = Math.min(cores, task.threads);
    const { memoryBytes: asked = Math.max(1, Math.floor((memoryBytes * threads) / cores)) } = task;
    requirePositive('The bytes of a compute task', asked);
    return { ...task, threads, memoryBytes: Math.min(memoryBytes, asked) };
  }

  return {
    run<I, O>(task: ComputeTask<I>, options: RunOptions): Promise<O> {
      const { signal } = options;
      if (signal?.aborted) return Promise.reject(signal.reason as Error);
      if (closed) return Promise.reject(died(task.label, 'a closed pool'));
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      let waiting: Waiting;
      try {
        waiting = { task: grant(task), options, resolve, reject };
      } catch (error) {
        return Promise.reject(error as Error);
      }
      queue.push(waiting);
      const leave = () => {
        const position = queue.indexOf(waiting);
        if (position < 0) return;
        queue.splice(position, 1);
        reject(signal!.reason);
        // What stood behind a wide task at the head may fit now.
        admit();
      };
      signal?.addEventListener('abort', leave);
      admit();
      return promise.finally(() => signal?.removeEventListener('abort', leave)) as Promise<O>;
    },

    get pids() {
      return [...processes].flatMap((compute) => (compute.pid === undefined ? [] : [compute.pid]));
    },

    async close() {
      closed = true;
      for (const { task, reject } of queue.splice(0))
        reject(died(task.label, 'a pool that was closed before its turn'));
      const ends = [...processes].map((compute) => {
        compute.kill('its pool was closed');
        return compute.ended;
      });
      await Promise.all(ends);
    },
  };
}

function requirePositive(subject: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`${subject} must be an integer of at least 1. Got ${value}.`);
  }
}
