/**
 * Compute processes and their threads. Native compute never runs in the process that asks for it (law 3): it would
 * block its event loop, and could only be cancelled by ending that process.
 */
import { ComputeProcess, died, NotAccepted, type ComputeLog } from './child.ts';
import type { ComputePool, ComputeTask, RunOptions } from './task.ts';

export type { ComputeLog, ComputeLogEntry } from './child.ts';
export type { ComputePool, ComputeTask, RunOptions, TaskContext, TaskFunction } from './task.ts';

interface Waiting {
  task: ComputeTask<unknown>;
  options: RunOptions;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * @param cores - threads that all running tasks may have together; an integer of at least 1. A task that asks for more
 * gets them all.
 * @param log - gets the processes' beginnings, ends and every line that they write.
 */
export function createComputePool({ cores, log = () => {} }: { cores: number; log?: ComputeLog }): ComputePool {
  if (!Number.isInteger(cores) || cores < 1) {
    throw new RangeError(`The cores of a compute pool must be an integer of at least 1. Got ${cores}.`);
  }
  const processes = new Set<ComputeProcess>();
  /** Warm processes without a task; the last used is the next to be used. At most as many as cores. */
  const idle: ComputeProcess[] = [];
  const queue: Waiting[] = [];
  let free = cores;
  let closed = false;

  function start(): ComputeProcess {
    const compute = new ComputeProcess(log);
    processes.add(compute);
    void compute.ended.then(() => {
      processes.delete(compute);
      const position = idle.indexOf(compute);
      if (position >= 0) idle.splice(position, 1);
    });
    return compute;
  }

  function warm(): ComputeProcess | undefined {
    for (let compute = idle.pop(); compute; compute = idle.pop()) if (compute.usable) return compute;
    return undefined;
  }

  /** Runs the task in a warm process or a new one. One that died while it was idle does not count as a try. */
  async function execute({ task, options }: Waiting): Promise<unknown> {
    for (;;) {
      const reused = warm();
      const compute = reused ?? start();
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

  /** Strictly first come, first served: a wide task at the head is not overtaken by narrow ones, so it cannot starve. */
  function admit(): void {
    while (queue.length > 0 && threadsOf(queue[0]) <= free) {
      const next = queue.shift()!;
      const threads = threadsOf(next);
      free -= threads;
      execute({ ...next, task: { ...next.task, threads } })
        .then(next.resolve, next.reject)
        .finally(() => {
          free += threads;
          admit();
        });
    }
  }

  function threadsOf({ task }: Waiting): number {
    return Math.min(cores, task.threads);
  }

  return {
    run<I, O>(task: ComputeTask<I>, options: RunOptions): Promise<O> {
      const { signal } = options;
      if (signal?.aborted) return Promise.reject(signal.reason as Error);
      if (!Number.isInteger(task.threads) || task.threads < 1) {
        const rule = `The threads of a compute task must be an integer of at least 1. Got ${task.threads}.`;
        return Promise.reject(new RangeError(rule));
      }
      if (closed) return Promise.reject(died(task.label, 'a closed pool'));
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const waiting: Waiting = { task, options, resolve, reject };
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
