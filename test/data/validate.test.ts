import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EventRulesInput } from '../../contracts/event-rules.ts';
import { brokenRules } from '../../data/rule-reports.ts';
import type { TableProfile } from '../../data/table-profile.ts';
import { quarantineInteractions, validateInteractions } from '../../data/validate.ts';
import { failure, folder, ingested, parquetRows, type Event } from './files.ts';

async function validate(events: Event[], rules: EventRulesInput = {}, reference?: TableProfile) {
  const path = await ingested(join(folder(), 'events.parquet'), events);
  return validateInteractions(path, rules, reference, { threads: 1 });
}

const good: Event[] = [
  { user: 'u1', item: 'a', time: '2017-01-01 23:00:00' },
  { user: 'u2', item: 'a', time: '2017-01-03 01:00:00' },
  { user: 'u1', item: 'b', time: '2017-01-03 02:00:00' },
  { user: 'u3', item: 'a', time: '2017-01-03 03:00:00' },
];

test('the report counts rows, users, items and days', async () => {
  const report = await validate(good);
  expect(report).toMatchObject({ rows: 4, users: 3, items: 2, firstDay: '2017-01-01', lastDay: '2017-01-03' });
  expect(report.missing).toEqual({ user: 0, item: 0, time: 0, quantity: 0, value: 4, basket: 4 });
  expect(report.rowsPerDay).toEqual([
    { day: '2017-01-01', rows: 1 },
    { day: '2017-01-03', rows: 3 },
  ]);
  expect(report.rules.map(({ rule, limit, found, passed }) => [rule, limit, found, passed])).toEqual([
    ['minRows', 1, 4, true],
    ['maxMissing', 0.05, 0, true],
    ['minDays', 2, 3, true],
    ['maxShareOfOneUser', 0.5, 0.5, true],
  ]);
  expect(report.breakingRows).toBe(0);
  expect(brokenRules(report.rules, 'The data')).toEqual([]);
});

test.each([
  [
    'minRows',
    { minRows: 5 },
    good,
    'must hold at least that many rows (validation.minRows: 5). Got 4. Is the export complete',
  ],
  [
    'maxMissing',
    {},
    [...good, { user: null, item: null, time: null }],
    'user, item or time in at most that share of rows (validation.maxMissing: 0.05). Got 0.2 (1 row).',
  ],
  ['minDays', { minDays: 4 }, good, 'must span at least that many days (validation.minDays: 4). Got 3.'],
  [
    'maxShareOfOneUser',
    { maxShareOfOneUser: 0.49 },
    good,
    'must have at most that share of rows by one user (validation.maxShareOfOneUser: 0.49). Got 0.5 (2 rows).',
  ],
])('a broken %s is told with limit, value and remedy', async (rule, changes, events, expected) => {
  const report = await validate(events, changes);
  expect(report.rules.filter(({ passed }) => !passed).map((r) => r.rule)).toEqual([rule]);
  const [sentence, ...others] = brokenRules(report.rules, 'The data');
  expect(others).toEqual([]);
  expect(sentence).toMatch(/^The data must /);
  expect(sentence).toContain(expected);
  expect(sentence).toMatch(/Is |Are /);
});

test('every broken rule is named', async () => {
  const report = await validate(good, { minRows: 5, minDays: 9 });
  expect(brokenRules(report.rules, 'The data').map((text) => /\(.*?\)/.exec(text)?.[0])).toEqual([
    '(validation.minRows: 5)',
    '(validation.minDays: 9)',
  ]);
});

test('rows without any time have no first day, and fail the span', async () => {
  const report = await validate([{ user: 'u', item: 'a', time: null }], { maxMissing: 1, maxShareOfOneUser: 1 });
  expect([report.firstDay, report.lastDay]).toEqual([null, null]);
  expect(report.rules.find(({ rule }) => rule === 'minDays')).toMatchObject({ found: 0, passed: false });
});

test('odd but usable data is warned about', async () => {
  const days = Array.from({ length: 8 }, (_, d) => d + 1).filter((d) => d !== 3);
  const events = days.flatMap((d) =>
    Array.from({ length: d === 8 ? 1 : 5 }, (_, i) => ({
      user: `u${i}`,
      item: 'a',
      time: `2017-01-0${d}`,
      quantity: d === 1 ? 0 : 1,
      basket: i === 0 ? 'b' : null,
    })),
  );
  const { warnings } = await validate([...events, { user: null, item: 'a', time: '2017-01-01' }]);
  expect(warnings).toEqual([
    '1 of 8 days between the first and the last have no events.',
    '1 rows (3.1 %) miss user, item or time and will be dropped.',
    '5 rows (15.6 %) have a quantity of 0 or less.',
    '25 rows (78.1 %) have no basket; each counts as one of its own.',
    'All times are whole days: the order of events within a day is not known.',
    'The last day, 2017-01-08, has 1 rows where 5 are usual: it may be incomplete.',
  ]);
});

describe('rules on rows', () => {
  // 20 rows: u0 has 8 of them, two miss something, three are of another century, one is a return.
  const events: Event[] = [
    ...Array.from({ length: 8 }, (_, i) => ({ user: 'u0', item: `i${i}`, time: `2017-01-0${i + 1}` })),
    { user: null, item: 'i0', time: '2017-01-02' },
    { user: 'u1', item: 'i0', time: null },
    ...['u1', 'u2', 'u3'].map((user) => ({ user, item: 'i1', time: '2077-01-01' })),
    { user: 'u2', item: 'i2', time: '2017-01-03', quantity: -400 },
    ...Array.from({ length: 6 }, (_, i) => ({ user: `u${i + 1}`, item: 'i3', time: '2017-01-04' })),
  ];
  const strict: EventRulesInput = {
    maxMissing: 0.05,
    maxShareOfOneUser: 0.3,
    columns: { time: { max: '2020-01-01' }, quantity: { min: -100 } },
  };

  test('count the rows that break them, once each where they break several', async () => {
    const report = await validate(events, strict);
    const failed = report.rules.filter(({ passed }) => !passed);
    expect(failed.map(({ rule, column, found, broken }) => [rule, column, found, broken])).toEqual([
      ['maxMissing', undefined, 0.1, 2],
      ['maxShareOfOneUser', undefined, 0.4, 8],
      ['max', 'time', '2077-01-01 00:00:00', 3],
      ['min', 'quantity', -400, 1],
    ]);
    expect(report.breakingRows).toBe(14);
    expect(brokenRules(report.rules, 'The data')[2]).toBe(
      'Column "time" must not be above that (validation.columns.time.max: 2020-01-01). Got "2077-01-01 00:00:00" (3 rows).',
    );
  });

  test('put these rows aside with their reasons; what stays has its own last day', async () => {
    const dir = folder();
    const path = await ingested(join(dir, 'events.parquet'), [
      ...events,
      { user: 'u0', item: null, time: '2077-01-01' },
    ]);
    const [good, aside] = [join(dir, 'good.parquet'), join(dir, 'aside.parquet')];
    const found = await quarantineInteractions(path, strict, good, aside, { threads: 1 });
    expect(found).toMatchObject({ rows: 6, quarantined: 15, lastDay: '2017-01-04' });
    expect(found.profile).toMatchObject({
      rows: 6,
      columns: [{ name: 'item', top: [{ value: 'i3', rows: 6 }] }, {}, {}, {}],
    });
    const reasons = await parquetRows(aside, 'CAST(quarantine_row AS DOUBLE) AS row, quarantine_reasons AS why');
    expect(reasons.filter(({ row }) => [0, 8, 9, 10, 13, 20].includes(row as number))).toEqual([
      { row: 0, why: 'maxShareOfOneUser' },
      { row: 8, why: 'maxMissing' },
      { row: 9, why: 'maxMissing' },
      { row: 10, why: 'time: max' },
      { row: 13, why: 'quantity: min' },
      { row: 20, why: 'maxMissing; maxShareOfOneUser; time: max' },
    ]);
    expect(await parquetRows(good, 'DISTINCT "user", item')).toHaveLength(6);
  });

  test('leave rows alone that are within a limit', async () => {
    const dir = folder();
    const path = await ingested(join(dir, 'events.parquet'), events);
    const rules = { ...strict, maxMissing: 0.1 };
    expect((await validateInteractions(path, rules, undefined, { threads: 1 })).breakingRows).toBe(12);
    const places = [join(dir, 'good.parquet'), join(dir, 'aside.parquet')] as const;
    expect(await quarantineInteractions(path, rules, ...places)).toMatchObject({ rows: 8, quarantined: 12 });
  });

  test('cannot be of a kind that the column is not', async () => {
    const error = await failure(validate(events, { columns: { item: { min: 3 } } }));
    expect(error).toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining('validation.columns.item.min'),
    });
  });
});

test('rows per day and gaps between days have limits', async () => {
  const report = await validate(good, { perDay: { least: 2, most: 2, maxGapDays: 0 } });
  const failed = report.rules.filter(({ passed }) => !passed);
  expect(failed.map(({ rule, found, broken }) => [rule, found, broken])).toEqual([
    ['least', 1, null],
    ['most', 3, null],
    ['maxGapDays', 1, null],
  ]);
  expect(brokenRules(failed, 'The data')[0]).toBe(
    'Column "time" must have at least that many rows on each day that has some (validation.perDay.least: 2). Got 1.',
  );
});

describe('drift', () => {
  const sales = (share: number, rows = 400): Event[] =>
    Array.from({ length: rows }, (_, i) => ({
      user: `u${i % 50}`,
      item: i % 10 < share * 10 ? 'bread' : 'wine',
      time: `2017-01-0${1 + (i % 9)}`,
    }));
  const rules: EventRulesInput = { drift: { maxPsi: 0.25 } };

  test('of items against what was learned from breaks its rule where it is large, and only there', async () => {
    const { profile } = await validate(sales(0.8));
    const [same, other] = [await validate(sales(0.8, 300), rules, profile), await validate(sales(0.2), rules, profile)];
    expect(same.rules.filter(({ passed }) => !passed)).toEqual([]);
    const failed = other.rules.filter(({ passed }) => !passed);
    expect(failed.map(({ rule, column }) => [rule, column])).toEqual([['maxPsi', 'item']]);
    // (0.8 − 0.2) · ln(0.8 / 0.2) twice, but for half a row more in each bin.
    expect(failed[0].found).toBeCloseTo(2 * 0.6 * Math.log(4), 1);
    expect(other.drift.map(({ column }) => column)).toEqual(['item', 'quantity', 'value']);
    // Dropping rows is no answer to it.
    expect(other.breakingRows).toBe(0);
  });

  test('is not looked at without a reference', async () => {
    const report = await validate(sales(0.8), rules);
    expect([report.drift, report.rules.some(({ rule }) => rule === 'maxPsi')]).toEqual([[], false]);
  });
});
