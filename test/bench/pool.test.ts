import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { measure, type BenchRow } from '../../bench/measure.ts';
import { suite } from '../../bench/suites/compute.ts';
import { poolWorks } from '../../bench/suites/compute/pool.ts';

/** A row of the shortest measurement; its figures mean nothing. */
async function rowOf(name: string): Promise<BenchRow> {
  const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => error.mockRestore());
  const group = poolWorks(100);
  const context = await group.open(() => undefined);
  try {
    const work = group.works.find((candidate) => candidate.name === name)!;
    return await measure('compute', work, context, { runs: 1 });
  } finally {
    await group.close(context);
  }
}

describe('the works of the pool', () => {
  it('belong to the suite compute', () => {
    expect(suite.works.map(({ name }) => name)).toEqual(expect.arrayContaining(['event-loop-lag', 'cancel']));
  });

  it('event-loop-lag: a worker of a real Temporal server is measured while its pool trains, beside a limit of 20 ms', async () => {
    const row = await rowOf('event-loop-lag');
    expect(row).toMatchObject({ failed: false, peer: 20, peerName: 'limit', unit: 'ms', bound: 1, cpuRatio: null });
    expect(row.ours).toBeGreaterThan(0);
    expect(row.ratio).toBeCloseTo(row.ours! / 20, 3);
    expect(row.agreement).toMatch(
      /^worst p99 of 2 trainings [\d.]+ ms, longest delay [\d.]+ ms; tasks had at least [\d.]+ of \d+ cores; the same training in the worker's own process: p99 \d/,
    );
    // Tasks did compute meanwhile.
    expect(Number(/at least ([\d.]+) of/.exec(row.agreement!)![1])).toBeGreaterThan(0);
  });

  it('cancel: the end of a process in native code is timed, beside a limit of 200 ms, and its worst case is said', async () => {
    const row = await rowOf('cancel');
    expect(row).toMatchObject({ failed: false, peer: 200, peerName: 'limit', bound: 1 });
    expect(row.ours).toBeGreaterThan(0);
    expect(row.agreement).toMatch(/^worst of 2: [\d.]+ ms$/);
  });
});
