import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Direction, Pruning } from '../../contracts/study.ts';
import { Hurdles } from '../../tuning/hurdles.ts';
import { rungsOf } from '../../tuning/pruner.ts';
import { ashaPruner } from '../../tuning/pruners/asha.ts';
import { prunerOf } from '../../tuning/pruners/index.ts';
import { medianPruner } from '../../tuning/pruners/median.ts';
import type { FinishedTrial } from '../../tuning/sampler.ts';

interface Recorded {
  rungs: number[];
  cases: {
    direction: Direction;
    settings: Pick<Pruning, 'pruner' | 'startupTrials' | 'warmupRungs'> & { reductionFactor?: number };
    trials: { curve: number[]; ended: number; pruned: boolean }[];
  }[];
}
/** Made by `fixtures/pruners.py` with Optuna 4.9.0 and 5.0.0, which give the same. */
const recorded = JSON.parse(readFileSync(new URL('fixtures/pruners.json', import.meta.url), 'utf8')) as Recorded;

const at = (index: number, rungs: Record<number, number>, state: FinishedTrial['state'] = 'done'): FinishedTrial => ({
  index,
  parameters: {},
  state,
  value: Object.values(rungs).at(-1)!,
  rungs: Object.entries(rungs).map(([rung, value]) => ({ rung: Number(rung), value })),
});

describe.each(recorded.cases.map((one, i) => [`${one.settings.pruner} ${one.direction} ${i}`, one] as const))(
  'case %s',
  (_, { direction, settings, trials }) => {
    it('ends every trial where Optuna ends it', () => {
      const { rungs } = recorded;
      const pruning = { minResource: 1, maxResource: 27, reductionFactor: 3, ...settings };
      const { prune, judges } = prunerOf(pruning);
      const sign = direction === 'maximize' ? 1 : -1;
      const history: FinishedTrial[] = [];
      for (const [index, { curve, ended, pruned }] of trials.entries()) {
        const hurdles = new Hurdles({ rungs, thresholds: prune({ history, rungs }), judges, direction });
        for (const [place, rung] of rungs.entries()) if (!hurdles.report(rung, curve[place])) break;
        expect([hurdles.reached.length, hurdles.pruned], `trial ${index}`).toEqual([ended, pruned]);
        const told = hurdles.reached.map(({ rung, value }) => [rung, sign * value]);
        history.push(at(index, Object.fromEntries(told) as Record<number, number>, pruned ? 'pruned' : 'done'));
      }
      // Neither always nor never: else the comparison would say little.
      const ends = trials.filter(({ pruned }) => pruned).length;
      expect(ends).toBeGreaterThan(3);
      expect(ends).toBeLessThan(trials.length);
    });
  },
);

describe('the median pruner', () => {
  const five = [1, 2, 3, 4, 10].map((value, index) => at(index, { 1: value, 3: 2 * value }));

  it('asks for the median of completed trials at each rung', () => {
    const prune = medianPruner({ startupTrials: 5, warmupRungs: 0 });
    expect(prune({ history: five, rungs: [1, 3] })).toEqual([3, 6]);
    expect(prune({ history: five.slice(1), rungs: [1, 3] })).toEqual([null, null]);
    expect(medianPruner({ startupTrials: 4, warmupRungs: 0 })({ history: five.slice(1), rungs: [1] })).toEqual([3.5]);
  });

  it('leaves pruned and failed trials out', () => {
    const prune = medianPruner({ startupTrials: 5, warmupRungs: 0 });
    expect(prune({ history: [...five, at(5, { 1: -100 }, 'pruned')], rungs: [1] })).toEqual([3]);
    expect(prune({ history: [...five.slice(1), at(5, { 1: 1 }, 'failed')], rungs: [1] })).toEqual([null]);
  });

  it('prunes nothing at the first rungs, and nothing where no trial has been', () => {
    const prune = medianPruner({ startupTrials: 0, warmupRungs: 1 });
    expect(prune({ history: five, rungs: [1, 3, 9] })).toEqual([null, 6, null]);
  });
});

describe('the ASHA pruner', () => {
  it('lets the best of the first η − 1 go on, then the best 1/η, pruned ones among those compared', () => {
    const prune = ashaPruner({ reductionFactor: 3 });
    const threshold = (values: number[]) =>
      prune({ history: values.map((value, index) => at(index, { 1: value }, 'pruned')), rungs: [1] })[0];
    expect(threshold([])).toBeNull();
    expect(threshold([5])).toBe(5);
    // The sixth: ⌊6/3⌋ = 2 go on, so the second best of the five others is enough.
    expect(threshold([1, 2, 3, 4, 5])).toBe(4);
  });
});

describe('rungsOf', () => {
  it('goes up by the factor and not beyond the end', () => {
    expect(rungsOf({ minResource: 1, reductionFactor: 3, maxResource: 27 })).toEqual([1, 3, 9, 27]);
    expect(rungsOf({ minResource: 5, reductionFactor: 2, maxResource: 39 })).toEqual([5, 10, 20]);
    expect(rungsOf({ minResource: 5, reductionFactor: 2, maxResource: 4 })).toEqual([]);
  });
});

describe('Hurdles', () => {
  const pruning = { rungs: [1, 3, 9], thresholds: [null, 2, 4], judges: 'latest', direction: 'maximize' } as const;
  const made = (change: object = {}, reached?: { rung: number; value: number }[]) =>
    new Hurdles({ ...pruning, rungs: [...pruning.rungs], thresholds: [...pruning.thresholds], ...change }, reached);

  it('goes on at the threshold itself and ends below it', () => {
    const hurdles = made();
    expect(hurdles.report(1, -100)).toBe(true);
    expect(hurdles.rungs).toEqual([3, 9]);
    expect(hurdles.report(3, 2)).toBe(true);
    expect(hurdles.report(9, 3.9)).toBe(false);
    expect(hurdles.pruned).toBe(true);
    expect(hurdles.rungs).toEqual([]);
    expect(hurdles.reached).toEqual([
      { rung: 1, value: -100 },
      { rung: 3, value: 2 },
      { rung: 9, value: 3.9 },
    ]);
  });

  it('compares the best value so far where the pruner judges by it', () => {
    const hurdles = made({ judges: 'best' });
    hurdles.report(1, 5);
    expect(hurdles.report(3, 0)).toBe(true);
  });

  it('turns the values of a metric that is to be small', () => {
    const hurdles = made({ direction: 'minimize', thresholds: [null, -2, -4] });
    hurdles.report(1, 100);
    expect(hurdles.report(3, 2)).toBe(true);
    expect(hurdles.report(9, 4.1)).toBe(false);
  });

  it('ends a trial whose value is not finite, and does not tell it', () => {
    const hurdles = made();
    expect(hurdles.report(1, Number.NaN)).toBe(false);
    expect(hurdles.reached).toEqual([]);
  });

  it('goes on where an interrupted trial was, and ends where it would have ended', () => {
    const first = made();
    first.report(1, 1);
    first.report(3, 2.5);
    const resumed = made({}, first.reached);
    expect(resumed.rungs).toEqual([9]);
    expect(resumed.report(9, 4)).toBe(true);
    expect(
      made({}, [
        { rung: 1, value: 1 },
        { rung: 3, value: 1 },
      ]).pruned,
    ).toBe(true);
  });

  it('leaves a rung aside that the study does not compare at', () => {
    const hurdles = made();
    expect(hurdles.report(2, -100)).toBe(true);
    expect(hurdles.reached).toEqual([]);
  });
});
