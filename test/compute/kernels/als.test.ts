import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import * as scalar from '../../../compute/kernels/scalar/als.ts';
import type { Csr } from '../../../compute/kernels/scalar/csr.ts';
import { epsilon, largestDifference, lengths, paddedFactors, randomCsr, withinBounds } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['als', 'fold-in']);
afterAll(() => kernels.close());

const widths = [8, 16, 24, 64];

describe('als gram', () => {
  /** Chunks of the kernel's own choosing of the test: `cuts` are the rows that they begin at. */
  async function gram(Y: Float32Array, rows: number, n: number, lambda: number, cuts = [0]): Promise<Float32Array> {
    const [y, parts, G] = [kernels.put(Y), kernels.alloc(cuts.length * n * n * 4), kernels.alloc(n * n * 4)];
    kernels.view('f32', parts, cuts.length * n * n).fill(Number.NaN);
    await kernels.parallelFor('als', 'gram', cuts.length, (chunk) => [
      y,
      cuts[chunk],
      cuts[chunk + 1] ?? rows,
      n,
      parts + chunk * n * n * 4,
    ]);
    await kernels.parallelFor('als', 'gramSum', 1, () => [parts, cuts.length, n, lambda, G]);
    return new Float32Array(kernels.view('f32', G, n * n));
  }

  const cases = [...lengths, 1000].flatMap((rows) => widths.map((n) => ({ rows, n })));
  it.each(cases)('is within its bound for $rows rows of $n factors', async ({ rows, n }) => {
    const Y = paddedFactors(new Random(rows, n), rows, n, n);
    const actual = await gram(Y, rows, n, 0.5);
    const magnitudes = scalar.gram(Y.map(Math.abs), rows, n, 0.5);
    const bounds = magnitudes.map((sum) => 2 * (rows + 2) * epsilon * sum);
    expect(withinBounds(actual, scalar.gram(Y, rows, n, 0.5), bounds)).toBe(true);
  });

  it('adds chunks of any sizes, in their order', async () => {
    const n = 16;
    const Y = Float32Array.from(paddedFactors(new Random(3), 300, n, n), (value) => Math.round(value * 8));
    // Small integers: every sum is exact, so that the cuts cannot matter.
    const whole = await gram(Y, 300, n, 1);
    expect(await gram(Y, 300, n, 1, [0, 1, 130, 130, 299])).toEqual(whole);
    expect(Array.from(whole)).toEqual(Array.from(scalar.gram(Y, 300, n, 1)));
  });
});

describe('fold-in gram', () => {
  it.each([...lengths, 1000].map((rows) => ({ rows })))('is exact to float64 for $rows rows', async ({ rows }) => {
    for (const n of widths) {
      const Y = paddedFactors(new Random(rows, n), rows, n, n);
      const [y, part] = [kernels.put(Y), kernels.alloc(n * n * 8)];
      await kernels.parallelFor('fold-in', 'gram', 1, () => [y, 0, rows, n, part]);
      const actual = kernels.view('f64', part, n * n);
      const expected = scalar.gram(Y, rows, n, 0);
      // What lies below the diagonal is not promised.
      const upper = expected.map((value, k) => (k % n >= Math.floor(k / n) ? Math.abs(value - actual[k]) : 0));
      expect(Math.max(...upper)).toBeLessThan(1e-12 * Math.max(1, rows / 17));
    }
  });
});

const solvers = [
  { kernel: 'als', tolerance: 2e-5, scratch: 4 * 4 },
  { kernel: 'fold-in', tolerance: 1e-6, scratch: 4 * 8 },
] as const;

describe.each(solvers)('$kernel solve', ({ kernel, tolerance, scratch }) => {
  async function solve(csr: Csr, X: Float32Array, Y: Float32Array, G: Float64Array, n: number, steps: number) {
    const rows = csr.indptr.length - 1;
    const [indptr, indices, values] = [csr.indptr, csr.indices, csr.values].map((array) => kernels.put(array));
    const [x, y] = [kernels.put(X), kernels.put(Y)];
    const g = kernels.put(kernel === 'als' ? Float32Array.from(G) : G);
    const argsOf = (row: number) => [indptr, indices, values, x, y, g, row, row + 1, n, steps];
    await kernels.parallelFor(kernel, 'solve', rows, argsOf, n * scratch);
    return new Float32Array(kernels.view('f32', x, rows * n));
  }

  it.each(widths)('follows conjugate gradient for histories of all lengths with %i factors', async (n) => {
    const random = new Random(7, n);
    const items = 700;
    const Y = paddedFactors(random, items, n, n).map((value) => value / 4);
    const csr = randomCsr(random, [...lengths, 31, 32, 33, 35, 600], items, () => 1 + 3 * random.uniform());
    const rows = csr.indptr.length - 1;
    const start = kernel === 'als' ? paddedFactors(random, rows, n, n) : new Float32Array(rows * n);
    const G = scalar.gram(Y, items, n, 2);
    const actual = await solve(csr, start, Y, G, n, 3);
    for (let row = 0; row < rows; row++) {
      const x = start.subarray(row * n, (row + 1) * n);
      const expected = scalar.solveRow(csr, row, Y, G, n, 3, x);
      const scale = Math.max(1, ...expected.map(Math.abs));
      expect(largestDifference(actual.subarray(row * n, (row + 1) * n), expected)).toBeLessThan(tolerance * scale);
    }
  });

  it('solves the system once it has taken as many steps as there are factors', async () => {
    const n = 8;
    const random = new Random(11);
    const Y = paddedFactors(random, 40, n, n);
    const csr = randomCsr(random, [12], 40, () => 4);
    const G = scalar.gram(Y, 40, n, 1);
    const x = await solve(csr, new Float32Array(n), Y, G, n, 16);
    // Σ c y − (G + Σ (c − 1) y yᵀ) x = 0, written out.
    const residual = Array.from({ length: n }, (_, f) => {
      let sum = 0;
      for (let g = 0; g < n; g++) sum -= G[f * n + g] * x[g];
      for (const item of csr.indices) {
        let product = 0;
        for (let g = 0; g < n; g++) product += Y[item * n + g] * x[g];
        sum += (4 - 3 * product) * Y[item * n + f];
      }
      return Math.abs(sum);
    });
    expect(Math.max(...residual)).toBeLessThan(1e-3);
  });

  it('keeps padding columns exactly zero', async () => {
    const [n, factors] = [16, 11];
    const random = new Random(5);
    const Y = paddedFactors(random, 50, factors, n);
    const csr = randomCsr(random, [1, 6, 40], 50, () => 2);
    const X = await solve(csr, new Float32Array(3 * n), Y, scalar.gram(Y, 50, n, 0.1), n, 16);
    expect(X.every((value, k) => k % n < factors || value === 0)).toBe(true);
    expect(X.some((value) => value !== 0)).toBe(true);
  });

  it('leaves a row without entries at zero', async () => {
    const n = 8;
    const Y = paddedFactors(new Random(2), 9, n, n);
    const csr = randomCsr(new Random(2), [0, 2, 0], 9, () => 2);
    const X = await solve(csr, new Float32Array(3 * n), Y, scalar.gram(Y, 9, n, 1), n, 16);
    expect(Array.from(X.subarray(0, n))).toEqual(Array.from({ length: n }, () => 0));
    expect(Array.from(X.subarray(2 * n))).toEqual(Array.from({ length: n }, () => 0));
    expect(X.subarray(n, 2 * n).some((value) => value !== 0)).toBe(true);
  });
});
