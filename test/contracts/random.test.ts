import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';

const draws = (random: Random, n: number) => Array.from({ length: n }, () => random.bits());

describe('Random', () => {
  it('gives the published outputs of xoshiro128** 1.1 from the state 1, 2, 3, 4', () => {
    expect(draws(Random.fromState([1, 2, 3, 4]), 10)).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('keeps its sequences from version to version, as digests depend on them', () => {
    expect([draws(new Random(0), 2), draws(new Random(42, 7), 2), draws(new Random(-1, 2 ** 40), 2)]).toEqual([
      [4149807384, 978855005],
      [3926496971, 3250153048],
      [516062048, 2080075392],
    ]);
  });

  it('repeats a sequence for the same seed and stream, and shares none with another', () => {
    expect(draws(new Random(5, 3), 50)).toEqual(draws(new Random(5, 3), 50));
    const first = new Set<number>();
    for (let seed = 0; seed < 60; seed++)
      for (let stream = 0; stream < 60; stream++) first.add(new Random(seed, stream).bits());
    // 3,600 draws of 32 bits collide 0.0015 times on average; swapped or added seeds would collide in hundreds.
    expect(first.size).toBeGreaterThan(3597);
  });

  it('is not correlated between neighbouring streams', () => {
    let sum = 0;
    const n = 20_000;
    for (let stream = 0; stream < n; stream++) {
      sum += (new Random(1, stream).uniform() - 0.5) * (new Random(1, stream + 1).uniform() - 0.5);
    }
    // Correlation has a standard deviation of 1/√n; the variance of a uniform deviate is 1/12.
    expect(Math.abs((sum / n) * 12)).toBeLessThan(4 / Math.sqrt(n));
  });

  it('draws uniform numbers in [0, 1) with the mean and variance of the uniform distribution', () => {
    const random = new Random(11);
    const n = 100_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const x = random.uniform();
      if (!(x >= 0 && x < 1)) throw new Error(`outside [0, 1): ${x}`);
      sum += x;
      squares += x * x;
    }
    expect(sum / n).toBeCloseTo(0.5, 2);
    expect(squares / n - (sum / n) ** 2).toBeCloseTo(1 / 12, 2);
  });

  it('draws normal numbers with the first four moments of the normal distribution', () => {
    const random = new Random(12);
    const n = 200_000;
    const moments = [0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = random.normal();
      for (let p = 0; p < 4; p++) moments[p] += x ** (p + 1) / n;
    }
    expect(Math.abs(moments[0])).toBeLessThan(0.01);
    expect(Math.abs(moments[1] - 1)).toBeLessThan(0.015);
    expect(Math.abs(moments[2])).toBeLessThan(0.04);
    expect(Math.abs(moments[3] - 3)).toBeLessThan(0.1);
  });

  it('draws every integer below the bound equally often, the bound never', () => {
    const random = new Random(13);
    const counts = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++;
    const chiSquare = counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0);
    // 99.9 % quantile of χ² with 6 degrees of freedom.
    expect(chiSquare).toBeLessThan(22.5);
  });

  it('has no remainder bias where the bound is not far below 2^32', () => {
    const random = new Random(14);
    const n = 3 * 2 ** 30;
    let low = 0;
    for (let i = 0; i < 20_000; i++) if (random.integer(n) < 2 ** 30) low++;
    // A bare remainder would put half of all draws, not a third, into the first third.
    expect(low / 20_000).toBeCloseTo(1 / 3, 1);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 32 + 1])('refuses the bound %s', (n) => {
    expect(() => new Random(1).integer(n)).toThrow(RangeError);
  });

  it('refuses a seed that is no integer', () => {
    expect(() => new Random(0.5)).toThrow(RangeError);
  });
});
