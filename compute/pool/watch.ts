/** What a task takes of memory and processor: measured in its process, watched by the lifeline. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { MeasuredUsage } from './messages.ts';

/** Shared between the main thread and the lifeline: the running task's budget in bytes, or 0; the peak seen so far. */
export type MemoryWatch = BigInt64Array<SharedArrayBuffer>;

/** A process that rests with less than this much is not worth a collection of its garbage. */
export const restingBytes = 256 * 2 ** 20;

/** @param fd - of the pipe that the parent holds open. */
export function startLifeline(fd: number): { lifeline: Worker; watch: MemoryWatch } {
  const watch: MemoryWatch = new BigInt64Array(new SharedArrayBuffer(16));
  const lifeline = new Worker(new URL('./lifeline.ts', import.meta.url), { workerData: { fd, watch } });
  return { lifeline, watch };
}

/** From here on the lifeline holds the process to the budget. */
export function beginUsage({ lifeline, watch }: ReturnType<typeof startLifeline>, budgetBytes: number) {
  const exact = resetHighWater();
  const cpu = process.cpuUsage();
  Atomics.store(watch, 1, 0n);
  Atomics.store(watch, 0, BigInt(budgetBytes));
  lifeline.postMessage(null);
  return {
    /** The lifeline no longer watches. */
    end(): MeasuredUsage {
      Atomics.store(watch, 0, 0n);
      const peak = Math.max(process.memoryUsage.rss(), Number(Atomics.load(watch, 1)), exact ? highWater() : 0);
      const { user, system } = process.cpuUsage(cpu);
      // Garbage is not what a task leaves behind. A second collection finishes what the first has left to a thread beside:
      // giving back the memory of typed arrays. (`gc` is there by the process's `--expose-gc`.)
      for (let i = 0; i < 2 && process.memoryUsage.rss() > restingBytes; i++) globalThis.gc?.();
      return { peakBytes: peak, keptBytes: process.memoryUsage.rss(), cpuMilliseconds: (user + system) / 1000 };
    },
  };
}

/** Sets the kernel's own record of the largest resident memory back to what is resident now (`proc_pid_clear_refs(5)`). */
function resetHighWater(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

function highWater(): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return Number(kibibytes ?? 0) * 1024;
}
