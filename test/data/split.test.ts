import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cleanInteractions } from '../../data/clean.ts';
import { readHeldOut, readInteractions } from '../../data/interactions.ts';
import { splitInteractions } from '../../data/split.ts';
import { digest, failure, folder, ingested, type Event } from './files.ts';

const split = { validationFrom: '2017-02-01', testFrom: '2017-03-01' };
const preparation = { minUsersPerItem: 2, minItemsPerUser: 1, dropReturns: true, maxEventsPerUserPerDay: 50 };

async function splitEvents(
  events: Event[],
  changes: Partial<typeof preparation> = {},
  days: Partial<typeof split> & { testUntil?: string } = {},
) {
  const dir = folder();
  const raw = await ingested(join(dir, 'raw.parquet'), events);
  const cleaned = join(dir, 'clean.parquet');
  const settings = { ...preparation, ...changes };
  await cleanInteractions(raw, settings, cleaned, { threads: 1 });
  const parts = await splitInteractions(cleaned, { preparation: settings, split: { ...split, ...days } }, dir, {
    threads: 1,
  });
  const read = async (part: (typeof parts)['tuning']) => ({
    ...part,
    train: await readInteractions(part.train),
    heldOut: await readHeldOut(part.heldOut),
    digests: { train: digest(part.train), heldOut: digest(part.heldOut) },
  });
  return { tuning: await read(parts.tuning), final: await read(parts.final) };
}

const buy = (user: string, item: string, time: string, basket: string | null = null): Event => ({
  user,
  item,
  time,
  basket,
});

/** January, February and March of a small shop. */
const shop: Event[] = [
  buy('u1', 'a', '2017-01-01', 'b1'),
  buy('u1', 'a', '2017-01-01 00:00:01', 'b1'),
  buy('u1', 'a', '2017-01-05', 'b2'),
  buy('u1', 'b', '2017-01-31 23:59:59.999', 'b3'),
  buy('u2', 'a', '2017-01-03'),
  buy('u2', 'a', '2017-01-04'),
  buy('u2', 'c', '2017-01-04'),
  buy('u10', 'b', '2017-01-04'),
  buy('u10', 'c', '2017-01-04'),
  buy('u10', 'rare', '2017-01-04'),
  // February
  buy('u1', 'c', '2017-02-01', 'b4'),
  buy('u1', 'new', '2017-02-02', 'b4'),
  buy('u1', 'new', '2017-02-03', 'b5'),
  buy('u2', 'rare', '2017-02-02'),
  buy('u10', 'c', '2017-02-28 23:59:59', 'b6'),
  buy('late', 'a', '2017-02-10'),
  buy('late', 'c', '2017-02-10'),
  // March
  buy('u2', 'b', '2017-03-01'),
  buy('late', 'a', '2017-03-01'),
  buy('late', 'rare', '2017-03-31'),
  buy('stranger', 'a', '2017-03-02'),
];

test('the training part: catalogue by users then id, users by id, counts of baskets or of events without one', async () => {
  const { tuning } = await splitEvents(shop);
  expect(tuning.train.items).toEqual(['a', 'b', 'c']);
  expect(tuning.train.users).toEqual(['u1', 'u10', 'u2']);
  expect([...tuning.train.indptr]).toEqual([0, 2, 4, 6]);
  expect([...tuning.train.indices]).toEqual([0, 1, 1, 2, 0, 2]);
  expect([...tuning.train.counts]).toEqual([2, 1, 1, 1, 2, 1]);
  expect(tuning).toMatchObject({ users: 3, items: 3, interactions: 6, judgedUsers: 2 });
});

test('the held-out part: known users and items only, repeats included, the rest counted', async () => {
  const { tuning } = await splitEvents(shop);
  const { rows, indptr, indices, coldUsers, coldItemEvents } = tuning.heldOut;
  expect([...rows].map((row) => tuning.train.users[row])).toEqual(['u1', 'u10']);
  expect([...indptr]).toEqual([0, 1, 2]);
  expect([...indices].map((i) => tuning.train.items[i])).toEqual(['c', 'c']);
  // "late" is new; u1 had "new" twice; u2 has nothing that could be judged.
  expect([coldUsers, coldItemEvents]).toEqual([1, 1]);
});

test('the final part learns from all before testFrom and is judged from then on', async () => {
  const { final } = await splitEvents(shop);
  expect(final.train.items).toEqual(['c', 'a', 'b', 'rare']);
  expect(final.train.users).toEqual(['late', 'u1', 'u10', 'u2']);
  const names = [...final.heldOut.rows].map((row, j) => [
    final.train.users[row],
    ...Array.from(
      final.heldOut.indices.subarray(final.heldOut.indptr[j], final.heldOut.indptr[j + 1]),
      (i) => final.train.items[i],
    ),
  ]);
  expect(names).toEqual([
    ['late', 'a', 'rare'],
    ['u2', 'b'],
  ]);
  expect(final.heldOut.coldUsers).toBe(1);
});

test('testUntil ends the judged period, exclusively', async () => {
  const { final } = await splitEvents(shop, {}, { testUntil: '2017-03-31' });
  expect(final.heldOut.indices.length).toBe(2);
  expect(final.heldOut.coldItemEvents).toBe(0);
});

test('any order of the source rows gives the same bytes', async () => {
  const first = await splitEvents(shop);
  const second = await splitEvents(shop.toSorted((a, b) => String(b.item).localeCompare(String(a.item))));
  expect(second.tuning.digests).toEqual(first.tuning.digests);
  expect(second.final.digests).toEqual(first.final.digests);
});

test('nothing that happens after a cut-off changes the bytes of its training part', async () => {
  const first = await splitEvents(shop);
  const later: Event[] = [
    // Items that become popular, users that appear, and a crawler among the known users, all after the cut-off.
    ...['u1', 'u2', 'u10', 'x', 'y'].flatMap((user) =>
      ['rare', 'b', '0', 'zz'].map((item) => buy(user, item, '2017-03-05')),
    ),
    ...Array.from({ length: 60 }, (_, i) => buy('u1', `crawled${i}`, '2017-03-06')),
  ];
  const { tuning, final } = await splitEvents([...shop, ...later]);
  expect(tuning.digests).toEqual(first.tuning.digests);
  expect(final.digests.train).toBe(first.final.digests.train);
  expect(final.digests.heldOut).not.toBe(first.final.digests.heldOut);
});

test('a user found to be no human before the cut-off is not learnt from, and not judged', async () => {
  const crawl = Array.from({ length: 60 }, (_, i) => buy('u1', `crawled${i}`, '2017-02-10'));
  const { tuning, final } = await splitEvents([...shop, ...crawl]);
  expect(tuning.train.users).toEqual(['u1', 'u10', 'u2']);
  expect([...tuning.heldOut.rows].map((row) => tuning.train.users[row])).toEqual(['u10']);
  expect(final.train.users).toEqual(['late', 'u10', 'u2']);
});

test('an item needs its users, then a user needs items of the catalogue', async () => {
  const { tuning } = await splitEvents([...shop, buy('u1', 'c', '2017-01-30', 'b7')], {
    minUsersPerItem: 3,
    minItemsPerUser: 1,
  });
  expect(tuning.train.items).toEqual(['c']);
  expect(tuning.train.users).toEqual(['u1', 'u10', 'u2']);
  const strict = await splitEvents([...shop, buy('u1', 'c', '2017-01-30', 'b7')], {
    minUsersPerItem: 2,
    minItemsPerUser: 3,
  });
  expect(strict.tuning.train.users).toEqual(['u1']);
  expect(strict.tuning.train.items).toEqual(['a', 'b', 'c']);
});

test('ids of any script and length survive, in the order of their bytes', async () => {
  const users = ['ü', 'z', 'A', '😀', '\uFB03', 'o\'b"r'];
  const events = users.flatMap((user) => [
    buy(user, 'ß', '2017-01-01'),
    buy(user, 'ß', '2017-02-01'),
    buy(user, 'ß', '2017-03-01'),
  ]);
  const { tuning } = await splitEvents(events);
  expect(tuning.train.users).toEqual(['A', 'o\'b"r', 'z', 'ü', '\uFB03', '😀']);
  expect(tuning.train.items).toEqual(['ß']);
});

test.each([
  [
    'before anything',
    { validationFrom: '2016-01-01' },
    {},
    'find events before validationFrom (2016-01-01). Got none. The events run from 2017-01-01 to 2017-03-31. Move validationFrom',
  ],
  [
    'after everything',
    { testFrom: '2018-01-01' },
    {},
    'find events from 2018-01-01 on by users and on items known before. Got none.',
  ],
  ['with too high a bar', {}, { minUsersPerItem: 9 }, 'Got no item that 9 users had.'],
  [
    'with nothing to judge',
    { validationFrom: '2017-02-11', testFrom: '2017-02-12' },
    {},
    'find events in [2017-02-11, 2017-02-12) by users and on items known before.',
  ],
])('a split %s is SPLIT_EMPTY and shows the range of the data', async (_, days, changes, expected) => {
  const error = await failure(splitEvents(shop, changes, days));
  expect(error.code).toBe('SPLIT_EMPTY');
  expect(error.message).toContain(expected);
});
