import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cleanInteractions } from '../../data/clean.ts';
import { digest, folder, ingested, parquetRows, type Event } from './files.ts';

const preparation = { dropReturns: true, maxEventsPerUserPerDay: 3 };

async function clean(events: Event[], changes: Partial<typeof preparation> = {}) {
  const dir = folder();
  const path = await ingested(join(dir, 'events.parquet'), events);
  const out = join(dir, 'clean.parquet');
  const counts = await cleanInteractions(path, { ...preparation, ...changes }, out, { threads: 1 });
  const shown = `"user", item, CAST(time AS VARCHAR) AS time, quantity, basket, CAST(not_human_from AS VARCHAR) AS flag`;
  const rows = await parquetRows(out, shown);
  return { counts, digest: digest(out), rows: rows.map((r) => Object.values(r).join(' ').trimEnd()) };
}

const event = (user: string | null, item: string | null, time: string | null, rest: Partial<Event> = {}): Event => ({
  user,
  item,
  time,
  ...rest,
});

const dirty: Event[] = [
  event('u2', 'a', '2017-01-01 10:00:00', { basket: 'b1' }),
  event('u1', 'a', '2017-01-01 10:00:00', { basket: 'b2' }),
  event('u1', 'a', '2017-01-01 10:00:00', { basket: 'b2' }),
  event('u1', 'a', '2017-01-01 10:00:00', { basket: 'b3' }),
  event('u1', 'a', '2017-01-01 10:00:00', { basket: 'b2', quantity: 2 }),
  event('u1', 'b', '2017-01-01 10:00:00', { quantity: 0 }),
  event('u1', 'b', '2017-01-01 10:00:00', { quantity: -1 }),
  event('u1', 'c', '2017-01-02 10:00:00', { quantity: null }),
  event(null, 'a', '2017-01-01 10:00:00', { quantity: -1 }),
  event('u1', null, '2017-01-01 10:00:00'),
  event('u1', 'a', null),
];

test('rows are dropped by reason, and each is counted once', async () => {
  const { counts, rows } = await clean(dirty);
  expect(counts).toEqual({ rows: 5, dropped: { missing: 3, return: 2, duplicate: 1, notHuman: 0 } });
  expect(rows).toEqual([
    'u1 a 2017-01-01 10:00:00 1 b2',
    'u1 a 2017-01-01 10:00:00 2 b2',
    'u1 a 2017-01-01 10:00:00 1 b3',
    'u1 c 2017-01-02 10:00:00',
    'u2 a 2017-01-01 10:00:00 1 b1',
  ]);
});

test('returns stay when the spec says so', async () => {
  const { counts } = await clean(dirty, { dropReturns: false, maxEventsPerUserPerDay: 9 });
  expect(counts.dropped).toEqual({ missing: 3, return: 0, duplicate: 1, notHuman: 0 });
});

test('the order of the rows read does not change the bytes written', async () => {
  const { digest: first } = await clean(dirty);
  expect((await clean(dirty.toReversed())).digest).toBe(first);
  expect((await clean(dirty.slice(1))).digest).not.toBe(first);
});

test('a user above the daily limit goes from that day on; earlier rows stay, marked with the day', async () => {
  const busy = Array.from({ length: 4 }, (_, i) => event('bot', `i${i}`, `2017-01-02 0${i}:00:00`));
  const { counts, rows } = await clean([
    event('bot', 'a', '2017-01-01'),
    event('bot', 'a', '2017-01-03'),
    ...busy,
    event('u', 'a', '2017-01-02'),
  ]);
  expect(counts).toEqual({ rows: 2, dropped: { missing: 0, return: 0, duplicate: 0, notHuman: 5 } });
  expect(rows).toEqual(['bot a 2017-01-01 00:00:00 1  2017-01-02', 'u a 2017-01-02 00:00:00 1']);
});

test('duplicates and returns do not make a user look busy, and the limit itself is allowed', async () => {
  const repeated = Array.from({ length: 5 }, () => event('u', 'a', '2017-01-02 10:00:00'));
  const returns = [1, 2, 3].map((i) => event('u', `r${i}`, '2017-01-02 11:00:00', { quantity: -1 }));
  const others = [event('u', 'b', '2017-01-02 12:00:00'), event('u', 'c', '2017-01-02 23:59:59')];
  const { counts } = await clean([...repeated, ...returns, ...others]);
  expect(counts).toEqual({ rows: 3, dropped: { missing: 0, return: 3, duplicate: 4, notHuman: 0 } });
});
