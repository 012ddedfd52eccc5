import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { calibrationCurve, calibrationError } from '../../evaluation/calibration.ts';
import { brier, logLoss } from '../../evaluation/classification.ts';
import {
  areaUnderRoc,
  averagePrecision,
  countsAtThresholds,
  oneVsRest,
  precisionRecallCurve,
  rankByClass,
  rocCurve,
  thinned,
} from '../../evaluation/curves.ts';
import { midranks, rankRows } from '../../evaluation/rows.ts';
import { codes, expectAllClose, expectClose, floats, known } from './known.ts';

interface Averages {
  perClass: (number | null)[];
  macro: number | null;
  weighted: number | null;
}
interface ProbabilityCase {
  name: string;
  truth: number[];
  probabilities: number[][];
  weights: number[] | null;
  expected: {
    logLoss: number;
    brier: number;
    auc: Averages;
    averagePrecision: Averages;
    roc?: [number[], number[], (number | null)[]];
    precisionRecall?: [number[], number[], number[]];
    binaryAuc?: number;
    binaryAveragePrecision?: number;
    calibration?: { bins: number; strategy: 'uniform' | 'quantile'; curve: [number[], number[]] }[];
  };
}

const cases = known<ProbabilityCase[]>('probabilities');

describe.each(cases)('probabilities: $name', ({ expected, ...given }) => {
  const classes = given.probabilities[0].length;
  const [truth, weights] = [codes(given.truth), floats(given.weights)];
  const probabilities = Float64Array.from(given.probabilities.flat());
  const ranked = (c: number) => rankByClass(probabilities, classes, c);

  it('have the log loss and Brier score of scikit-learn', () => {
    expectClose(logLoss(truth, probabilities, classes, weights), expected.logLoss);
    expectClose(brier(truth, probabilities, classes, weights), expected.brier);
  });

  it('have its areas and average precisions of each class against the rest, and their means', () => {
    for (const [metric, averages] of [
      [areaUnderRoc, expected.auc],
      [averagePrecision, expected.averagePrecision],
    ] as const) {
      const [found] = oneVsRest([metric], truth, classes, ranked, weights);
      expectAllClose(found.perClass, averages.perClass);
      expectClose(found.macro, averages.macro);
      expectClose(found.weighted, averages.weighted);
    }
  });
});

describe.each(cases.filter(({ expected }) => expected.roc))('probabilities: $name', ({ expected, ...given }) => {
  const [truth, weights] = [codes(given.truth), floats(given.weights)];
  const probabilities = Float64Array.from(given.probabilities.flat());

  it('have its ROC and precision-recall curves', () => {
    const ranked = rankByClass(probabilities, 2, 1);
    const counts = countsAtThresholds(truth, 1, ranked, weights);
    const roc = rocCurve(counts)!;
    expectAllClose(roc.falsePositiveRate, expected.roc![0]);
    expectAllClose(roc.truePositiveRate, expected.roc![1]);
    expectAllClose([...roc.thresholds].slice(1), expected.roc![2].slice(1));
    expect(roc.thresholds[0]).toBe(Infinity);
    const curve = precisionRecallCurve(counts)!;
    const [precision, recall, thresholds] = expected.precisionRecall!.map((values) => values.toReversed());
    expectAllClose(curve.precision, precision.slice(1));
    expectAllClose(curve.recall, recall.slice(1));
    expectAllClose(curve.thresholds, thresholds);
    expectClose(areaUnderRoc(truth, 1, ranked, weights), expected.binaryAuc!);
    expectClose(averagePrecision(truth, 1, ranked, weights), expected.binaryAveragePrecision!);
  });

  it.each(expected.calibration ?? [])(
    'have its calibration curve: $bins $strategy bins',
    ({ bins, strategy, curve }) => {
      const scores = probabilities.filter((_, i) => i % 2 === 1);
      const found = calibrationCurve(Uint8Array.from(truth), scores, { bins, strategy });
      expectAllClose(found.map((bin) => bin.observed), curve[0]); // prettier-ignore
      expectAllClose(found.map((bin) => bin.predicted), curve[1]); // prettier-ignore
      expect(found.reduce((sum, bin) => sum + bin.weight, 0)).toBe(truth.length);
    },
  );
});

describe('areaUnderRoc', () => {
  it('is the share of pairs in the right order, ties half, gone through pair by pair', () => {
    const random = new Random(11);
    for (let round = 0; round < 200; round++) {
      const n = 2 + random.integer(40);
      const truth = Int32Array.from({ length: n }, () => random.integer(2));
      const scores = Float32Array.from({ length: n }, () => random.integer(1 + random.integer(12)) - 4);
      let [right, pairs] = [0, 0];
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          if (truth[i] !== 1 || truth[j] !== 0) continue;
          pairs++;
          right += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
        }
      }
      const area = areaUnderRoc(truth, 1, rankRows(scores));
      expect({ round, area }).toEqual({ round, area: pairs === 0 ? null : right / pairs });
    }
  });

  it('is undefined with one class, as average precision is without a positive row', () => {
    const ranked = rankRows(Float64Array.of(0.1, 0.7));
    expect(areaUnderRoc(codes([1, 1]), 1, ranked)).toBeNull();
    expect(areaUnderRoc(codes([0, 0]), 1, ranked)).toBeNull();
    expect(areaUnderRoc(codes([0, 1]), 1, ranked, Float64Array.of(0, 2))).toBeNull();
    expect(averagePrecision(codes([0, 0]), 1, ranked)).toBeNull();
    const counts = countsAtThresholds(codes([0, 0]), 1, ranked);
    expect([rocCurve(counts), precisionRecallCurve(counts)]).toEqual([null, null]);
  });

  it('refuses a score that is no number', () => {
    expect(() => rankRows(Float64Array.of(1, Number.NaN))).toThrow(RangeError);
  });
});

describe('rankRows', () => {
  const random = new Random(12);
  const special = [0, -0, Infinity, -Infinity, 5e-324, -5e-324, 1.5, -1.5, 2 ** -126, -(2 ** -149), 3e38, -3e38];

  it.each([
    ['float32, few', Float32Array, 500],
    ['float32, many', Float32Array, 5000],
    ['float64, few', Float64Array, 500],
    ['float64, many', Float64Array, 5000],
  ] as const)('orders %s rows as sorting by score and row does', (_, Type, n) => {
    const scores = new Type(n).map(() => {
      const kind = random.integer(4);
      if (kind === 0) return special[random.integer(special.length)];
      if (kind === 1) return random.integer(9) - 4;
      return random.normal() * 10 ** (random.integer(60) - 30);
    });
    const sorted = Array.from(scores, (_, i) => i).sort((a, b) =>
      scores[a] === scores[b] ? a - b : scores[a] > scores[b] ? -1 : 1,
    );
    const { order, ends } = rankRows(scores);
    expect([...order]).toEqual(sorted);
    expect([...ends]).toEqual(sorted.map((row, i) => (i + 1 === n || scores[row] !== scores[sorted[i + 1]] ? 1 : 0)));
  });

  it('keeps the scores as they are', () => {
    const scores = Float32Array.from({ length: 3000 }, (_, i) => -i);
    const before = scores.slice();
    rankRows(scores);
    expect(scores).toEqual(before);
  });
});

describe('midranks', () => {
  it('gives equal values the mean of their ranks', () => {
    expect([...midranks(Float64Array.of(3, 1, 3, 0, -0, 7))]).toEqual([4.5, 3, 4.5, 1.5, 1.5, 6]);
  });
});

describe('calibrationError', () => {
  it('is the distance of frequency and probability, each bin by its weight', () => {
    const happened = Uint8Array.of(1, 0, 0, 1);
    const curve = calibrationCurve(happened, Float64Array.of(0.9, 0.9, 0.2, 0.2), { bins: 2 });
    expectClose(calibrationError(curve), 0.5 * 0.4 + 0.5 * 0.3);
    const weighted = calibrationCurve(happened, Float64Array.of(0.9, 0.9, 0.2, 0.2), {
      bins: 2,
      weights: Float64Array.of(9, 1, 0, 0),
    });
    expect(weighted.length).toBe(1);
    expectClose(calibrationError(weighted), 0);
    expect(calibrationError([])).toBeNull();
  });

  it('refuses less than one bin', () => {
    expect(() => calibrationCurve(Uint8Array.of(1), Float64Array.of(1), { bins: 0 })).toThrow(RangeError);
  });
});

describe('thinned', () => {
  it('keeps the ends and leaves no gap wider than a step and what was a gap before', () => {
    const positions = Float64Array.from({ length: 5000 }, (_, i) => (i / 4999) ** 3);
    const kept = thinned(positions, 200);
    expect(kept.length).toBeLessThanOrEqual(200);
    expect([kept[0], kept.at(-1)]).toEqual([0, 4999]);
    for (let i = 1; i < kept.length; i++) {
      expect(kept[i]).toBeGreaterThan(kept[i - 1]);
      expect(positions[kept[i]] - positions[kept[i - 1]]).toBeLessThan(1 / 198 + 0.001);
    }
  });

  it('keeps the first point at the last position, where a recall is 1 for long', () => {
    const recall = Float64Array.from({ length: 1000 }, (_, i) => Math.min(1, i / 600));
    expect([...thinned(recall, 10)]).toEqual([0, 75, 150, 225, 300, 375, 450, 525, 600, 999]);
  });

  it('keeps a short curve whole, and two points of one that does not move', () => {
    expect([...thinned(Float64Array.of(0, 0.5, 1), 3)]).toEqual([0, 1, 2]);
    expect([...thinned(new Float64Array(10), 4)]).toEqual([0, 9]);
  });
});
