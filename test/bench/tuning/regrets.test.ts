import { describe, expect, it, onTestFinished } from 'vitest';
import { measure } from '../../../bench/measure.ts';
import { PeerUnavailable } from '../../../bench/peers.ts';
import { suite } from '../../../bench/suites/tuning.ts';
import { Lanes } from '../../../bench/suites/tuning/lanes.ts';
import { better, notWorse, regrets } from '../../../bench/suites/tuning/regrets.ts';

const times = (factor: number) => Array.from({ length: 20 }, (_, i) => factor * (1 + i / 100));

describe('whether regrets are not worse', () => {
  it('is so where they are smaller or the same', () => {
    expect(notWorse(times(0.5), times(1))).toMatchObject({ ok: true });
    expect(notWorse(times(1), times(1))).toMatchObject({ ok: true });
    expect(notWorse([0, 0], [0, 0])).toMatchObject({ ok: true });
  });

  it('is not so where they are larger by more than chance and more than a quarter', () => {
    const { ok, said, reason } = notWorse(times(2), times(1));
    expect(ok).toBe(false);
    expect(said).toMatch(/^that ours is worse: p = .*e-/);
    expect(reason).toMatch(/^Ours is worse/);
  });

  it('is so where they are larger beyond chance, but by less than a quarter', () => {
    const { ok, reason } = notWorse(times(1.24), times(1));
    expect({ ok, reason }).toEqual({ ok: true, reason: undefined });
  });

  it('is so where they are larger by more than a quarter, but only by chance: and that is said', () => {
    expect(notWorse([1, 2, 30], [1, 1.5, 40])).toMatchObject({ ok: true, reason: expect.stringMatching(/at 3 seeds/) });
  });

  it('goes below nothing, where a study finds more than anybody had', () => {
    expect(notWorse([-2, -2], [-1, -1]).ok).toBe(true);
    expect(notWorse(times(-1), times(-2)).ok).toBe(false);
  });
});

describe('whether regrets are better', () => {
  it('is so beyond chance alone', () => {
    expect(better(times(0.5), times(1))).toMatchObject({ ok: true });
    expect(better(times(1), times(1))).toMatchObject({ ok: false });
    expect(better(times(2), times(1))).toMatchObject({ ok: false });
  });
});

describe('the works about regrets', () => {
  it('are of two samplers, four problems and two budgets, each beside Optuna and beside random search', () => {
    const names = suite.works.map(({ name }) => name);
    for (const { name } of regrets.works) expect(names).toContain(name);
    expect(new Set(names).size).toBe(names.length);
    expect(regrets.works.length).toBe(2 * 4 * 2 * 2);
    expect(regrets.works.every(({ runs }) => runs === 50)).toBe(true);
  });

  it('compare the last regrets of as many studies as asked for, and have no figures without the peer', async () => {
    const lanes = new Lanes({ peer: async () => Promise.reject(new PeerUnavailable('There is no Python.')), count: 2 });
    onTestFinished(() => lanes.close());
    const rowOf = (name: string) => {
      const work = regrets.works.find((candidate) => candidate.name === name)!;
      return measure('tuning', work, lanes, { runs: 8 });
    };
    const row = await rowOf('tpe-branin-50-random');
    expect(row).toMatchObject({ failed: false, runs: 8, unit: 'regret', peerName: 'our random sampler', bound: 1 });
    const last = async (sampler: 'tpe' | 'random', seed: number) => {
      const study = { contender: { side: 'ours', sampler }, problem: 'branin', seed, trials: 50 } as const;
      return (await lanes.run(study)).regrets.at(-1)!;
    };
    for (const [side, sampler] of [
      ['ours', 'tpe'],
      ['peer', 'random'],
    ] as const) {
      const all = await Promise.all(Array.from({ length: 8 }, (_, seed) => last(sampler, seed)));
      expect(row.range![side][0]).toBeCloseTo(Math.min(...all), 3);
      expect(row.range![side][1]).toBeCloseTo(Math.max(...all), 2);
    }
    expect(await rowOf('tpe-branin-50')).toMatchObject({
      ours: null,
      ok: null,
      failed: false,
      reason: 'There is no Python.',
    });
  });
});
