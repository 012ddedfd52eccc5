/** What a data source's `path` in a spec can say. */

/** An `https` address may carry a signature in its query: messages show it by `showLocation`. */
export type Location =
  { kind: 'local'; path: string } | { kind: 's3'; bucket: string; key: string } | { kind: 'https'; url: string };

/**
 * @returns `null` for another scheme or an address without a bucket, key or host: what is not a path, `s3://` or
 * `https://`; and for an address with a user name or password, which would stand in histories and logs. A local path
 * may be a glob, and so may a key.
 */
export function parseLocation(text: string): Location | null {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1].toLowerCase();
  if (scheme === undefined) return text.includes('\0') || text === '' ? null : { kind: 'local', path: text };
  if (scheme === 's3') {
    const [, bucket, key] = /^s3:\/\/([^/@]+)\/(.*[^/])$/is.exec(text) ?? [];
    return bucket === undefined ? null : { kind: 's3', bucket, key };
  }
  return scheme === 'https' && URL.canParse(text) && !holdsCredentials(text) ? { kind: 'https', url: text } : null;
}

/** Whether an address names a user, with or without a password, before its host. */
export function holdsCredentials(text: string): boolean {
  if (/^s3:/i.test(text) || !URL.canParse(text)) return /^[a-z][a-z0-9+.-]*:\/\/[^/]*@/i.test(text);
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
}

/**
 * A location as messages, logs and notes may show it: an address without user, password, query and fragment. Paths and
 * keys stay as they are; in a key `?` is a part of the name.
 */
export function showLocation(text: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) return text;
  if (scheme.toLowerCase() === 's3://') return scheme + rest.replace(/^[^/]*@/, '');
  if (URL.canParse(text)) {
    const { protocol, host, pathname } = new URL(text);
    return `${protocol}//${host}${pathname}`;
  }
  // No address: where its password ends is anybody's guess.
  return scheme + rest.replace(/[?#].*$/s, '').replace(/^.*@/s, '');
}

/** Whether a path or key holds characters of a glob. */
export function isGlob(path: string): boolean {
  return /[*?[\]{}]/.test(path);
}
