import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { putRows } from '../../../compute/kernels/feature-rows.ts';
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import { kernelDecisions, kernelMatrix } from '../../../compute/kernels/kernel-values.ts';
import type { SvmKernel } from '../../../compute/kernels/kernel-values.ts';
import { kernelValue } from '../../../compute/kernels/scalar/kernel-svm.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { epsilon, lengths, normals, randomCsr, withinBounds } from './random-arrays.ts';
import { denseOf } from './svm-data.ts';

const [alone, together] = [new KernelThreads(1, ['kernel-svm']), new KernelThreads(3, ['kernel-svm'])];
afterAll(() => Promise.all([alone.close(), together.close()]));

/** Parameters that float32 holds exactly. */
const kernels: SvmKernel[] = [
  { kind: 'linear' },
  { kind: 'polynomial', degree: 3, gamma: 0.25, offset: 1 },
  { kind: 'polynomial', degree: 6, gamma: 0.125, offset: 0.5 },
  { kind: 'rbf', gamma: 0.125 },
  { kind: 'sigmoid', gamma: 0.0625, offset: -0.5 },
];

function rowsOf(seed: number, count: number, columns: number, sparse: boolean): FeatureRows {
  const random = new Random(seed, columns);
  if (!sparse) return { values: normals(random, count * columns), columns };
  const rowLengths = Array.from({ length: count }, (_, r) => (r * 5) % (columns + 1));
  return { ...randomCsr(random, rowLengths, columns, () => random.normal()), columns };
}

/** How far a value may be off: its argument's error times the slope, and the roundings of the function. */
function boundOf(kernel: SvmKernel, u: number[], v: number[], sparse: boolean): number {
  const n = u.length;
  const unit = 2 * epsilon;
  const magnitude = u.reduce((sum, value, c) => sum + Math.abs(value * v[c]), 0);
  const product = sparse ? epsilon * magnitude : (n / 8 + 5) * unit * magnitude;
  const value = kernelValue(kernel, u, v);
  switch (kernel.kind) {
    case 'linear':
      return product;
    case 'polynomial': {
      const z = Math.abs(kernel.gamma) * magnitude + Math.abs(kernel.offset);
      return kernel.degree * z ** (kernel.degree - 1) * (kernel.gamma * product + 3 * epsilon * z) * 1.01;
    }
    case 'rbf':
      return ((sparse ? 2 : n / 4 + 6) * unit * 0.37 + 2 * epsilon) * 1.01;
    case 'sigmoid':
      return kernel.gamma * product + 3 * epsilon * (kernel.gamma * magnitude + 0.5) + 3 * epsilon * Math.abs(value);
  }
}

describe.each(kernels)('$kind kernel values', (kernel) => {
  it.each([...lengths.filter((n) => n > 0), 100])('are within their bound for rows of %i features', async (columns) => {
    for (const sparse of [false, true]) {
      const [u, v] = [rowsOf(1, 7, columns, sparse), rowsOf(2, 18, columns, sparse)];
      const actual = await kernelMatrix(alone, kernel, putRows(alone, u), putRows(alone, v));
      const pairs = denseOf(u).flatMap((a) => denseOf(v).map((b) => ({ a, b })));
      const expected = pairs.map(({ a, b }) => kernelValue(kernel, a, b));
      const bounds = pairs.map(({ a, b }) => boundOf(kernel, a, b, sparse));
      expect(withinBounds(actual, expected, bounds)).toBe(true);
    }
  });

  it.each(lengths)('do not depend on the %i rows that they are computed with', async (count) => {
    for (const sparse of [false, true]) {
      const rows = rowsOf(3, 18, 21, sparse);
      const all = putRows(alone, rows);
      const whole = await kernelMatrix(alone, kernel, all, all);
      const values = 'indptr' in rows ? rows.values : rows.values.subarray(0, count * 21);
      const first = putRows(alone, 'indptr' in rows ? firstRows(rows, count) : { ...rows, values });
      const part = await kernelMatrix(alone, kernel, all, first);
      expect(part).toEqual(whole.filter((_, k) => k % 18 < count));
    }
  });

  it('of dense rows are symmetric to the bit', async () => {
    const rows = putRows(alone, rowsOf(4, 21, 37, false));
    const K = await kernelMatrix(alone, kernel, rows, rows);
    expect(K).toEqual(K.map((_, k) => K[(k % 21) * 21 + Math.floor(k / 21)]));
  });

  it('are the same with any number of threads, and so are decisions', async () => {
    for (const sparse of [false, true]) {
      const [u, v] = [rowsOf(5, 90, 12, sparse), rowsOf(6, 300, 12, sparse)];
      const random = new Random(7);
      const functions = [0.5, -2].map((bias) => ({ bias, coefficients: Float64Array.from(normals(random, 300)) }));
      const [one, three] = await Promise.all(
        [alone, together].map(async (threads) => {
          const sides = [putRows(threads, u), putRows(threads, v)] as const;
          const K = await kernelMatrix(threads, kernel, ...sides);
          return { K, decisions: await kernelDecisions(threads, kernel, ...sides, functions) };
        }),
      );
      expect(three).toEqual(one);
      for (let k = 0; k < one.decisions.length; k++) {
        const { bias, coefficients } = functions[k % 2];
        const row = one.K.subarray((k >> 1) * 300, ((k >> 1) + 1) * 300);
        const sum = row.reduce((total, value, j) => total + coefficients[j] * value, bias);
        expect(one.decisions[k]).toBeCloseTo(sum, 8);
      }
    }
  });
});

function firstRows(rows: FeatureRows, count: number): FeatureRows {
  if (!('indptr' in rows)) return rows;
  const end = rows.indptr[count];
  return {
    indptr: rows.indptr.slice(0, count + 1),
    indices: rows.indices.slice(0, end),
    values: rows.values.slice(0, end),
    columns: rows.columns,
  };
}

describe('kernel values', () => {
  /** Floats from 2⁻²⁰ to 16, evenly by their bits, and evenly by size. */
  const points = Float32Array.from({ length: 60_000 }, (_, k) =>
    k % 2 ? 2 ** (-20 + (24 * k) / 60_000) : (k * 9.5) / 60_000,
  );

  it('have an exponential within 2 ε, exactly 1 at 0, and 0 where floats end', async () => {
    const [x, zero] = [
      putRows(alone, { values: points, columns: 1 }),
      putRows(alone, { values: new Float32Array(1), columns: 1 }),
    ];
    const values = await kernelMatrix(alone, { kind: 'rbf', gamma: 1 }, x, zero);
    const arguments_ = points.map((point) => -Math.fround(point * point));
    const bounds = Float64Array.from(arguments_, (z) => (z < -87.3 ? 1.3e-38 : 2 * epsilon * Math.exp(z)));
    expect(withinBounds(values, Float64Array.from(arguments_, Math.exp), bounds)).toBe(true);
    expect(values[0]).toBe(1);
    expect(values.at(-1)).toBe(0);
  });

  it('have a hyperbolic tangent within 3 ε, on both sides', async () => {
    const [x, one] = [
      putRows(alone, { values: points, columns: 1 }),
      putRows(alone, { values: Float32Array.of(1, -1), columns: 1 }),
    ];
    const values = await kernelMatrix(alone, { kind: 'sigmoid', gamma: 1, offset: 0 }, x, one);
    const expected = Float64Array.from(values, (_, k) => Math.tanh(points[k >> 1] * (k % 2 ? -1 : 1)));
    expect(
      withinBounds(
        values,
        expected,
        expected.map((t) => 3 * epsilon * Math.abs(t)),
      ),
    ).toBe(true);
  });

  it('of a row with itself are exactly 1 for RBF, however long it is', async () => {
    for (const sparse of [false, true]) {
      const rows = rowsOf(9, 30, 33, sparse);
      const scaled = { ...rows, values: rows.values.map((value) => value * 1000) };
      const stored = putRows(alone, scaled);
      const K = await kernelMatrix(alone, { kind: 'rbf', gamma: 10 }, stored, stored);
      for (let i = 0; i < 30; i++) expect(K[i * 31]).toBe(1);
    }
  });

  it.each([
    { what: 'a gamma of 0', kernel: { kind: 'rbf', gamma: 0 }, message: 'Gamma' },
    { what: 'a degree of 0', kernel: { kind: 'polynomial', degree: 0, gamma: 1, offset: 0 }, message: 'degree' },
    { what: 'no offset', kernel: { kind: 'sigmoid', gamma: 1, offset: Number.NaN }, message: 'offset' },
  ] as const)('are refused with $what', async ({ kernel, message }) => {
    const rows = putRows(alone, rowsOf(1, 2, 2, false));
    await expect(kernelMatrix(alone, kernel, rows, rows)).rejects.toThrow(message);
  });

  it('are refused between rows that do not go together', async () => {
    const [a, b, c] = [rowsOf(1, 2, 2, false), rowsOf(1, 2, 3, false), rowsOf(1, 2, 2, true)].map((rows) =>
      putRows(alone, rows),
    );
    await expect(kernelMatrix(alone, { kind: 'linear' }, a, b)).rejects.toThrow('3 columns, dense');
    await expect(kernelMatrix(alone, { kind: 'linear' }, a, c)).rejects.toThrow('2 columns, sparse');
    const functions = [{ coefficients: new Float64Array(3), bias: 0 }];
    await expect(kernelDecisions(alone, { kind: 'linear' }, a, a, functions)).rejects.toThrow('2 coefficients');
  });
});
