import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { areaInterval, compareAreas } from '../../evaluation/delong.ts';
import {
  correctedPairedT,
  mcNemar,
  pairedT,
  permutationTest,
  signedRank,
  swapTest,
} from '../../evaluation/paired-tests.ts';
import { codes, expectAllClose, expectClose, floats, known } from './known.ts';

interface Known {
  mcnemar: {
    truth: number[];
    a: number[];
    b: number[];
    onlyA: number;
    onlyB: number;
    pValue: number;
    statistic: number;
    corrected: number;
  }[];
  areas: {
    truth: number[];
    a: number[];
    b: number[];
    areas: [number, number];
    errors: [number, number];
    standardError: number;
    pValue: number;
  }[];
  differences: {
    a: number[];
    b: number[];
    signedRank: number;
    t: number;
    tPValue: number;
    tInterval90: [number, number];
    testShare: number;
    corrected: number;
    correctedPValue: number;
    permutation: number | null;
  }[];
}
const { mcnemar, areas, differences } = known<Known>('paired');

describe.each(mcnemar)('mcNemar with $onlyA against $onlyB', (given) => {
  it('has the p-values of the binomial and the χ² distribution', () => {
    const found = mcNemar(codes(given.truth), codes(given.a), codes(given.b));
    expect(found).toMatchObject({ onlyA: given.onlyA, onlyB: given.onlyB });
    expectClose(found.pValue, given.pValue);
    expectClose(found.corrected.statistic, given.statistic);
    expectClose(found.corrected.pValue, given.corrected);
  });
});

describe.each(areas)('areas $areas', (given) => {
  const [truth, a, b] = [codes(given.truth), floats(given.a)!, floats(given.b)!];

  it('have the standard errors of all pairs', () => {
    const found = compareAreas(truth, 1, a, b)!;
    expectAllClose(found.areas, given.areas);
    expectClose(found.difference, given.areas[1] - given.areas[0]);
    expectClose(found.standardError, given.standardError);
    expectClose(found.pValue, given.pValue);
    for (const [i, scores] of [a, b].entries()) {
      const alone = areaInterval(truth, 1, scores)!;
      expectClose(alone.area, given.areas[i]);
      expectClose(alone.standardError, given.errors[i]);
      expectClose(alone.low, Math.max(0, given.areas[i] - 1.959963984540054 * given.errors[i]));
      expectClose(alone.high, Math.min(1, given.areas[i] + 1.959963984540054 * given.errors[i]));
    }
  });

  it('turn the sign of the difference with the order of the models', () => {
    const [forth, back] = [compareAreas(truth, 1, a, b)!, compareAreas(truth, 1, b, a)!];
    expectClose(back.difference, -forth.difference);
    expectClose(back.pValue, forth.pValue);
  });
});

describe('compareAreas', () => {
  it('finds no difference between a scoring and itself, and a sure one between right and wrong', () => {
    const truth = codes([0, 0, 1, 1, 1]);
    const scores = Float64Array.of(1, 2, 3, 4, 5);
    expect(compareAreas(truth, 1, scores, scores)).toMatchObject({ difference: 0, z: null, pValue: 1 });
    const wrong = compareAreas(truth, 1, scores, scores.map((x) => -x)); // prettier-ignore
    expect(wrong).toMatchObject({ areas: [1, 0], difference: -1, z: null, pValue: 0 });
  });

  it('is undefined with fewer than two rows of a side', () => {
    expect(compareAreas(codes([0, 1, 1]), 1, Float64Array.of(1, 2, 3), Float64Array.of(1, 2, 3))).toBeNull();
    expect(areaInterval(codes([0, 0, 0]), 1, Float64Array.of(1, 2, 3))).toBeNull();
  });
});

describe.each(differences.map((given, i) => ({ ...given, i, pairs: given.a.length })))(
  'differences of $pairs pairs',
  (given) => {
    const [a, b] = [floats(given.a)!, floats(given.b)!];

    it('have the t test of scipy, plain and corrected', () => {
      const plain = pairedT(a, b, 0.9);
      expectClose(plain.t, given.t, 1e-11);
      expectClose(plain.pValue, given.tPValue, 1e-11);
      expectAllClose(plain.interval, given.tInterval90, 1e-11);
      const corrected = correctedPairedT(a, b, given.testShare);
      expectClose(corrected.t, given.corrected, 1e-11);
      expectClose(corrected.pValue, given.correctedPValue, 1e-11);
      expect(corrected.interval[1] - corrected.interval[0]).toBeGreaterThan(plain.interval[1] - plain.interval[0]);
    });

    it('have its signed-rank test: exact to 50 pairs, ties included, and normal beyond', () => {
      // Differences of rounded numbers, rounded alike: ties are ties.
      const difference = b.map((value, i) => Math.round((value - a[i]) * 1e9) / 1e9);
      const found = signedRank(new Float64Array(a.length), difference);
      expect(found.exact).toBe(found.pairs <= 50);
      expectClose(found.pValue, given.signedRank);
      expectClose(signedRank(difference, new Float64Array(a.length)).pValue, given.signedRank);
    });

    it.each(given.permutation === null ? [] : [given.permutation])('have its permutation test', (expected) => {
      const found = permutationTest(a, b, { seed: 1 });
      expect(found.exact).toBe(true);
      expectClose(found.pValue, expected);
      // Drawn ones scatter around it.
      const drawn = permutationTest(a, b, { seed: 1, permutations: 2 ** a.length - 1 });
      expect(drawn.exact).toBe(false);
      expect(Math.abs(drawn.pValue - expected)).toBeLessThan(6 * Math.sqrt(0.25 / 2 ** a.length));
    });
  },
);

describe('paired tests', () => {
  it('find nothing between a model and itself', () => {
    const a = Float64Array.of(0.5, 0.7, 0.6);
    expect(pairedT(a, a)).toMatchObject({ difference: 0, t: null, pValue: 1, interval: [0, 0] });
    expect(signedRank(a, a)).toMatchObject({ pairs: 0, pValue: 1 });
    expect(permutationTest(a, a, { seed: 1 })).toMatchObject({ difference: 0, pValue: 1 });
  });

  it('are sure of a difference that is the same in all folds', () => {
    const constant = pairedT(Float64Array.of(1, 2, 3), Float64Array.of(2, 3, 4));
    expect(constant).toMatchObject({ difference: 1, standardError: 0, t: null, pValue: 0 });
  });

  it('refuse what cannot be tested', () => {
    expect(() => pairedT(Float64Array.of(1), Float64Array.of(2))).toThrow(RangeError);
    expect(() => signedRank(Float64Array.of(1), Float64Array.of(2, 3))).toThrow(RangeError);
    expect(() => permutationTest(new Float64Array(0), new Float64Array(0), { seed: 1 })).toThrow(RangeError);
    expect(() => swapTest(3, () => null, { seed: 1 })).toThrow(RangeError);
  });

  it('seldom find a difference where there is none', () => {
    const random = new Random(21);
    const draws = 300;
    const found = { t: 0, signed: 0, permutation: 0, areas: 0 };
    for (let draw = 0; draw < draws; draw++) {
      const [a, b] = [0, 0].map(() => Float64Array.from({ length: 24 }, () => random.normal()));
      const truth = Int32Array.from({ length: 24 }, (_, i) => i % 2);
      if (pairedT(a, b).pValue < 0.05) found.t++;
      if (signedRank(a, b).pValue < 0.05) found.signed++;
      if (permutationTest(a, b, { seed: draw, permutations: 300 }).pValue < 0.05) found.permutation++;
      if (compareAreas(truth, 1, a, b)!.pValue < 0.05) found.areas++;
    }
    for (const count of Object.values(found)) {
      expect(count / draws).toBeGreaterThan(0.01);
      expect(count / draws).toBeLessThan(0.1);
    }
  });
});

describe('swapTest', () => {
  it('exchanges the models on some units, for any metric, the same for the same seed', () => {
    // Accuracy of 40 rows: a is right on the first 10, b on the first 30.
    const right = (rows: number) => Uint8Array.from({ length: 40 }, (_, i) => (i < rows ? 1 : 0));
    const [a, b] = [right(10), right(30)];
    const difference = (swapped: Uint8Array) => {
      let sum = 0;
      for (let i = 0; i < 40; i++) sum += (b[i] - a[i]) * (swapped[i] === 1 ? -1 : 1);
      return sum / 40;
    };
    const found = swapTest(40, difference, { seed: 3, permutations: 999 });
    expect(found).toEqual({ difference: 0.5, pValue: 1 / 1000, exact: false, permutations: 999 });
    expect(swapTest(40, difference, { seed: 3, permutations: 999 })).toEqual(found);
  });

  it('draws each side of each unit about as often, beyond 32 units too', () => {
    const counts = new Float64Array(70);
    swapTest(
      70,
      (swapped) => {
        for (let i = 0; i < 70; i++) counts[i] += swapped[i];
        return 1;
      },
      { seed: 1, permutations: 2000 },
    );
    for (const count of counts) expect(Math.abs(count / 2000 - 0.5)).toBeLessThan(0.06);
  });
});
