/** Platt's sigmoid beside scikit-learn's (`fixtures/support_vectors.py`), and the parts it is learned on. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { calibrationFolds } from '../../../models/table/calibration-folds.ts';
import { fitSigmoid, probabilitiesOf } from '../../../models/table/sigmoid-calibration.ts';
import { denseOf, sparseOf, takeFeatures } from './tables.ts';

const file = new URL('./fixtures/support-vectors.json', import.meta.url);
const { sigmoid } = JSON.parse(readFileSync(file, 'utf8')) as {
  sigmoid: Record<'decisions' | 'classes' | 'weights', number[]> &
    Record<'plain' | 'weighted', { slope: number; offset: number }>;
};

describe('a sigmoid', () => {
  const decisions = Float64Array.from(sigmoid.decisions);
  const positive = (row: number) => sigmoid.classes[row] === 1;

  it.each(['plain', 'weighted'] as const)('is the one of scikit-learn, %s', (kind) => {
    const weights = kind === 'weighted' ? Float32Array.from(sigmoid.weights) : undefined;
    const { slope, offset } = fitSigmoid(decisions, positive, weights);
    expect(slope).toBeCloseTo(sigmoid[kind].slope, 3);
    expect(offset).toBeCloseTo(sigmoid[kind].offset, 3);
  });

  it('has the same slope for the values in any unit', () => {
    const { slope, offset } = fitSigmoid(decisions, positive);
    const large = fitSigmoid(
      decisions.map((value) => value * 1e9),
      positive,
    );
    expect(large.slope * 1e9).toBeCloseTo(slope, 6);
    expect(large.offset).toBeCloseTo(offset, 6);
  });

  it('says the share of the class where the values rank the wrong way round, are all the same, or of one class', () => {
    const yes = sigmoid.classes.filter((code) => code === 1).length;
    const no = 120 - yes;
    const share = (yes * ((yes + 1) / (yes + 2)) + no / (no + 2)) / 120;
    for (const values of [decisions.map((value) => -value), decisions.map(() => 0), decisions.map(() => 3)]) {
      const { slope, offset } = fitSigmoid(values, positive);
      const [, p] = probabilitiesOf(values, { slope: Float32Array.of(slope), offset: Float32Array.of(offset) }, 2);
      expect(p).toBeCloseTo(share, 5);
    }
    expect(fitSigmoid(decisions, () => false)).toEqual({ slope: 0, offset: Math.log(1 / 121) });
    expect(fitSigmoid(new Float64Array(0), () => true)).toEqual({ slope: 0, offset: 0 });
  });

  it('leaves probabilities that sum to 1 where each is too small for a number', () => {
    const calibration = { slope: Float32Array.of(1, 1, 1), offset: Float32Array.of(0, 0, 0) };
    const p = probabilitiesOf(Float64Array.of(-5000, -5001, -9000, 5000, -5000, -5000), calibration, 3);
    expect(p[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
    expect(p[0] + p[1] + p[2]).toBeCloseTo(1, 6);
    expect(p.slice(3)).toEqual(Float32Array.of(1, 0, 0));
  });
});

describe('parts of the rows', () => {
  const codes = Int32Array.from({ length: 100 }, (_, i) => (i < 12 ? 2 : i % 2));
  const x = denseOf(Array.from({ length: 100 }, (_, i) => [i, i % 7 === 0 ? 0 : 1]));
  const options = { folds: 5, seed: 3 };
  const { of, possible } = calibrationFolds(x, codes, 4, options);

  it('have as many rows of each class as can be, whatever the order and form', () => {
    for (const code of [0, 1, 2]) {
      const counts = [0, 1, 2, 3, 4].map(
        (fold) => of.filter((part, row) => part === fold && codes[row] === code).length,
      );
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    expect(possible).toEqual([true, true, true, false]);
    expect(calibrationFolds(sparseOf(x), codes, 4, options).of).toEqual(of);
    const order = Array.from({ length: 100 }, (_, i) => (i * 7) % 100);
    const turned = calibrationFolds(
      takeFeatures(x, order),
      Int32Array.from(order, (i) => codes[i]),
      4,
      options,
    );
    expect(turned.of).toEqual(Int32Array.from(order, (i) => of[i]));
    expect(calibrationFolds(x, codes, 4, { ...options, seed: 4 }).of).not.toEqual(of);
  });

  it('keep doubles together, whatever their class, and deal out what is common', () => {
    const doubled = denseOf(Array.from({ length: 90 }, (_, i) => (i < 60 ? [Math.floor(i / 2)] : [-1])));
    const labels = Int32Array.from({ length: 90 }, (_, i) => i % 2);
    const parts = calibrationFolds(doubled, labels, 2, options).of;
    for (let i = 0; i < 60; i += 2) expect(parts[i]).toBe(parts[i + 1]);
    expect(new Set(parts.subarray(60)).size).toBe(5);
  });

  it('leave rows without weight out, and say where a class cannot be judged', () => {
    const weights = Float32Array.from(codes, (code, i) => (code === 2 && i > 0 ? 0 : 1));
    const some = calibrationFolds(x, codes, 4, { ...options, weights });
    expect([...some.of.subarray(1, 12)].every((part) => part === -1)).toBe(true);
    expect(some.possible).toEqual([true, true, false, false]);
  });
});
