/** What a data source's `path` in a spec can say. */

export type Location =
  { kind: 'local'; path: string } | { kind: 's3'; bucket: string; key: string } | { kind: 'https'; url: string };

/**
 * @returns `null` for another scheme or an address without a bucket, key or host: what is not a path, `s3://` or
 * `https://`. A local path may be a glob, and so may a key.
 */
export function parseLocation(text: string): Location | null {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1].toLowerCase();
  if (scheme === undefined) return text.includes('\0') || text === '' ? null : { kind: 'local', path: text };
  if (scheme === 's3') {
    const [, bucket, key] = /^s3:\/\/([^/]+)\/(.*[^/])$/is.exec(text) ?? [];
    return bucket === undefined ? null : { kind: 's3', bucket, key };
  }
  return scheme === 'https' && URL.canParse(text) ? { kind: 'https', url: text } : null;
}

/** Whether a path or key holds characters of a glob. */
export function isGlob(path: string): boolean {
  return /[*?[\]{}]/.test(path);
}
