import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { adjustedRandIndex, inertia, silhouette } from '../../evaluation/clustering.ts';
import { codes, expectClose, known } from './known.ts';

interface Known {
  silhouettes: {
    name: string;
    columns: number;
    points: number[];
    labels: number[];
    codes: number[];
    centres: number[];
    silhouette: number | null;
    inertia: number;
  }[];
  rand: { name: string; a: number[]; b: number[]; expected: number }[];
}
const { silhouettes, rand } = known<Known>('clustering');

describe.each(silhouettes)('a clustering: $name', (given) => {
  it.each([Float32Array, Float64Array])('has the silhouette of scikit-learn from a %o', (Type) => {
    expectClose(silhouette(Type.from(given.points), given.columns, codes(given.labels)), given.silhouette);
  });

  it('has the squared distances to its centres as inertia', () => {
    const centres = Float64Array.from(given.centres);
    expectClose(inertia(Float64Array.from(given.points), given.columns, codes(given.codes), centres), given.inertia);
  });
});

describe('silhouette', () => {
  const random = new Random(3);
  const n = 400;
  const labels = Int32Array.from({ length: n }, (_, i) => i % 4);
  const points = Float32Array.from({ length: n * 2 }, (_, i) => random.normal() + 3 * labels[i >> 1]);

  it('of a sample is near that of all, and the same for the same seed', () => {
    const whole = silhouette(points, 2, labels)!;
    const sampled = silhouette(points, 2, labels, { sample: { rows: 200, seed: 1 } })!;
    expect(sampled).not.toBe(whole);
    expect(Math.abs(sampled - whole)).toBeLessThan(0.06);
    expect(silhouette(points, 2, labels, { sample: { rows: 200, seed: 1 } })).toBe(sampled);
    expect(silhouette(points, 2, labels, { sample: { rows: 200, seed: 2 } })).not.toBe(sampled);
    expect(silhouette(points, 2, labels, { sample: { rows: n, seed: 2 } })).toBe(whole);
  });

  it('does not depend on the order of the rows', () => {
    const order = Int32Array.from({ length: n }, (_, i) => (i * 7 + 3) % n);
    const moved = Float32Array.from({ length: n * 2 }, (_, i) => points[order[i >> 1] * 2 + (i % 2)]);
    const relabelled = order.map((row) => labels[row]);
    expectClose(silhouette(moved, 2, relabelled), silhouette(points, 2, labels));
  });

  it('is 0 where all points are in one place', () => {
    expect(silhouette(new Float32Array(8), 2, codes([0, 0, 1, 1]))).toBe(0);
  });
});

describe('adjustedRandIndex', () => {
  it.each(rand)('of $name is that of scikit-learn', ({ a, b, expected }) => {
    expectClose(adjustedRandIndex(codes(a), codes(b)), expected);
    expectClose(adjustedRandIndex(codes(b), codes(a)), expected);
  });

  it('refuses clusterings of different rows', () => {
    expect(() => adjustedRandIndex(codes([1]), codes([1, 2]))).toThrow(RangeError);
  });
});
