import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { apiKeyCheck, ensureApiKey } from '../../serving/api-key.ts';

let home = '';
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), 'tradewind-key-'))));
afterEach(() => rm(home, { recursive: true }));

test('the key is made once, for its owner alone, whoever comes at the same time', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => ensureApiKey(home)));
  expect(new Set(keys).size).toBe(1);
  expect((await stat(join(home, 'api-key'))).mode & 0o777).toBe(0o600);
  expect(keys[0]).toHaveLength(43);
  expect(await readFile(join(home, 'api-key'), 'utf8')).toBe(`${keys[0]}\n`);
});

test('an empty key file is refused instead of guarding nothing', async () => {
  await writeFile(join(home, 'api-key'), '\n');
  await expect(ensureApiKey(home)).rejects.toMatchObject({ code: 'PREREQUISITE_MISSING' });
});

test('both headers carry the key, and nothing but the whole key will do', () => {
  const accepts = apiKeyCheck('a-key-of-sixteen-or-more');
  expect(accepts({ authorization: 'Bearer a-key-of-sixteen-or-more' })).toBe(true);
  expect(accepts({ authorization: 'bearer a-key-of-sixteen-or-more' })).toBe(true);
  expect(accepts({ 'x-api-key': 'a-key-of-sixteen-or-more' })).toBe(true);
  expect(accepts({})).toBe(false);
  expect(accepts({ authorization: 'a-key-of-sixteen-or-more' })).toBe(false);
  expect(accepts({ authorization: 'Bearer a-key-of-sixteen-or-mor' })).toBe(false);
  expect(accepts({ 'x-api-key': 'a-key-of-sixteen-or-more ' })).toBe(false);
  expect(accepts({ 'x-api-key': '' })).toBe(false);
});
