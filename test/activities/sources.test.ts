/** Data sources as a worker fetches them: from the shared stack's S3, and from an HTTPS server of this test. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import getPort from 'get-port';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceFetchers } from '../../activities/source-fetchers.ts';
import { sha256 } from '../../contracts/canonical.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { resolveSources } from '../../data/sources.ts';
import { ensureCertificates } from '../../serving/certificates.ts';
import type { ArtifactStore } from '../../store/artifact-store.ts';
import { openStore } from '../support/store.ts';

let folder: string;
let store: ArtifactStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tradewind-fetch-'));
  store = await openStore();
});

afterAll(async () => {
  store.close();
  await rm(folder, { recursive: true, force: true });
});

let folders = 0;
const resolve = (path: string | string[], signal?: AbortSignal, from = store) =>
  resolveSources(path, {
    folder: join(folder, String(folders++)),
    fetchers: sourceFetchers(from),
    ...(signal && { signal }),
  });

async function failure(work: Promise<unknown>): Promise<TradewindError> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof TradewindError)) throw new Error('expected a TradewindError', { cause: error });
  return error;
}

describe('s3://', () => {
  const prefix = `sources-${process.pid}-${Date.now()}`;
  const put = (key: string, Body: string) =>
    store.client.send(new PutObjectCommand({ Bucket: store.settings.bucket, Key: `${prefix}/${key}`, Body }));

  beforeAll(async () => {
    for (const key of ['2025-02.csv', '2025-01.csv', 'readme.txt', 'deep/2025-03.csv']) await put(key, key);
  });

  it('an object, and a glob over keys that stays in its folder', async () => {
    const base = `s3://${store.settings.bucket}/${prefix}`;
    const files = await resolve([`${base}/readme.txt`, `${base}/2025-*.csv`]);
    expect(files.map(({ location }) => location)).toEqual(
      ['readme.txt', '2025-01.csv', '2025-02.csv'].map((name) => `${base}/${name}`),
    );
    expect(files[1].digest).toBe(sha256('2025-01.csv'));
    expect(await readFile(files[2].path, 'utf8')).toBe('2025-02.csv');
  });

  it('a missing key and a pattern without a match name themselves', async () => {
    const base = `s3://${store.settings.bucket}/${prefix}`;
    const missing = await failure(resolve(`${base}/none.csv`));
    expect(missing.code).toBe('SOURCE_NOT_FOUND');
    expect(missing.message).toContain(`The data source ${base}/none.csv must exist. Got no such object in bucket`);
    const unmatched = await failure(resolve(`${base}/2026-*.csv`));
    expect(unmatched.code).toBe('SOURCE_NOT_FOUND');
    expect(unmatched.message).toContain(`${base}/2026-*.csv`);
  });

  it.each(['events.csv', 'events-*.csv'])("a missing bucket is the source's, not the store's: %s", async (key) => {
    const { code, message } = await failure(resolve(`s3://tradewind-no-such-bucket/${key}`));
    expect(code).toBe('SOURCE_NOT_FOUND');
    expect(message).toContain(`s3://tradewind-no-such-bucket/events`);
    expect(message).toContain('Got no bucket "tradewind-no-such-bucket".');
    expect(message).not.toContain('TRADEWIND_BUCKET');
    expect(message).not.toContain('artifact store');
  });

  it.each(['events.csv', 'events-*.csv'])("a refusal names the source's bucket and no secret: %s", async (key) => {
    const denied = await openStore({ AWS_SECRET_ACCESS_KEY: 'planted-wrong-secret' });
    const { code, message } = await failure(resolve(`s3://other-shop/${key}`, undefined, denied));
    denied.close();
    expect(code).toBe('STORE_DENIED');
    expect(message).toContain('The data source s3://other-shop/events');
    expect(message).toContain('policy of bucket "other-shop"');
    expect(message).not.toContain(`"${store.settings.bucket}"`);
    expect(message).not.toContain('planted');
  });

  it.each(['events.csv', 'events-*.csv'])('a store that is down is tried again: %s', async (key) => {
    const down = await openStore({ S3_ENDPOINT: 'http://127.0.0.1:1' });
    const error = await failure(resolve(`s3://shop/${key}`, undefined, down));
    down.close();
    expect(error.code).toBe('SOURCE_UNAVAILABLE');
    expect(error.retryable).toBe(true);
    expect(error.message).toContain('The data source s3://shop/events');
  });

  it('stops when it is told to, with the reason given', async () => {
    const reason = new Error('enough');
    const fetchers = sourceFetchers(store);
    const source = [store.settings.bucket, `${prefix}/readme.txt`] as const;
    const signal = AbortSignal.abort(reason);
    await expect(fetchers.s3(...source, join(folder, 'stopped'), signal)).rejects.toBe(reason);
    await expect(fetchers.s3List(...source, signal)).rejects.toBe(reason);
  });
});

describe('https://', () => {
  const body = 'who,what\nu1,i1\n';
  const authorities = getCACertificates('default');
  let server: Server;
  let base: string;
  /** Of the last request. */
  let asked: string;
  let onHanging = () => {};
  let gone: Promise<unknown>;

  function answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    asked = url;
    const { pathname } = new URL(url, 'https://localhost');
    const status = /^\/status\/(\d+)/.exec(pathname)?.[1];
    if (status !== undefined) {
      response.writeHead(Number(status)).end('no');
    } else if (pathname === '/moved.csv') {
      response.writeHead(302, { location: '/events.csv' }).end();
    } else if (pathname === '/broken.csv') {
      response.writeHead(200, { 'content-length': '1000' });
      response.write(body, () => response.destroy());
    } else if (pathname === '/hanging.csv') {
      gone = new Promise((resolve) => response.on('close', resolve));
      response.writeHead(200, { 'content-length': '1000' });
      response.write(body, onHanging);
    } else {
      response.end(body);
    }
  }

  beforeAll(async () => {
    const { ca, certificate, key } = await ensureCertificates(join(folder, 'certificates'), '127.0.0.1');
    setDefaultCACertificates([...authorities, ca]);
    server = createServer({ cert: certificate, key }, answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `https://localhost:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    setDefaultCACertificates(authorities);
    server.closeAllConnections();
    server.close();
  });

  it.each(['/events.csv', '/moved.csv'])('%s comes whole', async (path) => {
    const [file] = await resolve(`${base}${path}`);
    expect(file).toMatchObject({ location: `${base}${path}`, digest: sha256(body), bytes: body.length });
    expect(basename(file.path)).toBe(`0-${basename(path)}`);
  });

  it('a query is sent, and stays out of names', async () => {
    const [file] = await resolve(`${base}/events.csv?signature=planted.tsv`);
    expect(asked).toBe('/events.csv?signature=planted.tsv');
    expect(JSON.stringify(file)).not.toContain('planted');
    expect(file.location).toBe(`${base}/events.csv`);
  });

  it.each([
    [400, 'SOURCE_NOT_FOUND'],
    [403, 'SOURCE_NOT_FOUND'],
    [404, 'SOURCE_NOT_FOUND'],
    [410, 'SOURCE_NOT_FOUND'],
    [408, 'SOURCE_UNAVAILABLE'],
    [425, 'SOURCE_UNAVAILABLE'],
    [429, 'SOURCE_UNAVAILABLE'],
    [500, 'SOURCE_UNAVAILABLE'],
    [503, 'SOURCE_UNAVAILABLE'],
  ])('status %i is %s, told without the query', async (status, code) => {
    const error = await failure(resolve(`${base}/status/${status}.csv?signature=planted`));
    expect(error.code).toBe(code);
    expect(error.retryable).toBe(code === 'SOURCE_UNAVAILABLE');
    expect(error.message).toContain(`The data source ${base}/status/${status}.csv must`);
    expect(error.message).toContain(`Got HTTP ${status}.`);
    expect(`${error.stack}`).not.toContain('planted');
  });

  it('a connection that breaks in the middle of the body is tried again', async () => {
    const error = await failure(resolve(`${base}/broken.csv?signature=planted`));
    expect(error.code).toBe('SOURCE_UNAVAILABLE');
    expect(error.message).toContain(`The data source ${base}/broken.csv must answer. Got `);
    expect(error.message).not.toContain('planted');
  });

  it('no server at the address: says why', async () => {
    const { code, message } = await failure(resolve(`https://localhost:${await getPort()}/x.csv?signature=planted`));
    expect(code).toBe('SOURCE_UNAVAILABLE');
    expect(message).toContain('Got ECONNREFUSED');
    expect(message).not.toContain('planted');
  });

  it('a certificate of an unknown authority is refused', async () => {
    setDefaultCACertificates(authorities);
    const { ca } = await ensureCertificates(join(folder, 'certificates'), '127.0.0.1');
    try {
      // Another name, so that no open connection is used again.
      const { code, message } = await failure(resolve(`${base.replace('localhost', '127.0.0.1')}/events.csv`));
      expect(code).toBe('SOURCE_UNAVAILABLE');
      expect(message).toMatch(/certificate|issuer/i);
    } finally {
      setDefaultCACertificates([...authorities, ca]);
    }
  });

  it('a file system that refuses is no fault of the source', async () => {
    const write = sourceFetchers(store).https(`${base}/events.csv`, join(folder, 'no-such-folder', 'events.csv'));
    await expect(write).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a cancelled activity ends its download at once, with the reason given', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    onHanging = () => controller.abort(reason);
    await expect(resolve(`${base}/hanging.csv`, controller.signal)).rejects.toBe(reason);
    await gone;
  });
});
