/** Access keys of the local S3 server: generated once for a home, in a file that only its owner can read. */
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { TradewindError } from '../../contracts/errors.ts';

interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The home's keys, made when there are none. */
export function ensureCredentials(file: string): S3Credentials {
  const made: S3Credentials = {
    accessKeyId: `TW${randomBytes(9).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
  try {
    writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  chmodSync(file, 0o600);
  return readCredentials(file);
}

/** @throws TradewindError `STACK_FAILED` when the file is missing or is not what `ensureCredentials` wrote */
export function readCredentials(file: string): S3Credentials {
  let found: Partial<S3Credentials> = {};
  try {
    found = JSON.parse(readFileSync(file, 'utf8')) as Partial<S3Credentials>;
  } catch {
    // Answered below.
  }
  if (!found.accessKeyId || !found.secretAccessKey) {
    throw new TradewindError('STACK_FAILED', {
      subject: `The file ${file}`,
      rule: 'hold the access keys of the local S3 server',
      remedy: 'Delete it and run "tradewind down", then "tradewind up": new keys are made; objects stay.',
    });
  }
  return { accessKeyId: found.accessKeyId, secretAccessKey: found.secretAccessKey };
}
