/** Trees are those of scikit-learn and LightGBM where bins are exact (`fixtures/trees.py`), and served as they are. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeArrays, encodeArrays, type ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { Random } from '../../../contracts/random.ts';
import type { Target } from '../../../data/table.ts';
import type { TableFitContext } from '../../../models/table-estimator.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, denseOf, type Learnable } from './tables.ts';

type Name = 'number' | 'two' | 'missing' | 'categories';
interface Grown {
  splits: [number, number][];
  predictions: number[];
}
type Rows = (number | null)[][];
const fixture = JSON.parse(readFileSync(new URL('./fixtures/trees.json', import.meta.url), 'utf8')) as {
  x: Rows;
  holes: Rows;
  number: number[];
  two: number[];
  tree: Record<Exclude<Name, 'categories'>, Grown>;
  boosted: Record<Name, Grown>;
};
const algorithms = ['decision-tree', 'random-forest', 'boosted-trees'] as const;
type Algorithm = (typeof algorithms)[number];

const numbers: Target = { kind: 'number', values: Float32Array.from(fixture.number) };

function featuresOf(name: Name): Learnable['x'] {
  const rows = name === 'missing' ? fixture.holes : fixture.x;
  const x = denseOf(rows.map((row) => row.map((value) => value ?? NaN)));
  if (name === 'missing')
    return { ...x, special: { missing: Uint8Array.of(1, 0, 0, 0), categories: new Int32Array(4) } };
  return x;
}

async function fit(
  algorithm: Algorithm,
  x: Learnable['x'],
  y: Target,
  parameters = {},
  context: Partial<TableFitContext> = {},
) {
  return tableEstimatorOf(algorithm).fit(x, y, parameters, { seed: 3, threads: 1, ...context });
}

function splitsOf(state: ArrayFile): number[][] {
  const [feature, threshold, set] = ['feature', 'threshold', 'set'].map((name) =>
    Array.from(state.arrays[name].data, Number),
  );
  return feature
    .map((j, k) => [j, threshold[k], set[k]])
    .filter(([j, , inSet]) => j >= 0 && inSet < 0)
    .map(([j, limit]) => [j, limit])
    .toSorted(([j, s], [k, t]) => j - k || s - t);
}

/** The value, or the chance of the second class. */
const answersOf = (predictions: Float32Array, y: Target) =>
  y.kind === 'classes' ? predictions.filter((_, i) => i % 2 === 1) : predictions;

async function expectGrown(algorithm: Algorithm, name: Name, parameters: object, expected: Grown): Promise<void> {
  const y = name === 'two' ? classesOf(fixture.two) : numbers;
  const x = featuresOf(name);
  const model = await fit(algorithm, x, y, parameters);
  const splits = splitsOf(model.state());
  expect(splits.length).toBe(expected.splits.length);
  for (const [i, [feature, threshold]] of expected.splits.entries()) {
    expect(splits[i][0]).toBe(feature);
    // Thresholds are halves of whole numbers; LightGBM's lie an ulp above them.
    // Where numbers are missing it may take another of the thresholds between a node's own rows.
    expect(Math.abs(splits[i][1] - threshold)).toBeLessThan(name === 'missing' ? 1.01 : 1e-4);
  }
  const answers = answersOf(await model.predict(x), y);
  const worst = expected.predictions.reduce((most, value, i) => Math.max(most, Math.abs(value - answers[i])), 0);
  expect(worst).toBeLessThan(1e-4);
}

it.each(['number', 'two', 'missing'] as const)('a decision tree is that of scikit-learn: %s', async (name) => {
  await expectGrown('decision-tree', name, { maxDepth: 4, minRows: 10 }, fixture.tree[name]);
});

it.each(['number', 'two', 'missing'] as const)('boosted trees are those of LightGBM: %s', async (name) => {
  const parameters = { rounds: 10, numLeaves: 8, learningRate: 0.2, minRows: 20 };
  await expectGrown('boosted-trees', name, parameters, fixture.boosted[name]);
});

it('boosted trees part categories as well as LightGBM does', async () => {
  const special = { missing: new Uint8Array(4), categories: Int32Array.of(0, 0, 0, 7) };
  const x = { ...featuresOf('categories'), special };
  const model = await fit('boosted-trees', x, numbers, { rounds: 10, numLeaves: 8, learningRate: 0.2, minRows: 20 });
  const errorOf = (answers: ArrayLike<number>) =>
    Math.sqrt(fixture.number.reduce((sum, value, i) => sum + (value - answers[i]) ** 2, 0) / fixture.number.length);
  const ratio = errorOf(await model.predict(x)) / errorOf(fixture.boosted.categories.predictions);
  expect(Math.abs(ratio - 1)).toBeLessThan(0.03);
  expect((model.state().arrays['sets'].data as Uint32Array).length).toBeGreaterThan(0);
});

/** A number with holes, a category, a number that says nothing. The first says most. */
function mixed(rows: number): { x: Learnable['x']; y: Target } {
  const random = new Random(5);
  const targets: number[] = [];
  const plain = denseOf(
    Array.from({ length: rows }, () => {
      const [a, category, noise] = [random.normal(), random.integer(7), random.normal()];
      targets.push(5 * a + [1, -1, 2, 0, -2, 1, 0][category]);
      return [random.uniform() < 0.05 ? NaN : a, category, noise];
    }),
  );
  const special = { missing: Uint8Array.of(1, 0, 0), categories: Int32Array.of(0, 7, 0) };
  return { x: { ...plain, special }, y: { kind: 'number', values: Float32Array.from(targets) } };
}

describe.each(algorithms)('%s', (algorithm) => {
  const { x, y } = mixed(800);
  const parameters =
    algorithm === 'random-forest' ? { trees: 12 } : algorithm === 'boosted-trees' ? { rounds: 20 } : {};

  it('is served as it is: 10,000 rows, at thresholds, next to them, missing and of no known category', async () => {
    const model = await fit(algorithm, x, y, parameters);
    const limits = splitsOf(model.state()).filter(([j]) => j !== 1);
    const random = new Random(9);
    const rows = Array.from({ length: 10_000 }, (_, i) => {
      const row = [random.normal(), [0, 1, 2, 3, 4, 5, 6, -1, 7, 99, NaN, 2.5][random.integer(12)], random.normal()];
      const [feature, limit] = limits[i % limits.length];
      // At it, then a float32 above it, then missing.
      if (i % 4 < 2) row[feature] = i % 4 === 0 ? limit : limit + Math.abs(limit) * 2 ** -23;
      if (i % 4 === 2) row[0] = NaN;
      return row;
    });
    const { values } = denseOf(rows);
    const graph = new Graph();
    graph.output('prediction', model.lower(graph, graph.input('features', 'float32', ['batch', 3])));
    const session = await openSession(encodeModel(graph.toModel()));
    const features = { datatype: 'float32', shape: [rows.length, 3], data: values } as const;
    const served = (await session.run({ features })).prediction.data as Float32Array;
    await session.close();
    const own = await model.predict({ ...x, rows: rows.length, values });
    const unlike = rows.filter((_, i) => !(Math.abs(served[i] - own[i]) <= 1e-5 * Math.max(1, Math.abs(own[i]))));
    expect(unlike).toEqual([]);
  });

  it('rests most on what says most, in shares', async () => {
    const shares = (await fit(algorithm, x, y, parameters)).importances!();
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(shares.indexOf(Math.max(...shares))).toBe(0);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
  });

  it('is the same to the byte from one thread and two, and resumed', async () => {
    const states: ArrayFile[] = [];
    const checkpoint = async (state: ArrayFile) => void states.push(decodeArrays(encodeArrays(state)));
    const bytesOf = async (context: Partial<TableFitContext>) =>
      Buffer.from(encodeArrays((await fit(algorithm, x, y, parameters, context)).state()));
    const whole = await bytesOf({ checkpointMilliseconds: 0, checkpoint });
    expect((await bytesOf({ threads: 2 })).equals(whole)).toBe(true);
    expect(states.length > 0).toBe(algorithm !== 'decision-tree');
    for (const resume of states.slice(0, 2)) expect((await bytesOf({ threads: 2, resume })).equals(whole)).toBe(true);
  });
});
