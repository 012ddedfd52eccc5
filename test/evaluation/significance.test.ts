import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { bootstrapInterval, mean, pairedBootstrap } from '../../evaluation/significance.ts';

const normals = (n: number, seed: number, shift = 0) => {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => random.normal() + shift);
};

describe('bootstrapInterval', () => {
  it('is as wide as theory says for a mean of many independent values', () => {
    const values = normals(2000, 3);
    const centre = mean(values);
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / values.length);
    const half = (1.96 * deviation) / Math.sqrt(values.length);
    const [low, high] = bootstrapInterval(values, { seed: 1 });
    expect((high - low) / 2 / half).toBeGreaterThan(0.9);
    expect((high - low) / 2 / half).toBeLessThan(1.1);
    expect(Math.abs((high + low) / 2 - centre)).toBeLessThan(0.1 * half);
  });

  it('holds the true mean in about 95 of 100 samples', () => {
    let held = 0;
    for (let sample = 0; sample < 300; sample++) {
      const [low, high] = bootstrapInterval(normals(60, 1000 + sample), { seed: sample, resamples: 400 });
      if (low <= 0 && 0 <= high) held++;
    }
    expect(held / 300).toBeGreaterThan(0.89);
    expect(held / 300).toBeLessThan(0.99);
  });

  it('narrows with less confidence', () => {
    const values = normals(200, 4);
    const [low95, high95] = bootstrapInterval(values, { seed: 1 });
    const [low50, high50] = bootstrapInterval(values, { seed: 1, confidence: 0.5 });
    expect(low50).toBeGreaterThan(low95);
    expect(high50).toBeLessThan(high95);
  });

  it('depends on seed and stream, and on nothing else', () => {
    const values = normals(100, 5);
    expect(bootstrapInterval(values, { seed: 1 })).toEqual(bootstrapInterval(values, { seed: 1, stream: 0 }));
    expect(bootstrapInterval(values, { seed: 1 })).not.toEqual(bootstrapInterval(values, { seed: 2 }));
    expect(bootstrapInterval(values, { seed: 1 })).not.toEqual(bootstrapInterval(values, { seed: 1, stream: 1 }));
  });

  it('is a point for values that are all the same, and refuses no values', () => {
    expect(bootstrapInterval(Float32Array.of(0.25, 0.25), { seed: 1 })).toEqual([0.25, 0.25]);
    expect(() => bootstrapInterval(new Float32Array(0), { seed: 1 })).toThrow(RangeError);
  });
});

describe('pairedBootstrap', () => {
  it('sees a small gain that all users share, where the two intervals alone overlap', () => {
    const a = normals(500, 6);
    const noise = new Random(7);
    const b = a.map((x) => x + 0.05 + 0.1 * noise.normal());
    const [, highA] = bootstrapInterval(a, { seed: 1 });
    const [lowB] = bootstrapInterval(b, { seed: 1 });
    expect(lowB).toBeLessThan(highA);
    const { difference, interval, pValue } = pairedBootstrap(a, b, { seed: 1 });
    expect(difference).toBeCloseTo(0.05, 1);
    expect(interval[0]).toBeGreaterThan(0);
    expect(pValue).toBeCloseTo(1 / 1001, 12);
  });

  it('gives small p-values as seldom as they should be where there is no difference', () => {
    let significant = 0;
    for (let sample = 0; sample < 300; sample++) {
      const { pValue } = pairedBootstrap(normals(80, 2 * sample), normals(80, 2 * sample + 1), {
        seed: sample,
        resamples: 300,
      });
      if (pValue < 0.05) significant++;
    }
    expect(significant / 300).toBeGreaterThan(0.01);
    expect(significant / 300).toBeLessThan(0.1);
  });

  it('turns its sign with the order of the models', () => {
    const [a, b] = [normals(50, 8), normals(50, 9)];
    const forth = pairedBootstrap(a, b, { seed: 1 });
    const back = pairedBootstrap(b, a, { seed: 1 });
    expect(back.difference).toBeCloseTo(-forth.difference, 12);
    expect(back.interval[0]).toBeCloseTo(-forth.interval[1], 12);
    expect(back.pValue).toBe(forth.pValue);
  });

  it('finds no difference between a model and itself', () => {
    const a = normals(50, 10);
    expect(pairedBootstrap(a, a, { seed: 1 })).toEqual({ difference: 0, interval: [0, 0], pValue: 1 });
  });

  it('refuses vectors of different users', () => {
    expect(() => pairedBootstrap(normals(3, 1), normals(4, 1), { seed: 1 })).toThrow(RangeError);
  });
});
