import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireValid, validateInteractions } from '../../data/validate.ts';
import { failure, folder, ingested, type Event } from './files.ts';

const rules = { minRows: 1, maxMissing: 0.05, minDays: 2, maxShareOfOneUser: 0.5 };

async function validate(events: Event[], changes: Partial<typeof rules> = {}) {
  const path = await ingested(join(folder(), 'events.parquet'), events);
  return validateInteractions(path, { ...rules, ...changes }, { threads: 1 });
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
  expect(() => requireValid(report, 'shop')).not.toThrow();
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
    'user, item or time in at most that share of rows (validation.maxMissing: 0.05). Got 0.2.',
  ],
  ['minDays', { minDays: 4 }, good, 'must span at least that many days (validation.minDays: 4). Got 3.'],
  [
    'maxShareOfOneUser',
    { maxShareOfOneUser: 0.49 },
    good,
    'must have at most that share of rows by one user (validation.maxShareOfOneUser: 0.49). Got 0.5.',
  ],
])('a broken %s is VALIDATION_FAILED with limit, value and remedy', async (rule, changes, events, expected) => {
  const report = await validate(events, changes);
  expect(report.rules.filter(({ passed }) => !passed).map((r) => r.rule)).toEqual([rule]);
  const error = await failure(Promise.resolve().then(() => requireValid(report, 'shop')));
  expect(error.code).toBe('VALIDATION_FAILED');
  expect(error.message).toContain(`The data shop must`);
  expect(error.message).toContain(expected);
  expect(error.message).toContain('If the data is right as it is, change the limit in the spec.');
});

test('every broken rule is named', async () => {
  const report = await validate(good, { minRows: 5, minDays: 9 });
  expect(() => requireValid(report, 'shop')).toThrow(
    /minRows: 5\).* It must also span .*\(validation.minDays: 9\)\. Got 3\./,
  );
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
