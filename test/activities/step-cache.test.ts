import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { codeVersion } from '../../activities/code-version.ts';
import { blobsIn, cached, stepDigest, type StepKey } from '../../activities/step-cache.ts';
import { objectKeys } from '../../contracts/names.ts';
import { openStore } from '../support/store.ts';

const key = (inputs: unknown, more: Partial<StepKey> = {}): StepKey => ({
  stage: 'test',
  code: 'c0de',
  inputs: { inputs, run: process.pid },
  ...more,
});

it('the same step is computed once, also on another machine', async () => {
  const [here, there] = [await openStore(), await openStore()];
  let computed = 0;
  const compute = async () => ({ blob: await here.putBytes('once', 'once'), n: ++computed });
  const first = await cached(here, key('once'), compute);
  const second = await cached(there, key('once'), compute);
  expect([first.cached, second.cached]).toEqual([false, true]);
  expect(second.blob).toEqual(first.blob);
  expect(computed).toBe(1);
});

it('a result whose artifact is gone is computed again', async () => {
  const store = await openStore();
  let computed = 0;
  const compute = async () => ({ nested: [{ blob: await store.putBytes('fleeting', 'fleeting') }], n: ++computed });
  const { nested } = await cached(store, key('gone'), compute);
  const Key = objectKeys.blob(nested[0].blob.digest);
  await store.client.send(new DeleteObjectCommand({ Bucket: store.settings.bucket, Key }));
  expect((await cached(store, key('gone'), compute)).cached).toBe(false);
  expect(computed).toBe(2);
  expect((await cached(store, key('gone'), compute)).cached).toBe(true);
});

it('a failure is not remembered', async () => {
  const store = await openStore();
  await expect(cached(store, key('fails'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect((await cached(store, key('fails'), async () => ({ n: 1 }))).cached).toBe(false);
});

it('of two that compute at once both end with the result of the first', async () => {
  const [a, b] = [await openStore(), await openStore()];
  const results = await Promise.all([a, b].map((store, n) => cached(store, key('race'), async () => ({ n }))));
  expect(results[0].n).toBe(results[1].n);
});

it.each([
  ['parameters', key({ factors: 8 }), key({ factors: 9 })],
  ['code', key('x', { code: 'a' }), key('x', { code: 'b' })],
  ['the instruction set', key('x', { computedOn: 'cpu/x64/a' }), key('x', { computedOn: 'cpu/x64/b' })],
  ['the stage', key('x', { stage: 'train' }), key('x', { stage: 'trial' })],
])('%s are part of the key', (_, a, b) => {
  expect(stepDigest(a)).not.toBe(stepDigest(b));
});

it('the order of parameters is not part of the key', () => {
  expect(stepDigest(key({ a: 1, b: 2 }))).toBe(stepDigest(key({ b: 2, a: 1 })));
});

it('finds every artifact of a result, however deep', () => {
  const ref = (name: string) => ({ digest: name.repeat(64).slice(0, 64), bytes: 1, name });
  const found = blobsIn({ a: ref('a'), list: [{ b: ref('b') }], text: 'c', none: null });
  expect(found.map((blob) => blob.name)).toEqual(['a', 'b']);
});

it('the code of one room does not make the steps of another new', () => {
  const fit = codeVersion(['compute', 'data', 'models']);
  expect(fit).toMatch(/^[0-9a-f]{64}$/);
  expect(codeVersion(['compute', 'data', 'models'])).toBe(fit);
  expect(codeVersion(['compute', 'data', 'models', 'evaluation'])).not.toBe(fit);
});
