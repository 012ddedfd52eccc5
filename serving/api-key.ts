/** The API key: one secret in a file that only its owner reads. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { TradewindError } from '../contracts/errors.ts';

/**
 * The key of `<home>/api-key`, made (256 random bits, mode 0600) when there is no such file.
 * @throws TradewindError `PREREQUISITE_MISSING` for a file that holds no key
 */
export async function ensureApiKey(home: string): Promise<string> {
  const path = join(home, 'api-key');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) {
    const key = text.trim();
    if (!/^[\x21-\x7e]{16,}$/.test(key)) {
      throw new TradewindError('PREREQUISITE_MISSING', {
        subject: `The API key in ${path}`,
        rule: 'be at least 16 printable ASCII characters without spaces',
        remedy: 'Delete the file to have a new key made.',
      });
    }
    await chmod(path, 0o600);
    return key;
  }
  await mkdir(home, { recursive: true });
  const partial = `${path}.${randomBytes(6).toString('hex')}.part`;
  await writeFile(partial, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  try {
    // A link fails where the file exists, so of two servers that start at once the second takes the first one's key.
    await link(partial, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(partial, { force: true });
  }
  return ensureApiKey(home);
}

/**
 * Says whether a request's headers carry the key, as `Authorization: Bearer <key>` or `X-Api-Key: <key>`, in a time
 * that tells nothing about how much of it was right.
 */
export function apiKeyCheck(key: string): (headers: IncomingHttpHeaders) => boolean {
  const expected = sha256(key);
  return (headers) => {
    const given = presented(headers);
    return given !== undefined && timingSafeEqual(sha256(given), expected);
  };
}

function presented(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-api-key'];
  if (typeof own === 'string') return own;
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
