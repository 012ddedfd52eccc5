/**
 * The artifact store on any S3: immutable blobs under their SHA-256, small JSON documents with conditional writes, and
 * a local digest cache from which everything is read.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { z } from 'zod';
import type { BlobRef } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { objectKeys } from '../contracts/names.ts';
import { saveBody } from './save-body.ts';
import { httpStatusOf, sourceError, storeError } from './store-errors.ts';

export interface StoreSettings {
  /** Left out: AWS's own endpoints. */
  endpoint?: string;
  region: string;
  bucket: string;
  /** Left out: the AWS SDK's default chain (environment, profile, instance role). */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** Folder of the digest cache. */
  cacheDir: string;
}

export type Condition = { ifNoneMatch: '*' } | { ifMatch: string };

/** Above this size a blob goes up in parts. */
const multipartBytes = 16 * 1024 * 1024;

export class ArtifactStore {
  readonly settings: StoreSettings;
  readonly client: S3Client;

  constructor(settings: StoreSettings) {
    this.settings = settings;
    this.client = new S3Client({
      region: settings.region,
      forcePathStyle: settings.endpoint !== undefined,
      ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
      ...(settings.credentials === undefined ? {} : { credentials: settings.credentials }),
      // Longer faults are the workflow's business: an activity that fails with a retryable code is tried again.
      maxAttempts: 3,
      requestHandler: { connectionTimeout: 3_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
    });
  }

  static fromEnvironment(env: NodeJS.ProcessEnv = process.env): ArtifactStore {
    const bucket = env['TRADEWIND_BUCKET'] ?? 'tradewind';
    const id = env['AWS_ACCESS_KEY_ID'];
    const secret = env['AWS_SECRET_ACCESS_KEY'];
    const token = env['AWS_SESSION_TOKEN'];
    const home = env['TRADEWIND_HOME'] ?? join(homedir(), '.tradewind');
    return new ArtifactStore({
      region: env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
      bucket,
      cacheDir: join(home, 'cache', 'blobs'),
      ...(env['S3_ENDPOINT'] ? { endpoint: env['S3_ENDPOINT'] } : {}),
      ...(id && secret
        ? { credentials: { accessKeyId: id, secretAccessKey: secret, ...(token ? { sessionToken: token } : {}) } }
        : {}),
    });
  }

  /** Bucket and endpoint, for messages. */
  get place(): string {
    return `bucket "${this.settings.bucket}"${this.settings.endpoint ? ` at ${this.settings.endpoint}` : ''}`;
  }

  /** @throws TradewindError `STORE_DENIED`, `STORE_BUCKET` or `STORE_UNAVAILABLE` */
  async check(): Promise<void> {
    await this.#ask(new HeadBucketCommand({ Bucket: this.settings.bucket }));
  }

  // ---- blobs -----------------------------------------------------------------------------------------------------

  /** Stores a file under its digest; a blob that is there already is not sent again. */
  async putFile(path: string, name: string): Promise<BlobRef> {
    const [digest, { size }] = await Promise.all([digestOfFile(path), stat(path)]);
    const ref: BlobRef = { digest, bytes: size, name };
    if (!(await this.hasBlob(ref))) {
      const target = { Bucket: this.settings.bucket, Key: objectKeys.blob(digest) };
      if (size > multipartBytes) {
        const upload = new Upload({
          client: this.client,
          params: { ...target, Body: createReadStream(path) },
          partSize: multipartBytes,
          queueSize: 2,
        });
        await upload.done().catch((error: unknown) => {
          throw storeError(error, this.place, target.Key);
        });
      } else {
        await this.#ask(new PutObjectCommand({ ...target, Body: createReadStream(path), ContentLength: size }));
      }
    }
    await this.#adopt(path, digest);
    return ref;
  }

  async putBytes(bytes: Uint8Array | string, name: string): Promise<BlobRef> {
    const body = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes;
    const ref: BlobRef = { digest: createHash('sha256').update(body).digest('hex'), bytes: body.length, name };
    if (!(await this.hasBlob(ref))) {
      await this.#ask(
        new PutObjectCommand({ Bucket: this.settings.bucket, Key: objectKeys.blob(ref.digest), Body: body }),
      );
    }
    return ref;
  }

  /** Asks the bucket, not the local cache: a cached answer about a lost blob would be no use to other machines. */
  async hasBlob(ref: BlobRef): Promise<boolean> {
    try {
      const head = await this.client.send(
        new HeadObjectCommand({ Bucket: this.settings.bucket, Key: objectKeys.blob(ref.digest) }),
      );
      return head.ContentLength === ref.bytes;
    } catch (error) {
      if (httpStatusOf(error) === 404 && !isNoSuchBucket(error)) return false;
      throw storeError(error, this.place, objectKeys.blob(ref.digest));
    }
  }

  /**
   * Local path of a blob, read-only: downloaded once, verified by its digest.
   * @throws TradewindError `ARTIFACT_MISSING`, `ARTIFACT_CORRUPT`
   */
  async fetch(ref: BlobRef): Promise<string> {
    const path = this.#cachePath(ref.digest);
    const found = await stat(path).catch(() => undefined);
    if (found?.size === ref.bytes) return path;
    const key = objectKeys.blob(ref.digest);
    const { Body } = await this.#ask(new GetObjectCommand({ Bucket: this.settings.bucket, Key: key })).catch(
      (error: unknown) => {
        if (error instanceof TradewindError && httpStatusOf(error.cause) === 404 && error.code !== 'STORE_BUCKET') {
          throw new TradewindError('ARTIFACT_MISSING', {
            subject: `The artifact ${ref.name} (${ref.digest.slice(0, 12)})`,
            rule: `be in ${this.place}`,
            value: 'a 404 for its key',
            remedy: 'Run the pipeline again: the stage that made it notices and computes it anew.',
          });
        }
        throw error;
      },
    );
    await mkdir(this.settings.cacheDir, { recursive: true });
    const partial = `${path}.${randomUUID()}.part`;
    try {
      await pipeline(Body as Readable, createWriteStream(partial, { mode: 0o444 })).catch((error: unknown) => {
        throw storeError(error, this.place, key);
      });
      const digest = await digestOfFile(partial);
      if (digest !== ref.digest) {
        throw new TradewindError('ARTIFACT_CORRUPT', {
          subject: `The artifact ${ref.name}`,
          rule: `have the SHA-256 ${ref.digest}`,
          value: digest,
          remedy: `Delete ${key} from ${this.place} and run the pipeline again.`,
        });
      }
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
    return path;
  }

  // ---- documents -------------------------------------------------------------------------------------------------

  async getJson<T>(key: string, schema: z.ZodType<T>): Promise<{ value: T; etag: string } | undefined> {
    let text: string;
    let etag: string;
    try {
      const answer = await this.client.send(new GetObjectCommand({ Bucket: this.settings.bucket, Key: key }));
      text = await answer.Body!.transformToString('utf8');
      etag = answer.ETag ?? '';
    } catch (error) {
      if (httpStatusOf(error) === 404 && !isNoSuchBucket(error)) return undefined;
      throw storeError(error, this.place, key);
    }
    const parsed = schema.safeParse(tryJson(text));
    if (!parsed.success) {
      throw new TradewindError('ARTIFACT_CORRUPT', {
        subject: `The object ${key}`,
        rule: 'hold the JSON that this version of Tradewind writes there',
        value: parsed.error.issues[0]?.message ?? 'something else',
        remedy: `Look at it in ${this.place}; restore an earlier version of the object if it was overwritten.`,
      });
    }
    return { value: parsed.data, etag };
  }

  /** @returns `'conflict'` when the condition does not hold: somebody else won, which is an answer. */
  async putJson(key: string, value: unknown, condition?: Condition): Promise<{ etag: string } | 'conflict'> {
    try {
      const answer = await this.client.send(
        new PutObjectCommand({
          Bucket: this.settings.bucket,
          Key: key,
          Body: `${JSON.stringify(value, null, 1)}\n`,
          ContentType: 'application/json',
          ...(condition === undefined
            ? {}
            : 'ifMatch' in condition
              ? { IfMatch: condition.ifMatch }
              : { IfNoneMatch: condition.ifNoneMatch }),
        }),
      );
      return { etag: answer.ETag ?? '' };
    } catch (error) {
      const status = httpStatusOf(error);
      // 409: two conditional writes met; 404 on If-Match: the object has gone.
      if (condition !== undefined && (status === 412 || status === 409 || (status === 404 && !isNoSuchBucket(error)))) {
        return 'conflict';
      }
      throw storeError(error, this.place, key);
    }
  }

  async putText(key: string, text: string, contentType: string): Promise<void> {
    await this.#ask(
      new PutObjectCommand({
        Bucket: this.settings.bucket,
        Key: key,
        Body: text,
        ContentType: `${contentType}; charset=utf-8`,
      }),
    );
  }

  /** Copies a file to a mutable key, e.g. a checkpoint or a run's report. */
  async putObject(key: string, path: string): Promise<void> {
    const { size } = await stat(path);
    await this.#ask(
      new PutObjectCommand({
        Bucket: this.settings.bucket,
        Key: key,
        Body: createReadStream(path),
        ContentLength: size,
      }),
    );
  }

  /** A key without an object is no error. */
  async removeObject(key: string): Promise<void> {
    await this.#ask(new DeleteObjectCommand({ Bucket: this.settings.bucket, Key: key }));
  }

  /** @returns false when there is no such object */
  async getObject(key: string, path: string): Promise<boolean> {
    try {
      const { Body } = await this.client.send(new GetObjectCommand({ Bucket: this.settings.bucket, Key: key }));
      await pipeline(Body as Readable, createWriteStream(path));
      return true;
    } catch (error) {
      if (httpStatusOf(error) === 404 && !isNoSuchBucket(error)) return false;
      throw storeError(error, this.place, key);
    }
  }

  /** Keys below a prefix, ascending. */
  async list(prefix: string): Promise<string[]> {
    return await this.#keys(this.settings.bucket, prefix).catch((error: unknown) => {
      throw storeError(error, this.place);
    });
  }

  // ---- data sources on the same endpoint, in any bucket ------------------------------------------------------------

  /**
   * @throws TradewindError `SOURCE_NOT_FOUND`, `STORE_DENIED` or `SOURCE_UNAVAILABLE`, which name the source
   * @throws the reason of `signal`
   */
  async downloadSource(bucket: string, key: string, path: string, signal?: AbortSignal): Promise<void> {
    const explain = (error: unknown) => sourceError(error, `s3://${bucket}/${key}`, bucket);
    const { Body } = await this.client
      .send(new GetObjectCommand({ Bucket: bucket, Key: key }), { ...(signal && { abortSignal: signal }) })
      .catch((error: unknown) => {
        signal?.throwIfAborted();
        throw explain(error);
      });
    await saveBody(Body as Readable, path, explain, signal);
  }

  /** Keys of any bucket below a prefix, ascending. @throws as `downloadSource` */
  async listSource(bucket: string, prefix: string, signal?: AbortSignal): Promise<string[]> {
    return await this.#keys(bucket, prefix, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw sourceError(error, `s3://${bucket}/${prefix}*`, bucket);
    });
  }

  close(): void {
    this.client.destroy();
  }

  // ----------------------------------------------------------------------------------------------------------------

  #cachePath(digest: string): string {
    return join(this.settings.cacheDir, digest);
  }

  /** Puts a file that was just stored into the digest cache, so that the next stage need not download it. */
  async #adopt(path: string, digest: string): Promise<void> {
    const target = this.#cachePath(digest);
    if (path === target || (await stat(target).catch(() => undefined))) return;
    await mkdir(this.settings.cacheDir, { recursive: true });
    const partial = `${target}.${randomUUID()}.part`;
    await copyFile(path, partial);
    await link(partial, target).catch(() => undefined);
    await rm(partial, { force: true });
  }

  async #keys(bucket: string, prefix: string, signal?: AbortSignal): Promise<string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(token ? { ContinuationToken: token } : {}) }),
        { ...(signal && { abortSignal: signal }) },
      );
      for (const object of page.Contents ?? []) if (object.Key !== undefined) keys.push(object.Key);
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return keys.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  readonly #ask: S3Client['send'] = (async (command: Parameters<S3Client['send']>[0]) => {
    try {
      return await this.client.send(command);
    } catch (error) {
      throw storeError(error, this.place, (command.input as { Key?: string }).Key);
    }
  }) as S3Client['send'];
}

export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Writes bytes so that a reader sees the old file or the new one. */
export async function writeFileAtomically(path: string, bytes: Uint8Array | string, mode = 0o644): Promise<void> {
  const partial = `${path}.${randomUUID()}.part`;
  await writeFile(partial, bytes, { mode });
  await rename(partial, path);
}

function isNoSuchBucket(error: unknown): boolean {
  return (error as { name?: string }).name === 'NoSuchBucket';
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
