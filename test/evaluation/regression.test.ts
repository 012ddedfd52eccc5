import { describe, expect, it } from 'vitest';
import {
  meanAbsoluteError,
  meanAbsolutePercentageError,
  medianAbsoluteError,
  rootMeanSquaredError,
  rSquared,
} from '../../evaluation/regression.ts';
import { expectClose, floats, known } from './known.ts';

const measures = {
  mae: meanAbsoluteError,
  rmse: rootMeanSquaredError,
  medianAbsoluteError,
  mape: meanAbsolutePercentageError,
  r2: rSquared,
};

interface RegressionCase {
  name: string;
  truth: number[];
  predicted: number[];
  weights: number[] | null;
  expected: Record<keyof typeof measures, number | null>;
}

describe.each(known<RegressionCase[]>('regression'))('$name', ({ expected, ...given }) => {
  const [truth, predicted] = [floats(given.truth)!, floats(given.predicted)!];
  it.each(Object.keys(measures) as (keyof typeof measures)[])('has the %s of scikit-learn', (name) => {
    expectClose(measures[name](truth, predicted, floats(given.weights)), expected[name]);
  });
});

describe('metrics of numbers', () => {
  it.each(Object.entries(measures))('%s is undefined where no row has weight', (_, measure) => {
    expect(measure(Float64Array.of(1, 2), Float64Array.of(1, 3), new Float64Array(2))).toBeNull();
  });

  it('weigh rows as if they came as often', () => {
    const [truth, predicted] = [Float64Array.of(1, 2, 5, 7), Float64Array.of(2, 2, 1, 9)];
    const repeated = (values: Float64Array) => Float64Array.of(values[0], values[0], values[0], values[2], values[3]);
    for (const measure of Object.values(measures)) {
      const weighted = measure(truth, predicted, Float64Array.of(3, 0, 1, 1));
      expectClose(weighted, measure(repeated(truth), repeated(predicted)));
    }
  });

  it('have no share of a truth of 0, unless its row has no weight', () => {
    const [truth, predicted] = [Float64Array.of(0, 4), Float64Array.of(1, 5)];
    expect(meanAbsolutePercentageError(truth, predicted)).toBeNull();
    expect(meanAbsolutePercentageError(truth, predicted, Float64Array.of(0, 2))).toBe(0.25);
  });

  it('have no R² of a truth that is constant but for rows without weight', () => {
    const [truth, predicted] = [Float64Array.of(0.1, 0.1, 0.1, 4), Float64Array.of(1, 5, 2, 3)];
    expect(rSquared(truth, predicted, Float64Array.of(1, 1, 1, 0))).toBeNull();
    expect(rSquared(truth, predicted)).not.toBeNull();
  });
});
