/** What a task was granted, and how that binds what runs in its process. */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import type { ComputeTask } from './task.ts';

/** A task with its threads and memory settled. */
export type GrantedTask = ComputeTask<unknown> & { memoryBytes: number };

/** Environment data, not a variable of this module: threads that are started later have it too. */
const key = 'tradewind.granted-threads';

/** Called by a compute process at the beginning of each task. */
export function grantThreads(threads: number): void {
  setEnvironmentData(key, threads);
}

/** @returns the threads asked for, but within a compute process no more than its task was granted. */
export function threadsWithinGrant(asked: number): number {
  const granted = getEnvironmentData(key);
  return typeof granted === 'number' ? Math.min(asked, granted) : asked;
}
