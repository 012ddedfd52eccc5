import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { cleanInteractions } from '../../data/clean.ts';
import { ingestInteractions, ingestItems } from '../../data/ingest.ts';
import { readHeldOut, readInteractions } from '../../data/interactions.ts';
import { profileInteractions } from '../../data/profile.ts';
import { splitInteractions } from '../../data/split.ts';
import { validateInteractions } from '../../data/validate.ts';
import type { PipelineSpec } from '../../contracts/spec.ts';
import { loadSpec } from '../../scripts/spec-file.ts';
import { folder } from './files.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('the shipped sample goes through all data stages and has the numbers that are known of it', async () => {
  const loaded = await loadSpec(join(root, 'pipelines/grocery-discovery.yaml'));
  const spec = loaded.spec as PipelineSpec;
  const { interactions, items } = spec.data;
  const dir = folder();
  const file = (name: string) => join(dir, name);
  const read = async (source: { path: string | string[] }) => [source.path as string];

  const ingested = await ingestInteractions({ ...interactions, files: await read(interactions) }, file('raw.parquet'));
  expect(ingested.rows).toBe(1_469_307);
  expect(await ingestItems({ ...items!, files: await read(items!) }, file('items.parquet'))).toMatchObject({
    rows: 92_331,
  });

  const report = await validateInteractions(file('raw.parquet'), spec.validation);
  expect(report).toMatchObject({
    rows: 1_469_307,
    users: 2_469,
    items: 68_509,
    firstDay: '2017-01-01',
    lastDay: '2018-01-01',
  });
  expect(report.rules.filter(({ passed }) => !passed)).toEqual([]);

  const cleaned = await cleanInteractions(file('raw.parquet'), spec.preparation, file('clean.parquet'));
  expect(cleaned).toEqual({ rows: 1_460_438, dropped: { missing: 0, return: 8_869, duplicate: 0, notHuman: 0 } });

  const { final, tuning } = await splitInteractions(file('clean.parquet'), spec, dir);
  expect(final).toMatchObject({ users: 2_460, items: 24_345, interactions: 730_955, judgedUsers: 2_037 });
  expect(tuning).toMatchObject({ users: 2_447, items: 23_221, interactions: 671_100, judgedUsers: 2_031 });

  // The discovery lane of the published comparison: households that buy something new in December.
  const train = await readInteractions(final.train);
  const heldOut = await readHeldOut(final.heldOut);
  const discovering = heldOut.rows.filter((row, j) => {
    const had = new Set(train.indices.subarray(train.indptr[row], train.indptr[row + 1]));
    return heldOut.indices.subarray(heldOut.indptr[j], heldOut.indptr[j + 1]).some((item) => !had.has(item));
  });
  expect(discovering.length).toBe(1_990);

  const profile = await profileInteractions(file('clean.parquet'), file('items.parquet'), { topItems: 2 });
  expect(profile.topItems).toEqual([
    { item: '1082185', title: 'BANANAS', users: 1_790, rows: 16_982 },
    { item: '981760', title: 'EGGS - X-LARGE', users: 1_305, rows: 5_176 },
  ]);
});

test('the sample takes at most 12 MB', async () => {
  const names = ['transactions.parquet', 'products.parquet', 'demographics.parquet', 'README.md'];
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(root, 'data/samples/complete-journey', name))).size),
  );
  expect(sizes.reduce((a, b) => a + b)).toBeLessThan(12e6);
});
