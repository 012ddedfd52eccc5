/** Nearest neighbours are those of scikit-learn (`fixtures/neighbours.py`); ties go to the row that came first. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import type { ParameterValues } from '../../../contracts/parameters.ts';
import { Random } from '../../../contracts/random.ts';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';
import type { FittedTableModel, TableFitContext } from '../../../models/table-estimator.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, denseOf, sparseOf, takeFeatures, type Learnable } from './tables.ts';

interface Case {
  parameters: ParameterValues;
  table?: 'words';
  without?: number;
  probabilities?: number[][];
  numbers?: number[];
}
const fixture = JSON.parse(readFileSync(new URL('./fixtures/neighbours.json', import.meta.url), 'utf8')) as {
  x: number[][];
  words: number[][];
  codes: number[];
  number: number[];
  cases: Case[];
};
const training = Array.from({ length: 60 }, (_, i) => i);
const judged = Array.from({ length: 30 }, (_, i) => 60 + i);

async function fit(
  x: Features,
  y: Target,
  parameters: ParameterValues = {},
  context: Partial<TableFitContext> = {},
): Promise<FittedTableModel> {
  return tableEstimatorOf('knn').fit(x, y, parameters, { seed: 1, threads: 1, ...context });
}

async function served(model: FittedTableModel, x: Learnable['x']): Promise<Float32Array> {
  const graph = new Graph();
  graph.output('p', model.lower(graph, graph.input('x', 'float32', ['batch', x.names.length])));
  const session = await openSession(encodeModel(graph.toModel()));
  const { p } = await session.run({ x: { datatype: 'float32', shape: [x.rows, x.names.length], data: x.values } });
  await session.close();
  return p.data as Float32Array;
}

const numbersOf = (values: readonly number[]): Target => ({ kind: 'number', values: Float32Array.from(values) });
const line = (...values: number[]) => denseOf(values.map((value) => [value, 0]));

it.each(fixture.cases.map((each, i) => ({ each, i })))('is scikit-learn, case $i', async ({ each }) => {
  const { parameters, table, without, probabilities, numbers } = each;
  const all = denseOf(table === 'words' ? fixture.words : fixture.x);
  const rows = training.filter((i) => fixture.codes[i] !== without);
  const codes = rows.map((i) => fixture.codes[i]);
  const y = probabilities ? classesOf(codes, 3) : numbersOf(rows.map((i) => fixture.number[i]));
  const there = [0, 1, 2].filter((place) => place !== without);
  const x = takeFeatures(all, judged);
  for (const form of [(own: typeof x) => own, sparseOf]) {
    const model = await fit(form(takeFeatures(all, rows)), y, parameters);
    for (const found of [await model.predict(form(x)), await served(model, x)]) {
      for (const [i, expected] of (probabilities ?? []).entries()) {
        for (const [k, place] of there.entries()) expect(found[3 * i + place]).toBeCloseTo(expected[k], 5);
        if (without !== undefined) expect(found[3 * i + without]).toBe(0);
      }
      for (const [i, expected] of (numbers ?? []).entries()) expect(found[i]).toBeCloseTo(expected, 4);
    }
    await model.close();
  }
});

describe('ties', () => {
  it.each(['euclidean', 'cosine'])('go to the row that was learned from first, %s', async (metric) => {
    // 30 rows at one place, of which the first three are of the second class, and others elsewhere.
    const rows = Array.from({ length: 60 }, (_, i) => (i % 2 ? [1, 0.1] : [-0.3, 1 + i]));
    const x = denseOf(rows);
    const y = classesOf(rows.map((_, i) => (i === 1 || i === 3 || i === 5 ? 1 : 0)));
    const model = await fit(x, y, { neighbours: 4, metric });
    for (const at of [
      [1, 0.1],
      [1.1, 0.1],
    ]) {
      expect(await model.predict(denseOf([at]))).toEqual(Float32Array.of(0.25, 0.75));
      expect(await served(model, denseOf([at]))).toEqual(Float32Array.of(0.25, 0.75));
    }
    await model.close();
  });

  it('are equal distances on both sides', async () => {
    const model = await fit(line(1, 3, -1, 5, 3), numbersOf([10, 20, 30, 40, 50]), { neighbours: 2 });
    // Of 2: rows 0, 1 and 4 are 1 away. Of 4: rows 1, 3 and 4.
    expect([...(await model.predict(line(2, 4)))]).toEqual([15, 30]);
    await model.close();
  });
});

it('lets rows that are alike vote alone where distance decides', async () => {
  const y = numbersOf([1, 2, 4, 8]);
  const model = await fit(line(0, 0, 1, 2), y, { neighbours: 3, weights: 'distance' });
  const [alike, between] = await model.predict(line(0, 1.5));
  expect(alike).toBeCloseTo(1.5, 6);
  // 4 and 8 half a unit away, and row 0 as the first of those 1.5 away.
  expect(between).toBeCloseTo((4 * 2 + 8 * 2 + 1 / 1.5) / (2 + 2 + 1 / 1.5), 5);
  const angular = { neighbours: 3, weights: 'distance', metric: 'cosine' };
  const rows = [
    [1, 2],
    [3, 6],
    [1, 2.1],
    [5, 1],
  ];
  // A third and a seventh are rounded: the directions are those of rows 0 and 1 but for the last digit.
  const turned = await fit(denseOf(rows), y, angular);
  for (const t of [0.7, 1 / 3, 1 / 7, 1e-3]) {
    expect((await turned.predict(denseOf([[t, 2 * t + 1e-8 * t]])))[0]).toBeCloseTo(1.5, 5);
  }
});

it('counts a row as often as it weighs', async () => {
  const x = line(0, 1, 2, 3, 4);
  const y = numbersOf([1, 2, 4, 8, 16]);
  // 0.5 · 1 + 1.5 · 2 are two; then a third of what is left.
  const weights = Float32Array.of(0.5, 1.5, 0, 2, 1);
  const model = await fit(x, y, { neighbours: 3 }, { weights });
  expect((await model.predict(line(0)))[0]).toBeCloseTo((0.5 * 1 + 1.5 * 2 + 1 * 8) / 3, 5);
});

it('finds neighbours that lie close, far from 0, among rows of one dimension', async () => {
  const count = 5000;
  const x = denseOf(Array.from({ length: count }, (_, i) => [1e6 + ((i * 1237) % count), 0.001 * (i % 7)]));
  const y = numbersOf(Array.from({ length: count }, (_, i) => (i * 1237) % count));
  const model = await fit(x, y, { neighbours: 1 });
  const asked = Array.from({ length: 200 }, (_, i) => 25 * i);
  const found = await model.predict(denseOf(asked.map((place) => [1e6 + place + 0.25, 0])));
  expect([...found]).toEqual(asked);
});

it('finds the nearest of many features, as if each distance had been measured', async () => {
  const random = new Random(3);
  const [count, features] = [400, 40];
  const make = (rows: number) =>
    Array.from({ length: rows }, () => Array.from({ length: features }, () => random.normal()));
  const x = denseOf(make(count));
  const others = denseOf(make(50));
  const model = await fit(x, numbersOf(Array.from({ length: count }, (_, i) => i)), { neighbours: 1 }, { threads: 2 });
  expect(model.state().metadata).toMatchObject({ precision: 'float32' });
  const found = await model.predict(others);
  for (let i = 0; i < others.rows; i++) {
    const distances = Array.from({ length: count }, (_, r) =>
      Array.from({ length: features }, (__, j) => (others.values[i * features + j] - x.values[r * features + j]) ** 2),
    ).map((terms) => terms.reduce((sum, term) => sum + term, 0));
    expect(found[i]).toBe(distances.indexOf(Math.min(...distances)));
  }
  await model.close();
});

it('stays finite, and is served so, for the largest numbers that there are', async () => {
  const x = denseOf([
    [3e38, 1e-30, 0],
    [-3e38, 0, 1],
    [0, 3e38, 1e-38],
    [2, 1, 0],
  ]);
  const far = denseOf([
    [-3e38, 3e38, 3e38],
    [0, 0, 0],
    [2, 1, 0],
  ]);
  for (const metric of ['euclidean', 'cosine']) {
    for (const weights of ['uniform', 'distance']) {
      const model = await fit(x, classesOf([0, 1, 2, 1], 3), { neighbours: 2, metric, weights });
      const found = await model.predict(far);
      expect(found.every((p) => p >= 0 && p <= 1)).toBe(true);
      for (const [i, p] of (await served(model, far)).entries()) expect(p).toBeCloseTo(found[i], 5);
    }
  }
});

it('refuses more neighbours than training rows, and more rows than can be served', async () => {
  const y = numbersOf([1, 2, 3]);
  const few = expect.objectContaining({
    code: 'PARAMETER_INVALID',
    message: expect.stringMatching(
      /"neighbours" parameter of knn must be at most the number of training rows, 3\. Got 5/,
    ),
  });
  await expect(fit(line(1, 2, 3), y)).rejects.toThrow(few);
  const rows = 2 ** 14;
  const csr = { indptr: new Int32Array(rows + 1), indices: new Int32Array(), values: new Float32Array() };
  const names = Array.from({ length: 2 ** 13 + 1 }, (_, j) => `f${j}`);
  const wide: Features = { kind: 'sparse', rows, names, csr };
  const large = expect.objectContaining({
    code: 'PARAMETER_INVALID',
    message: expect.stringContaining('134217728 numbers, zeros counted. Got 16384 rows of 8193 features'),
  });
  await expect(fit(wide, numbersOf(Array.from({ length: rows }, () => 1)))).rejects.toThrow(large);
});
