import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TradewindError } from '../../contracts/errors.ts';
import { tableSplitSchema, type TableSplitSpecInput } from '../../contracts/table-splits.ts';
import { foldOf, foldsOf, readSplit, splitOf, writeSplit, type SplitArrays } from '../../data/split-file.ts';
import { requireApart } from '../../data/split-summary.ts';
import { planSplit, type SplitContext } from '../../data/table-split.ts';
import { digest, failure, folder, parquet } from './files.ts';

/** 1000 rows, 20 a day from 2024-01-01 on in a mixed order; 97 users; three classes of 700, 200 and 100 rows. */
const shop = `SELECT CAST(i AS DOUBLE) AS x, hash(i) % 1000 / 10.0 AS amount,
    'u' || (hash(i * 31) % 97) AS "user",
    TIMESTAMP '2024-01-01' + to_hours(CAST((i * 7) % 1000 * 1.2 AS INTEGER)) AS time,
    CASE WHEN i % 10 < 7 THEN 'often' WHEN i % 10 < 9 THEN 'some' ELSE 'few' END AS class
  FROM range(1000) AS numbers(i)`;

const context: SplitContext = { seed: 5, target: 'class', task: 'classify' };

async function split(input: TableSplitSpecInput, changes: Partial<SplitContext> = {}, query = shop) {
  const dir = folder();
  const path = await parquet(join(dir, 'table.parquet'), query);
  const out = join(dir, 'split.safetensors');
  const summary = await planSplit(path, tableSplitSchema.parse(input), { ...context, ...changes }, out, { threads: 1 });
  return { summary, split: await readSplit(out), digest: digest(out), path, out };
}
const rowsOf = (summary: { parts: Record<string, { rows: number }> }) =>
  Object.values(summary.parts).map(({ rows }) => rows);

const kinds: [name: string, TableSplitSpecInput][] = [
  ['random', { by: 'random', folds: 5 }],
  ['stratified', { by: 'stratified', folds: 5 }],
  ['grouped', { by: 'grouped', group: 'user', folds: 5 }],
  ['grouped and stratified', { by: 'grouped', group: 'user', stratify: true, folds: 5 }],
  ['time', { by: 'time', validationFrom: '2024-01-31', testFrom: '-10d', gapDays: 2, folds: 5 }],
  ['leaveLastOut', { by: 'leaveLastOut' }],
];

describe.for(kinds)('%s', ([kind, spec]) => {
  test('no row is in two parts, none is lost, and folds share no row with the test part', async () => {
    const { split: found, summary } = await split(spec);
    const { train, validation, test: held } = found.parts;
    const { beforeValidation, beforeTest, outside } = summary.leftOut;
    const all = [...train, ...validation, ...held];
    expect(new Set(all).size).toBe(all.length);
    expect(all.length + beforeValidation + beforeTest + outside).toBe(1000);
    for (const rows of [train, validation, held, found.learning])
      expect([...rows]).toEqual([...rows].sort((a, b) => a - b));
    expect(found.learning.length).toBe(train.length + validation.length + beforeValidation);
    expect(found.folds).toBe('folds' in spec ? 5 : 0);
    const learning = new Set(found.learning);
    for (const fold of foldsOf(found)) {
      const both = [...fold.train, ...fold.held];
      expect(new Set(both).size).toBe(both.length);
      for (const row of both) expect(learning.has(row)).toBe(true);
    }
    expect(rowsOf(summary)).toEqual([train.length, validation.length, held.length]);
    expect(summary.folds.map(({ held: h }) => h.rows)).toEqual(foldsOf(found).map(({ held: h }) => h.length));
  });

  test('the same content gives the same bytes wherever it lies, on any number of threads', async () => {
    const first = await split(spec);
    const elsewhere = join(folder(), 'elsewhere.parquet');
    copyFileSync(first.path, elsewhere);
    const out = join(folder(), 'again.safetensors');
    const summary = await planSplit(elsewhere, tableSplitSchema.parse(spec), context, out, { threads: 3 });
    expect(digest(out)).toBe(first.digest);
    expect(summary).toEqual(first.summary);
    const reseeded = await split(spec, { seed: 6 });
    expect(reseeded.digest === first.digest).toBe(kind === 'time' || kind === 'leaveLastOut');
  });
});

test('a random split has exact shares, and folds leave its parts as they are', async () => {
  const { summary, split: found } = await split({ by: 'random', test: 0.1, validation: 0.25 });
  expect(rowsOf(summary)).toEqual([650, 250, 100]);
  const folded = await split({ by: 'random', test: 0.1, validation: 0.25, folds: 7 });
  expect(folded.split.parts).toEqual(found.parts);
  expect(folded.summary.folds.map(({ held }) => held.rows)).toEqual([129, 129, 129, 129, 128, 128, 128]);
  const whole = await split({ by: 'random', validation: 0, folds: 2 });
  expect(rowsOf(whole.summary)).toEqual([800, 0, 200]);
  expect(() => foldOf(whole.split, 2)).toThrow(RangeError);
});

test('a stratified split keeps the shares of the classes in every part and fold', async () => {
  const { summary } = await split({ by: 'stratified', folds: 4 });
  expect(summary.classes).toEqual(['few', 'often', 'some']);
  expect(summary.parts.test.classes).toEqual([20, 140, 40]);
  expect(summary.parts.validation.classes).toEqual([20, 140, 40]);
  expect(summary.folds.map(({ held }) => held.classes)).toEqual(Array.from({ length: 4 }, () => [20, 140, 40]));
});

test('classes are named in the order of their text, whatever they are', async () => {
  const query = `SELECT CAST(i AS DOUBLE) AS x, CASE WHEN i % 4 = 0 THEN 10.0 ELSE 9.0 END :: DOUBLE AS class FROM range(100) AS numbers(i)`;
  const { summary } = await split({ by: 'stratified' }, {}, query);
  expect(summary.classes).toEqual(['10', '9']);
  expect(summary.parts.test.classes).toEqual([5, 15]);
});

test('a number is stratified by quantile bins: the parts have about the same mean', async () => {
  const bins = await split({ by: 'stratified', bins: 50 }, { target: 'x', task: 'regress' });
  for (const { mean } of Object.values(bins.summary.parts)) expect(Math.abs(mean! - 499.5)).toBeLessThan(5);
  expect(bins.summary.classes).toEqual([]);
  expect(bins.summary.parts.test.classes).toBeUndefined();
});

test('no group is in two parts or in two sides of a fold, and sizes are near their shares', async () => {
  for (const stratify of [false, true]) {
    const { summary } = await split({ by: 'grouped', group: 'user', stratify, folds: 5 });
    const { parts } = summary;
    expect(parts.train.groups! + parts.validation.groups! + parts.test.groups!).toBe(97);
    expect(Math.abs(parts.test.rows - 200)).toBeLessThan(10);
    for (const { train, held } of summary.folds) {
      expect(train.groups! + held.groups!).toBe(summary.learning.groups);
      expect(Math.abs(held.rows - summary.learning.rows / 5)).toBeLessThan(10);
    }
    if (stratify) expect(Math.abs(parts.test.classes![0] - 20)).toBeLessThan(6);
  }
});

test('rows without a group stay together, with a warning', async () => {
  const { summary } = await split(
    { by: 'grouped', group: 'user', folds: 2 },
    {},
    `SELECT * REPLACE (CASE WHEN x < 30 THEN NULL WHEN x < 40 THEN '' ELSE "user" END AS "user") FROM (${shop})`,
  );
  expect(summary.warnings).toContain('40 rows without "user" stay together as one group.');
});

describe('in time', () => {
  const days = (
    from: string,
    count: number,
    perDay = 1,
  ) => `SELECT CAST(i AS DOUBLE) AS x, TIMESTAMP '${from}' + to_days(CAST(i // ${perDay} AS INTEGER)) AS time,
    (i % 2 = 0) AS class FROM range(${count * perDay}) AS numbers(i)`;

  test('cut-offs part the rows; the gap takes those whose horizon reaches into the later part', async () => {
    const spec = { by: 'time', validationFrom: '2024-01-11', testFrom: '2024-01-21', testUntil: '2024-01-30' } as const;
    const plain = await split(spec, {}, days('2024-01-01', 31));
    expect(rowsOf(plain.summary)).toEqual([10, 10, 9]);
    expect(plain.summary.leftOut).toEqual({ beforeValidation: 0, beforeTest: 0, outside: 2 });
    expect(plain.summary.parts.train).toMatchObject({
      first: '2024-01-01T00:00:00.000Z',
      last: '2024-01-10T00:00:00.000Z',
      classes: [5, 5],
    });

    const gap = await split({ ...spec, gapDays: 3 }, {}, days('2024-01-01', 31));
    expect(rowsOf(gap.summary)).toEqual([8, 8, 9]);
    expect(gap.summary.leftOut).toEqual({ beforeValidation: 2, beforeTest: 2, outside: 2 });
    // The label of January 8 covers January 8 to 10.
    expect(gap.summary.parts.train.last).toBe('2024-01-08T00:00:00.000Z');
    expect(gap.summary.learning).toMatchObject({ rows: 18, last: '2024-01-18T00:00:00.000Z' });

    const horizon = await split(spec, { gapDays: 3 }, days('2024-01-01', 31));
    expect(horizon.digest).toBe(gap.digest);
    const given = await split({ ...spec, gapDays: 0 }, { gapDays: 3 }, days('2024-01-01', 31));
    expect(given.digest).toBe(plain.digest);
  });

  test('days before the end count from the last day of the table, or from the day given', async () => {
    const spec = { by: 'time', validationFrom: '-20d', testFrom: '-10d' } as const;
    expect(rowsOf((await split(spec, {}, days('2024-01-01', 31))).summary)).toEqual([11, 10, 10]);
    const later = await split(spec, { lastDay: '2024-02-05' }, days('2024-01-01', 31));
    expect(rowsOf(later.summary)).toEqual([16, 10, 5]);
  });

  test('folds expand: each learns from all rows before it that lie the gap aside, and equal times stay together', async () => {
    const { summary, split: found } = await split(
      { by: 'time', testFrom: '2024-01-25', folds: 3, gapDays: 2 },
      {},
      days('2024-01-01', 30, 4),
    );
    // 92 rows of 23 days before the gap: of the borders 23, 46 and 69 days begin nearest at 24, 44 and 68.
    expect(
      summary.folds.map(({ train, held }) => [train.last?.slice(0, 10), held.first?.slice(0, 10), held.rows]),
    ).toEqual([
      ['2024-01-05', '2024-01-07', 20],
      ['2024-01-10', '2024-01-12', 24],
      ['2024-01-16', '2024-01-18', 24],
    ]);
    for (const { train } of foldsOf(found)) expect(train[0]).toBe(0);
  });

  test('rows without a time are in no part', async () => {
    const { summary } = await split(
      { by: 'time', validationFrom: '2024-01-11', testFrom: '2024-01-21' },
      {},
      `SELECT * REPLACE (CASE WHEN x < 5 THEN NULL ELSE time END AS time) FROM (${days('2024-01-01', 31)})`,
    );
    expect(rowsOf(summary)).toEqual([5, 10, 11]);
    expect(summary.warnings).toContain('5 of 5 rows left out are without "time".');
  });
});

test('leave-last-out says that it is for comparison only', async () => {
  const { summary } = await split({ by: 'leaveLastOut' });
  expect(summary.comparisonOnly).toBe(true);
  expect(summary.note).toMatch(/comparison with published figures only/);
  expect(rowsOf(summary)).toEqual([1000 - 2 * 97, 97, 97]);
  for (const [, spec] of kinds.slice(0, 5)) {
    expect((await split(spec)).summary).not.toHaveProperty('comparisonOnly');
  }
});

describe('warnings', () => {
  test('judged rows that equal a learned one are counted', async () => {
    const twice = 'SELECT CAST(i // 2 AS DOUBLE) AS x, (i % 3 = 0) AS class, i AS id FROM range(200) AS numbers(i)';
    const { summary, split: found } = await split({ by: 'random', folds: 2 }, { features: ['x'] }, twice);
    const twin = (row: number) => row ^ 1;
    const equal = (learned: Int32Array, judged: Int32Array) => {
      const rows = new Set(learned);
      return judged.filter((row) => rows.has(twin(row))).length;
    };
    expect(summary.duplicates).toEqual({
      validation: equal(found.parts.train, found.parts.validation),
      test: equal(found.learning, found.parts.test),
      folds: foldsOf(found).reduce((sum, { train, held }) => sum + equal(train, held), 0),
    });
    expect(summary.duplicates.test).toBeGreaterThan(20);
    expect(summary.warnings[1]).toBe(
      `${summary.duplicates.test} of 40 rows of the test part equal a row that is learned from in all features.`,
    );
    expect((await split({ by: 'random' }, {}, twice)).summary.warnings).toEqual([]);
  });

  test('classes that are judged but not learned are named', async () => {
    const late = `SELECT * REPLACE (CASE WHEN time >= TIMESTAMP '2024-02-10' THEN 'new' ELSE class END AS class) FROM (${shop})`;
    const { summary } = await split({ by: 'time', validationFrom: '2024-01-20', testFrom: '2024-02-01' }, {}, late);
    expect(summary.warnings).toEqual(['The test part has classes that are not learned: "new".']);
  });
});

describe('names of columns', () => {
  test('may be any that a table can have', async () => {
    const odd = `SELECT x AS number, class AS "value", "user" AS id, time AS n, x AS hash, x AS source, x AS "od""d"
      FROM (${shop})`;
    const { summary } = await split({ by: 'grouped', group: 'id', folds: 3, stratify: true }, { target: 'value' }, odd);
    expect(summary.classes).toEqual(['few', 'often', 'some']);
    const byTime = await split(
      { by: 'time', time: 'n', validationFrom: '2024-01-20', testFrom: '2024-02-01' },
      { target: 'number', task: 'regress', features: ['od"d', 'hash'] },
      odd,
    );
    expect(byTime.summary.parts.test.rows).toBeGreaterThan(0);
  });

  test.for([
    [
      { by: 'grouped', group: 'usr', folds: 2 },
      {},
      'COLUMN_MISSING',
      /"usr", named as split.group, .* Did you mean "user"/,
    ],
    [{ by: 'random' }, { target: 'klass' }, 'COLUMN_MISSING', /Did you mean "class"/],
    [{ by: 'random' }, { features: ['nope'] }, 'COLUMN_MISSING', /"nope", named as a feature/],
    [{ by: 'leaveLastOut', time: 'class' }, {}, 'COLUMN_TYPE', /must hold times. Got the type VARCHAR/],
    [{ by: 'stratified' }, { task: 'regress' }, 'COLUMN_TYPE', /must hold numbers/],
  ] as [TableSplitSpecInput, Partial<SplitContext>, string, RegExp][])(
    'are checked: %o',
    async ([spec, changes, code, says]) => {
      const error = await failure(split(spec, changes));
      expect(error).toMatchObject({ code });
      expect(error.message).toMatch(says);
    },
  );
});

describe('what cannot be split is refused', () => {
  const few = `SELECT CAST(i AS DOUBLE) AS x, CASE WHEN i < 3 THEN 'rare' WHEN i < 5 THEN 'odd' ELSE 'often' END AS class,
      i % 4 AS "user", TIMESTAMP '2024-01-01' + to_days(CAST(i // 10 AS INTEGER)) AS time FROM range(50) AS numbers(i)`;

  test.for([
    [
      { by: 'stratified', folds: 5, validation: 0.2 },
      /at least 3 rows of each class, one for each of its 3 parts. Got 2 of class "odd"/,
    ],
    [{ by: 'grouped', group: 'user', folds: 9 }, /at least as many groups of "user" as folds, 9. Got 3/],
    [{ by: 'random', folds: 50 }, /50 folds of at least a row. Got 40 rows/],
    [{ by: 'random', test: 0.001 }, /3 parts of at least a row/],
    [
      { by: 'time', validationFrom: '2024-01-03', testFrom: '2025-01-01' },
      /none for test. The rows run from 2024-01-01 to 2024-01-05/,
    ],
    [
      { by: 'time', validationFrom: '2024-01-03', testFrom: '2024-01-04', gapDays: 2 },
      /none for validation.*with a gap of 2 days/,
    ],
    [{ by: 'time', testFrom: '2024-01-04', folds: 3 }, /4 different times before testFrom. Got fewer/],
  ] as [TableSplitSpecInput, RegExp][])('%o', async ([spec, says]) => {
    const error = await failure(split(spec, {}, few));
    expect(error).toMatchObject({ code: 'SPLIT_EMPTY' });
    expect(error.message).toMatch(says);
  });

  test('a stratified fold of a class with fewer rows than folds', async () => {
    const query = few.replace('i < 5', 'i < 8').replace('i < 3', 'i < 4');
    const error = await failure(split({ by: 'stratified', folds: 5 }, {}, query));
    expect(error.message).toMatch(/at least 5 rows of each class, one for each of its 5 folds. Got \d of class/);
  });

  test('rows without a target', async () => {
    const query = few.replace("'often'", 'NULL');
    const error = await failure(split({ by: 'random' }, {}, query));
    expect(error).toMatchObject({ code: 'COLUMN_TYPE' });
    expect(error.message).toMatch(/45 of 50 rows without/);
  });

  test('a table without rows', async () => {
    expect(await failure(split({ by: 'random' }, {}, `${few} WHERE false`))).toMatchObject({ code: 'SOURCE_EMPTY' });
  });
});

describe('the promises of a split are looked at once more', () => {
  const arrays = (changes: Partial<SplitArrays> = {}): SplitArrays => ({
    part: Uint8Array.of(0, 0, 0, 1, 1, 2, 2),
    fold: Int32Array.of(0, 0, 1, 1, 1, -1, -1),
    folds: 2,
    ...changes,
  });
  const groups = { codes: Int32Array.of(0, 0, 1, 1, 1, 2, 2), size: 3 };
  const times = Float64Array.of(1, 2, 3, 4, 5, 6, 7);
  const trainsFrom = Int32Array.of(0, 1, 2, 2, 2, 2, 2);

  test('a group in two parts, a row of the test part in a fold, a gap that is not kept', () => {
    const check = (changes: Partial<SplitArrays>, values: Parameters<typeof requireApart>[1], gap = 0) =>
      failureOf(() => requireApart(splitOf(arrays(changes)), values, gap));
    expect(check({}, {})).toBe('');
    expect(check({}, { groups })).toMatch(/validation part must share no group/);
    expect(check({ fold: Int32Array.of(0, 0, 1, 1, 1, 0, -1) }, {})).toMatch(
      /Fold 0 must hold no row of the test part/,
    );
    expect(check({ fold: Int32Array.of(0, 0, 0, 0, 0, -1, -1) }, {})).toMatch(/Fold 0 must hold rows/);
    const inTime = { fold: Int32Array.of(-1, 0, 1, 1, 1, -1, -1), trainsFrom };
    expect(check(inTime, { times })).toBe('');
    expect(check(inTime, { times }, 2)).toMatch(/validation part must be later .* by the gap/);
    expect(check({ ...inTime, trainsFrom: trainsFrom.map(() => 0) }, { times })).toMatch(/Fold 0 must share no row/);
  });

  test('a file that is no split is refused', async () => {
    const path = join(folder(), 'split.safetensors');
    await writeSplit(path, arrays({ fold: Int32Array.of(1) }));
    await expect(readSplit(path)).rejects.toThrow(/must be a split of a table/);
  });
});

function failureOf(run: () => void): string {
  try {
    run();
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(TradewindError);
    expect(error).toMatchObject({ code: 'INTERNAL' });
    return (error as Error).message;
  }
}
