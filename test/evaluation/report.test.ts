import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../contracts/canonical.ts';
import { payloadBytes } from '../../contracts/payload.ts';
import { Random } from '../../contracts/random.ts';
import {
  tableEvaluationSchema,
  tableMetricNames,
  tableMetrics,
  tableMetricsOf,
  type TableMetricName,
} from '../../contracts/table-evaluation.ts';
import { evaluateTable, summaryBytes, type TableEvaluationOptions } from '../../evaluation/report.ts';
import { measureTable, scoreTable, type JudgedTarget } from '../../evaluation/table-scores.ts';
import { codes } from './known.ts';

type Classes = Extract<JudgedTarget, { kind: 'classes' }>;

function classification(rows: number, classes: number, seed = 1, names?: string[]) {
  const random = new Random(seed);
  const target: Classes = {
    kind: 'classes',
    classes: names ?? Array.from({ length: classes }, (_, c) => `class ${String(c).padStart(3, '0')}`),
    codes: Int32Array.from({ length: rows }, () => random.integer(classes)),
  };
  const predictions = new Float32Array(rows * classes);
  for (let i = 0; i < rows; i++) {
    const scores = Array.from({ length: classes }, (_, c) =>
      Math.exp(2 * random.normal() + (c === target.codes[i] ? 2 : 0)),
    );
    const sum = scores.reduce((total, score) => total + score, 0);
    predictions.set(scores.map((score) => score / sum), i * classes); // prettier-ignore
  }
  return { target, predictions };
}

function regression(rows: number, seed = 1) {
  const random = new Random(seed);
  const values = Float32Array.from({ length: rows }, () => 10 + random.normal());
  return { target: { kind: 'number', values } as const, predictions: values.map((y) => y + random.normal() / 2) };
}

const options: TableEvaluationOptions = { objective: 'accuracy', seed: 1, resamples: 100 };

/** Holds the schema, and is the same after JSON. */
function expectSerialisable(judged: ReturnType<typeof evaluateTable>): void {
  expect(tableEvaluationSchema.parse(judged)).toEqual(judged);
  expect(JSON.parse(canonicalJson(judged))).toEqual(judged);
  expect(payloadBytes(judged.summary)).toBeLessThanOrEqual(summaryBytes);
}

describe('evaluateTable on two classes', () => {
  const { target, predictions } = classification(400, 2);
  const judged = evaluateTable(target, predictions, { ...options, objective: 'auc', intervals: ['auc', 'f1'] });
  const { summary, details } = judged;

  it('gives every metric of the task, as a trial reports it', () => {
    expectSerialisable(judged);
    expect(Object.keys(summary.metrics)).toEqual(tableMetricsOf('classify', 2));
    for (const [name, value] of Object.entries(summary.metrics)) {
      expect(scoreTable(name as TableMetricName, target, predictions)).toBe(value);
    }
    expect(summary.undefinedMetrics).toEqual({});
    expect(summary.metrics.recallMicro).toBe(summary.metrics.accuracy);
    expect(summary.metrics.aucWeighted).toBe(summary.metrics.auc);
  });

  it('gives the objective its value, direction and interval', () => {
    expect(summary.objective).toEqual({
      metric: 'auc',
      direction: 'maximize',
      value: summary.metrics.auc,
      interval: summary.intervals.auc,
    });
    expect(Object.keys(summary.intervals)).toEqual(['auc', 'f1']);
    for (const name of ['auc', 'f1'] as const) {
      expect(summary.intervals[name]![0]).toBeLessThan(summary.metrics[name]!);
      expect(summary.intervals[name]![1]).toBeGreaterThan(summary.metrics[name]!);
    }
    expect(summary.bootstrap).toEqual({ resamples: 100, confidence: 0.95, units: 400 });
  });

  it('counts rows by class and by cell', () => {
    const { classes, confusion } = summary;
    expect(confusion!.flat().reduce((sum, rows) => sum + rows, 0)).toBe(400);
    expect(confusion!.map((row) => row[0] + row[1])).toEqual(classes!.rows);
    expect([0, 1].map((c) => confusion![0][c] + confusion![1][c])).toEqual(classes!.predicted);
    expect(classes!.precision[1]).toBe(summary.metrics.precision);
    expect(classes!.recall[1]).toBe(summary.metrics.recall);
    expect(summary.mostConfused!.map(({ rows }) => rows)).toEqual([confusion![0][1], confusion![1][0]].toSorted((a, b) => b - a)); // prettier-ignore
  });

  it('draws the curves of the positive class by at most 200 points from end to end', () => {
    expect(details.curves!.map((curve) => curve.class)).toEqual(['class 001']);
    const { roc, precisionRecall } = details.curves![0];
    expect(roc!.falsePositiveRate.length).toBeLessThanOrEqual(200);
    expect(precisionRecall!.recall.length).toBeLessThanOrEqual(200);
    expect([roc!.falsePositiveRate[0], roc!.truePositiveRate[0], roc!.thresholds[0]]).toEqual([0, 0, null]);
    expect([roc!.falsePositiveRate.at(-1), roc!.truePositiveRate.at(-1)]).toEqual([1, 1]);
    expect(precisionRecall!.recall.at(-1)).toBe(1);
    // What is left of the curve has about the whole one's area.
    let area = 0;
    for (let i = 1; i < roc!.falsePositiveRate.length; i++) {
      const step = roc!.falsePositiveRate[i] - roc!.falsePositiveRate[i - 1];
      area += (step * (roc!.truePositiveRate[i] + roc!.truePositiveRate[i - 1])) / 2;
    }
    expect(Math.abs(area - summary.metrics.auc!)).toBeLessThan(0.005);
  });

  it('shows its calibration in both kinds of bins', () => {
    const { of, uniform, quantile } = details.calibration!;
    expect(of).toBe('positive class');
    for (const bins of [uniform, quantile]) expect(bins.reduce((sum, bin) => sum + bin.weight, 0)).toBe(400);
    expect(quantile.every((bin) => bin.weight === 40)).toBe(true);
  });

  it('gives the same for the same seed, and other intervals for another', () => {
    const again = { ...options, objective: 'auc', intervals: ['auc', 'f1'] } as const;
    expect(evaluateTable(target, predictions, again)).toEqual(judged);
    const other = evaluateTable(target, predictions, { ...again, seed: 2 }).summary;
    expect(other.metrics).toEqual(summary.metrics);
    expect(other.intervals).not.toEqual(summary.intervals);
  });

  it('weighs rows as if they came as often, but counts them once', () => {
    const weights = Float64Array.from(target.codes, (_, i) => i % 3);
    const rows = [...weights.keys()].flatMap((row) => Array.from({ length: weights[row] }, () => row));
    const repeated = { ...target, codes: codes(rows.map((row) => target.codes[row])) };
    const many = Float32Array.from(rows.flatMap((row) => [predictions[2 * row], predictions[2 * row + 1]]));
    const weighted = evaluateTable(target, predictions, { ...options, weights });
    expectSerialisable(weighted);
    const expected = evaluateTable(repeated, many, options).summary.metrics;
    for (const [name, value] of Object.entries(weighted.summary.metrics)) {
      expect(value, name).toBeCloseTo(expected[name as TableMetricName]!, 12);
    }
    expect(weighted.summary).toMatchObject({ weighted: true, rows: 400 });
    expect(weighted.summary.classes!.rows).toEqual(summary.classes!.rows);
  });

  it('weighs the rows of a resample too', () => {
    const right = Float64Array.from(target.codes, (c, i) => (predictions[2 * i + c] > 0.5 ? 1 : 0));
    const { summary } = evaluateTable(target, predictions, { ...options, weights: right });
    expect(summary.objective).toMatchObject({ value: 1, interval: [1, 1] });
  });

  it('draws rows of a group together', () => {
    const groups = Int32Array.from(target.codes, (_, i) => i >> 2);
    expect(evaluateTable(target, predictions, { ...options, groups }).summary.bootstrap!.units).toBe(100);
  });

  it('leaves intervals out where none are asked for', () => {
    const none = evaluateTable(target, predictions, { ...options, resamples: 0 });
    expectSerialisable(none);
    expect(none.summary).toMatchObject({ intervals: {} });
    expect(none.summary).not.toHaveProperty('bootstrap');
    expect(none.summary.objective).not.toHaveProperty('interval');
  });
});

describe('evaluateTable on slices', () => {
  const { target, predictions } = classification(300, 3);
  const region = {
    kind: 'category',
    codes: Int32Array.from(target.codes, (_, i) => (i < 10 ? 2 : i % 2)),
    dictionary: ['north', 'south', 'west'],
  } as const;
  const slices = [{ by: 'region', column: region }];

  it('measures each as if it were all, and gives nothing of small ones', () => {
    const { details } = evaluateTable(target, predictions, { ...options, slices });
    const [north, south, west] = details.slices[0].slices;
    expect(details.slices[0].by).toBe('region');
    expect([north.rows, south.rows]).toEqual([145, 145]);
    expect(west).toEqual({ kind: 'value', label: 'west', rows: 10, metrics: {}, small: true });
    const rows = [...region.codes.keys()].filter((row) => region.codes[row] === 1);
    const alone = evaluateTable(
      { ...target, codes: codes(rows.map((row) => target.codes[row])) },
      Float32Array.from(rows.flatMap((row) => [...predictions.subarray(3 * row, 3 * row + 3)])),
      options,
    );
    expect(south.metrics).toEqual(alone.summary.metrics);
  });

  it('weighs their rows', () => {
    const right = Float64Array.from(target.codes, (c, i) => {
      const row = predictions.subarray(3 * i, 3 * i + 3);
      return row[c] === Math.max(...row) ? 1 : 0;
    });
    const { details } = evaluateTable(target, predictions, { ...options, slices, weights: right });
    expect(details.slices[0].slices.map(({ metrics }) => metrics.accuracy)).toEqual([1, 1, undefined]);
  });

  it('shows small ones marked where asked to, by the metrics asked for', () => {
    const { details } = evaluateTable(target, predictions, {
      ...options,
      slices: [
        ...slices,
        { by: 'score', column: { kind: 'number', values: predictions.filter((_, i) => i % 3 === 0) }, bins: 2 },
      ],
      sliceMetrics: ['logLoss'],
      showSmallSlices: true,
    });
    const [byRegion, byScore] = details.slices;
    expect(byRegion.slices.map(({ small }) => small)).toEqual([false, false, true]);
    expect(Object.keys(byRegion.slices[2].metrics)).toEqual(['logLoss']);
    expect(byScore.slices.map(({ kind, rows }) => [kind, rows])).toEqual([
      ['range', 150],
      ['range', 150],
    ]);
  });
});

describe('evaluateTable on many classes', () => {
  it('keeps the summary of 50 classes below 32 KiB, matrix included', () => {
    const { target, predictions } = classification(20_000, 50);
    const judged = evaluateTable(target, predictions, { ...options, resamples: 0 });
    expectSerialisable(judged);
    expect(judged.summary.confusion!.length).toBe(50);
    expect(judged.summary.classes!.names.length).toBe(50);
    expect(judged.details.curves!.length).toBe(20);
    expect(judged.details.calibration!.of).toBe('most likely class');
    expect(judged.summary.mostConfused!.length).toBe(10);
  });

  it('gives up the matrix, then small classes, then all of them, before it grows beyond', () => {
    const few = (names: string[]) => {
      const { target, predictions } = classification(1500, names.length, 1, names);
      return evaluateTable(target, predictions, { ...options, resamples: 0 });
    };
    const named = (count: number, length: number) =>
      Array.from({ length: count }, (_, c) => String(c).padStart(3, '0').padEnd(length, 'é'));
    const withoutMatrix = few(named(100, 12));
    expectSerialisable(withoutMatrix);
    expect(withoutMatrix.summary.classes!.names.length).toBe(100);
    expect(withoutMatrix.summary).not.toHaveProperty('confusion');
    expect(withoutMatrix.details.confusion!.rows.reduce((sum, rows) => sum + rows, 0)).toBe(1500);
    const largest = few(named(150, 150));
    expectSerialisable(largest);
    expect(largest.summary).toMatchObject({ classesLeftOut: 100 });
    const { names, rows } = largest.summary.classes!;
    const least = Math.min(...rows);
    expect(names).toEqual(names.toSorted());
    expect(largest.details.classes!.rows.filter((count) => count > least).length).toBeLessThan(50);
    expect(largest.details.classes!.names.length).toBe(150);
    const texts = few(named(12, 3000));
    expectSerialisable(texts);
    expect(texts.summary).toMatchObject({ classesLeftOut: 12 });
    expect(texts.summary).not.toHaveProperty('classes');
  });

  it('averages areas over the classes alike, or each by its rows', () => {
    const { target, predictions } = classification(300, 3);
    // Few of the last class.
    const { metrics, classes } = evaluateTable(
      { ...target, codes: target.codes.map((c, i) => (c === 2 && i > 60 ? 0 : c)) },
      predictions,
      options,
    ).summary;
    const areas = classes!.auc.map((area) => area!);
    expect(metrics.auc).toBeCloseTo(areas.reduce((sum, area) => sum + area, 0) / 3, 12);
    const byRows = areas.reduce((sum, area, c) => sum + (area * classes!.rows[c]) / 300, 0);
    expect(metrics.aucWeighted).toBeCloseTo(byRows, 12);
    expect(Math.abs(byRows - metrics.auc!)).toBeGreaterThan(0.001);
  });

  it('averages over classes that occur, and says which do not', () => {
    const { target, predictions } = classification(200, 4);
    const judged = evaluateTable(
      { ...target, codes: target.codes.map((c) => (c === 2 ? 1 : c)) },
      predictions,
      options,
    );
    expectSerialisable(judged);
    expect(judged.summary.classes!.rows[2]).toBe(0);
    expect(judged.summary.classes!.auc[2]).toBeNull();
    expect(judged.summary.classes!.auc.filter((auc) => auc === null).length).toBe(1);
    expect(judged.details.curves!.find((curve) => curve.class === 'class 002')).toMatchObject({
      roc: null,
      precisionRecall: null,
    });
  });
});

describe('evaluateTable on one class alone', () => {
  it('has a reason in place of what is undefined, and never NaN', () => {
    const { predictions } = classification(50, 2);
    const one: Classes = { kind: 'classes', classes: ['no', 'yes'], codes: new Int32Array(50) };
    const judged = evaluateTable(one, predictions, { ...options, objective: 'auc' });
    expectSerialisable(judged);
    expect(judged.summary.objective).toEqual({ metric: 'auc', direction: 'maximize', value: null });
    expect(Object.keys(judged.summary.undefinedMetrics)).toEqual(['auc', 'aucWeighted', 'averagePrecision']);
    expect(judged.summary.undefinedMetrics.auc).toMatch(/at least two classes/);
    expect(judged.summary.metrics.f1).toBe(0);
    expect(judged.summary.intervals).toEqual({});
    const never = Float32Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 1 : 0));
    expect(evaluateTable(one, never, options).summary.undefinedMetrics.f1).toMatch(/positive class/);
    expect(evaluateTable(one, never, options).summary.metrics.accuracy).toBe(1);
  });

  it('judges a single row', () => {
    expectSerialisable(
      evaluateTable({ kind: 'classes', classes: ['a', 'b'], codes: codes([1]) }, Float32Array.of(0.2, 0.8), options),
    );
  });
});

describe('evaluateTable on numbers', () => {
  const { target, predictions } = regression(500);
  const judged = evaluateTable(target, predictions, { ...options, objective: 'rmse' });

  it('gives every metric of the task and the residuals', () => {
    expectSerialisable(judged);
    expect(Object.keys(judged.summary.metrics)).toEqual(tableMetricsOf('regress'));
    expect(judged.summary.objective).toMatchObject({ direction: 'minimize', value: judged.summary.metrics.rmse });
    expect(Math.abs(judged.summary.metrics.rmse! - 0.5)).toBeLessThan(0.05);
    const { shares, quantiles, byPrediction } = judged.details.residuals!;
    expect(shares.length).toBe(quantiles.length);
    expect(Math.abs(quantiles[3])).toBeLessThan(0.1);
    expect(byPrediction.map(({ rows }) => rows)).toEqual(Array.from({ length: 10 }, () => 50));
    expect(judged.details).not.toHaveProperty('curves');
  });

  it('has a reason for a constant truth and for a truth of 0', () => {
    const zero = evaluateTable({ kind: 'number', values: new Float32Array(9) }, new Float32Array(9).fill(2), {
      ...options,
      objective: 'r2',
    });
    expectSerialisable(zero);
    expect(zero.summary.objective.value).toBeNull();
    expect(Object.keys(zero.summary.undefinedMetrics)).toEqual(['mape', 'r2']);
    expect(zero.summary.metrics).toEqual({ mae: 2, rmse: 2, medianAbsoluteError: 2 });
    expect(zero.details.residuals!.byPrediction).toEqual([{ from: 2, to: 2, rows: 9, predicted: 2, observed: 0 }]);
  });
});

describe('evaluateTable', () => {
  const { target, predictions } = classification(20, 2);

  it('refuses no rows', () => {
    const none: Classes = { ...target, codes: codes([]) };
    expect(() => evaluateTable(none, new Float32Array(0), options)).toThrow(
      expect.objectContaining({ code: 'SPLIT_EMPTY' }),
    );
  });

  it.each([Number.NaN, Infinity, -0.1, 1.1])('refuses a probability of %s', (value) => {
    const broken = predictions.slice();
    broken[5] = value;
    expect(() => evaluateTable(target, broken, options)).toThrow(
      expect.objectContaining({ code: 'TRAINING_DIVERGED', complaint: expect.objectContaining({ value: String(Math.fround(value)) }) as unknown }), // prettier-ignore
    );
  });

  it.each([Number.NaN, -Infinity])('refuses a prediction of %s', (value) => {
    expect(() =>
      evaluateTable({ kind: 'number', values: Float32Array.of(1, 2) }, Float32Array.of(1, value), {
        ...options,
        objective: 'mae',
      }),
    ).toThrow(expect.objectContaining({ code: 'TRAINING_DIVERGED' }));
  });

  it('refuses lengths that do not fit, and metrics of another task or of two classes', () => {
    expect(() => evaluateTable(target, predictions.slice(1), options)).toThrow(RangeError);
    expect(() => evaluateTable(target, predictions, { ...options, weights: new Float32Array(3) })).toThrow(RangeError);
    expect(() => evaluateTable(target, predictions, { ...options, groups: new Int32Array(3) })).toThrow(RangeError);
    const column = { kind: 'number', values: new Float32Array(3) } as const;
    expect(() => evaluateTable(target, predictions, { ...options, slices: [{ by: 'x', column }] })).toThrow(RangeError);
    expect(() => evaluateTable(target, predictions, { ...options, objective: 'mae' })).toThrow(RangeError);
    const three = classification(20, 3);
    expect(() => evaluateTable(three.target, three.predictions, { ...options, objective: 'f1' })).toThrow(RangeError);
    expect(() => scoreTable('accuracy', regression(5).target, new Float32Array(5))).toThrow(RangeError);
  });
});

describe('measureTable', () => {
  it('gives a fold what the whole report would, or what is asked for', () => {
    const { target, predictions } = classification(120, 4);
    const weights = Float64Array.from(target.codes, (_, i) => i % 5);
    const { summary } = evaluateTable(target, predictions, { ...options, weights, resamples: 0 });
    const { metrics, undefinedMetrics } = summary;
    expect(measureTable(target, predictions, { weights })).toEqual({ metrics, undefinedMetrics });
    expect(measureTable(target, predictions, { weights, metrics: ['auc'] })).toEqual({
      metrics: { auc: metrics.auc },
      undefinedMetrics: {},
    });
    const one = { ...target, codes: new Int32Array(120) };
    expect(measureTable(one, predictions, { metrics: ['auc', 'accuracy'] }).undefinedMetrics).toHaveProperty('auc');
    expect(() => measureTable(target, predictions, { metrics: ['f1'] })).toThrow(RangeError);
  });

  it('draws intervals of areas of many classes from the resamples, not from the rows', () => {
    const { target, predictions } = classification(120, 4);
    const asked = { ...options, objective: 'auc', intervals: ['auc', 'averagePrecision', 'aucWeighted'] } as const;
    for (const interval of Object.values(evaluateTable(target, predictions, asked).summary.intervals)) {
      expect(interval[1] - interval[0]).toBeGreaterThan(0.01);
    }
  });
});

describe('tableMetrics', () => {
  it.each(tableMetricNames)('%s improves in the direction it says', (name) => {
    const { tasks, direction } = tableMetrics[name];
    const sign = direction === 'maximize' ? 1 : -1;
    let [good, bad]: (number | null)[] = [];
    if ((tasks as readonly string[]).includes('classify')) {
      const truth: Classes = { kind: 'classes', classes: ['a', 'b'], codes: codes([0, 1, 0, 1]) };
      good = scoreTable(name, truth, Float32Array.of(0.9, 0.1, 0.1, 0.9, 0.8, 0.2, 0.1, 0.9));
      bad = scoreTable(name, truth, Float32Array.of(0.2, 0.8, 0.6, 0.4, 0.3, 0.7, 0.9, 0.1));
    } else {
      const truth = { kind: 'number', values: Float32Array.of(1, 2, 3) } as const;
      good = scoreTable(name, truth, Float32Array.of(1, 2.1, 3));
      bad = scoreTable(name, truth, Float32Array.of(3, 4, 1));
    }
    // The median of errors of 0, 0.1 and 0 is 0.
    expect(sign * (good! - bad!)).toBeGreaterThan(0);
  });
});
