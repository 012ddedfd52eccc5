import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Random } from '../../contracts/random.ts';
import {
  countsOf,
  groupedParts,
  lastOutParts,
  quantileBins,
  randomParts,
  stratifiedFolds,
  stratifiedParts,
  timeFolds,
  type Labels,
} from '../../data/folds.ts';

interface Fixture {
  timeSeries: { rows: number; folds: number; held: [first: number, last: number][] }[];
  stratified: { codes: number[]; size: number; folds: number; held: number[][] }[];
  grouped: {
    groups: number[];
    size: number;
    classes: number[];
    folds: number;
    sizes: number[];
    stratified: number[][];
  }[];
}
const sklearn = JSON.parse(readFileSync(new URL('fixtures/splits.json', import.meta.url), 'utf8')) as Fixture;

const labels = (codes: ArrayLike<number>, size = Math.max(...Array.from(codes)) + 1): Labels => ({
  codes: Int32Array.from(codes),
  size,
});

const ascending = (a: number, b: number) => a - b;

/** Rows of each class in each part. */
function table(parts: Uint8Array, { codes, size }: Labels, count: number): number[][] {
  const found = Array.from({ length: count }, () => Array.from({ length: size }, () => 0));
  for (const [row, part] of parts.entries()) found[part][codes[row]]++;
  return found;
}
const sizesOf = (parts: Uint8Array, count: number) =>
  table(
    parts,
    labels(
      parts.map(() => 0),
      1,
    ),
    count,
  ).flat();

describe('random', () => {
  test('counts add up to the rows, each less than one from its share', () => {
    const random = new Random(1);
    for (let i = 0; i < 200; i++) {
      const shares = Array.from({ length: 1 + random.integer(6) }, () => 0.01 + random.uniform());
      const rows = random.integer(500);
      const total = shares.reduce((a, b) => a + b);
      const counts = countsOf(rows, shares);
      expect(counts.reduce((a, b) => a + b)).toBe(rows);
      for (const [p, n] of counts.entries()) expect(Math.abs(n - (rows * shares[p]) / total)).toBeLessThan(1);
    }
    expect(countsOf(10, [1, 1, 1])).toEqual([4, 3, 3]);
  });

  test('every row is as likely in every part, and the generator alone decides', () => {
    const inTest = new Float64Array(20);
    for (let seed = 0; seed < 2000; seed++) {
      const parts = randomParts([14, 6], new Random(seed));
      expect(sizesOf(parts, 2)).toEqual([14, 6]);
      for (const [row, part] of parts.entries()) inTest[row] += part;
    }
    // Mean 600 of 2000, deviation √(2000 · 0.3 · 0.7) = 20.5: five of them to either side.
    for (const n of inTest) expect(Math.abs(n - 600)).toBeLessThan(103);
    expect(randomParts([14, 6], new Random(7))).toEqual(randomParts([14, 6], new Random(7)));
    expect(randomParts([14, 6], new Random(7))).not.toEqual(randomParts([14, 6], new Random(8)));
  });
});

describe('stratified', () => {
  test('parts have the exact sizes, and of each class its share to within two rows', () => {
    const random = new Random(2);
    for (let i = 0; i < 300; i++) {
      const size = 1 + random.integer(6);
      const codes = Int32Array.from({ length: 30 + random.integer(200) }, () =>
        Math.min(random.integer(size), random.integer(size)),
      );
      const counts = countsOf(codes.length, [0.6 + random.uniform(), 0.2, 0.1 + 0.2 * random.uniform()]);
      const classes = labels(codes, size);
      const rows = table(new Uint8Array(codes.length), classes, 1)[0];
      const found = table(stratifiedParts(classes, counts, random), classes, 3);
      for (const [part, perClass] of found.entries()) {
        expect(perClass.reduce((a, b) => a + b)).toBe(counts[part]);
        for (const [k, n] of perClass.entries()) {
          const exact = (counts[part] * rows[k]) / codes.length;
          expect(n).toBeGreaterThanOrEqual(Math.min(...rows) >= 3 && Math.min(...counts) >= size ? 1 : 0);
          // Where no class is so rare that it is given more than its share.
          if ((Math.min(...counts) * Math.min(...rows)) / codes.length >= 2)
            expect(Math.abs(n - exact)).toBeLessThan(2);
        }
      }
    }
  });

  test('a class with as many rows as there are parts is in each of them', () => {
    const codes = Int32Array.from({ length: 1000 }, (_, row) => (row < 3 ? 1 : 0));
    const classes = labels(codes);
    for (let seed = 0; seed < 20; seed++) {
      expect(table(stratifiedParts(classes, [900, 50, 50], new Random(seed)), classes, 3)).toEqual([
        [899, 1],
        [49, 1],
        [49, 1],
      ]);
    }
  });

  test.for(sklearn.stratified)('folds have the numbers of StratifiedKFold: $folds of $size classes', (given) => {
    const classes = labels(given.codes, given.size);
    for (let seed = 0; seed < 5; seed++) {
      const found = table(stratifiedFolds(classes, given.folds, new Random(seed)), classes, given.folds);
      // Which fold has the row too many follows the order of the classes, which is another there.
      const sorted = (folds: number[][]) =>
        folds[0].map((_, k) => folds.map((perClass) => perClass[k]).sort(ascending));
      expect(sorted(found)).toEqual(sorted(given.held));
      const sums = (folds: number[][]) => folds.map((perClass) => perClass.reduce((a, b) => a + b)).sort(ascending);
      expect(sums(found)).toEqual(sums(given.held));
    }
  });

  test('which rows of a class are held out depends on the seed', () => {
    const classes = labels(Int32Array.from({ length: 60 }, (_, row) => row % 2));
    expect(stratifiedFolds(classes, 5, new Random(1))).not.toEqual(stratifiedFolds(classes, 5, new Random(2)));
  });

  test('quantile bins hold as many values each; equal values share one', () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
    const { codes, size } = quantileBins(values, 4);
    expect(size).toBe(4);
    expect([...codes]).toEqual(Array.from(values, (v) => Math.floor(v / 25)));
    expect(quantileBins(Float64Array.of(1, 1, 1, 1, 9, 2), 3)).toEqual({
      codes: Int32Array.of(0, 0, 0, 0, 1, 1),
      size: 2,
    });
    expect(quantileBins(new Float64Array(5), 3)).toEqual({ codes: new Int32Array(5), size: 1 });
  });
});

describe('grouped', () => {
  test.for(sklearn.grouped)('folds have the sizes of GroupKFold: $folds of $size groups', (given) => {
    const groups = labels(given.groups, given.size);
    for (let seed = 0; seed < 5; seed++) {
      const partOf = groupedParts(
        groups,
        Array.from({ length: given.folds }, () => 1),
        new Random(seed),
      );
      const sizes = sizesOf(
        Uint8Array.from(groups.codes, (g) => partOf[g]),
        given.folds,
      );
      expect(sizes.toSorted((a, b) => a - b)).toEqual(given.sizes);
    }
  });

  test.for(sklearn.grouped)(
    'with classes their shares are as alike as those of StratifiedGroupKFold: $size groups',
    (given) => {
      const groups = labels(given.groups, given.size);
      const classes = labels(given.classes);
      const shares = Array.from({ length: given.folds }, () => 1);
      /** Σ_k of the variance over folds of the share of class k's rows: what scikit-learn minimizes, too. */
      const spread = (folds: number[][]) =>
        classes.size === 0
          ? 0
          : Array.from({ length: classes.size }, (_, k) => {
              const rows = folds.map((perClass) => perClass[k]);
              const total = rows.reduce((a, b) => a + b);
              return rows.reduce((sum, n) => sum + (n / total - 1 / rows.length) ** 2, 0);
            }).reduce((a, b) => a + b);
      const spreads = [0, 1, 2, 3, 4].map((seed) => {
        const partOf = groupedParts(groups, shares, new Random(seed), classes);
        return spread(
          table(
            Uint8Array.from(groups.codes, (g) => partOf[g]),
            classes,
            given.folds,
          ),
        );
      });
      expect(spreads.toSorted((a, b) => a - b)[2]).toBeLessThanOrEqual(1.25 * spread(given.stratified));
    },
  );

  test('uneven shares are met to within the largest group, with large and small groups in every part', () => {
    const random = new Random(3);
    const codes = Int32Array.from({ length: 20_000 }, () => Math.floor(500 * random.uniform() ** 2));
    const groups = labels(codes, 500);
    const sizes = table(new Uint8Array(codes.length), groups, 1)[0];
    const shares = [0.7, 0.15, 0.15];
    const partOf = groupedParts(groups, shares, random);
    const inParts = sizesOf(
      Uint8Array.from(codes, (g) => partOf[g]),
      3,
    );
    for (const [p, n] of inParts.entries()) expect(Math.abs(n - 20_000 * shares[p])).toBeLessThan(10);
    const largest = sizes
      .map((_, g) => g)
      .sort((a, b) => sizes[b] - sizes[a])
      .slice(0, 20);
    expect(new Set(largest.map((g) => partOf[g]))).toEqual(new Set([0, 1, 2]));
  });

  test('a large group goes where it fits, not where there is nothing yet', () => {
    const codes = Int32Array.from({ length: 100 }, (_, row) => (row < 40 ? Math.floor(row / 20) : row - 38));
    const groups = labels(codes);
    const partOf = groupedParts(groups, [0.8, 0.1, 0.1], new Random(1));
    const parts = Uint8Array.from(codes, (g) => partOf[g]);
    expect(sizesOf(parts, 3)).toEqual([80, 10, 10]);
  });

  test('no part stays empty where there are as many groups as parts', () => {
    for (let seed = 0; seed < 10; seed++) {
      expect(new Set(groupedParts(labels([0, 0, 0, 1, 2]), [0.8, 0.1, 0.1], new Random(seed)))).toEqual(
        new Set([0, 1, 2]),
      );
    }
  });
});

describe('by time', () => {
  test.for(sklearn.timeSeries)(
    'folds are those of TimeSeriesSplit where all times differ: $folds of $rows rows',
    (given) => {
      // Any order of rows.
      const place = (row: number) => (row * 7) % given.rows;
      const times = Float64Array.from({ length: given.rows }, (_, row) => 1e9 + place(row));
      const { fold, trainsFrom } = timeFolds(times, given.folds, 0)!;
      for (const [f, [first, last]] of given.held.entries()) {
        for (let row = 0; row < given.rows; row++) {
          expect(fold[row] === f).toBe(place(row) >= first && place(row) <= last);
          expect(trainsFrom[row] <= f).toBe(place(row) < first);
        }
      }
    },
  );

  test('rows of one time stay together, no fold is empty, and learned rows are older by the gap', () => {
    const random = new Random(4);
    for (let i = 0; i < 300; i++) {
      const different = 3 + random.integer(12);
      const times = Float64Array.from({ length: 40 + random.integer(100) }, () => random.integer(different) * 10);
      const folds = 2 + random.integer(4);
      const gap = [0, 5, 10, 25][random.integer(4)];
      const found = timeFolds(times, folds, gap);
      if (found === undefined) {
        expect(new Set(times).size).toBeLessThan(folds + 1 + gap / 10);
        continue;
      }
      for (let f = 0; f < folds; f++) {
        const held = times.filter((_, row) => found.fold[row] === f);
        const learned = times.filter((_, row) => found.trainsFrom[row] <= f);
        expect(Math.min(held.length, learned.length)).toBeGreaterThan(0);
        const begins = Math.min(...held);
        expect(Math.max(...learned)).toBeLessThan(begins);
        expect(Math.max(...learned) + gap).toBeLessThanOrEqual(begins);
        // All that may be learned from is.
        expect(learned.length).toBe(times.filter((t) => t < begins && t + gap <= begins).length);
      }
      const foldsOfTimes = new Set(Array.from(times, (t, row) => `${t} in ${found.fold[row]}`));
      expect(foldsOfTimes.size).toBe(new Set(times).size);
    }
  });

  test('borders lie where a run of equal times begins nearest', () => {
    // Runs that begin at rows 0, 10, 12, 22 and 24; the borders of TimeSeriesSplit are 14 and 27.
    const times = Float64Array.from([10, 2, 10, 2, 16].flatMap((n, t) => Array.from({ length: n }, () => t)));
    const { fold } = timeFolds(times, 2, 0)!;
    expect([0, 1, 2, 3, 4].map((t) => fold[times.indexOf(t)])).toEqual([-1, -1, 0, 0, 1]);
  });
});

test("leave-last-out holds out each user's last rows, of equal times the later in the file", () => {
  const users = labels([0, 0, 0, 1, 1, 2, 3, 3, 3, 3], 5);
  const times = Float64Array.of(3, 1, 2, 5, 5, 9, 1, 1, 1, 0);
  expect([...lastOutParts(users, times)]).toEqual([2, 0, 1, 0, 2, 0, 0, 1, 2, 0]);
});
