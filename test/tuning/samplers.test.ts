/** What every sampler keeps to, whichever it is; then what each promises besides. */
import { describe, expect, it } from 'vitest';
import type { ParameterValues, SearchDimension, SearchSpace } from '../../contracts/parameters.ts';
import { samplerOf, samplers, type SamplerName } from '../../tuning/samplers/index.ts';
import { pointsPerDimension } from '../../tuning/samplers/grid.ts';

const spaces: Record<string, SearchSpace> = {
  'small integers': { n: { kind: 'integer', min: 1, max: 4, log: false } },
  'negative integers': { n: { kind: 'integer', min: -3, max: 3, log: false } },
  'integers on a logarithmic scale': { n: { kind: 'integer', min: 1, max: 512, log: true } },
  'two large integers': { n: { kind: 'integer', min: 999, max: 1000, log: true } },
  numbers: { x: { kind: 'number', min: -1, max: 2.5, log: false } },
  'numbers from 0': { x: { kind: 'number', min: 0, max: 1, log: false } },
  'numbers on a logarithmic scale': { x: { kind: 'number', min: 1e-4, max: 1000, log: true } },
  'a range finer than six digits': { x: { kind: 'number', min: 0.12345678, max: 0.12345679, log: true } },
  choices: { c: { kind: 'choice', choices: ['count', 'log', 'binary'] } },
  'a single choice': { c: { kind: 'choice', choices: ['bm25'] } },
  'a mixed space': {
    neighbours: { kind: 'integer', min: 20, max: 500, log: true },
    c: { kind: 'choice', choices: ['cosine', 'bm25'] },
    k1: { kind: 'number', min: 0.1, max: 100, log: true },
    b: { kind: 'number', min: 0, max: 1, log: false },
  },
};
const mixed = spaces['a mixed space'];

function within(dimension: SearchDimension, value: number | string): boolean {
  if (dimension.kind === 'choice') return dimension.choices.includes(value as string);
  if (typeof value !== 'number' || !(value >= dimension.min && value <= dimension.max)) return false;
  return dimension.kind === 'number' || Number.isInteger(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

/** Up to `count` trials, fewer where the sampler runs out. */
function drawn(name: SamplerName, space: SearchSpace, count: number, seed = 1): ParameterValues[] {
  const trials: ParameterValues[] = [];
  for (let index = 0; index < count; index++) {
    const parameters = samplerOf(name)({ space, history: [], seed, index });
    if (parameters === null) break;
    trials.push(parameters);
  }
  return trials;
}

describe.each(Object.keys(samplers) as SamplerName[])('the %s sampler', (name) => {
  it.each(Object.entries(spaces))('stays within %s and names every dimension in order', (_, space) => {
    const trials = drawn(name, space, 300);
    expect(trials.length).toBeGreaterThan(0);
    for (const trial of trials) {
      expect(Object.keys(trial)).toEqual(Object.keys(space));
      for (const [dimension, value] of Object.entries(trial)) {
        expect(within(space[dimension], value), `${dimension} = ${value}`).toBe(true);
      }
    }
  });

  it('gives a trial the same values whether it is asked alone, again or after others', () => {
    const trials = drawn(name, mixed, 12);
    for (const index of [11, 3, 3, 0]) {
      expect(samplerOf(name)({ space: mixed, history: [], seed: 1, index })).toEqual(trials[index]);
    }
  });

  it('changes neither the space nor the history', () => {
    const known = {
      index: 0,
      state: 'done' as const,
      parameters: { neighbours: 20, c: 'bm25', k1: 1, b: 0.5 },
      value: 0.04,
    };
    const history = deepFreeze([structuredClone(known)]);
    for (let index = 0; index < 10; index++) samplerOf(name)({ space: deepFreeze(mixed), history, seed: 1, index });
    expect(history).toEqual([known]);
  });

  it('tries other values first for another seed', () => {
    const firsts = [1, 2, 3, 4, 5].map((seed) => JSON.stringify(drawn(name, mixed, 1, seed)));
    expect(new Set(firsts).size).toBeGreaterThan(1);
  });

  it('gives numbers of at most six significant digits', () => {
    for (const { x } of drawn(name, spaces['numbers on a logarithmic scale'], 300)) {
      expect(x).toBe(Number((x as number).toPrecision(6)));
    }
  });

  it('reaches both ends of integers and every choice', () => {
    const integers = drawn(name, spaces['negative integers'], 300).map(({ n }) => n);
    expect(integers).toContain(-3);
    expect(integers).toContain(3);
    const choices = drawn(name, spaces['choices'], 300).map(({ c }) => c);
    expect(new Set(choices).size).toBe(3);
  });

  it('puts as many trials below the middle of a range as above it, by the scale of the range', () => {
    const share = (space: SearchSpace, middle: number) => {
      const values = drawn(name, space, 2000).map((trial) => trial['x'] as number);
      return values.filter((x) => x < middle).length / values.filter((x) => x !== middle).length;
    };
    expect(share(spaces['numbers'], 0.75)).toBeCloseTo(0.5, 1);
    // The middle of 1e-4 and 1e3 on a logarithmic scale.
    expect(share(spaces['numbers on a logarithmic scale'], Number((10 ** -0.5).toPrecision(6)))).toBeCloseTo(0.5, 1);
  });
});

describe('the random sampler', () => {
  const n = 8000;

  it('draws every integer of a linear range equally often', () => {
    const counts = new Map<unknown, number>();
    for (const trial of drawn('random', spaces['small integers'], n))
      counts.set(trial['n'], (counts.get(trial['n']) ?? 0) + 1);
    const chiSquare = [1, 2, 3, 4].reduce((sum, i) => sum + ((counts.get(i) ?? 0) - n / 4) ** 2 / (n / 4), 0);
    // 99.9 % quantile of χ² with 3 degrees of freedom.
    expect(chiSquare).toBeLessThan(16.3);
  });

  it('gives an integer i of a logarithmic range the weight log((i + ½) / (i − ½))', () => {
    const space: SearchSpace = { n: { kind: 'integer', min: 1, max: 4, log: true } };
    const trials = drawn('random', space, n);
    let chiSquare = 0;
    for (const i of [1, 2, 3, 4]) {
      const expected = (n * Math.log((i + 0.5) / (i - 0.5))) / Math.log(9);
      chiSquare += (trials.filter((trial) => trial['n'] === i).length - expected) ** 2 / expected;
    }
    expect(chiSquare).toBeLessThan(16.3);
  });

  it('draws one dimension independently of another', () => {
    const space: SearchSpace = { x: spaces['numbers from 0']['x'], y: spaces['numbers from 0']['x'] };
    const trials = drawn('random', space, n);
    const product = trials.reduce((sum, { x, y }) => sum + ((x as number) - 0.5) * ((y as number) - 0.5), 0);
    expect(Math.abs((product / n) * 12)).toBeLessThan(4 / Math.sqrt(n));
  });

  it('draws the same for a dimension when another follows it', () => {
    const { k1: _, b: __, ...first } = mixed;
    for (const [index, trial] of drawn('random', mixed, 20).entries()) {
      expect(trial).toMatchObject(samplerOf('random')({ space: first, history: [], seed: 1, index })!);
    }
  });
});

describe('the grid sampler', () => {
  it('tries every combination exactly once, then has nothing left', () => {
    const trials = drawn('grid', mixed, 10_000);
    const all = 2 * pointsPerDimension ** 3;
    expect(trials.length).toBe(all);
    expect(new Set(trials.map((trial) => JSON.stringify(trial))).size).toBe(all);
    for (const index of [all, all + 1, 10 * all]) {
      expect(samplerOf('grid')({ space: mixed, history: [], seed: 1, index })).toBeNull();
    }
  });

  it('tries the same combinations for every seed', () => {
    const sorted = (seed: number) =>
      drawn('grid', mixed, 10_000, seed)
        .map((trial) => JSON.stringify(trial))
        .toSorted();
    expect(sorted(2)).toEqual(sorted(1));
  });

  it('spaces its values evenly from end to end on the scale of the range', () => {
    const values = (space: SearchSpace) =>
      drawn('grid', space, 100)
        .map((trial) => Object.values(trial)[0] as number)
        .toSorted((a, b) => a - b);
    expect(values(spaces['numbers from 0'])).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(values({ x: { kind: 'number', min: 0.01, max: 100, log: true } })).toEqual([0.01, 0.1, 1, 10, 100]);
    expect(values({ n: { kind: 'integer', min: 2, max: 512, log: true } })).toEqual([2, 8, 32, 128, 512]);
  });

  it('tries each of few integers once', () => {
    const tried = drawn('grid', spaces['small integers'], 100).map(({ n }) => n as number);
    expect(tried.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  });

  it('looks into all parts of every dimension when the budget ends early', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const trials = drawn('grid', mixed, 25, seed);
      for (const [dimension, { kind }] of Object.entries(mixed)) {
        const seen = new Set(trials.map((trial) => trial[dimension])).size;
        expect(seen, dimension).toBe(kind === 'choice' ? 2 : pointsPerDimension);
      }
    }
  });

  it('can count grids that no 53-bit number can', () => {
    const space = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x${i}`, spaces['numbers from 0']['x']]));
    expect(drawn('grid', space, 50).length).toBe(50);
  });
});
