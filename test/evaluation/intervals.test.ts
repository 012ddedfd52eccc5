import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { areaUnderRoc } from '../../evaluation/curves.ts';
import { areaInterval } from '../../evaluation/delong.ts';
import { bcaInterval, bootstrap, percentileInterval, type ResamplingOptions } from '../../evaluation/intervals.ts';
import { rankRows } from '../../evaluation/rows.ts';
import { expectClose, floats, known } from './known.ts';

interface Known {
  bootstrap: {
    sample: number[];
    distribution: number[];
    estimate: number;
    percentile: [number, number];
    bca: [number, number];
  }[];
}

function meanOf(values: Float64Array) {
  return (weights: Float64Array) => {
    let [sum, total] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      sum += weights[i] * values[i];
      total += weights[i];
    }
    return total === 0 ? null : sum / total;
  };
}

/** A sixth of the skewness of a mean's influences: the acceleration of its jackknife. */
function accelerationOfMean(values: Float64Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const moment = (power: number) => values.reduce((sum, x) => sum + (x - mean) ** power, 0);
  return moment(3) / (6 * moment(2) ** 1.5);
}

describe.each(known<Known>('paired').bootstrap)('the ends of an interval', (given) => {
  const sorted = floats(given.distribution)!;

  it('are those of scipy from the same resamples', () => {
    const { low, high } = percentileInterval(sorted, 0.95);
    expectClose(low, given.percentile[0]);
    expectClose(high, given.percentile[1]);
  });

  it('are its bias-corrected and accelerated ones', () => {
    const acceleration = accelerationOfMean(floats(given.sample)!);
    const { low, high } = bcaInterval(sorted, given.estimate, acceleration, 0.95);
    expectClose(low, given.bca[0], 1e-9);
    expectClose(high, given.bca[1], 1e-9);
  });
});

describe('bootstrap', () => {
  const random = new Random(5);
  const skewed = Float64Array.from({ length: 60 }, () => Math.exp(random.normal()));
  const of = (values: Float64Array, options: Partial<ResamplingOptions> = {}) =>
    bootstrap(values.length, (weights) => [meanOf(values)(weights)], { seed: 1, ...options });

  it('draws as many rows as there are', () => {
    bootstrap(
      30,
      (weights) => {
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(30);
        return [0];
      },
      { seed: 1, resamples: 50 },
    );
  });

  it('depends on seed and stream, and on nothing else', () => {
    expect(of(skewed)).toEqual(of(skewed, { stream: 0 }));
    expect(of(skewed)).not.toEqual(of(skewed, { seed: 2 }));
    expect(of(skewed)).not.toEqual(of(skewed, { stream: 1 }));
  });

  it('has the standard error of theory for a mean', () => {
    const mean = skewed.reduce((sum, x) => sum + x, 0) / 60;
    const deviation = Math.sqrt(skewed.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 60);
    const [error] = of(skewed, { resamples: 4000 }).standardErrors;
    expect(error! / (deviation / Math.sqrt(60))).toBeGreaterThan(0.95);
    expect(error! / (deviation / Math.sqrt(60))).toBeLessThan(1.05);
  });

  it('accelerates by the skewness of the influences: of a mean, that of the values', () => {
    const resamples = 400;
    const values: number[] = [];
    bootstrap(60, (weights) => [values[values.push(meanOf(skewed)(weights)!) - 1]], { seed: 1, resamples });
    // The first is of the rows themselves.
    const [estimate, ...resampled] = values;
    const sorted = Float64Array.from(resampled).sort();
    const expected = bcaInterval(sorted, estimate, accelerationOfMean(skewed), 0.95);
    const [found] = of(skewed, { resamples, method: 'bca' }).intervals;
    expectClose(found!.low, expected.low);
    expectClose(found!.high, expected.high);
    expect(found!.high).toBeGreaterThan(of(skewed, { resamples }).intervals[0]!.high);
  });

  it('accelerates alike where blocks are left out in place of rows', () => {
    const values = Float64Array.from({ length: 5000 }, () => Math.exp(random.normal()));
    const { intervals } = of(values, { resamples: 300, method: 'bca' });
    const plain = of(values, { resamples: 300 }).intervals;
    expect(intervals[0]!.low).toBeGreaterThan(plain[0]!.low);
    expect(intervals[0]!.high - intervals[0]!.low).toBeLessThan(1.3 * (plain[0]!.high - plain[0]!.low));
  });

  it('keeps the rows of a group together, so that repeated rows do not narrow an interval', () => {
    const repeated = Float64Array.from({ length: 600 }, (_, i) => skewed[i % 60]);
    const groups = Int32Array.from({ length: 600 }, (_, i) => (i % 60) * 7 - 100);
    const [single, grouped, naive] = [of(skewed), of(repeated, { groups }), of(repeated)];
    expect(grouped.units).toBe(60);
    expectClose(grouped.intervals[0]!.low, single.intervals[0]!.low);
    expectClose(grouped.intervals[0]!.high, single.intervals[0]!.high);
    expect(naive.standardErrors[0]!).toBeLessThan(0.5 * grouped.standardErrors[0]!);
  });

  it('draws from each stratum as many units as it has, groups included', () => {
    const strata = Int32Array.from({ length: 60 }, (_, i) => [5, -2, 5, 9][i % 4]);
    const sizes = [5, -2, 9].map((stratum) => strata.filter((s) => s === stratum).length);
    const count = (weights: Float64Array) =>
      [5, -2, 9].map((stratum) => weights.reduce((sum, w, i) => (strata[i] === stratum ? sum + w : sum), 0));
    const seen = bootstrap(60, count, { seed: 1, strata, resamples: 40 });
    expect(seen.intervals).toEqual(sizes.map((size) => ({ low: size, high: size })));
    const groups = Int32Array.from({ length: 60 }, (_, i) => (i >> 3) * 4 + (i % 4));
    const grouped = bootstrap(60, (w) => [w.reduce((sum, x) => sum + x, 0)], { seed: 1, groups, strata });
    expect(grouped.units).toBe(32);
    const crossing = groups.map((group) => group >> 2);
    expect(() => bootstrap(60, count, { seed: 1, groups: crossing, strata })).toThrow(RangeError);
  });

  it('of strata is that of each, with an interval of its own acceleration', () => {
    const strata = Int32Array.from({ length: 60 }, (_, i) => (i < 20 ? 0 : 1));
    const narrow = Float64Array.from(skewed, (x, i) => x / 100 + (i < 20 ? 0 : 50));
    expect(of(narrow, { strata }).standardErrors[0]!).toBeLessThan(0.05 * of(narrow).standardErrors[0]!);
    expect(of(narrow, { strata, method: 'bca' }).intervals[0]).not.toBeNull();
  });

  it('has about the interval of theory for an area under the ROC curve', () => {
    const truth = Int32Array.from({ length: 400 }, (_, i) => (i % 3 === 0 ? 1 : 0));
    const scores = Float64Array.from(truth, (y) => y + random.normal());
    const ranked = rankRows(scores);
    const { intervals } = bootstrap(400, (weights) => [areaUnderRoc(truth, 1, ranked, weights)], { seed: 1 });
    const theory = areaInterval(truth, 1, scores)!;
    expect(Math.abs(intervals[0]!.low - theory.low)).toBeLessThan(0.15 * (theory.high - theory.low));
    expect(Math.abs(intervals[0]!.high - theory.high)).toBeLessThan(0.15 * (theory.high - theory.low));
  });

  it('counts resamples that a metric is undefined on, and has no interval with too many', () => {
    const truth = Int32Array.from({ length: 40 }, (_, i) => (i === 0 ? 1 : 0));
    const ranked = rankRows(Float64Array.from(truth, () => random.uniform()));
    const rare = bootstrap(40, (weights) => [areaUnderRoc(truth, 1, ranked, weights), 1], { seed: 1 });
    // (39/40)^40 of the resamples lack the only positive row.
    expect(Math.abs(rare.undefinedResamples[0] / 1000 - 0.363)).toBeLessThan(0.06);
    expect(rare.intervals[1]).toEqual({ low: 1, high: 1 });
    expect(rare.undefinedResamples[1]).toBe(0);
    // A row is in a resample just once in 0.37 of them.
    const seldom = bootstrap(40, (weights) => [weights[0] === 1 ? weights[1] : null], { seed: 1 });
    expect(seldom).toMatchObject({ intervals: [null], standardErrors: [null] });
    const never = bootstrap(5, () => [null], { seed: 1, method: 'bca' });
    expect(never).toMatchObject({ intervals: [null], standardErrors: [null], undefinedResamples: [1000] });
  });

  it('is a point where the metric does not move, by either method', () => {
    const same = new Float64Array(9).fill(0.25);
    expect(of(same).intervals).toEqual([{ low: 0.25, high: 0.25 }]);
    expect(of(same, { method: 'bca' }).intervals).toEqual([{ low: 0.25, high: 0.25 }]);
    expect(of(Float64Array.of(3), { method: 'bca' }).intervals).toEqual([{ low: 3, high: 3 }]);
  });

  it('refuses no rows, groups of other rows and a confidence of 1', () => {
    expect(() => of(new Float64Array(0))).toThrow(RangeError);
    expect(() => of(skewed, { groups: new Int32Array(3) })).toThrow(RangeError);
    expect(() => of(skewed, { confidence: 1 })).toThrow(RangeError);
  });
});
