import { chmod, mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { TradewindError } from '../../contracts/errors.ts';
import { objectKeys } from '../../contracts/names.ts';
import { openStore } from '../support/store.ts';

const failure = async (work: Promise<unknown>): Promise<TradewindError> => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof TradewindError)) throw new Error(`expected a TradewindError, got ${String(error)}`);
  return error;
};
const unique = () => `${process.pid}-${performance.now()}`;

it('a blob comes back under its digest, on a machine that did not write it too', async () => {
  const [writer, reader] = [await openStore(), await openStore()];
  const ref = await writer.putBytes(`hello ${unique()}`, 'hello.txt');
  expect(await writer.hasBlob(ref)).toBe(true);
  expect(await readFile(await reader.fetch(ref), 'utf8')).toMatch(/^hello /);
});

it('a file of several parts survives the way there and back', async () => {
  const [writer, reader] = [await openStore(), await openStore()];
  const path = join(await mkdtemp(join(tmpdir(), 'tradewind-big-')), 'big');
  const bytes = Buffer.alloc(40 * 1024 * 1024);
  for (let i = 0; i < bytes.length; i += 4096) bytes.writeUInt32LE(i ^ process.pid, i);
  await writeFile(path, bytes);
  const ref = await writer.putFile(path, 'big');
  expect((await readFile(await reader.fetch(ref))).equals(bytes)).toBe(true);
});

it('fetch downloads once', async () => {
  const store = await openStore();
  const ref = await store.putBytes(`once ${unique()}`, 'once');
  const first = await stat(await store.fetch(ref));
  expect((await stat(await store.fetch(ref))).ino).toBe(first.ino);
});

it('a flipped byte in the bucket is refused, and nothing of it stays in the cache', async () => {
  const store = await openStore();
  const ref = await store.putBytes(`flip ${unique()}`, 'flip');
  const reader = await openStore();
  await store.client.send(
    new PutObjectCommand({
      Bucket: store.settings.bucket,
      Key: objectKeys.blob(ref.digest),
      Body: 'x'.repeat(ref.bytes),
    }),
  );
  expect((await failure(reader.fetch(ref))).code).toBe('ARTIFACT_CORRUPT');
  expect((await failure(reader.fetch(ref))).code).toBe('ARTIFACT_CORRUPT');
});

it('a blob that is not there is named missing', async () => {
  const store = await openStore();
  const error = await failure(store.fetch({ digest: '0'.repeat(64), bytes: 1, name: 'model.onnx' }));
  expect(error.code).toBe('ARTIFACT_MISSING');
  expect(error.message).toContain('model.onnx');
});

it('of two who create the same document one wins and the other is told', async () => {
  const [a, b] = [await openStore(), await openStore()];
  const key = `test/${unique()}.json`;
  const answers = await Promise.all([a, b].map((s, i) => s.putJson(key, { writer: i }, { ifNoneMatch: '*' })));
  expect(answers.filter((answer) => answer === 'conflict')).toHaveLength(1);
  const found = await a.getJson(key, z.object({ writer: z.number() }));
  expect(answers[found!.value.writer]).not.toBe('conflict');
});

it('If-Match lets only the one through who saw the present document', async () => {
  const store = await openStore();
  const key = `test/${unique()}.json`;
  const first = await store.putJson(key, { n: 1 }, { ifNoneMatch: '*' });
  if (first === 'conflict') throw new Error('a new key was taken');
  expect(await store.putJson(key, { n: 2 }, { ifMatch: first.etag })).not.toBe('conflict');
  expect(await store.putJson(key, { n: 3 }, { ifMatch: first.etag })).toBe('conflict');
  expect((await store.getJson(key, z.object({ n: z.number() })))!.value.n).toBe(2);
});

it('a document that is not what it should be is refused by name', async () => {
  const store = await openStore();
  const key = `test/${unique()}.json`;
  await store.putJson(key, { n: 'one' });
  const error = await failure(store.getJson(key, z.object({ n: z.number() })));
  expect(error.code).toBe('ARTIFACT_CORRUPT');
  expect(error.message).toContain(key);
});

it('wrong credentials are denied once, and the sentence holds no secret', async () => {
  const store = await openStore({ AWS_SECRET_ACCESS_KEY: 'planted-secret' });
  const error = await failure(store.check());
  expect(error.code).toBe('STORE_DENIED');
  expect(error.retryable).toBe(false);
  expect(error.message).toContain('AWS_SECRET_ACCESS_KEY');
  expect(`${error.message}${error.stack}`).not.toContain('planted-secret');
});

it('a bucket that does not exist is named, for reading and for writing', async () => {
  const store = await openStore({ TRADEWIND_BUCKET: 'no-such-bucket' });
  const works = [() => store.check(), () => store.putBytes('x', 'x'), () => store.getJson('x', z.unknown())];
  for (const work of works) {
    const error = await failure(work());
    expect(error.code).toBe('STORE_BUCKET');
    expect(error.message).toContain('no-such-bucket');
  }
});

it('a server that is away is worth another try', async () => {
  const store = await openStore({ S3_ENDPOINT: 'http://127.0.0.1:1' });
  const error = await failure(store.check());
  expect(error.code).toBe('STORE_UNAVAILABLE');
  expect(error.retryable).toBe(true);
});

it('a cache file that somebody cut short is fetched anew', async () => {
  const [writer, store] = [await openStore(), await openStore()];
  const ref = await writer.putBytes(`cut ${unique()}`, 'cut');
  const path = await store.fetch(ref);
  await chmod(path, 0o644);
  await writeFile(path, 'cu');
  expect(await readFile(await store.fetch(ref), 'utf8')).toMatch(/^cut /);
});
