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
        value: name === '' || name === 'Unknown' || /^\d+$/.test(name) ? `HTTP ${status}` : name,
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
      value: [status, code ?? name, message].filter((part) => part !== undefined && part !== '').join(' '),
      remedy: 'It is tried again by itself; if it lasts, check that the server of S3_ENDPOINT is up.',
    },
    { cause: slim(error) },
  );
}
