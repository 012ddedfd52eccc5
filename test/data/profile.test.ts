import { join } from 'node:path';
import { expect, test } from 'vitest';
import { profileInteractions } from '../../data/profile.ts';
import { folder, ingested, parquet } from './files.ts';

test('a profile counts months, repeats, empty cells and the most bought items', async () => {
  const dir = folder();
  const path = await ingested(join(dir, 'clean.parquet'), [
    { user: 'u1', item: 'a', time: '2017-01-01', basket: '1' },
    { user: 'u1', item: 'a', time: '2017-01-01', basket: '1', quantity: 2 },
    { user: 'u1', item: 'a', time: '2017-02-01', basket: '2' },
    { user: 'u1', item: 'b', time: '2017-02-01', basket: '2' },
    { user: 'u2', item: 'a', time: '2017-02-01' },
    { user: 'u2', item: 'a', time: '2017-02-02' },
    { user: 'u3', item: 'c', time: '2017-02-02' },
  ]);
  const items = await parquet(join(dir, 'items.parquet'), `SELECT 'a' AS item, 'Apples' AS title`);
  expect(await profileInteractions(path, items, { threads: 1, topItems: 2 })).toEqual({
    rows: 7,
    users: 3,
    items: 3,
    pairs: 4,
    sparsity: 1 - 4 / 9,
    // Purchases: u1 a twice, u1 b, u2 a twice, u3 c.
    repeatShare: 1 - 4 / 6,
    eventsPerUser: { median: 2, p90: 4 },
    shareOfTopItems: 5 / 7,
    rowsPerMonth: [
      { month: '2017-01', rows: 2, users: 1 },
      { month: '2017-02', rows: 5, users: 3 },
    ],
    topItems: [
      { item: 'a', title: 'Apples', users: 2, rows: 5 },
      { item: 'b', title: null, users: 1, rows: 1 },
    ],
  });
  const untitled = await profileInteractions(path, undefined, { threads: 1, topItems: 1 });
  expect(untitled.topItems).toEqual([{ item: 'a', title: null, users: 2, rows: 5 }]);
});
