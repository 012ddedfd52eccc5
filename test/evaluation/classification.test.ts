import { describe, expect, it } from 'vitest';
import {
  accuracy,
  averagedScores,
  averages,
  balancedAccuracy,
  classScores,
  confusionMatrix,
  countLabels,
  logLoss,
  mostLikely,
  type ClassScores,
} from '../../evaluation/classification.ts';
import { codes, expectAllClose, expectClose, floats, known } from './known.ts';

interface LabelCase {
  name: string;
  classes: number;
  truth: number[];
  predicted: number[];
  weights: number[] | null;
  expected: {
    accuracy: number;
    balancedAccuracy: number;
    confusion: number[][];
    micro: number[];
    macro: number[];
    weighted: number[];
    perClass: number[][];
  };
}

const list = ({ precision, recall, f1 }: ClassScores) => [precision, recall, f1];

describe.each(known<LabelCase[]>('labels'))('labels: $name', ({ classes, expected, ...given }) => {
  const [truth, predicted, weights] = [codes(given.truth), codes(given.predicted), floats(given.weights)];
  const counts = countLabels(truth, predicted, classes, weights);

  it('have the accuracy and balanced accuracy of scikit-learn', () => {
    expectClose(accuracy(counts), expected.accuracy);
    expectClose(balancedAccuracy(counts), expected.balancedAccuracy);
  });

  it('have its confusion matrix', () => {
    expectAllClose(confusionMatrix(truth, predicted, classes, weights), expected.confusion.flat());
  });

  it.each(averages)('have its precision, recall and F1 (%s)', (average) => {
    expectAllClose(list(averagedScores(counts, average)!), expected[average]);
  });

  it('have its precision, recall and F1 per class, but none where a class does not occur', () => {
    for (let c = 0; c < classes; c++) {
      const scores = classScores(counts, c);
      if (truth.includes(c) || predicted.includes(c)) expectAllClose(list(scores!), expected.perClass[c]);
      else expect(scores).toBeNull();
    }
  });
});

describe('labels', () => {
  it('have no metrics where no row has weight', () => {
    const counts = countLabels(codes([0, 1]), codes([0, 0]), 2, Float64Array.of(0, 0));
    expect([accuracy(counts), balancedAccuracy(counts), averagedScores(counts, 'macro')]).toEqual([null, null, null]);
    expect(averagedScores(counts, 'micro')).toBeNull();
  });

  it('refuses no rows, and rows that do not fit', () => {
    expect(() => countLabels(codes([]), codes([]), 2)).toThrow(RangeError);
    expect(() => countLabels(codes([0]), codes([0, 1]), 2)).toThrow(RangeError);
    expect(() => countLabels(codes([0]), codes([0]), 2, Float64Array.of(1, 1))).toThrow(RangeError);
    expect(() => logLoss(codes([0]), Float64Array.of(1), 2)).toThrow(RangeError);
  });
});

describe('mostLikely', () => {
  it('takes the first of equal ones', () => {
    expect([...mostLikely(Float32Array.of(0.5, 0.5, 0, 0.2, 0.4, 0.4), 3)]).toEqual([0, 1]);
  });
});

describe('logLoss', () => {
  it('clips by the precision of the type, so that a wrong 0 costs the same as in scikit-learn', () => {
    expectClose(logLoss(codes([0]), Float64Array.of(0, 1), 2), -Math.log(2 ** -52));
    expectClose(logLoss(codes([0]), Float32Array.of(0, 1), 2), -Math.log(2 ** -23));
  });
});
