/** How a worker fetches the data sources that are not local files. */
import { TradewindError } from '../contracts/errors.ts';
import { showLocation } from '../contracts/location.ts';
import type { SourceFetchers } from '../data/sources.ts';
import type { ArtifactStore } from '../store/artifact-store.ts';
import { saveBody } from '../store/save-body.ts';
import { mayPass } from '../store/store-errors.ts';

/** For one file from its first byte to its last; a larger one is better put into a bucket. */
const timeLimitMinutes = 10;

/**
 * `s3://` is read from the artifact store's endpoint with its credentials, from any bucket.
 * @throws TradewindError `SOURCE_NOT_FOUND`, `SOURCE_UNAVAILABLE`, `STORE_DENIED`; none of them shows an address's
 * query, which may hold a signature
 */
export function sourceFetchers(store: Pick<ArtifactStore, 'downloadSource' | 'listSource'>): SourceFetchers {
  return {
    s3: (bucket, key, destination, signal) => store.downloadSource(bucket, key, destination, signal),
    s3List: (bucket, prefix, signal) => store.listSource(bucket, prefix, signal),
    async https(url, destination, signal) {
      const limit = AbortSignal.timeout(timeLimitMinutes * 60_000);
      const broken = (error: unknown) =>
        unavailable(url, limit.aborted ? `no end within ${timeLimitMinutes} minutes` : whyOf(error));
      const answer = await fetch(url, { signal: signal ? AbortSignal.any([signal, limit]) : limit }).catch(
        (error: unknown) => {
          signal?.throwIfAborted();
          throw broken(error);
        },
      );
      if (!answer.ok || answer.body === null) {
        await answer.body?.cancel();
        throw mayPass(answer.status) ? unavailable(url, `HTTP ${answer.status}`) : notFound(url, answer.status);
      }
      await saveBody(answer.body, destination, broken, signal);
    },
  };
}

/** `fetch` says "fetch failed" or "terminated"; the cause says why. */
function whyOf(error: unknown): string {
  const { cause, message } = error as Error;
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException;
  return [code, inner ?? message].filter(Boolean).join(' ');
}

function notFound(url: string, status: number): TradewindError {
  const refused = status === 401 || status === 403;
  return new TradewindError('SOURCE_NOT_FOUND', {
    subject: `The data source ${showLocation(url)}`,
    rule: 'be there to download',
    value: `HTTP ${status}`,
    remedy: refused
      ? 'Put a valid address into the spec: the signature of a presigned one expires.'
      : 'Correct the address in the spec.',
  });
}

function unavailable(url: string, value: string): TradewindError {
  return new TradewindError('SOURCE_UNAVAILABLE', {
    subject: `The data source ${showLocation(url)}`,
    rule: 'answer',
    value,
    remedy: 'It is tried again by itself; check the address if it lasts.',
  });
}
