import { describe, expect, it } from 'vitest';
import { completeParameters, type ParameterValues } from '../../../contracts/parameters.ts';
import { selectionStepNames, selectionSteps, type SelectionStepName } from '../../../contracts/preparation.ts';
import { Random } from '../../../contracts/random.ts';
import type { Features } from '../../../data/features.ts';
import { columnsOf, drawnRows, momentsOf } from '../../../data/preparation/selection/columns.ts';
import { lasso } from '../../../data/preparation/selection/lasso.ts';
import { binOf, quantileEdges } from '../../../data/preparation/selection/quantile-bins.ts';
import { selectionOf } from '../../../data/preparation/selection/steps.ts';
import type { Target } from '../../../data/table.ts';
import {
  classesOf,
  denseOf,
  features,
  fixture,
  noise,
  sparseOf,
  targets,
  withoutColumn,
  type Dense,
} from './judged.ts';

const repeat = (count: number, value: number) => Array.from({ length: count }, () => value);

function standardised(numbers: number[]): number[] {
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  return numbers.map((value) => (value - mean) / Math.sqrt(variance));
}

function select(
  step: SelectionStepName,
  x: Features,
  y: Target = targets.two,
  given: ParameterValues = {},
  { seed = 1, threads = 1 } = {},
) {
  const parameters = completeParameters(step, selectionSteps[step].parameters, given);
  return selectionOf(step)(x, parameters, y, { seed, threads });
}

describe.each(selectionStepNames)('selection by %s', (step) => {
  const random = new Random(8);
  const x = noise(random, 300, 12, 0.4);
  // The third and the eighth feature tell the class.
  const score = Array.from({ length: 300 }, (_, i) => x.values[i * 12 + 2] - 2 * x.values[i * 12 + 7]);
  const y = classesOf(score.map((s) => Number(s + 0.3 * random.normal() > 0)));
  const given: ParameterValues = 'keep' in selectionSteps[step].parameters ? { keep: 2 } : {};

  it('is the same for dense and sparse features, on one thread and two, and at every time', async () => {
    const expected = await select(step, x, y, given);
    expect(await select(step, x, y, given)).toEqual(expected);
    expect(await select(step, x, y, given, { threads: 2 })).toEqual(expected);
    const sparse = await select(step, sparseOf(x), y, given);
    expect(sparse.kept).toEqual(expected.kept);
    for (const [j, value] of expected.scores.entries()) expect(sparse.scores[j]).toBeCloseTo(value, 5);
    expect(await select(step, sparseOf(x), y, given, { threads: 2 })).toEqual(sparse);
  });

  it('keeps ascending features, at least one, and leaves features and target as they are', async () => {
    const before = [x.values.slice(), y.codes.slice()];
    for (const rows of [x, sparseOf(x)]) {
      const { kept, scores } = await select(step, rows, y, given);
      expect(scores).toHaveLength(12);
      expect(kept.length).toBeGreaterThan(0);
      expect([...kept]).toEqual([...new Set(kept)].toSorted((a, b) => a - b));
      expect(scores.every((value) => value >= 0 && value < Infinity)).toBe(true);
    }
    expect([x.values, y.codes]).toEqual(before);
  });

  it.runIf('keep' in selectionSteps[step].parameters)('finds the features that tell the target', async () => {
    const asNumber: Target = { kind: 'number', values: Float32Array.from(score, (s) => 1e6 + 1000 * s) };
    const asThree = classesOf(
      score.map((s) => (s < -1 ? 0 : s < 1 ? 1 : 2)),
      3,
    );
    for (const target of [y, asThree, asNumber]) {
      for (const rows of [x, sparseOf(x)]) expect([...(await select(step, rows, target, given)).kept]).toEqual([2, 7]);
    }
    expect((await select(step, x, y, { keep: 1 })).kept).toEqual(Int32Array.of(7));
    // The units of a feature do not matter.
    const units = x.values.map((value, at) =>
      at % 12 === 2 ? value / 1e4 : at % 12 === 5 ? 1e4 * value - 3e4 : value,
    );
    expect((await select(step, { ...x, values: units }, y, given)).kept).toEqual(Int32Array.of(2, 7));
  });

  it.runIf('keep' in selectionSteps[step].parameters)('keeps no feature that says nothing, but one', async () => {
    const constant = denseOf(Array.from({ length: 40 }, () => [0, 5, 1]));
    const two = classesOf(Array.from({ length: 40 }, (_, i) => i % 2));
    for (const rows of [constant, sparseOf(constant)])
      expect((await select(step, rows, two)).kept).toEqual(Int32Array.of(0));
    const one = denseOf(Array.from({ length: 40 }, (_, i) => [0, i % 2, 1]));
    for (const rows of [one, sparseOf(one)]) expect((await select(step, rows, two)).kept).toEqual(Int32Array.of(1));
    // Nor is there anything to say of a target that does not vary.
    const same = await select(step, one, classesOf(two.codes.length ? Array.from(two.codes, () => 1) : []));
    expect(same.kept).toHaveLength(1);
    const still: Target = { kind: 'number', values: new Float32Array(40).fill(3) };
    expect((await select(step, one, still)).kept).toHaveLength(1);
  });

  it('takes a single row', async () => {
    const one = denseOf([[1, 2]]);
    const selected = select(step, one, classesOf([1]));
    if (step === 'variance') await expect(selected).rejects.toMatchObject({ code: 'PREPARATION_FAILED' });
    else expect((await selected).kept.length).toBeGreaterThan(0);
  });
});

describe('selection by variance', () => {
  it("has scikit-learn's variances", async () => {
    for (const x of [features, sparseOf(features)]) {
      const { kept, scores } = await select('variance', x, targets.two, { threshold: 0.5 });
      for (const [j, variance] of fixture.variances.entries()) {
        expect(Math.abs(scores[j] - variance)).toBeLessThan(1e-5 * Math.max(1, variance));
      }
      expect([...kept]).toEqual(fixture.above);
    }
  });

  it('takes what is one number throughout for that, where rounding would make a variance of it', async () => {
    const x = denseOf(Array.from({ length: 1000 }, (_, i) => [0.1, i % 10, 1e30]));
    const { kept, scores } = await select('variance', x);
    expect([...kept]).toEqual([1]);
    expect([scores[0], scores[2]]).toEqual([0, 0]);
    expect((await select('variance', sparseOf(x))).scores).toEqual(scores);
  });

  it('says so where nothing is left', async () => {
    await expect(select('variance', features, targets.two, { threshold: 1e6 })).rejects.toMatchObject({
      code: 'PREPARATION_FAILED',
      message: expect.stringMatching(/above 1000000\. Got none of 8; the largest is 2[0-9.e+]+\. Lower/) as string,
    });
  });
});

describe('selection by correlation', () => {
  it("finds numpy's correlations", async () => {
    const varying = withoutColumn(features, 5);
    for (const x of [varying, sparseOf(varying)]) {
      // Nothing goes, and each is judged by the largest with an earlier one.
      const { kept, scores } = await select('correlation', x, targets.two, { threshold: 1 });
      expect(kept).toHaveLength(7);
      for (const [j, row] of fixture.correlations.entries()) {
        const expected = Math.max(0, ...row.slice(0, j).map(Math.abs));
        expect(Math.abs(scores[j] - expected)).toBeLessThan(x.kind === 'dense' ? 1e-5 : 1e-4);
      }
    }
  });

  it('leaves of those that say the same the first, of either sign; a constant correlates with none', async () => {
    for (const x of [features, sparseOf(features)]) {
      expect([...(await select('correlation', x)).kept]).toEqual([0, 1, 3, 4, 5, 7]);
    }
  });

  it('does not let go of a feature for one that has gone itself', async () => {
    const random = new Random(3);
    // Each is near the one before it: r = 0.87, and 0.5 of the first and the third.
    const rows = Array.from({ length: 2000 }, () => {
      const [u, v] = [random.normal(), random.normal()];
      return [0, 30, 60].map(
        (degrees) => u * Math.cos((degrees * Math.PI) / 180) + v * Math.sin((degrees * Math.PI) / 180),
      );
    });
    const { kept } = await select('correlation', denseOf(rows), classesOf(rows.map(() => 0)), { threshold: 0.8 });
    expect([...kept]).toEqual([0, 2]);
  });

  it('goes over blocks as over the whole, where there are many features', async () => {
    const random = new Random(4);
    const x = noise(random, 40, 3000, 0.9);
    // A copy of a feature in another block, and one of a copy.
    for (let i = 0; i < 40; i++) x.values[i * 3000 + 2900] = x.values[i * 3000 + 2999] = -2 * x.values[i * 3000 + 11];
    const y = classesOf(Array.from({ length: 40 }, (_, i) => i % 2));
    const [dense, sparse] = [await select('correlation', x, y), await select('correlation', sparseOf(x), y)];
    expect(dense.kept).toEqual(sparse.kept);
    expect(dense.kept).not.toContain(2900);
    expect(dense.kept).not.toContain(2999);
    expect(dense.kept).toContain(11);
  });

  it('refuses more features than have pairs that can be looked at', async () => {
    const x = denseOf([], 20_001);
    const wide: Dense = { ...x, rows: 1, values: new Float32Array(20_001) };
    await expect(select('correlation', wide, classesOf([0]))).rejects.toMatchObject({
      code: 'PREPARATION_FAILED',
      message: expect.stringContaining('at most 20000 features') as string,
    });
  });
});

describe('bins of as many rows', () => {
  const edges = (values: number[], rows: number, bins: number) =>
    quantileEdges({ values: Float32Array.from(values) }, rows, bins);

  it('have each their share, and all values have one', () => {
    const random = new Random(2);
    const values = Array.from({ length: 1000 }, () => random.normal());
    const found = edges(values, 1000, 8);
    expect(found).toHaveLength(7);
    const counts = repeat(8, 0);
    for (const value of Float32Array.from(values)) counts[binOf(found, value)]++;
    expect(counts).toEqual(repeat(8, 125));
  });

  it('are values themselves where those are few, zeros among them whether they are stored or not', () => {
    const values = [...repeat(10, 2), ...repeat(20, -1)];
    expect(edges([...values, ...repeat(30, 0)], 60, 4)).toEqual([-1, 0]);
    expect(edges(values, 60, 4)).toEqual([-1, 0]);
    expect(edges([], 60, 4)).toEqual([]);
    expect(edges([7, 7], 2, 4)).toEqual([]);
  });

  it('leave a value of many rows alone, and make of a rare word no more than that it is there', () => {
    const rare = Array.from({ length: 20 }, (_, i) => 1 + i / 100);
    expect(edges(rare, 1000, 16)).toEqual([0]);
    expect(
      edges(
        rare.map((value) => -value),
        1000,
        16,
      ),
    ).toEqual([-1]);
    // Less than five rows are not a bin.
    expect(edges(rare.slice(0, 4), 1000, 16)).toEqual([]);
    expect(edges(rare.slice(0, 10), 1000, 16)).toEqual([0, Math.fround(1.04)]);
  });

  it('are never more than twice as many as asked for', () => {
    const random = new Random(5);
    for (let trial = 0; trial < 200; trial++) {
      const [rows, bins] = [1 + random.integer(300), 2 + random.integer(20)];
      const values = Array.from({ length: rows }, () => Math.round(random.normal() * random.integer(30)));
      const found = edges(values, rows, bins);
      expect(found.length).toBeLessThan(2 * bins);
      expect(found).toEqual(found.toSorted((a, b) => a - b));
    }
  });
});

describe('selection by mutual information', () => {
  it.each(['two', 'three'] as const)("has scikit-learn's information of counts on %s classes", async (name) => {
    for (const x of [features, sparseOf(features)]) {
      const { scores } = await select('mutualInformation', x, targets[name]);
      for (const [i, j] of fixture.discrete.entries()) {
        expect(scores[j]).toBeCloseTo(fixture.information[name][i], 12);
      }
    }
  });

  it('keeps the first among equals', async () => {
    const x = denseOf(Array.from({ length: 60 }, (_, i) => [i % 2, 1 - (i % 2), i % 2, i % 3]));
    const y = classesOf(Array.from({ length: 60 }, (_, i) => i % 2));
    const { kept, scores } = await select('mutualInformation', x, y, { keep: 2 });
    expect([...kept]).toEqual([0, 1]);
    expect(scores[0]).toBeCloseTo(Math.log(2), 12);
  });
});

describe('selection by L1', () => {
  const varying = withoutColumn(features, 6);
  const inputs = {
    two: { targets: [fixture.two], loss: 'classes' },
    three: { targets: [0, 1, 2].map((c) => fixture.three.map((code) => Number(code === c))), loss: 'classes' },
    numbers: { targets: [standardised(fixture.numbers)], loss: 'squares' },
  } as const;

  it.each(['two', 'three', 'numbers'] as const)("has scikit-learn's coefficients on %s", async (name) => {
    const { targets: given, loss } = inputs[name];
    for (const x of [varying, sparseOf(varying)]) {
      const columns = columnsOf(x);
      const deviation = Float64Array.from(columns, (column) => Math.sqrt(momentsOf(column, x.rows).variance));
      const input = { columns, rows: x.rows, deviation, targets: given.map((y) => Float64Array.from(y)), loss };
      const { coefficients } = lasso(input, fixture.strength, 1e-7);
      const expected = fixture.lasso[name];
      for (const [k, row] of expected.entries()) {
        for (const [j, value] of row.entries()) expect(Math.abs(coefficients[k][j] - value)).toBeLessThan(1e-4);
      }
      // What selection makes of them.
      const { scores, kept } = await select('l1', x, targets[name], { strength: fixture.strength });
      const sums = expected[0].map((_, j) => expected.reduce((sum, beta) => sum + Math.abs(beta[j]), 0));
      for (const [j, value] of sums.entries()) expect(Math.abs(scores[j] - value)).toBeLessThan(0.05);
      const certain = [...sums.keys()].filter((j) => sums[j] > 0.1);
      expect([...kept]).toEqual(expect.arrayContaining(certain));
      expect(kept.length).toBeLessThan(7);
    }
  });

  it('bears classes that are told apart completely, and one that no row has', async () => {
    const x = denseOf(Array.from({ length: 60 }, (_, i) => [i - 29.5, i % 2]));
    for (const classes of [2, 4]) {
      const y = classesOf(Array.from({ length: 60 }, (_, i) => Number(i >= 30)), classes); // prettier-ignore
      const { kept, scores } = await select('l1', x, y, { strength: 1e-6 });
      expect(kept).toContain(0);
      expect(scores.every(Number.isFinite)).toBe(true);
    }
  });

  it('leaves the one that is the first to come where the penalty leaves none', async () => {
    const { kept, scores } = await select('l1', features, targets.numbers, { strength: 1 });
    expect(Math.max(...scores)).toBe(0);
    expect(kept).toEqual(Int32Array.of(0));
  });
});

describe('selection by trees', () => {
  it('gives shares of what is gained, another forest for another seed', async () => {
    const { scores } = await select('treeImportance', features, targets.numbers, { trees: 20 });
    expect(scores.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(scores[5]).toBe(0);
    const other = await select('treeImportance', features, targets.numbers, { trees: 20 }, { seed: 2 });
    expect(other.scores).not.toEqual(scores);
  });
});

describe('drawn rows', () => {
  it('are distinct rows in their order, with their targets, the same from dense as from sparse', () => {
    const x = denseOf(Array.from({ length: 100 }, (_, i) => [i, i % 3]));
    const y: Target = { kind: 'number', values: Float32Array.from({ length: 100 }, (_, i) => i) };
    const { features: some, target } = drawnRows(x, y, 30, 4);
    const rows = [...columnsOf(some)[0].values];
    expect(rows).toHaveLength(30);
    expect(rows).toEqual([...new Set(rows)].toSorted((a, b) => a - b));
    expect(target).toEqual({ kind: 'number', values: Float32Array.from(rows) });
    const { features: sparse } = drawnRows(sparseOf(x), y, 30, 4);
    expect(sparse).toEqual(sparseOf(some as Dense));
    expect(drawnRows(x, y, 100, 4).features).toBe(x);
  });

  it('have all the same chance', () => {
    const x = denseOf(Array.from({ length: 20 }, (_, i) => [i]));
    const counts = new Float64Array(20);
    for (let seed = 0; seed < 4000; seed++) {
      const { features: some } = drawnRows(x, classesOf(Array.from({ length: 20 }, () => 0)), 5, seed);
      for (const row of columnsOf(some)[0].values) counts[row]++;
    }
    // 1000 each, with a deviation of 27.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});
