/** Support vector machines decide as scikit-learn's do: `fixtures/support_vectors.py` says what those decide. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import { encodeArrays } from '../../../compute/arrays/safetensors.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { Random } from '../../../contracts/random.ts';
import type { ParameterValues } from '../../../contracts/parameters.ts';
import type { Target } from '../../../data/table.ts';
import { mostKernelRows } from '../../../models/table/kernel-svm.ts';
import { PrimalSvm } from '../../../models/table/svm/newton.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, denseOf, learnable, sparseOf, takeFeatures, type Learnable } from './tables.ts';

type Algorithm = 'linear-svm' | 'kernel-svm';
interface Fixture {
  columns: number;
  x: number[];
  y: number[];
  cases: { parameters: ParameterValues; values: number[] }[];
}
type Fixtures = Record<Algorithm, Record<'cancer' | 'wine' | 'diabetes', Fixture>>;
const file = new URL('./fixtures/support-vectors.json', import.meta.url);
const fixtures = JSON.parse(readFileSync(file, 'utf8')) as Fixtures;

function featuresOf({ columns, x }: Fixture): Learnable['x'] {
  return { ...denseOf([], columns), rows: x.length / columns, values: Float32Array.from(x) };
}
const context = { seed: 1, threads: 1 };

/** Decision values from a saved state, by the formulas of its header, `[rows × decisions]`. */
function decisionsOf({ arrays, metadata }: ArrayFile, x: Learnable['x']): number[] {
  const floats = (name: string) => [...(arrays[name].data as Float32Array)];
  const columns = x.names.length;
  const rowsOf = (values: ArrayLike<number>) =>
    Array.from({ length: values.length / columns }, (_, i) => Array.from(values).slice(i * columns, (i + 1) * columns));
  const shift = floats('shift');
  const dot = (u: number[], v: number[]) => u.reduce((sum, value, j) => sum + value * v[j], 0);
  if (arrays['weights'] !== undefined) {
    const [weights, intercept] = [floats('weights'), floats('intercept')];
    return rowsOf(x.values).flatMap((row) =>
      intercept.map((b, k) => row.reduce((sum, v, j) => sum + (v - shift[j]) * weights[j * intercept.length + k], b)),
    );
  }
  const [scale, bias, coefficients] = [floats('scale'), floats('bias'), floats('coefficients')];
  const support = rowsOf(floats('support'));
  const gamma = Number(metadata['gamma']);
  const kernel = (u: number[], v: number[]) =>
    metadata['kernel'] === 'rbf'
      ? Math.exp(-gamma * u.reduce((sum, value, j) => sum + (value - v[j]) ** 2, 0))
      : (gamma * dot(u, v) + Number(metadata['offset'])) ** Number(metadata['degree']);
  return rowsOf(x.values).flatMap((row) => {
    const scaled = row.map((value, j) => (value - shift[j]) * scale[j]);
    const values = support.map((vector) => kernel(scaled, vector));
    return bias.map((b, k) => b + dot(values, coefficients.slice(k * support.length, (k + 1) * support.length)));
  });
}

const cases = (['linear-svm', 'kernel-svm'] as const).flatMap((algorithm) =>
  Object.entries(fixtures[algorithm]).flatMap(([table, fixture]) =>
    fixture.cases.map(({ parameters, values }) => ({
      title: `${algorithm} on ${table} with ${JSON.stringify(parameters)}`,
      algorithm,
      fixture,
      parameters,
      values,
    })),
  ),
);

describe('decision values', () => {
  it.each(cases)('are those of scikit-learn: $title', async ({ algorithm, fixture, parameters, values }) => {
    const x = featuresOf(fixture);
    const whole = fixture.y.every(Number.isInteger);
    const y: Target = whole
      ? classesOf(fixture.y, Math.max(...fixture.y) + 1)
      : { kind: 'number', values: Float32Array.from(fixture.y) };
    const exact: ParameterValues =
      algorithm === 'linear-svm' ? { tolerance: 1e-8, maxEpochs: 100_000 } : { tolerance: 1e-7 };
    const given: ParameterValues = { epsilon: algorithm === 'linear-svm' ? 0 : 0.1, folds: 2, ...exact, ...parameters };
    const model = await tableEstimatorOf(algorithm).fit(x, y, given, context);
    const decisions = decisionsOf(model.state(), x);
    const predicted = await model.predict(x);
    await model.close();
    expect(decisions).toHaveLength(values.length);
    const spread = Math.max(...values.map(Math.abs));
    const largest = Math.max(...decisions.map((value, i) => Math.abs(value - values[i])));
    expect(largest / spread).toBeLessThan(1e-3);
    if (y.kind === 'number') for (const [i, value] of decisions.entries()) expect(predicted[i]).toBeCloseTo(value, 4);
  });
});

describe('Newton in the primal', () => {
  it.each(['direct', 'conjugate gradients'])('ends where the gradient is nothing, by %s', (way) => {
    const columns = way === 'direct' ? 6 : 200;
    const random = new Random(3);
    const values = Float32Array.from({ length: 900 * columns }, () => random.normal());
    const targets = Array.from({ length: 900 }, (_, i) => (values[i * columns] + random.normal() > 0 ? 1 : -1));
    const rowWeights = Float32Array.from({ length: 900 }, (_, i) => i % 3);
    const problem = { kind: 'classification', targets, positiveCost: 0.7, negativeCost: 1.5 } as const;
    const svm = new PrimalSvm({ values, columns }, problem, { rowWeights, tolerance: 1e-9 });
    let steps = 0;
    while (!svm.step()) steps++;
    expect(steps).toBeLessThan(60);
    // w = Σ 2 C z ξ x
    const expected = new Float64Array(columns + 1);
    for (let i = 0; i < 900; i++) {
      const row = [...values.subarray(i * columns, (i + 1) * columns), 1];
      const s = row.reduce((sum, value, j) => sum + value * svm.w[j], 0);
      const cost = rowWeights[i] * (targets[i] > 0 ? 0.7 : 1.5);
      const force = 2 * cost * targets[i] * Math.max(0, 1 - targets[i] * s);
      for (const [j, value] of row.entries()) expected[j] += force * value;
    }
    for (const [j, w] of svm.w.entries()) expect(w).toBeCloseTo(expected[j], 5);
  });
});

describe('the scale of features', () => {
  it('is left as it is where it is small, so that thousandths say little, and is no matter where it is large', async () => {
    const { x, y } = learnable('classify', 200, 4);
    const times = (factor: number) => ({
      ...x,
      values: x.values.map((value, at) => (at % 5 === 0 ? value * factor : value)),
    });
    const importanceOf = async (factor: number) => {
      const model = await tableEstimatorOf('linear-svm').fit(times(factor), y, {}, context);
      const importances = model.importances!();
      expect(importances.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
      return importances;
    };
    const [small, one, large] = [await importanceOf(1e-3), await importanceOf(3), await importanceOf(3e6)];
    expect(small[0]).toBeLessThan(0.01);
    expect(large[0]).toBeCloseTo(one[0], 3);
    // A feature that is noise, and one that never changes.
    expect(one[3]).toBeLessThan(0.1);
    expect(one[4]).toBe(0);
  });
});

describe.each(['linear-svm', 'kernel-svm'] as const)('%s', (algorithm) => {
  it('gives probabilities that can be believed: of rows at p, a share of p is of the class', async () => {
    const random = new Random(5);
    const draw = (rows: number) => {
      const points = Array.from({ length: rows }, () => [random.normal(), random.normal()]);
      const codes = points.map(([a, b]) => Number(random.uniform() < 1 / (1 + Math.exp(-(2 * a - b - 1)))));
      return { x: denseOf(points), y: classesOf(codes) };
    };
    const [train, test] = [draw(800), draw(2000)];
    const model = await tableEstimatorOf(algorithm).fit(train.x, train.y, { classWeight: 'balanced' }, context);
    const p = await model.predict(test.x);
    await model.close();
    let [loss, best] = [0, 0];
    const bins = Array.from({ length: 5 }, () => ({ rows: 0, said: 0, true: 0 }));
    for (const [i, code] of test.y.codes.entries()) {
      const [a, b] = test.x.values.subarray(2 * i, 2 * i + 2);
      const truth = 1 / (1 + Math.exp(-(2 * a - b - 1)));
      loss -= Math.log(p[2 * i + code]) / 2000;
      best -= Math.log(code === 1 ? truth : 1 - truth) / 2000;
      const bin = bins[Math.min(4, Math.floor(p[2 * i + 1] * 5))];
      bin.rows++;
      bin.said += p[2 * i + 1];
      bin.true += code;
    }
    expect(loss).toBeLessThan(best + 0.04);
    for (const bin of bins) expect(Math.abs(bin.said - bin.true) / Math.max(100, bin.rows)).toBeLessThan(0.12);
  });

  it('tells separable classes apart without an error, and is surer of it the more rows it has seen', async () => {
    const sure: number[] = [];
    for (const rows of [20, 400]) {
      const random = new Random(6);
      const points = Array.from({ length: rows }, (_, i) => [
        (i % 2 === 0 ? 2 : -2) + 0.3 * random.normal(),
        random.normal(),
      ]);
      const x = denseOf(points);
      const y = classesOf(points.map(([a]) => Number(a > 0)));
      const model = await tableEstimatorOf(algorithm).fit(x, y, {}, context);
      const p = await model.predict(x);
      await model.close();
      for (const [i, code] of y.codes.entries()) expect(p[2 * i + code]).toBeGreaterThan(0.5);
      sure.push(p.filter((_, at) => at % 2 === y.codes[at >> 1]).reduce((sum, value) => sum + value, 0) / rows);
    }
    expect(sure[1]).toBeGreaterThan(sure[0]);
  });

  it('has a column for a class that no row has, and one for a class of one row', async () => {
    const { x, y } = learnable('classify', 60, 7, 2);
    const codes = (y as Target & { kind: 'classes' }).codes.slice();
    codes[0] = 3;
    const model = await tableEstimatorOf(algorithm).fit(x, classesOf([...codes], 5), {}, context);
    const p = await model.predict(x);
    await model.close();
    expect(model.outputs).toBe(5);
    for (let i = 0; i < 60; i++) {
      expect(p[5 * i + 2]).toBeLessThan(0.05);
      expect(p[5 * i + 4]).toBeLessThan(0.05);
      expect(p.subarray(5 * i, 5 * i + 5).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    }
  });

  it('predicts something of rows that are further away than any number should be, in the graph too', async () => {
    const { x, y } = learnable('classify', 80, 8, 3);
    const given: ParameterValues = algorithm === 'kernel-svm' ? { kernel: 'polynomial', degree: 3, coef0: 1 } : {};
    const far = denseOf([
      [1e30, -1e30, 1e20, 3e38, -3e38],
      [-1e30, 1e10, -3e38, 0, 7],
      [0, 5000, 0, 1e15, 7],
    ]);
    for (const parameters of algorithm === 'kernel-svm' ? [{}, given] : [given]) {
      const model = await tableEstimatorOf(algorithm).fit(x, y, parameters, context);
      const graph = new Graph();
      graph.output('prediction', model.lower(graph, graph.input('features', 'float32', ['batch', 5])));
      const session = await openSession(encodeModel(graph.toModel()));
      const { prediction } = await session.run({ features: { datatype: 'float32', shape: [3, 5], data: far.values } });
      const predicted = await model.predict(far);
      for (const values of [predicted, prediction.data as Float32Array]) {
        expect(values.every((p) => p >= 0 && p <= 1)).toBe(true);
      }
      await session.close();
      await model.close();
    }
  });

  it('does not look at the order of the rows to divide them, nor at their form', async () => {
    const { x, y } = learnable('classify', 120, 9);
    const order = Array.from({ length: 120 }, (_, i) => (i * 7) % 120);
    const turned = classesOf(order.map((i) => (y as Target & { kind: 'classes' }).codes[i]));
    const exact: ParameterValues = algorithm === 'linear-svm' ? {} : { tolerance: 1e-6 };
    const fits = [
      await tableEstimatorOf(algorithm).fit(x, y, exact, context),
      await tableEstimatorOf(algorithm).fit(takeFeatures(x, order), turned, exact, context),
      await tableEstimatorOf(algorithm).fit(sparseOf(x), y, exact, context),
    ];
    const [expected, ...others] = await Promise.all(fits.map((model) => model.predict(x)));
    for (const other of others) for (const [i, p] of other.entries()) expect(p).toBeCloseTo(expected[i], 3);
    for (const model of fits) await model.close();
  });

  it('has bytes that do not depend on the number of threads', async () => {
    const { x, y } = learnable('classify', 100, 10, 3);
    const bytes = [1, 2, 3].map(async (threads) => {
      const model = await tableEstimatorOf(algorithm).fit(x, y, {}, { seed: 1, threads });
      await model.close();
      return Buffer.from(encodeArrays(model.state()));
    });
    const [one, ...more] = await Promise.all(bytes);
    for (const other of more) expect(other.equals(one)).toBe(true);
  });
});

it('a kernel is refused support vectors that could not be served', async () => {
  const columns = 3_000_000;
  const csr = {
    indptr: Int32Array.from({ length: 61 }, (_, i) => i),
    indices: Int32Array.from({ length: 60 }, (_, i) => i),
    values: new Float32Array(60).fill(1),
  };
  const names = Array.from({ length: columns }, (_, j) => String(j));
  const x = { kind: 'sparse', rows: 60, names, csr } as const;
  const y = classesOf(Array.from({ length: 60 }, (_, i) => i % 2));
  await expect(tableEstimatorOf('kernel-svm').fit(x, y, {}, context)).rejects.toThrow(
    expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining('3000000 features') }),
  );
});

it('a kernel is refused more rows than it can learn from in a reasonable time', async () => {
  const rows = mostKernelRows + 1;
  const x = { ...denseOf([], 1), rows, values: new Float32Array(rows) };
  const y: Target = { kind: 'number', values: new Float32Array(rows) };
  await expect(tableEstimatorOf('kernel-svm').fit(x, y, {}, context)).rejects.toThrow(
    expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining('50001') }),
  );
});
