/** What an S3 client throws, in the product's words: who can mend it decides whether it is tried again. */
import { TradewindError } from '../contracts/errors.ts';

interface AwsError {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  cause?: unknown;
}

/** What is kept of the client's error: the rest holds the whole exchange, signed headers included. */
function slim(error: unknown): Error {
  const { name = 'Error', message = '', $metadata } = error as AwsError;
  return Object.assign(new Error(message), { name, $metadata });
}

export function httpStatusOf(error: unknown): number | undefined {
  return (error as AwsError | undefined)?.$metadata?.httpStatusCode;
}

const deniedNames = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AccessDenied',
  'ExpiredToken',
  'InvalidToken',
  'CredentialsProviderError',
  'TokenRefreshRequired',
]);

/** Of 4xx, what says no more than "not now". */
const passing = new Set([408, 425, 429]);

/** Whether the same request may be answered another time. */
export function mayPass(status: number): boolean {
  return status >= 500 || passing.has(status);
}

/** What went wrong with a data source, which may lie in another bucket than the artifacts. */
export function sourceError(error: unknown, address: string, bucket: string): TradewindError {
  if (error instanceof TradewindError) return error;
  const { name = '', message = '', code } = error as AwsError;
  const status = httpStatusOf(error);
  const subject = `The data source ${address}`;
  const cause = slim(error);
  if (deniedNames.has(name) || status === 401 || status === 403) {
    return new TradewindError(
      'STORE_DENIED',
      {
        subject,
        rule: `be readable: bucket "${bucket}" must accept the credentials`,
        value: nameOf(name, status),
        remedy: `Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the policy of bucket "${bucket}".`,
      },
      { cause },
    );
  }
  // S3 says `RequestTimeout` with a 400.
  if (status !== undefined && status >= 300 && status < 500 && !mayPass(status) && name !== 'RequestTimeout') {
    const value =
      name === 'NoSuchBucket'
        ? `no bucket "${bucket}"`
        : status === 404
          ? `no such object in bucket "${bucket}"`
          : nameOf(name, status);
    const remedy = 'Correct bucket and key in the spec, and see that S3_ENDPOINT and AWS_REGION name the right store.';
    return new TradewindError('SOURCE_NOT_FOUND', { subject, rule: 'exist', value, remedy }, { cause });
  }
  return new TradewindError(
    'SOURCE_UNAVAILABLE',
    {
      subject,
      rule: 'answer',
      value: valueOf(status, code ?? name, message),
      remedy: 'It is tried again by itself; if it lasts, check that the server of S3_ENDPOINT is up.',
    },
    { cause },
  );
}

function nameOf(name: string, status: number | undefined): string {
  return name === '' || name === 'Unknown' || name === 'UnknownError' || /^\d+$/.test(name) ? `HTTP ${status}` : name;
}

function valueOf(...parts: (string | number | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

export function storeError(error: unknown, place: string, key?: string): TradewindError {
  if (error instanceof TradewindError) return error;
  const { name = '', message = '', code } = error as AwsError;
  const status = httpStatusOf(error);
  const what = key === undefined ? place : `${place} (key ${key})`;
  if (deniedNames.has(name) || status === 401 || status === 403) {
    return new TradewindError(
      'STORE_DENIED',
      {
        subject: `The artifact store, ${what},`,
        rule: 'accept the credentials',
        value: nameOf(name, status),
        remedy: 'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket policy.',
      },
      { cause: slim(error) },
    );
  }
  if (name === 'NoSuchBucket' || (status === 404 && key === undefined)) {
    return new TradewindError(
      'STORE_BUCKET',
      {
        subject: `The artifact store, ${place},`,
        rule: 'exist',
        value: 'NoSuchBucket',
        remedy: 'Create the bucket with versioning on, or set TRADEWIND_BUCKET to one that exists.',
      },
      { cause: slim(error) },
    );
  }
  return new TradewindError(
    'STORE_UNAVAILABLE',
    {
      subject: `The artifact store, ${what},`,
      rule: 'answer',
      value: valueOf(status, code ?? name, message),
      remedy: 'It is tried again by itself; if it lasts, check that the server of S3_ENDPOINT is up.',
    },
    { cause: slim(error) },
  );
}
