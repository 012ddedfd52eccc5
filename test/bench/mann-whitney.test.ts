import { describe, expect, it } from 'vitest';
import { mannWhitney } from '../../bench/mann-whitney.ts';

const range = (from: number, to: number, times = 1) => Array.from({ length: to - from }, (_, i) => (from + i) * times);

describe('mannWhitney', () => {
  it.each([
    { what: 'what is all below', larger: [1, 2, 3], smaller: [4, 5, 6], p: 0.9854518341293739 },
    { what: 'what is all above', larger: [4, 5, 6], smaller: [1, 2, 3], p: 0.04042779918502612 },
    { what: 'ties across', larger: [1.5, 2, 2, 7, 9, 11], smaller: [2, 2, 3, 4], p: 0.37071660108583815 },
    { what: 'almost nothing but ties', larger: [0, 0, 0, 1], smaller: [0, 0, 0, 0, 0], p: 0.18554668476134878 },
    { what: 'one value each', larger: [5], smaller: [1], p: 0.5 },
    { what: 'forty values each', larger: range(20, 60), smaller: range(10, 50, 1.1), p: 0.00919786383413379 },
  ])('gives what SciPy 1.17.1 does for $what', ({ larger, smaller, p }) => {
    expect(mannWhitney(larger, smaller)).toBeCloseTo(p, 12);
  });

  it('finds no difference where all values are the same', () => {
    expect(mannWhitney([2, 2, 2], [2, 2])).toBe(1);
  });

  it('compares by order alone', () => {
    const [a, b] = [
      [1, 5, 6, 20],
      [2, 3, 4],
    ];
    expect(mannWhitney(a.map(Math.exp), b.map(Math.exp))).toBe(mannWhitney(a, b));
  });

  it('refuses an empty sample', () => {
    expect(() => mannWhitney([], [1])).toThrow(RangeError);
  });
});
