import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { putRows } from '../../../compute/kernels/feature-rows.ts';
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';
import { LinearSvms } from '../../../compute/kernels/linear-svm.ts';
import type { LinearSvmOptions, LinearSvmProblem } from '../../../compute/kernels/linear-svm.ts';
import * as scalar from '../../../compute/kernels/scalar/linear-svm.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { bruteForce } from './brute-force-qp.ts';
import { denseOf, targetsFor } from './svm-data.ts';
import { largestDifference, lengths, normals, randomCsr } from './random-arrays.ts';
import { sectionsOf } from './wasm-sections.ts';

const [alone, together] = [new KernelThreads(1, ['linear-svm']), new KernelThreads(3, ['linear-svm'])];
afterAll(() => Promise.all([alone.close(), together.close()]));

const losses = ['l1', 'l2'] as const;
const kinds = ['classification', 'regression'] as const;
const variants = losses.flatMap((loss) => kinds.map((kind) => ({ loss, kind })));
type Variant = (typeof variants)[number];

function problemOf({ kind, loss }: Variant, targets: number[]): LinearSvmProblem {
  return kind === 'classification'
    ? { kind, loss, targets, positiveCost: 0.7, negativeCost: 1.5 }
    : { kind, loss, targets, cost: 0.7, epsilon: 0.2 };
}

/** The same for the twin, on dense rows with the bias as their last column. */
function twinOf(
  { kind, loss }: Variant,
  dense: number[][],
  targets: number[],
  bias: number,
  rowWeights?: Float32Array,
): scalar.LinearProblem {
  return {
    rows: dense.map((row) => [...row, bias]),
    targets,
    regression: kind === 'regression',
    squared: loss === 'l2',
    costs: targets.map((z, i) => (kind === 'classification' && z < 0 ? 1.5 : 0.7) * (rowWeights?.[i] ?? 1)),
    epsilon: kind === 'regression' ? 0.2 : 0,
  };
}

async function solve(
  rows: FeatureRows,
  problems: readonly LinearSvmProblem[],
  options: Partial<LinearSvmOptions> = {},
  threads = alone,
) {
  const svms = await LinearSvms.start(threads, putRows(threads, rows), problems, { seed: 1, ...options });
  for (let k = 0; k < 4000 && !(await svms.advance(10)); k++);
  return { solutions: await svms.solutions(), progress: svms.progress() };
}

function randomRows(seed: number, count: number, columns: number, sparse: boolean): FeatureRows {
  const random = new Random(seed, count * 100 + columns);
  if (!sparse) return { values: normals(random, count * columns), columns };
  const rowLengths = Array.from({ length: count }, (_, r) => r % (columns + 1));
  return { ...randomCsr(random, rowLengths, columns, () => random.normal()), columns };
}

describe.each(variants)('dual coordinate descent for $kind with $loss loss', (variant) => {
  it.each([...lengths.filter((n) => n > 0), 100])('takes the steps of its twin with %i columns', async (columns) => {
    for (const sparse of [false, true]) {
      const rows = randomRows(1, 60, columns, sparse);
      const dense = denseOf(rows);
      const targets = targetsFor(variant.kind, dense, new Random(columns));
      const svms = await LinearSvms.start(alone, putRows(alone, rows), [problemOf(variant, targets)], { seed: 5 });
      const twin = twinOf(variant, dense, targets, 1);
      const state = scalar.start(twin);
      const draws = new Random(5, 0);
      const random = Random.fromState([draws.bits(), draws.bits(), draws.bits(), draws.bits()]);
      // The first epochs, until one ends with what would solve it.
      for (let epoch = 1; epoch <= 12; epoch++) {
        if (await svms.advance()) break;
        scalar.epoch(twin, state, random);
        const [{ coefficients }] = await svms.solutions();
        expect(largestDifference(coefficients, state.betas)).toBeLessThan(1e-9);
        const [{ active, violation }] = svms.progress();
        expect(active).toBe(state.active);
        const initial = Math.max(...targets.map(Math.abs)) - twin.epsilon;
        expect(violation).toBeCloseTo((state.outward + state.inward) / initial, 9);
        [state.outwardLimit, state.inwardLimit] = [state.outward || Infinity, state.inward || Infinity];
      }
    }
  });

  it.each([1, 2, 3, 4])('finds the optimum that trying every active set finds, of %i rows', async (count) => {
    for (let seed = 0; seed < 6; seed++) {
      const rows = randomRows(seed, count, 3, false);
      const dense = denseOf(rows);
      const targets = targetsFor(variant.kind, dense, new Random(seed));
      const twin = twinOf(variant, dense, targets, 2);
      const { solutions } = await solve(rows, [problemOf(variant, targets)], { bias: 2, tolerance: 1e-10 });
      const bound = (cost: number) => (twin.squared ? Infinity : cost);
      const least = bruteForce({
        Q: twin.rows.map((a, i) =>
          twin.rows.map((b, j) => scalar.dot(a, b) + (i === j && twin.squared ? 0.5 / twin.costs[i] : 0)),
        ),
        z: targets,
        epsilon: twin.epsilon,
        lower: twin.costs.map((cost, i) => (twin.regression || targets[i] < 0 ? -bound(cost) : 0)),
        upper: twin.costs.map((cost, i) => (twin.regression || targets[i] > 0 ? bound(cost) : 0)),
        balanced: false,
      });
      expect(solutions[0].solved).toBe(true);
      expect(-solutions[0].dual).toBeCloseTo(least, 8);
      expect(solutions[0].primal).toBeCloseTo(-least, 7);
    }
  });

  it.each([...lengths, 300])('closes the gap for %i rows, with class and row weights', async (count) => {
    for (const sparse of [false, true]) {
      const rows = randomRows(2, count, 10, sparse);
      const dense = denseOf(rows);
      const targets = targetsFor(variant.kind, dense, new Random(count));
      const rowWeights = Float32Array.from(targets, (_, i) => [1, 0, 2, 0.5][i % 4]);
      const options = { tolerance: 1e-7, gapTolerance: 1e-7, rowWeights };
      const { solutions, progress } = await solve(rows, [problemOf(variant, targets)], options);
      const [{ weights, intercept, coefficients, primal, dual, solved }] = solutions;
      expect(solved).toBe(true);
      const twin = twinOf(variant, dense.length === 0 ? [Array(10).fill(0)] : dense, count === 0 ? [0] : targets, 1);
      if (count > 0) twin.costs = twinOf(variant, dense, targets, 1, rowWeights).costs;
      else twin.costs = [0];
      const expected = scalar.objectives(twin, count === 0 ? [0] : coefficients);
      expect(primal).toBeCloseTo(expected.primal, 6);
      expect(dual).toBeCloseTo(expected.dual, 6);
      expect(primal - dual).toBeLessThanOrEqual(1e-5 * Math.max(1, primal));
      expect(primal - dual).toBeGreaterThan(-1e-9 * Math.max(1, primal));
      // w = Σ β x, rows of weight 0 left out
      const w = weights.map((_, c) => dense.reduce((sum, row, i) => sum + coefficients[i] * row[c], 0));
      expect(largestDifference(weights, w)).toBeLessThan(1e-9);
      expect(intercept).toBeCloseTo(
        coefficients.reduce((a, b) => a + b, 0),
        9,
      );
      expect(coefficients.every((beta, i) => i % 4 !== 1 || beta === 0)).toBe(true);
      if (count > 0) expect(progress[0].epochs).toBeGreaterThan(0);
    }
  });
});

describe('dual coordinate descent', () => {
  it('solves by hand what can be solved by hand', async () => {
    // Two points at ±1: ½ w² + 2 C max(0, 1 − w) has its minimum at min(2 C, 1), with squares at 4 C / (1 + 4 C).
    const pair = { values: Float32Array.of(1, -1), columns: 1 };
    const classify = (loss: 'l1' | 'l2', C: number): LinearSvmProblem => {
      return { kind: 'classification', loss, targets: [1, -1], positiveCost: C, negativeCost: C };
    };
    // One point at 2 with target 3: ½ w² + C max(0, |3 − 2 w| − ½) at min(2 C, 1.25), with squares at 10 C / (1 + 8 C).
    const one = { values: Float32Array.of(2), columns: 1 };
    const regress = (loss: 'l1' | 'l2', C: number): LinearSvmProblem => {
      return { kind: 'regression', loss, targets: [3], cost: C, epsilon: 0.5 };
    };
    for (const C of [0.2, 3]) {
      const options = { bias: 0, tolerance: 1e-12 };
      const classified = await solve(pair, [classify('l1', C), classify('l2', C)], options);
      expect(classified.solutions[0].weights[0]).toBeCloseTo(Math.min(2 * C, 1), 10);
      expect(classified.solutions[1].weights[0]).toBeCloseTo((4 * C) / (1 + 4 * C), 10);
      const regressed = await solve(one, [regress('l1', C), regress('l2', C)], options);
      expect(regressed.solutions[0].weights[0]).toBeCloseTo(Math.min(2 * C, 1.25), 10);
      expect(regressed.solutions[1].weights[0]).toBeCloseTo((10 * C) / (1 + 8 * C), 10);
    }
  });

  it('is done at once where nothing is to be learnt', async () => {
    const rows = { values: Float32Array.of(1, 2), columns: 1 };
    const flat: LinearSvmProblem = { kind: 'regression', loss: 'l1', targets: [0.1, -0.1], cost: 1, epsilon: 0.1 };
    const { solutions } = await solve(rows, [flat]);
    expect(solutions[0]).toMatchObject({ epochs: 0, solved: true, primal: 0, dual: 0, intercept: 0 });
  });

  it('learns from the bias alone where rows have no features', async () => {
    const indptr = Int32Array.of(0, 0, 0, 0);
    const rows = { indptr, indices: new Int32Array(0), values: new Float32Array(0), columns: 0 };
    const problem: LinearSvmProblem = { kind: 'regression', loss: 'l2', targets: [1, 2, 3], cost: 10, epsilon: 0 };
    const { solutions } = await solve(rows, [problem], { tolerance: 1e-12 });
    // ½ b² + C Σ (z − b)² has its minimum at 2 C Σ z / (1 + 2 C · 3).
    expect(solutions[0].intercept).toBeCloseTo(120 / 61, 9);
    // And where there is no bias either, a row can only be as wrong as it is.
    const lost = await solve(rows, [{ ...problem, loss: 'l1', cost: 2 }], { bias: 0 });
    expect(lost.solutions[0]).toMatchObject({ primal: 12, dual: 12, solved: true });
  });

  const rows = randomRows(3, 500, 30, true);
  const dense = denseOf(rows);
  const targets = targetsFor('regression', dense, new Random(9));
  /** Classes as one-vs-rest has them, and two others. */
  const problems: LinearSvmProblem[] = [
    ...[-1, 0, 1].map((cut): LinearSvmProblem => {
      const signs = targets.map((z) => (z > cut ? 1 : -1));
      return { kind: 'classification', loss: 'l1', targets: signs, positiveCost: 1, negativeCost: 2 };
    }),
    {
      kind: 'classification',
      loss: 'l2',
      targets: targets.map((z) => (z > 0 ? 1 : -1)),
      positiveCost: 1,
      negativeCost: 1,
    },
    { kind: 'regression', loss: 'l1', targets, cost: 1, epsilon: 0.1 },
  ];

  it('gives the same bytes with any number of threads, alone or among others, and in slices of any size', async () => {
    const whole = await solve(rows, problems, {}, together);
    expect(whole.progress.every(({ solved }) => solved)).toBe(true);
    const sliced = await LinearSvms.start(alone, putRows(alone, rows), problems, { seed: 1 });
    for (let k = 0; !(await sliced.advance((k % 7) + 1)); k++);
    expect(await sliced.solutions()).toEqual(whole.solutions);
    // A problem's permutations are those of its place.
    const first = await solve(rows, problems.slice(0, 1));
    expect(first.solutions[0]).toEqual(whole.solutions[0]);
  });

  it('gives each problem row weights of its own, in place of those of all', async () => {
    const count = targets.length;
    const [some, others] = [0, 1].map((part) => Float32Array.from({ length: count }, (_, i) => Number(i % 2 === part)));
    const own = problems.map((problem, k) => ({ ...problem, rowWeights: k === 0 ? some : others }));
    const { solutions } = await solve(rows, own, { rowWeights: some.map(() => 3) });
    const left = await solve(rows, problems.slice(0, 1), { rowWeights: some });
    expect(solutions[0]).toEqual(left.solutions[0]);
    expect(solutions[1].coefficients.every((beta, i) => i % 2 === 1 || beta === 0)).toBe(true);
  });

  it('begins where it is told: near another solution it comes to its own, at its own little is left to do', async () => {
    const tight = { tolerance: 1e-4 };
    const rowWeights = Float32Array.from({ length: targets.length }, (_, i) => Number(i % 5 !== 0));
    const whole = await solve(rows, problems, tight);
    const part = problems.map((problem) => ({ ...problem, rowWeights }));
    const anew = await solve(rows, part, tight);
    const from = whole.solutions.map(({ coefficients }) => coefficients);
    const warm = await solve(
      rows,
      part.map((problem, k) => ({ ...problem, from: from[k] })),
      tight,
    );
    for (const [k, { primal, coefficients }] of warm.solutions.entries()) {
      expect(Math.abs(primal / anew.solutions[k].primal - 1)).toBeLessThan(1e-4);
      expect(coefficients.every((beta, i) => rowWeights[i] > 0 || beta === 0)).toBe(true);
    }
    const again = await solve(
      rows,
      problems.map((problem, k) => ({ ...problem, from: from[k] })),
      tight,
    );
    for (const [k, { epochs }] of again.progress.entries()) {
      expect(epochs).toBeLessThan(whole.progress[k].epochs / 2);
    }
    await expect(solve(rows, [{ ...problems[0], from: from[0].slice(1) }])).rejects.toThrow(RangeError);
  });

  it('shrinks', async () => {
    const svms = await LinearSvms.start(alone, putRows(alone, rows), problems, { seed: 1 });
    const least = problems.map(() => 500);
    while (!(await svms.advance())) {
      for (const [k, { active }] of svms.progress().entries()) least[k] = Math.min(least[k], active);
    }
    for (const active of least) expect(active).toBeLessThan(450);
  });

  it('comes to the same objective by another order', async () => {
    const some = problems.slice(3);
    const found = [await solve(rows, some, { tolerance: 1e-6 }), await solve(rows, some, { seed: 2, tolerance: 1e-6 })];
    const solutions = found.map((one) => one.solutions);
    expect(solutions[0][0].coefficients).not.toEqual(solutions[1][0].coefficients);
    for (const k of [0, 1]) expect(solutions[0][k].primal).toBeCloseTo(solutions[1][k].primal, 3);
  });

  it('goes on from a snapshot to the same bytes', async () => {
    const whole = await solve(rows, problems);
    const begun = await LinearSvms.start(alone, putRows(alone, rows), problems, { seed: 1 });
    await begun.advance(5);
    const snapshot = begun.snapshot();
    await begun.advance(3);
    const resumed = await LinearSvms.start(together, putRows(together, rows), problems, { seed: 1 });
    resumed.restore(snapshot);
    while (!(await resumed.advance(4)));
    expect(await resumed.solutions()).toEqual(whole.solutions);
    expect(() => resumed.restore({ ...snapshot, '2.w': { data: new Float64Array(2) } })).toThrow('"2.w"');
    expect(() => resumed.restore({})).toThrow('"0.state"');
  });

  it('stops at the gap that is asked for', async () => {
    const { solutions } = await solve(rows, problems.slice(0, 1), { tolerance: 1e-12, gapTolerance: 1e-2 });
    const [{ primal, dual, epochs, solved }] = solutions;
    expect(solved).toBe(true);
    expect(epochs % 10).toBe(0);
    expect(primal - dual).toBeLessThanOrEqual(1e-2 * primal);
    expect(primal - dual).toBeGreaterThan(1e-6 * primal);
  });

  it('needs a module without static data, and without state', () => {
    expect(sectionsOf('linear-svm')).not.toContain('data');
    expect(sectionsOf('linear-svm')).not.toContain('global');
  });

  it('calls nothing solved that is not finite', async () => {
    const stored = putRows(alone, { values: Float32Array.of(1, -1), columns: 1 });
    const problem = { kind: 'regression', loss: 'l2', targets: [1e200, -1e200], cost: 1, epsilon: 0 } as const;
    const svms = await LinearSvms.start(alone, stored, [problem], { seed: 1 });
    await svms.advance(10);
    await expect(svms.solutions()).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
  });

  it.each([Number.NaN, -1, 0.5, Infinity])('refuses %s epochs', async (epochs) => {
    const stored = putRows(alone, { values: Float32Array.of(1, 2), columns: 1 });
    const svms = await LinearSvms.start(alone, stored, [good], { seed: 1 });
    await expect(svms.advance(epochs)).rejects.toThrow(RangeError);
  });

  const good = { kind: 'classification', loss: 'l1', targets: [1, -1], positiveCost: 1, negativeCost: 1 } as const;
  it.each([
    { what: 'targets that are no signs', problem: { ...good, targets: [1, 0] }, message: '1 or −1' },
    { what: 'too few targets', problem: { ...good, targets: [1] }, message: '2 targets' },
    { what: 'a cost of 0', problem: { ...good, positiveCost: 0 }, message: 'above 0' },
    { what: 'a tolerance of 0', problem: good, options: { tolerance: 0 }, message: 'tolerance' },
    { what: 'weights below 0', problem: good, options: { rowWeights: Float32Array.of(1, -1) }, message: 'Got -1' },
    { what: 'too few weights', problem: good, options: { rowWeights: Float32Array.of(1) }, message: '2 row weights' },
  ])('refuses $what', async ({ problem, options, message }) => {
    const stored = putRows(alone, { values: Float32Array.of(1, 2), columns: 1 });
    await expect(LinearSvms.start(alone, stored, [problem], { seed: 1, ...options })).rejects.toThrow(message);
  });
});

describe('rows of features', () => {
  it('must be whole, finite, and ascending where they are sparse', () => {
    expect(() => putRows(alone, { values: Float32Array.of(1, 2, 3), columns: 2 })).toThrow('whole rows');
    expect(() => putRows(alone, { values: Float32Array.of(1, Number.NaN), columns: 2 })).toThrow('finite');
    const csr = { indptr: Int32Array.of(0, 2), values: Float32Array.of(1, 1), columns: 5 };
    expect(() => putRows(alone, { ...csr, indices: Int32Array.of(3, 1) })).toThrow('ascend');
    expect(() => putRows(alone, { ...csr, indices: Int32Array.of(3, 5) })).toThrow('within its 5');
  });
});
