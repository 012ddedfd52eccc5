/** Known answers, made by `fixtures/make.py`. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

export function known<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T;
}

/** Equal to 1e-12, of the value where that is above 1; null is null. */
export function expectClose(actual: number | null, expected: number | null, tolerance = 1e-12): void {
  if (actual === null || expected === null) expect(actual).toBe(expected);
  else expect(Math.abs(actual - expected), `${actual} beside ${expected}`).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected))); // prettier-ignore
}

export function expectAllClose(
  actual: Iterable<number | null>,
  expected: readonly (number | null)[],
  tolerance?: number,
): void {
  const values = [...actual];
  expect(values.length).toBe(expected.length);
  for (const [i, value] of values.entries()) expectClose(value, expected[i], tolerance);
}

export const floats = (values: readonly number[] | null) => (values === null ? undefined : Float64Array.from(values));
export const codes = (values: readonly number[]) => Int32Array.from(values);
