import { describe, expect, it } from 'vitest';
import { judge, measure, median, type Match, type Sample, type Work } from '../../bench/measure.ts';
import { PeerUnavailable } from '../../bench/peers.ts';

const samples = (...walls: number[]): Sample[] => walls.map((wall) => ({ wall, cpu: 2 * wall }));

const about = { name: 'sum', about: 'Adds', peerName: 'abacus 1.0', bound: 1, runs: 4 };

/** A work whose times are given; `order` is who ran. */
function given(ours: number[], peer: (number | Error)[], more: Partial<Match> = {}) {
  const order: string[] = [];
  const take = async (name: string, from: (number | Error)[]) => {
    order.push(name);
    const next = from.shift()!;
    if (next instanceof Error) throw next;
    return { wall: next, cpu: next };
  };
  const work: Work<undefined> = {
    ...about,
    open: async () => ({
      ours: () => take('ours', ours),
      peer: () => take('peer', peer),
      close: async () => void order.push('close'),
      ...more,
    }),
  };
  return { work, order };
}

describe('median', () => {
  it('is the middle value, the mean of the two middle ones, and whatever order they come in', () => {
    expect(median([5, 1, 100])).toBe(5);
    expect(median([10, 1, 2, 100])).toBe(6);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('judge', () => {
  it('divides ours by the peer’s median, so that below 1 is faster', () => {
    const row = judge('s', about, { ours: samples(9, 8, 30), peer: samples(10, 12, 11), runs: 3 });
    expect(row).toMatchObject({ suite: 's', work: 'sum', peerName: 'abacus 1.0', unit: 'ms', bound: 1, runs: 3 });
    expect(row).toMatchObject({ ours: 9, peer: 11, ratio: 0.8182, ok: true, reason: null, failed: false });
    expect(row.range).toEqual({ ours: [8, 30], peer: [10, 12] });
  });

  it('holds the ratio to the bound, which itself is well', () => {
    const row = (ours: number) => judge('s', about, { ours: samples(ours), peer: samples(10), runs: 1 });
    expect(row(10)).toMatchObject({ ratio: 1, ok: true });
    expect(row(10.1)).toMatchObject({ ratio: 1.01, ok: false });
    const loose = judge('s', { ...about, bound: 1.5 }, { ours: samples(14), peer: samples(10), runs: 1 });
    expect(loose.ok).toBe(true);
  });

  it('gives the ratio of processor time beside that of wall time', () => {
    const ours = [{ wall: 10, cpu: 30 }];
    const peer = [{ wall: 20, cpu: 20 }];
    expect(judge('s', about, { ours, peer, runs: 1 })).toMatchObject({ ratio: 0.5, cpuRatio: 1.5 });
  });

  it('is not ok when the answers differ, however fast', () => {
    const agreement = { agree: false, said: '12 and 13' };
    const row = judge('s', about, { ours: samples(1), peer: samples(10), agreement, runs: 1 });
    expect(row).toMatchObject({ ratio: 0.1, ok: false, agreement: '12 and 13', failed: false });
    expect(row.reason).toMatch(/same answer/);
    const limited = { agree: false, said: 'worst 30 ms', otherwise: 'The limit was exceeded in a run.' };
    expect(judge('s', about, { ours: samples(1), peer: samples(10), agreement: limited, runs: 1 })).toMatchObject({
      ok: false,
      reason: limited.otherwise,
    });
  });
});

describe('measure', () => {
  it('warms up once, then lets each side begin as often as the other', async () => {
    const { work, order } = given([900, 1, 2, 3, 4], [900, 10, 20, 30, 40]);
    const row = await measure('s', work, undefined);
    const turns = ['ours', 'peer', 'peer', 'ours'];
    expect(order).toEqual(['ours', 'peer', ...turns, ...turns, 'close']);
    expect(row).toMatchObject({ ours: 2.5, peer: 25, ratio: 0.1, runs: 4, ok: true });
  });

  it('makes a row with the reason where there is no peer, with our own time', async () => {
    const { work, order } = given([900, 1, 2, 3, 4], [new PeerUnavailable('No wheel fits.')]);
    const row = await measure('s', work, undefined);
    expect(row).toMatchObject({ ours: 2.5, peer: null, ratio: null, cpuRatio: null, ok: null, failed: false });
    expect(row.reason).toBe('No wheel fits.');
    expect(order).toEqual(['ours', 'peer', 'ours', 'ours', 'ours', 'ours', 'close']);
  });

  it('gives no ratio where the peer breaks down half-way, or at the comparison', async () => {
    const halfway = given([900, 1, 2, 3, 4], [900, 10, new PeerUnavailable('Out of memory.')]);
    expect(await measure('s', halfway.work, undefined)).toMatchObject({
      ours: 2.5,
      peer: null,
      ratio: null,
      reason: 'Out of memory.',
      failed: false,
    });
    const atTheEnd = given([900, 1], [900, 10], { compare: () => Promise.reject(new PeerUnavailable('No answer.')) });
    expect(await measure('s', atTheEnd.work, undefined, { runs: 1 })).toMatchObject({
      ratio: null,
      ok: null,
      reason: 'No answer.',
    });
  });

  it('says that it failed where our side does, and closes what was opened', async () => {
    const ours = given([900], [900, 10], { ours: () => Promise.reject(new Error('The kernels must be built.')) });
    const row = await measure('s', ours.work, undefined);
    expect(row).toMatchObject({
      ours: null,
      ratio: null,
      ok: null,
      failed: true,
      reason: 'The kernels must be built.',
    });
    expect(ours.order).toEqual(['close']);
  });

  it('compares the answers once, after the last run', async () => {
    const { work, order } = given([1, 1, 1], [2, 2, 2], {
      compare: async () => {
        order.push('compare');
        return { agree: true, said: 'both 42' };
      },
    });
    const row = await measure('s', work, undefined, { runs: 2 });
    expect(order.slice(-2)).toEqual(['compare', 'close']);
    expect(row).toMatchObject({ ratio: 0.5, ok: true, agreement: 'both 42' });
  });
});
