import { describe, expect, it } from 'vitest';
import {
  binomialLowerTail,
  chiSquaredUpperTail,
  normalQuantile,
  normalUpperTail,
  studentQuantile,
  studentUpperTail,
} from '../../evaluation/distributions.ts';
import { known } from './known.ts';

const tables = known<Record<string, number[][]>>('distributions');
const functions: Record<string, (...args: number[]) => number> = {
  normal: normalUpperTail,
  normalQuantile,
  student: studentUpperTail,
  studentQuantile,
  chiSquared: chiSquaredUpperTail,
  binomial: binomialLowerTail,
};
/** Of the value; a quantile near 0 has less digits than its share, which is near ½. */
const tolerance: Record<string, number> = { normalQuantile: 1e-11, studentQuantile: 1e-11 };

describe.each(Object.keys(functions))('%s', (name) => {
  it('is that of scipy, far tails included', () => {
    for (const row of tables[name]) {
      const [args, expected] = [row.slice(0, -1), row.at(-1)!];
      const found = functions[name](...args);
      const error = expected === 0 ? Math.abs(found) : Math.abs(found / expected - 1);
      expect(error, `${name}(${args.join(', ')}) = ${found} beside ${expected}`).toBeLessThan(tolerance[name] ?? 1e-12);
    }
  });
});

describe('distributions', () => {
  it('are symmetric where they should be, and whole', () => {
    expect(normalUpperTail(0)).toBe(0.5);
    expect(normalUpperTail(Infinity)).toBe(0);
    expect(normalUpperTail(-Infinity)).toBe(1);
    expect(studentUpperTail(0, 7)).toBe(0.5);
    expect(studentUpperTail(Infinity, 3)).toBe(0);
    expect(chiSquaredUpperTail(0, 3)).toBe(1);
    expect(binomialLowerTail(4, 4, 0.5)).toBe(1);
    expect(normalQuantile(0.2)).toBe(-normalQuantile(0.8));
  });

  it('agree with their quantiles', () => {
    for (const tail of [1e-12, 0.003, 0.2, 0.499]) {
      expect(normalUpperTail(-normalQuantile(tail)) / tail).toBeCloseTo(1, 12);
      expect(studentUpperTail(-studentQuantile(tail, 5), 5) / tail).toBeCloseTo(1, 12);
    }
  });

  it.each([0, 1, -0.1, Number.NaN])('have no quantile at %s', (p) => {
    expect(() => normalQuantile(p)).toThrow(RangeError);
  });
});
