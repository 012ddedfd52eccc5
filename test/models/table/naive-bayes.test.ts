/** Naive Bayes predicts what scikit-learn predicts (`fixtures/naive_bayes.py`), and says what it cannot learn from. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import type { ParameterValues } from '../../../contracts/parameters.ts';
import type { FittedTableModel } from '../../../models/table-estimator.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, denseOf, sparseOf, takeFeatures, type Learnable } from './tables.ts';

type Name = 'gaussian-naive-bayes' | 'multinomial-naive-bayes' | 'complement-naive-bayes';
interface Case {
  parameters: ParameterValues;
  weighted?: true;
  classes?: 'without the second' | 'the last';
  features?: number;
  /** Of the classes that there are rows of. */
  probabilities: number[][];
}
const fixture = JSON.parse(readFileSync(new URL('./fixtures/naive-bayes.json', import.meta.url), 'utf8')) as {
  numbers: number[][];
  counts: number[][];
  codes: number[];
  weights: number[];
  cases: Record<Name, Case[]>;
};
const names = Object.keys(fixture.cases) as Name[];
const training = Array.from({ length: 60 }, (_, i) => i);
const judged = Array.from({ length: 30 }, (_, i) => 60 + i);

async function served(model: FittedTableModel, x: Learnable['x']): Promise<Float32Array> {
  const graph = new Graph();
  graph.output('p', model.lower(graph, graph.input('x', 'float32', ['batch', x.names.length])));
  const session = await openSession(encodeModel(graph.toModel()));
  const { p } = await session.run({ x: { datatype: 'float32', shape: [x.rows, x.names.length], data: x.values } });
  await session.close();
  return p.data as Float32Array;
}

const cases = names.flatMap((name) => fixture.cases[name].map((each, i) => ({ name, each, i })));
it.each(cases)('$name is that of scikit-learn, case $i', async ({ name, each }) => {
  const { parameters, weighted, classes, features, probabilities } = each;
  const table = name === 'gaussian-naive-bayes' ? fixture.numbers : fixture.counts;
  const all = denseOf(table.map((row) => row.slice(0, features)));
  const there = classes === 'without the second' ? [0, 2] : classes === 'the last' ? [2] : [0, 1, 2];
  const rows = training.filter((i) => there.includes(fixture.codes[i]));
  const y = classesOf(
    rows.map((i) => fixture.codes[i]),
    3,
  );
  const weights = weighted && Float32Array.from(rows, (i) => fixture.weights[i]);
  const context = { seed: 1, threads: 1, ...(weights && { weights }) };
  const x = takeFeatures(all, judged);
  for (const form of [(own: typeof x) => own, sparseOf]) {
    const model = await tableEstimatorOf(name).fit(form(takeFeatures(all, rows)), y, parameters, context);
    for (const found of [await model.predict(form(x)), await served(model, x)]) {
      for (const [i, expected] of probabilities.entries()) {
        const own = found.subarray(3 * i, 3 * i + 3);
        for (const [k, place] of there.entries()) expect(own[place]).toBeCloseTo(expected[k], 5);
        for (const place of [0, 1, 2]) if (!there.includes(place)) expect(own[place]).toBe(0);
      }
    }
  }
});

describe.each(['multinomial-naive-bayes', 'complement-naive-bayes'] as const)('%s', (name) => {
  it('refuses a negative feature, and names row, column and remedy', async () => {
    const x = denseOf([
      [1, 2],
      [3, -0.5],
      [0, 0],
    ]);
    const message = expect.stringMatching(/at least 0.*-0\.5 of "f1" in training row 1.*gaussian-naive-bayes/);
    const refused = expect.objectContaining({ code: 'PREPARATION_FAILED', message });
    for (const form of [x, sparseOf(x)]) {
      const fit = tableEstimatorOf(name).fit(form, classesOf([0, 1, 0]), {}, { seed: 1, threads: 1 });
      await expect(fit).rejects.toThrow(refused);
    }
  });
});

it.each(names)('%s stays finite, and is served so, for the largest numbers that there are', async (name) => {
  const x = denseOf([
    [3e38, 1e-30, 0],
    [1e38, 0, 1],
    [0, 3e38, 1e-38],
    [2, 1, 0],
  ]);
  const model = await tableEstimatorOf(name).fit(x, classesOf([0, 1, 2, 1], 3), {}, { seed: 1, threads: 1 });
  const far = denseOf([
    [-3e38, 3e38, 3e38],
    [0, 0, 0],
    [3e38, 3e38, -3e38],
  ]);
  const found = await model.predict(far);
  expect(found.every((p) => p >= 0 && p <= 1)).toBe(true);
  for (const [i, p] of (await served(model, far)).entries()) expect(p).toBeCloseTo(found[i], 5);
  expect(model.importances!().every(Number.isFinite)).toBe(true);
});

it.each(names)('%s rests on the feature that tells classes apart', async (name) => {
  const codes = Array.from({ length: 40 }, (_, i) => i % 2);
  const x = denseOf(codes.map((code, i) => [5 * code + (i % 3), (i * 7) % 5, 3]));
  const model = await tableEstimatorOf(name).fit(x, classesOf(codes), {}, { seed: 1, threads: 1 });
  const importances = model.importances!();
  expect(importances[0]).toBeGreaterThan(0.7);
  expect(importances[2]).toBe(0);
  expect(importances.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
});
