/** From a spec's paths to local files with digests. What is not local is fetched by functions that the caller gives. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, glob, mkdir, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { sha256 } from '../contracts/canonical.ts';
import { TradewindError } from '../contracts/errors.ts';
import { isGlob, parseLocation, showLocation, type Location } from '../contracts/location.ts';

export interface SourceFile {
  /** For people: the local path, `s3://bucket/key` or `https://` address without its query. */
  location: string;
  /** Local file with its bytes; its name ends as the source's name does. */
  path: string;
  /** SHA-256 of the bytes, lower-case hexadecimal. */
  digest: string;
  bytes: number;
}

/** Each writes the whole object to the local file `destination`, or rejects: with the reason of `signal` once it fires. */
export interface SourceFetchers {
  s3(bucket: string, key: string, destination: string, signal?: AbortSignal): Promise<void>;
  /** Keys that start with `prefix`, in any order. */
  s3List(bucket: string, prefix: string, signal?: AbortSignal): Promise<string[]>;
  https(url: string, destination: string, signal?: AbortSignal): Promise<void>;
}

export interface ResolveOptions {
  /** Where fetched files are put; made when missing. Needed for what is not local. */
  folder?: string;
  fetchers?: Partial<SourceFetchers>;
  signal?: AbortSignal;
}

/**
 * @param paths - locations in the order of the spec; the matches of a glob come sorted by their UTF-16 code units. A
 * file that several of them name is taken once.
 * @throws TradewindError `SOURCE_NOT_FOUND` for a location without a readable file, a folder, or an address that is not
 * understood; whatever a fetcher throws.
 */
export async function resolveSources(
  paths: string | readonly string[],
  options: ResolveOptions = {},
): Promise<SourceFile[]> {
  const found = new Map<string, Location>();
  for (const text of typeof paths === 'string' ? [paths] : paths) {
    for (const location of await expand(text, options)) found.set(identity(location), location);
  }
  const files: SourceFile[] = [];
  for (const location of found.values()) {
    options.signal?.throwIfAborted();
    const path = location.kind === 'local' ? location.path : await fetchFile(location, files.length, options);
    files.push({ location: spell(location), path, ...(await digestFile(path, options.signal)) });
  }
  return files;
}

/** Names the data: SHA-256 over the files' digests in order, whatever the files are called. */
export function dataDigest(files: readonly SourceFile[]): string {
  return sha256(files.map(({ digest }) => `${digest}\n`).join(''));
}

async function expand(text: string, options: ResolveOptions): Promise<Location[]> {
  const location = parseLocation(text);
  switch (location?.kind) {
    case 'local':
      return (await expandLocal(location.path)).map((path) => ({ kind: 'local', path }));
    case 's3':
      return (await expandKey(location.bucket, location.key, options)).map((key) => ({ ...location, key }));
    case 'https':
      return [location];
    default:
      throw notFound(
        showLocation(text),
        'be a path, a glob, s3://bucket/key or an https:// address',
        undefined,
        'Correct its path in the spec.',
      );
  }
}

async function expandLocal(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return null;
    throw notFound(path, 'be readable', (error as Error).message, 'Check its permissions.', error);
  });
  if (found?.isDirectory()) {
    throw notFound(path, 'be a file', 'a folder', `Name its files, e.g. ${join(path, '*.parquet')}.`);
  }
  const matches = found ? [path] : isGlob(path) ? await filesMatching(path) : [];
  if (matches.length === 0) {
    const value = isGlob(path) ? 'a pattern that no file matches' : 'no such file';
    throw notFound(path, 'be a file', value, "Check the path; a relative one starts at the spec's folder.");
  }
  for (const match of matches) {
    await access(match, constants.R_OK).catch((error: unknown) => {
      throw notFound(match, 'be readable', (error as Error).message, 'Check its permissions.', error);
    });
  }
  return matches;
}

async function filesMatching(pattern: string): Promise<string[]> {
  const matches: string[] = [];
  for await (const match of glob(pattern)) if ((await stat(match)).isFile()) matches.push(match);
  return matches.toSorted();
}

async function expandKey(bucket: string, key: string, options: ResolveOptions): Promise<string[]> {
  if (!isGlob(key)) return [key];
  const prefix = /^[^*?[\]{}]*/.exec(key)![0];
  const keys = await need(options.fetchers, 's3List', `s3://${bucket}/${key}`)(bucket, prefix, options.signal);
  const matches = keys.filter((name) => posix.matchesGlob(name, key)).toSorted();
  if (matches.length > 0) return matches;
  const value = `${keys.length} other ${keys.length === 1 ? 'key' : 'keys'} that start with "${prefix}"`;
  throw notFound(
    `s3://${bucket}/${key}`,
    'match at least one object',
    value,
    'Correct the pattern in the spec, or upload the data.',
  );
}

async function fetchFile(
  location: Exclude<Location, { kind: 'local' }>,
  index: number,
  options: ResolveOptions,
): Promise<string> {
  const name = spell(location);
  if (options.folder === undefined) throw new TypeError(`A folder to fetch ${name} into must be given.`);
  await mkdir(options.folder, { recursive: true });
  // The index keeps files of the same name apart; the name keeps the ending that tells the format.
  const original = basename(location.kind === 's3' ? location.key : new URL(location.url).pathname);
  const path = join(options.folder, `${index}-${original.replaceAll(/[^\w.-]/g, '_').slice(-120)}`);
  if (location.kind === 's3')
    await need(options.fetchers, 's3', name)(location.bucket, location.key, path, options.signal);
  else await need(options.fetchers, 'https', name)(location.url, path, options.signal);
  return path;
}

function need<K extends keyof SourceFetchers>(
  fetchers: ResolveOptions['fetchers'],
  kind: K,
  name: string,
): SourceFetchers[K] {
  const fetcher = fetchers?.[kind];
  if (fetcher === undefined) throw new TypeError(`A fetcher "${kind}" must be given to read ${name}.`);
  return fetcher as SourceFetchers[K];
}

async function digestFile(path: string, signal: AbortSignal | undefined): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
    hash.update(piece as Buffer);
    bytes += (piece as Buffer).length;
  }
  return { digest: hash.digest('hex'), bytes };
}

function spell(location: Location): string {
  if (location.kind === 'local') return location.path;
  return location.kind === 's3' ? `s3://${location.bucket}/${location.key}` : showLocation(location.url);
}

/** Two addresses that differ in their queries alone are two sources. */
function identity(location: Location): string {
  return location.kind === 'https' ? location.url : spell(location);
}

function notFound(
  name: string,
  rule: string,
  value: string | undefined,
  remedy: string,
  cause?: unknown,
): TradewindError {
  return new TradewindError('SOURCE_NOT_FOUND', { subject: `The data source ${name}`, rule, value, remedy }, { cause });
}
