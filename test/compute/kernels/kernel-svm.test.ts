import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { putRows } from '../../../compute/kernels/feature-rows.ts';
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import { KernelSvm } from '../../../compute/kernels/kernel-svm.ts';
import type { KernelSvmOptions } from '../../../compute/kernels/kernel-svm.ts';
import { kernelDecisions, kernelMatrix } from '../../../compute/kernels/kernel-values.ts';
import type { SvmKernel } from '../../../compute/kernels/kernel-values.ts';
import * as scalar from '../../../compute/kernels/scalar/kernel-svm.ts';
import type { SvmProblem } from '../../../compute/kernels/svm-problem.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { bruteForce } from './brute-force-qp.ts';
import { lengths, normals, randomCsr } from './random-arrays.ts';
import { denseOf, targetsFor } from './svm-data.ts';
import { sectionsOf } from './wasm-sections.ts';

const [alone, together] = [new KernelThreads(1, ['kernel-svm']), new KernelThreads(3, ['kernel-svm'])];
afterAll(() => Promise.all([alone.close(), together.close()]));

const kernels: SvmKernel[] = [
  { kind: 'linear' },
  { kind: 'polynomial', degree: 2, gamma: 0.25, offset: 1 },
  { kind: 'rbf', gamma: 0.25 },
];
const kinds = ['classification', 'regression'] as const;
const variants = kernels.flatMap((kernel) => kinds.map((kind) => ({ kernel, kind, name: kernel.kind })));
type Kind = (typeof kinds)[number];

function problemOf(kind: Kind, targets: number[]): SvmProblem {
  return kind === 'classification'
    ? { kind, targets, positiveCost: 0.7, negativeCost: 1.5 }
    : { kind, targets, cost: 0.7, epsilon: 0.2 };
}

/** The same for the twin. */
function twinOf(
  kind: Kind,
  K: ArrayLike<number>[],
  targets: number[],
  rowWeights?: Float32Array,
): scalar.KernelProblem {
  const costs = targets.map((z, i) => (kind === 'classification' && z < 0 ? 1.5 : 0.7) * (rowWeights?.[i] ?? 1));
  return {
    K,
    targets,
    lower: costs.map((cost, i) => (kind === 'regression' || targets[i] < 0 ? -cost : 0)),
    upper: costs.map((cost, i) => (kind === 'regression' || targets[i] > 0 ? cost : 0)),
    epsilon: kind === 'regression' ? 0.2 : 0,
  };
}

function rowsOf(seed: number, count: number, columns: number, sparse = false): FeatureRows {
  const random = new Random(seed, count);
  if (!sparse) return { values: normals(random, count * columns), columns };
  const rowLengths = Array.from({ length: count }, (_, r) => r % (columns + 1));
  return { ...randomCsr(random, rowLengths, columns, () => random.normal()), columns };
}

/** Both classes are there. */
function targetsOf(kind: Kind, rows: FeatureRows, seed: number): number[] {
  const targets = targetsFor(kind, denseOf(rows), new Random(seed, 1));
  if (kind === 'classification' && targets.length > 1) [targets[0], targets[1]] = [1, -1];
  return targets;
}

async function solve(rows: FeatureRows, problem: SvmProblem, options: KernelSvmOptions, threads = alone, slice = 500) {
  const svm = await KernelSvm.start(threads, putRows(threads, rows), problem, options);
  for (let k = 0; k < 400 && !(await svm.advance(slice)); k++);
  return await svm.solution();
}

async function linesOf(rows: FeatureRows, kernel: SvmKernel): Promise<Float32Array[]> {
  const stored = putRows(alone, rows);
  const K = await kernelMatrix(alone, kernel, stored, stored);
  return Array.from({ length: stored.count }, (_, i) => K.subarray(i * stored.count, (i + 1) * stored.count));
}

describe.each(variants)('sequential minimal optimization for $kind with a $name kernel', ({ kernel, kind }) => {
  it.each([...lengths.filter((n) => n > 1), 60])(
    'takes the steps of its twin, to the bit, over %i rows',
    async (count) => {
      for (const sparse of [false, true]) {
        const rows = rowsOf(1, count, 6, sparse);
        const targets = targetsOf(kind, rows, count);
        const twin = twinOf(kind, await linesOf(rows, kernel), targets);
        const state = scalar.start(twin);
        const stored = putRows(alone, rows);
        const options = { kernel, tolerance: 1e-9, shrinking: false };
        const svm = await KernelSvm.start(alone, stored, problemOf(kind, targets), options);
        for (let k = 0; k < 120 && scalar.violation(twin, state) > 1e-9; k++) {
          expect(await svm.advance(1)).toBe(false);
          scalar.step(twin, state);
          expect(svm.progress().violation).toBe(Math.max(0, scalar.violation(twin, state)));
        }
        expect((await svm.solution()).coefficients).toEqual(state.betas);
      }
    },
  );

  it.each([2, 3, 4])('finds the optimum that trying every active set finds, of %i rows', async (count) => {
    for (let seed = 0; seed < 5; seed++) {
      const rows = rowsOf(seed, count, 3);
      const targets = targetsOf(kind, rows, seed);
      const K = await linesOf(rows, kernel);
      const { primal, dual, solved } = await solve(rows, problemOf(kind, targets), { kernel, tolerance: 1e-9 });
      const twin = twinOf(kind, K, targets);
      const least = bruteForce({
        Q: K.map((line) => [...line]),
        z: targets,
        epsilon: twin.epsilon,
        lower: [...(twin.lower as number[])],
        upper: [...(twin.upper as number[])],
        balanced: true,
      });
      expect(solved).toBe(true);
      expect(-dual).toBeCloseTo(least, 7);
      expect(primal).toBeCloseTo(-least, 6);
    }
  });

  it.each([...lengths.filter((n) => n > 1), 300])('closes the gap over %i rows, with row weights', async (count) => {
    for (const sparse of [false, true]) {
      const rows = rowsOf(2, count, 6, sparse);
      const targets = targetsOf(kind, rows, count);
      const rowWeights = Float32Array.from(targets, (_, i) => [1, 0.5, 2, 0][i % 4]);
      const options = { kernel, tolerance: 1e-5, rowWeights };
      const { coefficients, primal, dual, support, solved, bias } = await solve(
        rows,
        problemOf(kind, targets),
        options,
      );
      expect(solved).toBe(true);
      const twin = twinOf(kind, await linesOf(rows, kernel), targets, rowWeights);
      // By definition, not by the gradient that the solver keeps.
      const sums = targets.map((_, i) => coefficients.reduce((sum, beta, j) => sum + beta * twin.K[j][i], 0));
      const square = coefficients.reduce((sum, beta, i) => sum + beta * sums[i], 0);
      let [loss, gain] = [0, 0];
      for (const [i, z] of targets.entries()) {
        const s = sums[i] + bias;
        const xi = Math.max(0, kind === 'regression' ? Math.abs(z - s) - 0.2 : 1 - z * s);
        loss += Math.max(twin.upper[i], -twin.lower[i]) * xi;
        gain += z * coefficients[i] - twin.epsilon * Math.abs(coefficients[i]);
      }
      expect(primal).toBeCloseTo(square / 2 + loss, 6);
      expect(dual).toBeCloseTo(gain - square / 2, 6);
      expect(primal - dual).toBeLessThan(1e-3 * Math.max(1, primal));
      expect(primal - dual).toBeGreaterThan(-1e-7 * Math.max(1, primal));
      expect(coefficients.every((beta, i) => beta >= twin.lower[i] && beta <= twin.upper[i])).toBe(true);
      expect(coefficients.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 10);
      expect([...support]).toEqual(targets.flatMap((_, i) => (coefficients[i] === 0 ? [] : [i])));
    }
  });
});

describe('sequential minimal optimization', () => {
  it('solves by hand what can be solved by hand', async () => {
    // Points at ±1, linear: β = ±min(C, ½), the line through both margins where C allows it.
    const pair = { values: Float32Array.of(1, -1), columns: 1 };
    for (const C of [0.2, 5]) {
      const problem: SvmProblem = { kind: 'classification', targets: [1, -1], positiveCost: C, negativeCost: C };
      const { coefficients, bias } = await solve(pair, problem, { kernel: { kind: 'linear' }, tolerance: 1e-9 });
      expect([...coefficients]).toEqual([Math.min(C, 0.5), -Math.min(C, 0.5)]);
      expect(bias).toBeCloseTo(0, 12);
    }
    // Exclusive or, RBF: by symmetry all α are equal, α (1 − 2 k + k²) = 1 with k = e^−4γ between neighbours.
    const xor = { values: Float32Array.of(1, 1, -1, -1, 1, -1, -1, 1), columns: 2 };
    const problem: SvmProblem = { kind: 'classification', targets: [1, 1, -1, -1], positiveCost: 9, negativeCost: 9 };
    const solved = await solve(xor, problem, { kernel: { kind: 'rbf', gamma: 0.25 }, tolerance: 1e-9 });
    const alpha = 1 / (1 - Math.exp(-1)) ** 2;
    for (const [i, beta] of solved.coefficients.entries()) expect(beta).toBeCloseTo(i < 2 ? alpha : -alpha, 5);
    expect(solved.bias).toBeCloseTo(0, 6);
    // Two values of a function, linear: the flattest line within ε of both.
    const line: SvmProblem = { kind: 'regression', targets: [3, 1], cost: 10, epsilon: 0.5 };
    const fitted = await solve(pair, line, { kernel: { kind: 'linear' }, tolerance: 1e-9 });
    expect(fitted.coefficients[0] - fitted.coefficients[1]).toBeCloseTo(0.5, 10);
    expect(fitted.bias).toBeCloseTo(2, 10);
  });

  it('is done at once where nothing is to be learnt', async () => {
    const rows = { values: Float32Array.of(1, 2, 3), columns: 1 };
    const kernel: SvmKernel = { kind: 'rbf', gamma: 1 };
    const flat: SvmProblem = { kind: 'regression', targets: [4, 4.1, 3.9], cost: 1, epsilon: 0.2 };
    const found = await solve(rows, flat, { kernel });
    expect(found).toMatchObject({ steps: 0, solved: true, primal: 0, dual: 0 });
    expect(found.bias).toBeCloseTo(4, 10);
    const one: SvmProblem = { kind: 'classification', targets: [1, 1, 1], positiveCost: 1, negativeCost: 1 };
    expect(await solve(rows, one, { kernel })).toMatchObject({ steps: 0, solved: true, bias: 1 });
    const none = { values: new Float32Array(0), columns: 1 };
    expect(await solve(none, { ...one, targets: [] }, { kernel })).toMatchObject({ steps: 0, solved: true, bias: 0 });
  });

  it('finds an optimum where the kernel has directions of negative curvature', async () => {
    const rows = rowsOf(7, 80, 4);
    const kernel: SvmKernel = { kind: 'sigmoid', gamma: 0.5, offset: -0.25 };
    const found = await solve(rows, problemOf('classification', targetsOf('classification', rows, 7)), { kernel });
    expect(found.solved).toBe(true);
    expect(found.violation).toBeLessThanOrEqual(1e-3);
  });

  const kernel: SvmKernel = { kind: 'rbf', gamma: 0.25 };
  const cases = kinds.flatMap((kind) => [false, true].map((sparse) => ({ kind, sparse })));

  it.each(cases)(
    'gives the same bytes whatever the threads, the slices and the cache: $kind, sparse $sparse',
    async (one) => {
      const { kind, sparse } = one;
      // Enough work in a row that it is shared.
      const rows = rowsOf(3, 420, 90, sparse);
      const problem = problemOf(kind, targetsOf(kind, rows, 3));
      const options = { kernel: { kind: 'rbf', gamma: 0.01 } as const, tolerance: 1e-4 };
      const whole = await solve(rows, problem, options, together);
      expect(whole.solved).toBe(true);
      expect(await solve(rows, problem, options, alone, 37)).toEqual(whole);
      expect(await solve(rows, problem, { ...options, cacheBytes: 0 }, together, 91)).toEqual(whole);
    },
  );

  it('keeps no value in the cache that shrinking has put elsewhere', async () => {
    // All take several rounds of shrinking, with lines in the cache that were begun in an earlier one.
    for (const { count, seed, kind, C } of [
      { count: 100, seed: 1, kind: 'regression', C: 1 },
      { count: 300, seed: 2, kind: 'regression', C: 1 },
      { count: 300, seed: 0, kind: 'classification', C: 30 },
    ] as const) {
      const rows = { values: normals(new Random(seed, 500), count * 3), columns: 3 };
      const targets = targetsFor(kind, denseOf(rows), new Random(seed, 1));
      const problem: SvmProblem =
        kind === 'regression'
          ? { kind, targets, cost: C, epsilon: 0.1 }
          : { kind, targets, positiveCost: C, negativeCost: C };
      const found = [];
      for (const lines of [2, count / 10, count / 4, count]) {
        const cacheBytes = lines * Math.ceil(count / 4) * 16;
        found.push(await solve(rows, problem, { kernel: { kind: 'linear' }, tolerance: 1e-4, cacheBytes }));
      }
      expect(found[0].solved).toBe(true);
      for (const other of found.slice(1)) expect(other).toEqual(found[0]);
    }
  });

  it.each(kinds)('shrinks, and comes to the optimum that it comes to without: %s', async (kind) => {
    const rows = rowsOf(4, 500, 2);
    const problem = problemOf(kind, targetsOf(kind, rows, 4));
    const linear: SvmKernel = { kind: 'linear' };
    const stored = putRows(alone, rows);
    const svm = await KernelSvm.start(alone, stored, problem, { kernel: linear, tolerance: 1e-6, cacheBytes: 0 });
    let least = 500;
    while (!(await svm.advance(50))) least = Math.min(least, svm.progress().active);
    expect(least).toBeLessThan(250);
    expect(svm.progress().active).toBe(500);
    const shrunk = await svm.solution();
    const plain = await solve(rows, problem, { kernel: linear, tolerance: 1e-6, shrinking: false });
    expect(shrunk.dual).toBeCloseTo(plain.dual, 5);
    expect(shrunk.bias).toBeCloseTo(plain.bias, 4);
    // And the decision values are those of the coefficients.
    const decisions = await kernelDecisions(alone, linear, stored, stored, [shrunk]);
    const margins = decisions.filter((s, i) => kind === 'classification' && problem.targets[i] * s < 1 - 1e-4);
    const atBound = shrunk.coefficients.filter((beta) => [0.7, -1.5].includes(beta));
    if (kind === 'classification') expect(margins.length).toBe(atBound.length);
  });

  it('goes on from a snapshot to the same bytes, while variables are shrunk too', async () => {
    const rows = rowsOf(4, 500, 2);
    const problem = problemOf('classification', targetsOf('classification', rows, 4));
    const options = { kernel: { kind: 'linear' } as const, tolerance: 1e-6 };
    const whole = await solve(rows, problem, options);
    const begun = await KernelSvm.start(alone, putRows(alone, rows), problem, options);
    while (begun.progress().active === 500) await begun.advance(100);
    const snapshot = begun.snapshot();
    // To look at what is there so far changes nothing.
    const early = await begun.solution();
    expect(early).toMatchObject({ solved: false, steps: begun.progress().steps });
    expect(early.primal).toBeGreaterThan(whole.primal - 1e-3);
    const resumed = await KernelSvm.start(together, putRows(together, rows), problem, options);
    await resumed.restore(snapshot);
    for (const svm of [resumed, begun]) {
      while (!(await svm.advance(170)));
      expect(await svm.solution()).toEqual(whole);
    }
    const other = { ...snapshot, betas: { data: new Float64Array(3) } };
    await expect(resumed.restore(other)).rejects.toThrow('500 values "betas"');
  });

  it('takes no more steps than it is asked for', async () => {
    const rows = rowsOf(5, 200, 8);
    const problem = problemOf('classification', targetsOf('classification', rows, 5));
    const svm = await KernelSvm.start(together, putRows(together, rows), problem, { kernel });
    for (const steps of [1, 7, 0, 20]) {
      const before = svm.progress().steps;
      expect(await svm.advance(steps)).toBe(false);
      expect(svm.progress().steps).toBe(before + steps);
    }
  });

  it('says what to do where a kernel overflows', async () => {
    const rows = { values: Float32Array.of(1e20, 1, -1, -1e20), columns: 1 };
    const problem: SvmProblem = { kind: 'classification', targets: [1, 1, -1, -1], positiveCost: 1, negativeCost: 1 };
    const overflowing: SvmKernel = { kind: 'polynomial', degree: 5, gamma: 1, offset: 0 };
    await expect(solve(rows, problem, { kernel: overflowing })).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      message: expect.stringContaining('Scale the features'),
    });
  });

  it.each([Number.NaN, -1, 0.5, Infinity])('refuses %s steps', async (steps) => {
    const svm = await KernelSvm.start(alone, putRows(alone, { values: Float32Array.of(1, 2), columns: 1 }), good, {
      kernel,
    });
    await expect(svm.advance(steps)).rejects.toThrow(RangeError);
  });

  const good: SvmProblem = { kind: 'classification', targets: [1, -1], positiveCost: 1, negativeCost: 1 };
  it.each([
    { what: 'targets that are no signs', problem: { ...good, targets: [1, 0] }, message: '1 or −1' },
    {
      what: 'a negative epsilon',
      problem: { kind: 'regression', targets: [1, 2], cost: 1, epsilon: -1 },
      message: 'Epsilon',
    },
    { what: 'a tolerance of 0', problem: good, options: { tolerance: 0 }, message: 'tolerance' },
    { what: 'a cache below nothing', problem: good, options: { cacheBytes: -1 }, message: 'cache' },
    { what: 'too few weights', problem: good, options: { rowWeights: Float32Array.of(1) }, message: '2 row weights' },
  ] as const)('refuses $what', async ({ problem, message, ...rest }) => {
    const stored = putRows(alone, { values: Float32Array.of(1, 2), columns: 1 });
    const options = { kernel, ...('options' in rest ? rest.options : {}) };
    await expect(KernelSvm.start(alone, stored, problem, options)).rejects.toThrow(message);
  });

  it('needs a module without static data, and without state', () => {
    expect(sectionsOf('kernel-svm')).not.toContain('data');
    expect(sectionsOf('kernel-svm')).not.toContain('global');
  });
});
