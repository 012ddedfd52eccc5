import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tableCleaningSchema } from '../../contracts/table-splits.ts';
import { cleanTable, type TableCleaningContext } from '../../data/clean-table.ts';
import { literal } from '../../data/database.ts';
import { digest, failure, folder, parquet, parquetRows } from './files.ts';

type Cell = string | number | boolean | null;

const context: TableCleaningContext = { target: 'class', task: 'classify' };
const sql = (cell: Cell) => (typeof cell === 'string' ? literal(cell) : String(cell));

async function clean(
  columns: Record<string, string>,
  rows: Cell[][],
  rules: Parameters<typeof tableCleaningSchema.parse>[0] = {},
  changes: Partial<TableCleaningContext> = {},
) {
  const dir = folder();
  const names = Object.keys(columns).map((name) => `"${name}"`);
  const casts = Object.entries(columns).map(([name, type]) => `CAST("${name}" AS ${type}) AS "${name}"`);
  const values = rows.map((row) => `(${row.map(sql).join(', ')})`).join(', ');
  const path = await parquet(
    join(dir, 'table.parquet'),
    `SELECT ${casts.join(', ')} FROM (VALUES ${values}) AS rows(${names.join(', ')})`,
  );
  const out = join(dir, 'clean.parquet');
  const settings = { ...context, ...changes };
  const report = await cleanTable(path, tableCleaningSchema.parse(rules), settings, out, { threads: 1 });
  const again = join(dir, 'again.parquet');
  expect(await cleanTable(path, tableCleaningSchema.parse(rules), settings, again, { threads: 3 })).toEqual(report);
  expect(digest(again)).toBe(digest(out));
  const left = (await parquetRows(out)).map((row) => Object.values(row));
  expect(left.length).toBe(report.rows);
  expect(report.rows + Object.values(report.dropped).reduce((a, b) => a + b)).toBe(rows.length);
  return { report, left, dir };
}

const none = { noTarget: 0, duplicate: 0, notHuman: 0, rareClass: 0 };
const plain = { x: 'DOUBLE', word: 'VARCHAR', class: 'VARCHAR' };

test('by default rows without a target and exact copies go; the rest stays as it is, in its order', async () => {
  const { report, left } = await clean(plain, [
    [2, 'b', 'yes'],
    [1, 'a', 'no'],
    [2, 'b', 'yes'],
    [1, 'a', ''],
    [1, 'a', null],
    [null, null, 'no'],
    [null, null, 'no'],
    [2, 'b', 'no'],
  ]);
  expect(report.dropped).toEqual({ ...none, noTarget: 2, duplicate: 2 });
  expect(left).toEqual([
    [2, 'b', 'yes'],
    [1, 'a', 'no'],
    [null, null, 'no'],
    [2, 'b', 'no'],
  ]);
  expect(report).toMatchObject({ rows: 4, merged: 0, contradicting: 2 });
  expect(report.examples).toEqual({
    noTarget: [
      { row: 3, class: '', x: '1.0', word: 'a' },
      { row: 4, class: null, x: '1.0', word: 'a' },
    ],
    duplicate: [
      { row: 2, class: 'yes', x: '2.0', word: 'b' },
      { row: 6, class: 'no', x: null, word: null },
    ],
  });
});

describe('duplicates', () => {
  const rows: Cell[][] = [
    [1, 'a', 'yes'],
    [1, 'b', 'no'],
    [null, 'c', 'no'],
    [null, 'd', 'yes'],
    [1, 'a', 'yes'],
    [2, 'a', 'yes'],
  ];

  test('by keys: the first row stays; a row without a key is no duplicate', async () => {
    const { report, left } = await clean(plain, rows, { duplicateKeys: ['x'] });
    expect(report.dropped).toEqual({ ...none, duplicate: 2 });
    expect(left.map(([, word]) => word)).toEqual(['a', 'c', 'd', 'a']);
  });

  test('are equal in all columns, not in some', async () => {
    const pairs = ['a', 'b', 'a', 'b'].map((word) => [1, word, 'yes']);
    const { left } = await clean(plain, pairs);
    expect(left.map(([, word]) => word)).toEqual(['a', 'b']);
  });

  test('may stay', async () => {
    expect((await clean(plain, rows, { duplicates: 'keep' })).report.dropped).toEqual(none);
  });
});

describe('contradictions', () => {
  const rows: Cell[][] = [
    [1, 'a', 'yes'],
    [1, 'a', 'no'],
    [1, 'a', 'yes'],
    [2, 'a', 'yes'],
    [2, 'a', 'no'],
    [3, 'a', 'yes'],
    [null, null, 'no'],
    [null, null, 'maybe'],
    [null, null, 'maybe'],
  ];
  const labels = (left: unknown[][]) => left.map(([x, , label]) => `${x as number} ${label as string}`);

  test('are counted and stay, whatever the rule: it is for those that are learned from', async () => {
    for (const contradictions of ['keep', 'majority', 'drop'] as const) {
      const { report, left } = await clean(plain, rows, { contradictions });
      expect(report).toMatchObject({ contradicting: 6, dropped: { ...none, duplicate: 2 } });
      expect(labels(left)).toEqual(['1 yes', '1 no', '2 yes', '2 no', '3 yes', 'null no', 'null maybe']);
    }
    expect((await clean(plain, rows, { duplicates: 'keep' })).report.contradicting).toBe(8);
  });

  test('what rows are alike in can be said: an id would make every row differ', async () => {
    const numbered = rows.map((row, id) => [`i${id}`, ...row]);
    const columns = { id: 'VARCHAR', ...plain };
    const rules = { contradictions: 'drop' } as const;
    expect((await clean(columns, numbered, rules)).report.contradicting).toBe(0);
    expect((await clean(columns, numbered, rules, { features: ['x', 'word'] })).report.contradicting).toBe(8);
    expect((await clean(columns, numbered, { ...rules, duplicateKeys: ['id'] })).report.contradicting).toBe(8);
  });

  test('numbers do not contradict each other', async () => {
    const { report } = await clean(
      { x: 'DOUBLE', y: 'DOUBLE' },
      [
        [1, '2'],
        [1, '3'],
        [1, 'nan'],
        [1, 'inf'],
      ],
      { contradictions: 'drop', minRowsPerClass: 2 },
      { target: 'y', task: 'regress' },
    );
    expect(report).toMatchObject({ rows: 2, contradicting: 0, dropped: { ...none, noTarget: 2 } });
  });
});

describe('users that are not human', () => {
  const columns = { who: 'VARCHAR', day: 'TIMESTAMP', x: 'DOUBLE', class: 'VARCHAR' };
  const humans = { user: 'who', time: 'day', maxRowsPerUserPerDay: 2 };

  test('go from the first such day on; what came before it stays, and so do duplicates of others', async () => {
    const { report, left } = await clean(
      columns,
      [
        ['bot', '2024-01-01 09:00:00', 1, 'a'],
        ['bot', '2024-01-02 08:00:00', 2, 'a'],
        ['bot', '2024-01-02 09:00:00', 3, 'b'],
        ['bot', '2024-01-02 10:00:00', 4, 'a'],
        ['bot', '2024-01-03 10:00:00', 5, 'a'],
        ['bot', null, 6, 'a'],
        ['eager', '2024-01-02 10:00:00', 1, 'a'],
        ['eager', '2024-01-02 23:59:59', 2, 'b'],
        ['eager', '2024-01-02 23:59:59', 2, 'b'],
        [null, '2024-01-02 10:00:00', 1, 'a'],
        [null, '2024-01-02 10:00:00', 2, 'a'],
        [null, '2024-01-02 10:00:00', 3, 'a'],
      ],
      { humans },
    );
    expect(report.dropped).toEqual({ ...none, duplicate: 1, notHuman: 4 });
    expect(left.filter(([who]) => who === 'bot').map(([, , x]) => x)).toEqual([1, 6]);
  });

  test('no later row changes what happens to an earlier one', async () => {
    const day = (n: number) => `2024-01-0${n} 12:00:00`;
    const rows: Cell[][] = Array.from({ length: 60 }, (_, i) => [`u${i % 4}`, day(1 + (i % 7)), i, 'a']);
    const early = rows.filter(([, time]) => (time as string) < day(4));
    const whole = await clean(columns, [...rows, ...rows.map(([who, , x]) => [who, day(5), x, 'b'])], { humans });
    const before = await clean(columns, early, { humans });
    expect(
      whole.left.filter(([, time]) => (time as unknown as Date) < new Date(`${day(4).replace(' ', 'T')}Z`)),
    ).toEqual(before.left);
  });
});

describe('rare classes', () => {
  const rows: Cell[][] = [
    ...Array.from({ length: 5 }, (_, i) => [i, 'w', 'often']),
    ...Array.from({ length: 2 }, (_, i) => [i, 'w', 'rare']),
    [0, 'w', 'once'],
  ];

  test('go, or become one', async () => {
    const dropped = await clean(plain, rows, { minRowsPerClass: 3 });
    expect(dropped.report).toMatchObject({ rows: 5, merged: 0, dropped: { ...none, rareClass: 3 } });
    const merged = await clean(plain, rows, { minRowsPerClass: 3, rareClasses: 'merge', otherClass: "o'ther" });
    expect(merged.report).toMatchObject({ rows: 8, merged: 3, dropped: none });
    expect(merged.left.map(([, , label]) => label)).toEqual([
      ...Array.from({ length: 5 }, () => 'often'),
      ...Array.from({ length: 3 }, () => "o'ther"),
    ]);
  });

  test('merged with what is called other already; and all go where they are still too few', async () => {
    const some = await clean(plain, [...rows, [9, 'w', 'other']], { minRowsPerClass: 4, rareClasses: 'merge' });
    expect(some.report).toMatchObject({ rows: 9, merged: 3, dropped: none });
    const few = await clean(plain, rows, { minRowsPerClass: 4, rareClasses: 'merge' });
    expect(few.report).toMatchObject({ rows: 5, merged: 0, dropped: { ...none, rareClass: 3 } });
  });

  test('of a class that is no string cannot be merged', async () => {
    const error = await failure(
      clean({ x: 'DOUBLE', class: 'BOOLEAN' }, [[1, true]], { minRowsPerClass: 2, rareClasses: 'merge' }),
    );
    expect(error).toMatchObject({ code: 'COLUMN_TYPE' });
  });
});

test('a row is counted under the first reason that applies, and dropped rows are kept with it', async () => {
  const rows: Cell[][] = [
    [1, 'a', 'yes'],
    [1, 'a', 'yes'],
    [1, 'a', 'yes'],
    [1, 'a', 'no'],
    [2, 'a', 'rare'],
    [3, 'a', null],
    [4, 'b', 'yes'],
    [5, 'b', 'yes'],
  ];
  const dir = folder();
  const droppedPath = join(dir, 'dropped.parquet');
  const rules = { contradictions: 'majority', minRowsPerClass: 2 } as const;
  const { report, left } = await clean(plain, rows, rules, { droppedPath });
  expect(report.dropped).toEqual({ noTarget: 1, duplicate: 2, notHuman: 0, rareClass: 2 });
  expect(left.map(([x]) => x)).toEqual([1, 4, 5]);
  expect(await parquetRows(droppedPath, 'x, class, dropped_row, dropped_for')).toEqual([
    { x: 1, class: 'yes', dropped_row: 1, dropped_for: 'duplicate' },
    { x: 1, class: 'yes', dropped_row: 2, dropped_for: 'duplicate' },
    { x: 1, class: 'no', dropped_row: 3, dropped_for: 'rareClass' },
    { x: 2, class: 'rare', dropped_row: 4, dropped_for: 'rareClass' },
    { x: 3, class: null, dropped_row: 5, dropped_for: 'noTarget' },
  ]);
});

test('columns may have any names', async () => {
  const names = [
    'number',
    'hash',
    'v0',
    'class',
    'who',
    'day',
    'votes',
    'copy',
    'reason',
    'source',
    'likeness',
    'o"d',
    'row',
  ];
  const columns = Object.fromEntries(names.map((name) => [name.replaceAll('"', '""'), 'VARCHAR']));
  const row = (...changed: string[]) => names.map((name, i) => changed[i] ?? name);
  const { report, left } = await clean(
    columns,
    [row(), row(), row('a', 'b'), row('a', 'b', 'c', 'd'), row('x', 'x', 'x', 'rare'), row('a', 'b', 'v0', 'x')],
    { contradictions: 'drop', minRowsPerClass: 2, rareClasses: 'merge', otherClass: 'none' },
    { target: 'v0', features: ['number', 'hash'] },
  );
  expect(report).toMatchObject({ contradicting: 3, merged: 2, dropped: { ...none, duplicate: 1 } });
  expect(left.length).toBe(5);
});

test.for([
  [{ duplicateKeys: ['wrd'] }, {}, 'COLUMN_MISSING', /"wrd", named as cleaning.duplicateKeys, .*Did you mean "word"/],
  [{ humans: { user: 'word', time: 'x' } }, {}, 'COLUMN_TYPE', /"x", named as cleaning.humans.time, must hold times/],
  [{}, { target: 'klass' }, 'COLUMN_MISSING', /"klass", named as the target/],
  [{}, { features: ['y'] }, 'COLUMN_MISSING', /"y", named as a feature/],
  [{ minRowsPerClass: 2 }, {}, 'VALIDATION_FAILED', /must hold rows after cleaning. Got none of 1 \(rareClass: 1\)/],
] as const)('what cannot be is refused: %o', async ([rules, changes, code, says]) => {
  const error = await failure(clean(plain, [[1, 'a', 'yes']], rules as object, changes as object));
  expect(error).toMatchObject({ code });
  expect(error.message).toMatch(says);
});
