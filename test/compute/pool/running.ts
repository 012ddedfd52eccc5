/** Runs the tasks of `tasks.ts` in a pool that lives as long as its test. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import {
  createComputePool,
  type ComputeLogEntry,
  type ComputePool,
  type PoolOptions,
  type RunOptions,
} from '../../../compute/pool/pool.ts';
import type * as tasks from './tasks.ts';

type Name = keyof typeof tasks;
type Output<N extends Name> = Awaited<ReturnType<(typeof tasks)[N]>>;
type Options = Partial<RunOptions> & { threads?: number; memoryBytes?: number; label?: string };

export const MiB = 2 ** 20;

let workDir: string;
let pool: ComputePool | undefined;
let entries: ComputeLogEntry[];

/** What a test file calls once: each test has a folder and a log of its own, and its pool is closed after it. */
export function usePool() {
  beforeEach(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'compute-pool-'));
    entries = [];
  });
  afterEach(async () => {
    await pool?.close();
    pool = undefined;
    await rm(workDir, { recursive: true });
  });
  return {
    open: (options: number | PoolOptions): ComputePool => {
      const given = typeof options === 'number' ? { cores: options } : options;
      pool = createComputePool({ ...given, log: (entry) => entries.push(entry) });
      return pool;
    },
    get pool() {
      return pool!;
    },
    get workDir() {
      return workDir;
    },
    get entries() {
      return entries;
    },
  };
}

export function run<N extends Name>(
  name: N,
  input: Parameters<(typeof tasks)[N]>[0],
  options: Options = {},
): Promise<Output<N>> {
  const { threads = 1, label = name, memoryBytes, ...rest } = options;
  const module = new URL('./tasks.ts', import.meta.url).href;
  const task = { module, name, input, threads, label, ...(memoryBytes !== undefined && { memoryBytes }) };
  return pool!.run<unknown, Output<N>>(task, { workDir, ...rest });
}

export const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as Error,
  );

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // An orphan that has ended stays as a zombie where the first process of the container collects none.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(stat, 'latin1'));
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}
