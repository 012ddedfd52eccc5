import { describe, expect, it } from 'vitest';
import { crossValidationSchema, type FoldMetrics, type TableMetricName } from '../../contracts/table-evaluation.ts';
import { poolFolds, poolPredictions } from '../../evaluation/cross-validation.ts';
import { scoreTable, type JudgedTarget } from '../../evaluation/table-scores.ts';
import { codes, expectClose, known } from './known.ts';

interface FoldCase {
  name: string;
  truth: number[];
  folds: {
    rows: number[];
    trainingRows: number;
    probabilities: number[][];
    expected: Partial<Record<TableMetricName, number>>;
  }[];
  mean: Record<string, number>;
  standardDeviation: Record<string, number>;
}

describe.each(known<FoldCase[]>('folds'))('five stratified folds of $name', ({ truth, folds, ...expected }) => {
  const classes = [...new Set(truth)].map(String).toSorted();
  const names = Object.keys(expected.mean) as TableMetricName[];
  const targetOf = (rows: readonly number[]): JudgedTarget => ({
    kind: 'classes',
    classes,
    codes: codes(rows.map((row) => truth[row])),
  });
  const judged = folds.map(({ rows, trainingRows, probabilities }, fold): FoldMetrics => {
    const predictions = Float64Array.from(probabilities.flat());
    const metrics = names.map((name) => [name, scoreTable(name, targetOf(rows), predictions)!]);
    return { fold, rows: rows.length, trainingRows, metrics: Object.fromEntries(metrics) };
  });

  it.each(names)("have scikit-learn's %s in each fold, and its mean", (name) => {
    for (const [i, fold] of folds.entries()) expectClose(judged[i].metrics[name], fold.expected[name]!);
    const pooled = poolFolds(judged).metrics[name];
    expectClose(pooled.mean, expected.mean[name]);
    expectClose(pooled.standardDeviation!, expected.standardDeviation[name]);
    expectClose(pooled.standardError!, expected.standardDeviation[name] / Math.sqrt(5));
  });

  it('predict every row once, put together in the order of the rows', () => {
    const parts = folds.map(({ rows, probabilities }) => ({
      rows: codes(rows),
      predictions: Float64Array.from(probabilities.flat()),
    }));
    const { rows, predictions } = poolPredictions(parts, classes.length);
    expect([...rows]).toEqual(truth.map((_, row) => row));
    for (const part of parts) {
      for (const [i, row] of part.rows.entries()) {
        const width = classes.length;
        expect(predictions.slice(row * width, (row + 1) * width)).toEqual(
          part.predictions.slice(i * width, (i + 1) * width),
        );
      }
    }
    expect(scoreTable('accuracy', targetOf([...rows]), predictions)).toBeGreaterThan(0.9);
  });
});

describe('poolFolds', () => {
  const fold = (number: number, metrics: Record<string, number>, rows = 10): FoldMetrics => ({
    fold: number,
    rows,
    trainingRows: 40,
    metrics,
  });

  it('sums up folds in the order of their numbers, whichever came first', () => {
    const pooled = poolFolds([fold(2, { mae: 4 }), fold(0, { mae: 1 }), fold(1, { mae: 1 })]);
    expect(pooled.folds.map((f) => f.fold)).toEqual([0, 1, 2]);
    expect(pooled.metrics.mae).toMatchObject({ mean: 2, minimum: 1, maximum: 4, folds: 3 });
    expectClose(pooled.metrics.mae.standardDeviation!, Math.sqrt(3));
    expectClose(pooled.metrics.mae.standardError!, 1);
    // s · √(1/3 + 10/40)
    expectClose(pooled.metrics.mae.correctedStandardError!, Math.sqrt(3 * (1 / 3 + 1 / 4)));
    expect(crossValidationSchema.parse(pooled)).toEqual(pooled);
  });

  it('averages a metric over the folds where it is defined, and says how many', () => {
    const pooled = poolFolds([fold(0, { auc: 0.5, f1: 1 }), fold(1, { f1: 0 })]);
    expect(pooled.metrics.auc).toEqual({ mean: 0.5, minimum: 0.5, maximum: 0.5, folds: 1 });
    expect(pooled.metrics.f1).toMatchObject({ mean: 0.5, folds: 2 });
  });

  it('refuses no folds, and one that comes twice', () => {
    expect(() => poolFolds([])).toThrow(RangeError);
    expect(() => poolFolds([fold(1, {}), fold(0, {}), fold(1, {})])).toThrow(RangeError);
  });
});

describe('poolPredictions', () => {
  it('leaves out rows that no fold predicts, and keeps float32', () => {
    const pooled = poolPredictions(
      [
        { rows: codes([7, 3]), predictions: Float32Array.of(0.7, 0.3) },
        { rows: codes([5]), predictions: Float32Array.of(0.5) },
      ],
      1,
    );
    expect([...pooled.rows]).toEqual([3, 5, 7]);
    expect(pooled.predictions).toEqual(Float32Array.of(0.3, 0.5, 0.7));
  });

  it('refuses a row in two folds, and predictions that do not fit', () => {
    const part = { rows: codes([1, 2]), predictions: Float32Array.of(1, 2) };
    expect(() => poolPredictions([part, part], 1)).toThrow(RangeError);
    expect(() => poolPredictions([part], 2)).toThrow(RangeError);
  });
});
