import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { BinnedMatrix } from '../../../compute/kernels/bins.ts';
import * as scalar from '../../../compute/kernels/scalar/trees.ts';
import type { Feature, Rules } from '../../../compute/kernels/scalar/trees.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { scratchBytes, writePlan } from '../../../compute/kernels/tree-memory.ts';
import { lengths } from './random-arrays.ts';
import { sectionsOf } from './wasm-sections.ts';
import { free, randomMatrix, realPairs, someRows, wholePairs } from './random-trees.ts';

const kernels = new KernelThreads(1, ['trees']);
afterAll(() => kernels.close());

const epsilon = 2 ** -53;

function planOf(matrix: BinnedMatrix, rules: Rules) {
  const draws = 0;
  const { classes, minRowsToSplit: splitRows } = rules;
  return writePlan(matrix, { ...rules, classes, entropy: rules.criterion === 'entropy', splitRows, draws });
}

/** Sums as the kernel has them, `[features][bins][width]`; the memory is full of NaN before. */
async function build(
  matrix: BinnedMatrix,
  features: readonly Feature[],
  pairs: Float32Array,
  rows: Int32Array,
  classes: number,
  list = features.map((_, f) => f),
) {
  const plan = planOf(matrix, { ...free, classes });
  const at = kernels.alloc(plan.bins * plan.width * 8);
  kernels.view('f64', at, plan.bins * plan.width).fill(NaN);
  const args = [plan.address, kernels.put(pairs), kernels.put(Int32Array.from(list)), 0, list.length];
  await kernels.parallelFor('trees', 'build', 1, () => [...args, kernels.put(rows), rows.length, at]);
  return { at, plan, histograms: cut(at, features, plan.width) };
}

function cut(at: number, features: readonly Feature[], width: number): number[][][] {
  let bin = 0;
  return features.map(({ count }) =>
    Array.from({ length: count }, () => Array.from(kernels.view('f64', at + bin++ * width * 8, width))),
  );
}

async function search(matrix: BinnedMatrix, features: readonly Feature[], histograms: number[][][], rules: Rules) {
  const plan = planOf(matrix, rules);
  const histogram = kernels.put(Float64Array.from(histograms.flat(2)));
  const list = kernels.put(Int32Array.from(features.keys()));
  const best = kernels.alloc(64);
  const args = [plan.address, list, 0, features.length, histogram, best];
  await kernels.parallelFor('trees', 'search', 1, () => args, scratchBytes(plan, rules.classes));
  const [gain] = kernels.view('f64', best, 1);
  const [feature, bin, missingLeft, categorical, ...set] = kernels.view('i32', best + 8, 12);
  if (feature < 0) return undefined;
  const missing = features[feature].count - 1;
  const goes = (b: number) => {
    if (categorical) return ((set[b >> 5] >>> (b & 31)) & 1) === 1;
    return b === missing ? missingLeft === 1 : b <= bin;
  };
  const left = new Set(Array.from({ length: missing + 1 }, (_, b) => b).filter(goes));
  return { feature, gain, left, bin, set };
}

it('the tree kernel needs a module without static data, and without state', () => {
  expect(sectionsOf('trees')).not.toContain('data');
  expect(sectionsOf('trees')).not.toContain('global');
});

const kinds = [
  { criterion: 'gradient', classes: 0 },
  { criterion: 'gini', classes: 2 },
  { criterion: 'gini', classes: 5 },
  { criterion: 'entropy', classes: 2 },
  { criterion: 'entropy', classes: 7 },
] as const;

describe.each([0, 1, 2, 6])('tree histograms with %i classes', (classes) => {
  it.each([...lengths, 3000])('hold the sums of %i rows, within their bound', async (n) => {
    const random = new Random(n, classes);
    const columns = [
      { bins: 1 },
      { bins: 17, missing: 0.2 },
      { bins: 255 },
      { bins: 3, categorical: true },
      { bins: 8 },
    ];
    const { matrix, features } = await randomMatrix(kernels, random, 2 * n + 1, columns);
    const pairs = realPairs(random, matrix.rows, classes);
    // Rows in no order, some of them twice.
    const rows = Int32Array.from({ length: n }, () => random.integer(matrix.rows));
    const { histograms } = await build(matrix, features, pairs, rows, classes);
    const sizes = classes > 0 ? pairs : pairs.map(Math.abs);
    for (const [f, feature] of features.entries()) {
      const expected = scalar.histogram(feature, pairs, rows, classes);
      const magnitudes = scalar.histogram(feature, sizes, rows, classes);
      for (const [bin, sums] of expected.entries()) {
        expect(histograms[f][bin].at(-1)).toBe(sums.at(-1));
        const bound = (k: number) => 2 * n * epsilon * magnitudes[bin][k];
        expect(histograms[f][bin].every((sum, k) => Math.abs(sum - sums[k]) <= bound(k))).toBe(true);
      }
    }
  });

  it('have the same bits whichever features are built together', async () => {
    const random = new Random(1, classes);
    const columns = [9, 300, 2, 40, 255, 7, 31].map((bins) => ({ bins, missing: 0.1 }));
    const { matrix, features } = await randomMatrix(kernels, random, 500, columns);
    const pairs = realPairs(random, 500, classes);
    const rows = someRows(random, 500, 0.7);
    const { histograms } = await build(matrix, features, pairs, rows, classes);
    for (const list of [[0], [1, 2], [3, 4, 5], [6, 0, 3, 1], [5, 6, 4, 2, 1]]) {
      const some = await build(matrix, features, pairs, rows, classes, list);
      for (const f of list) expect(some.histograms[f]).toEqual(histograms[f]);
    }
  });

  it('of a sibling are the parent’s less the child’s, and exactly zero where no row is left', async () => {
    const random = new Random(2, classes);
    const { matrix, features } = await randomMatrix(kernels, random, 400, [{ bins: 60, missing: 0.1 }, { bins: 5 }]);
    // Of all sizes, so that sums are rounded; weights are the second of each pair.
    const scaled = (value: number, k: number) => (classes > 0 && k % 2 === 0 ? value : value * 4 ** random.integer(40));
    const pairs = realPairs(random, 400, classes).map(scaled);
    const rows = someRows(random, 400, 1);
    const bound = 800 * epsilon * pairs.reduce((sum, value) => sum + Math.abs(value), 0);
    const parent = await build(matrix, features, pairs, rows, classes);
    const list = kernels.put(Int32Array.of(0, 1));
    // Two children one after the other: a sum less its own parts, added in another order, is seldom exactly zero.
    const other = rows.filter((r) => r % 4 === 3);
    for (const child of [rows.filter((r) => r % 2 === 0), rows.filter((r) => r % 4 === 1)]) {
      const small = await build(matrix, features, pairs, child, classes);
      await kernels.parallelFor('trees', 'subtract', 1, () => [parent.plan.address, list, 0, 2, parent.at, small.at]);
    }
    const expected = features.flatMap((feature) => scalar.histogram(feature, pairs, other, classes));
    const actual = cut(parent.at, features, parent.plan.width).flat();
    for (const [bin, sums] of expected.entries()) {
      expect(actual[bin].at(-1)).toBe(sums.at(-1));
      if (sums.at(-1) === 0) expect(actual[bin]).toEqual(sums);
      else expect(actual[bin].every((sum, k) => Math.abs(sum - sums[k]) <= bound)).toBe(true);
    }
  });
});

describe.each(kinds)('split search by $criterion of $classes classes', (kind) => {
  const rulesets: Partial<Rules>[] = [
    {},
    { minRows: 4, minWeight: 11 },
    { l1: 2, l2: 1.5, minGain: 0.5 },
    { categorySmoothing: 10, categoryL2: 3, maxCategories: 2 },
    { minGain: -Infinity, minRows: 2 },
  ];
  // Entropies are rounded elsewhere than by Math.log2: there a gain is close, and the split one of the best.
  const exact = kind.criterion !== 'entropy';

  it.each([...lengths, 400])('finds the first of the best splits of %i rows', async (n) => {
    for (const [seed, some] of rulesets.entries()) {
      const rules = { ...free, ...kind, ...some };
      const random = new Random(n, seed);
      const columns = [
        { bins: 6, missing: 0.3 },
        { bins: 6, categorical: true, missing: 0.3 },
        { bins: 255 },
        { bins: 40, categorical: true },
        { bins: 2, missing: 0.9 },
        { bins: 1, categorical: true, missing: 0.5 },
      ];
      const { matrix, features } = await randomMatrix(kernels, random, n, columns);
      const rows = someRows(random, n, 0.9);
      const pairs = wholePairs(random, n, kind.classes);
      const histograms = features.map((feature) => scalar.histogram(feature, pairs, rows, kind.classes));
      const categorical = features.map((feature) => feature.categorical);
      for (const list of [...features.map((_, f) => [f]), [...features.keys()]]) {
        const [only, sums] = [list.map((f) => features[f]), list.map((f) => histograms[f])];
        const expected = scalar.bestSplit(
          [...list.keys()],
          sums,
          list.map((f) => categorical[f]),
          rules,
        );
        // A search reads no rows.
        const binnings = list.map((f) => matrix.binnings[f]);
        const empty = await BinnedMatrix.from(
          kernels,
          list.map(() => new Float32Array(0)),
          binnings,
        );
        const actual = await search(empty, only, sums, rules);
        expect(actual === undefined).toBe(expected === undefined);
        if (!actual || !expected) continue;
        if (exact) {
          expect(actual).toMatchObject(expected);
        } else {
          expect(actual.gain).toBeCloseTo(expected.gain, 9);
          const { feature, left } = actual;
          const all = scalar.candidates(sums[feature], only[feature].categorical, rules);
          const same = all.filter(
            (split) => split.left.size === left.size && [...left].every((b) => split.left.has(b)),
          );
          expect(Math.max(...same.map(({ gain }) => gain))).toBeCloseTo(expected.gain, 9);
        }
      }
    }
  });

  it('has no split for a node of one bin, of one class, or of no rows', async () => {
    const { matrix, features } = await randomMatrix(kernels, new Random(1), 3, [{ bins: 4 }]);
    const rules = { ...free, ...kind };
    const sums = (weight: number) => Array.from({ length: kind.classes || 2 }, (_, k) => (k === 0 ? weight : 0));
    const empty = [...sums(0), 0];
    // 0.1 + 0.2 + 0.3 is not 0.6: rounding alone must not be taken for a gain.
    const constant = kind.classes === 0 ? (w: number) => [3 * w, w, 1] : (w: number) => [...sums(w), 1];
    for (const bins of [
      [empty, empty, empty, empty, empty],
      [empty, constant(0.5), empty, empty, empty],
      [empty, empty, empty, empty, constant(0.5)],
      [constant(0.1), constant(0.2), constant(0.3), constant(0.7), constant(0.4)],
    ]) {
      expect(await search(matrix, features, [bins], rules)).toBeUndefined();
    }
  });
});

describe('split search by categories', () => {
  // Of an ordering, the best prefix; of all sets, nothing better (Fisher, 1958; Breiman et al., 1984).
  it.each([kinds[0], kinds[1], kinds[3]])('finds the best of all sets by $criterion', async (kind) => {
    for (let seed = 0; seed < 20; seed++) {
      const random = new Random(seed);
      const { matrix, features } = await randomMatrix(kernels, random, 60, [{ bins: 7, categorical: true }]);
      const pairs = wholePairs(random, 60, kind.classes);
      const rules = { ...free, ...kind };
      const histograms = [scalar.histogram(features[0], pairs, someRows(random, 60, 1), kind.classes)];
      const total = histograms[0].reduce((a, b) => a.map((value, k) => value + b[k]));
      let best = -Infinity;
      for (let set = 1; set < 127; set++) {
        const left = histograms[0]
          .filter((_, bin) => (set >> bin) & 1)
          .reduce((a, b) => a.map((value, k) => value + b[k]));
        const right = total.map((value, k) => value - left[k]);
        if (left.at(-1) === 0 || right.at(-1) === 0) continue;
        best = Math.max(best, scalar.score(left, rules) + scalar.score(right, rules) - scalar.score(total, rules));
      }
      expect((await search(matrix, features, histograms, rules))?.gain).toBeCloseTo(best, 9);
    }
  });

  it('sends what it has not seen to the side of more rows', async () => {
    const columns = [{ bins: 6, categorical: true }, { bins: 6 }];
    const { matrix, features } = await randomMatrix(kernels, new Random(1), 1, columns);
    const none = [0, 0, 0];
    // Categories 1 and 4 are known; bin 6 is that of missing values.
    const of = (low: number, high: number) => [none, [-low, low, low], none, none, [high, high, high], none, none];
    for (const [low, high, unseen] of [
      [5, 3, true],
      [3, 5, false],
      [4, 4, true],
    ] as const) {
      const empty = features.map(({ count }) => Array.from({ length: count }, () => none));
      const rest = unseen ? [0, 2, 3, 5, 6] : [];
      const byCategory = await search(matrix, features, [of(low, high), empty[1]], free);
      expect(byCategory!.left).toEqual(new Set([1, ...rest]));
      const byValue = await search(matrix, features, [empty[0], of(low, high)], free);
      expect(byValue!.left).toEqual(new Set(unseen ? [0, 1, 6] : [0, 1]));
    }
  });
});

describe('partition of rows', () => {
  it.each([...lengths, 5000])('keeps the order of %i rows on either side', async (n) => {
    const random = new Random(n);
    const columns = [
      { bins: 9, missing: 0.3 },
      { bins: 250, categorical: true, missing: 0.3 },
    ];
    const narrow = await randomMatrix(kernels, random, 2 * n + 1, columns);
    const wide = await randomMatrix(kernels, random, 2 * n + 1, [...columns, { bins: 300 }]);
    const sides = [{ missingLeft: 0 }, { missingLeft: 1 }];
    for (const { matrix, features } of [narrow, wide]) {
      for (const [feature, { missingLeft }] of [0, 1].flatMap((f) => sides.map((side) => [f, side] as const))) {
        const rows = Int32Array.from({ length: n }, () => random.integer(matrix.rows));
        const set = Int32Array.from({ length: 8 }, () => random.bits());
        const split = kernels.alloc(64);
        kernels.view('i32', split + 8, 12).set([feature, 4, missingLeft, feature, ...set]);
        const [order, spare, lefts] = [kernels.put(rows), kernels.alloc(8 * n), kernels.alloc(4)];
        const { address } = planOf(matrix, free);
        await kernels.parallelFor('trees', 'partition', 1, () => [address, split, order, n, spare, lefts]);
        const missing = features[feature].count - 1;
        const goes = (row: number) => {
          const bin = features[feature].bins[row];
          if (feature === 1) return ((set[bin >> 5] >>> (bin & 31)) & 1) === 1;
          return bin === missing ? missingLeft === 1 : bin <= 4;
        };
        const expected = [...rows.filter(goes), ...rows.filter((row) => !goes(row))];
        expect(Array.from(kernels.view('i32', order, n))).toEqual(expected);
        expect(kernels.view('i32', lefts, 1)[0]).toBe(rows.filter(goes).length);
      }
    }
  });
});
