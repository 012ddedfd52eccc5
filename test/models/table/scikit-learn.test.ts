/** Linear models end where scikit-learn's do: `fixtures/linear_models.py` says what those reach. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Target } from '../../../data/table.ts';
import { tableEstimatorOf } from '../../../models/table-registry.ts';
import { classesOf, denseOf, sparseOf, type Learnable } from './tables.ts';

interface Fixture {
  columns: number;
  x: number[];
  y: number[];
  results: { l2: number; loss: number; objective: number; coefficients?: number[] }[];
}
const file = new URL('./fixtures/linear-models.json', import.meta.url);
const fixtures = JSON.parse(readFileSync(file, 'utf8')) as Record<'wine' | 'cancer' | 'diabetes', Fixture>;

/** Steps enough that what is left is rounding. */
const patient = { learningRate: 0.3, epochs: 800, batchSize: 64 };

function featuresOf({ columns, x }: Fixture): Learnable['x'] {
  return { ...denseOf([], columns), rows: x.length / columns, values: Float32Array.from(x) };
}

function meanLoss(y: Target, predictions: Float32Array): number {
  const loss = (i: number) =>
    y.kind === 'classes'
      ? -Math.log(predictions[i * y.classes.length + y.codes[i]])
      : (predictions[i] - y.values[i]) ** 2 / 2;
  const rows = y.kind === 'classes' ? y.codes.length : y.values.length;
  return Array.from({ length: rows }, (_, i) => loss(i)).reduce((sum, value) => sum + value, 0) / rows;
}

describe.each(['wine', 'cancer'] as const)('logistic regression on %s, unscaled', (name) => {
  const fixture = fixtures[name];
  const x = featuresOf(fixture);
  const y = classesOf(fixture.y, Math.max(...fixture.y) + 1);

  it.each(fixture.results)('reaches the log loss of LogisticRegression(C=1 / (rows λ)), λ = $l2', async (expected) => {
    for (const rows of [x, sparseOf(x)]) {
      const parameters = { ...patient, l2: expected.l2 };
      const model = await tableEstimatorOf('logistic-regression').fit(rows, y, parameters, { seed: 1, threads: 1 });
      const loss = meanLoss(y, await model.predict(rows));
      const squares = (model.state().arrays['w1'].data as Float32Array).reduce((sum, w) => sum + w * w, 0);
      await model.close();
      expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-3);
      expect(Math.abs(loss + (expected.l2 / 2) * squares - expected.objective)).toBeLessThan(2e-4);
    }
  });

  it('comes near it by the default parameters', async () => {
    const [expected] = fixture.results;
    const model = await tableEstimatorOf('logistic-regression').fit(x, y, {}, { seed: 1, threads: 1 });
    const loss = meanLoss(y, await model.predict(x));
    await model.close();
    expect(Math.abs(loss - expected.loss)).toBeLessThan(0.02);
  });
});

describe('linear regression on diabetes, unscaled', () => {
  const fixture = fixtures.diabetes;
  const x = featuresOf(fixture);
  const y: Target = { kind: 'number', values: Float32Array.from(fixture.y) };
  const variance = 5929.9 / 2;

  it.each(fixture.results)('has the coefficients of Ridge(alpha=rows λ), λ = $l2', async (expected) => {
    for (const rows of [x, sparseOf(x)]) {
      const parameters = { ...patient, l2: expected.l2 };
      const model = await tableEstimatorOf('linear-regression').fit(rows, y, parameters, { seed: 1, threads: 1 });
      const loss = meanLoss(y, await model.predict(rows));
      const coefficients = model.state().arrays['w1'].data as Float32Array;
      await model.close();
      expect(Math.abs(loss - expected.loss) / variance).toBeLessThan(1e-4);
      const objective = loss + (expected.l2 / 2) * coefficients.reduce((sum, w) => sum + w * w, 0);
      expect(Math.abs(objective - expected.objective) / variance).toBeLessThan(1e-5);
      for (const [j, coefficient] of coefficients.entries()) {
        expect(Math.abs(coefficient - expected.coefficients![j])).toBeLessThan(
          0.02 * Math.max(5, Math.abs(coefficient)),
        );
      }
    }
  });

  it('comes near it by the default parameters', async () => {
    const [expected] = fixture.results;
    const model = await tableEstimatorOf('linear-regression').fit(x, y, {}, { seed: 1, threads: 1 });
    const loss = meanLoss(y, await model.predict(x));
    await model.close();
    expect(Math.abs(loss - expected.loss) / variance).toBeLessThan(1e-3);
  });
});
