import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256 } from '../../contracts/canonical.ts';
import { dataDigest, resolveSources, type SourceFetchers } from '../../data/sources.ts';
import { failure, folder, write } from './files.ts';

test('a path is one file with its digest and size', async () => {
  const dir = folder();
  const path = write(dir, 'a.csv', 'abc');
  expect(await resolveSources(path)).toEqual([{ location: path, path, digest: sha256('abc'), bytes: 3 }]);
});

test('globs match files only, sorted; the order of a list is kept and no file is read twice', async () => {
  const dir = folder();
  for (const name of ['b.csv', 'a.csv', 'B.csv', '10.csv', '9.csv', 'c.txt']) write(dir, name, name);
  mkdirSync(join(dir, 'folder.csv'));
  symlinkSync(join(dir, 'c.txt'), join(dir, 'link.csv'));
  const files = await resolveSources([join(dir, 'b.csv'), join(dir, '*.csv')]);
  expect(files.map(({ path }) => basename(path))).toEqual(['b.csv', '10.csv', '9.csv', 'B.csv', 'a.csv', 'link.csv']);
  expect((await resolveSources(join(dir, '**/{a,c}.*'))).map(({ path }) => basename(path))).toEqual(['a.csv', 'c.txt']);
});

test('a name that looks like a glob is a file when there is one', async () => {
  const dir = folder();
  const path = write(dir, 'data[1].csv', 'x');
  write(dir, 'data1.csv', 'y');
  expect((await resolveSources(path)).map((file) => file.path)).toEqual([path]);
});

test.each([
  ['none.csv', 'be a file. Got no such file.'],
  ['*.parquet', 'be a file. Got a pattern that no file matches.'],
  ['sub', 'be a file. Got a folder. Name its files, e.g. '],
  ['a.csv/b.csv', 'be a file. Got no such file.'],
  ['http://example.com/x.csv', 'be a path, a glob, s3://bucket/key or an https:// address. Correct its path'],
])('%s is SOURCE_NOT_FOUND with a remedy', async (name, expected) => {
  const dir = folder();
  write(dir, 'a.csv', 'x');
  mkdirSync(join(dir, 'sub'));
  const error = await failure(resolveSources(name.includes('://') ? name : join(dir, name)));
  expect(error.code).toBe('SOURCE_NOT_FOUND');
  expect(error.message).toContain(expected);
});

test.skipIf(process.getuid?.() === 0)('a file without permission is SOURCE_NOT_FOUND', async () => {
  const dir = folder();
  const path = write(dir, 'a.csv', 'x');
  chmodSync(path, 0);
  expect((await failure(resolveSources(path))).message).toContain('Check its permissions.');
});

test('remote files are fetched under names that keep their endings, in order', async () => {
  const dir = folder();
  const bucket = join(dir, 'bucket');
  mkdirSync(bucket);
  for (const name of ['2017-02.csv', '2017-01.csv', 'readme.txt']) write(bucket, name, name);
  const fetchers: SourceFetchers = {
    s3: async (name, key, destination) => copyFileSync(join(dir, name, basename(key)), destination),
    s3List: async (_, prefix) =>
      ['2017-02.csv', '2017-01.csv', 'readme.txt', 'deep/2017-03.csv']
        .map((n) => `shop/${n}`)
        .filter((n) => n.startsWith(prefix)),
    https: async (url, destination) => void write(join(destination, '..'), basename(destination), url),
  };
  const address = 'https://shop.example/a%20b/events.csv.gz';
  const paths = ['s3://bucket/shop/2017-*.csv', `${address}?part=1.tsv`, `${address}?part=2.tsv`];
  const files = await resolveSources(paths, { folder: join(dir, 'new'), fetchers });
  expect(files.map(({ location, path }) => [location, basename(path)])).toEqual([
    ['s3://bucket/shop/2017-01.csv', '0-2017-01.csv'],
    ['s3://bucket/shop/2017-02.csv', '1-2017-02.csv'],
    ['https://shop.example/a%20b/events.csv.gz', '2-events.csv.gz'],
    ['https://shop.example/a%20b/events.csv.gz', '3-events.csv.gz'],
  ]);
  expect(files[0].digest).toBe(sha256('2017-01.csv'));
  // Asked with its query, told without: it may hold a signature.
  expect(readFileSync(files[2].path, 'utf8')).toBe(paths[1]);
  expect(readFileSync(files[3].path, 'utf8')).toBe(paths[2]);
  const none = await failure(resolveSources('s3://bucket/shop/2018-*.csv', { folder: dir, fetchers }));
  expect(none.message).toContain('must match at least one object. Got 0 other keys that start with "shop/2018-".');
});

test('what a fetcher says goes through', async () => {
  const fetchers = { s3: () => Promise.reject(new Error('403')) };
  await expect(resolveSources('s3://b/k.csv', { folder: folder(), fetchers })).rejects.toThrow('403');
});

test('the data digest follows contents and order, not names', async () => {
  const dir = folder();
  const [a, b] = [write(dir, 'a.csv', '1'), write(dir, 'b.csv', '2')];
  const copy = write(dir, 'copy.csv', '1');
  const digest = async (...paths: string[]) => dataDigest(await resolveSources(paths));
  expect(await digest(a, b)).toBe(await digest(copy, b));
  expect(await digest(a, b)).not.toBe(await digest(b, a));
  expect(await digest(a, b)).not.toBe(await digest(a));
});
