import { describe, expect, it } from 'vitest';
import type { TaskUsage } from '../../../compute/pool/pool.ts';
import { defaultMemory } from '../../../compute/pool/memory.ts';
import { errorOf, MiB, run, usePool } from './running.ts';

const here = usePool();
const { open } = here;

describe('a task above its memory budget', () => {
  it.each([false, true])('is ended with task, budget and use, main thread in native code: %s', async (native) => {
    open({ cores: 1, memoryBytes: 8192 * MiB });
    const { pid } = await run('identify', null, { memoryBytes: 160 * MiB });
    const failed = run('hog', { bytes: 4096 * MiB, native }, { label: 'als trial 7', memoryBytes: 160 * MiB });
    const error = await errorOf(failed);
    expect(error).toMatchObject({ code: 'COMPUTE_MEMORY_EXCEEDED', retryable: false });
    const used = /^The task "als trial 7" must stay within its memory budget of 160 MiB\. Got (\d+) MiB\. Give/.exec(
      error.message,
    )?.[1];
    expect(Number(used)).toBeGreaterThan(160);
    // It grows by less than a GiB a second, and is looked at twenty times a second.
    expect(Number(used)).toBeLessThan(1024);
    const next = await run('identify', null, { memoryBytes: 160 * MiB });
    expect(next.pid).not.toBe(pid);
    expect(here.pool.pids).toEqual([next.pid]);
  });

  it('costs no other task anything', async () => {
    open({ cores: 2, memoryBytes: 2048 * MiB });
    const other = run('occupy', { milliseconds: 600 });
    await errorOf(run('hog', { bytes: 4096 * MiB }, { memoryBytes: 160 * MiB }));
    await expect(other).resolves.toMatchObject({ from: expect.any(BigInt) });
  });

  it('is not one that ends within it', async () => {
    open({ cores: 1, memoryBytes: 512 * MiB });
    await expect(run('hog', { bytes: 64 * MiB })).resolves.toEqual({ memoryBytes: 512 * MiB });
  });
});

describe('the memory budget', () => {
  it('is the share of the pool’s memory that goes with the threads, unless a task says so, and never above all', async () => {
    open({ cores: 4, memoryBytes: 1024 * MiB });
    const budget = async (options: { threads?: number; memoryBytes?: number }) =>
      (await run('hog', { bytes: 0 }, options)).memoryBytes / MiB;
    expect(await budget({ threads: 1 })).toBe(256);
    expect(await budget({ threads: 3 })).toBe(768);
    expect(await budget({ threads: 64 })).toBe(1024);
    expect(await budget({ memoryBytes: 300 * MiB })).toBe(300);
    expect(await budget({ memoryBytes: 4096 * MiB })).toBe(1024);
  });

  it('of a pool is three quarters of the machine’s by default', async () => {
    open(1);
    expect((await run('hog', { bytes: 0 })).memoryBytes).toBe(defaultMemory());
  });

  it('of all running tasks is never exceeded, and tasks start in the order they came', async () => {
    open({ cores: 8, memoryBytes: 900 * MiB });
    const sizes = [300, 450, 150, 900, 300, 300, 300];
    const spans = await Promise.all(
      sizes.map((size, i) => run('occupy', { milliseconds: 15 + 5 * (i % 3) }, { memoryBytes: size * MiB })),
    );
    for (const { from } of spans) {
      const together = sizes.filter((_, i) => spans[i].from <= from && from < spans[i].to);
      expect(together.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(900);
    }
    // The one that wants all waits for those before it, and those behind it, for which there would be room, for it.
    expect(spans.slice(0, 3).every(({ to }) => to <= spans[3].from)).toBe(true);
    expect(spans.slice(4).every(({ from }) => from >= spans[3].to)).toBe(true);
  });

  it('is free again after a task has exceeded it', async () => {
    open({ cores: 1, memoryBytes: 160 * MiB });
    await errorOf(run('hog', { bytes: 1024 * MiB }));
    await expect(run('hog', { bytes: 0 })).resolves.toEqual({ memoryBytes: 160 * MiB });
  });

  it.each([0, 1.5, Number.NaN])('of %s bytes is refused', async (memoryBytes) => {
    open(1);
    expect(await errorOf(run('identify', null, { memoryBytes }))).toBeInstanceOf(RangeError);
    expect(() => open({ cores: 1, memoryBytes })).toThrow(RangeError);
  });
});

describe('what a task took', () => {
  const usageOf = async (start: (onUsage: (usage: TaskUsage) => void) => Promise<unknown>) => {
    const usages: TaskUsage[] = [];
    await start((usage) => usages.push(usage)).catch(() => undefined);
    expect(usages).toHaveLength(1);
    return usages[0];
  };

  it('is told to the caller and written to the log', async () => {
    open({ cores: 1, memoryBytes: 1024 * MiB });
    const usage = await usageOf((onUsage) => run('hog', { bytes: 200 * MiB }, { label: 'als trial 7', onUsage }));
    expect(usage.budgetBytes).toBe(1024 * MiB);
    expect(usage.peakBytes).toBeGreaterThan(200 * MiB);
    expect(usage.peakBytes).toBeLessThan(600 * MiB);
    expect(usage.cpuMilliseconds).toBeGreaterThan(0);
    const entry = here.entries.find(({ event }) => event === 'task')!;
    expect(entry).toMatchObject({ label: 'als trial 7', usage });
    expect(entry.text).toMatch(/^task ended: peak \d{3} MiB of 1 GiB, \d+\.\d s CPU$/);
  });

  it('is its own, and not that of tasks before it in the same process', async () => {
    open({ cores: 1, memoryBytes: 1024 * MiB });
    const large = await usageOf((onUsage) => run('spike', { bytes: 200 * MiB }, { onUsage }));
    const small = await usageOf((onUsage) => run('identify', null, { onUsage }));
    expect(here.pool.pids).toHaveLength(1);
    expect(small.peakBytes).toBeLessThan(large.peakBytes - 100 * MiB);
  });

  it.runIf(process.platform === 'linux')('holds peaks that last a few milliseconds', async () => {
    open({ cores: 1, memoryBytes: 1024 * MiB });
    const rest = await usageOf((onUsage) => run('identify', null, { onUsage }));
    for (let i = 0; i < 8; i++) {
      const usage = await usageOf((onUsage) => run('spike', { bytes: 40 * MiB }, { onUsage }));
      expect(usage.peakBytes).toBeGreaterThan(rest.peakBytes + 30 * MiB);
    }
  });

  it('is told of a task that fails with an error of its own, too', async () => {
    open(1);
    const usage = await usageOf((onUsage) => run('complain', null, { onUsage }));
    expect(usage.peakBytes).toBeGreaterThan(10 * MiB);
  });

  it('gives the caller the error of its own onUsage', async () => {
    open(1);
    const onUsage = () => {
      throw new Error('listener broke');
    };
    expect((await errorOf(run('identify', null, { onUsage }))).message).toBe('listener broke');
    await run('identify', null);
  });
});

describe('a warm process', () => {
  it('that kept much after its task is not used again', async () => {
    open({ cores: 1, memoryBytes: 1024 * MiB });
    const { pid } = await run('keep', { bytes: 400 * MiB });
    expect((await run('identify', null)).pid).not.toBe(pid);
    expect(here.entries.find(({ event }) => event === 'ended')?.text).toMatch(/it kept \d{3} MiB after its task/);
  });

  it('whose task left garbage alone stays in use', async () => {
    open({ cores: 1, memoryBytes: 1024 * MiB });
    const { pid } = await run('identify', null);
    await run('hog', { bytes: 400 * MiB });
    expect((await run('identify', null)).pid).toBe(pid);
  });

  it('serves tasks of its memory only, and gives its place to another where there are as many as cores', async () => {
    open({ cores: 2, memoryBytes: 1024 * MiB });
    const pidOf = async (size: number) => (await run('identify', null, { memoryBytes: size * MiB })).pid;
    const [small, large] = [await pidOf(300), await pidOf(600)];
    expect(small).not.toBe(large);
    expect(await pidOf(300)).toBe(small);
    expect(await pidOf(600)).toBe(large);
    // The one that has not been used for longest goes.
    const third = await pidOf(450);
    expect(await pidOf(600)).toBe(large);
    expect(await pidOf(450)).toBe(third);
    expect(new Set(here.pool.pids)).toEqual(new Set([large, third]));
  });
});
