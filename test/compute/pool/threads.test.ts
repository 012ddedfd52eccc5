/** Counts threads where the kernel tells of them: Linux. */
import { describe, expect, it } from 'vitest';
import { run, usePool } from './running.ts';

const { open } = usePool();

describe.runIf(process.platform === 'linux')('threads that compute', () => {
  it.each([
    { by: 'kernels', threads: 1 },
    { by: 'kernels', threads: 2 },
    { by: 'session', threads: 1 },
    { by: 'session', threads: 2 },
  ] as const)('are those granted, when $by of a task with $threads ask for 64', async ({ by, threads }) => {
    open(2);
    const { granted, got, busy } = await run('threadsAtWork', { by }, { threads });
    expect(granted).toBe(threads);
    expect(got).toBeLessThanOrEqual(threads);
    expect(busy).toBeGreaterThanOrEqual(1);
    expect(busy).toBeLessThanOrEqual(threads);
  });

  it('of all tasks together are at most the cores', async () => {
    open(2);
    const asked = [
      ['kernels', 1],
      ['session', 1],
      ['kernels', 64],
      ['session', 2],
    ] as const;
    const counts = await Promise.all(asked.map(([by, threads]) => run('threadsAtWork', { by }, { threads })));
    expect(counts.map(({ granted }) => granted)).toEqual([1, 1, 2, 2]);
    for (const { from } of counts) {
      const together = counts.filter((count) => count.from <= from && from < count.to);
      expect(together.reduce((sum, { busy }) => sum + busy, 0)).toBeLessThanOrEqual(2);
    }
  });
});
