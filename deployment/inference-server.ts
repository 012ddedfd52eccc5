/** The inference server as a deployment sees it: told to look for a new champion, and asked what it serves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { TradewindError } from '../contracts/errors.ts';

export interface ServerAddress {
  url: string;
  apiKey: string;
  /** PEM of the certificate authority that signed the server's certificate. */
  ca: string;
}

const servedSchema = z.object({
  models: z.array(
    z.object({ model: z.string(), version: z.number().nullish(), state: z.string(), error: z.string().nullish() }),
  ),
});

/** How long a server may take to load a version that a compute process has loaded before. */
const loadMilliseconds = 60_000;

export function openServer({ url, apiKey, ca }: ServerAddress) {
  const agent = new Agent({ connect: { ca }, headersTimeout: 30_000 });
  const headers = { authorization: `Bearer ${apiKey}` };

  async function ask(method: 'GET' | 'POST', path: string): Promise<unknown> {
    const answer = await request(new URL(path, url), { method, headers, dispatcher: agent }).catch((error: unknown) => {
      throw new TradewindError(
        'SERVER_UNAVAILABLE',
        {
          subject: `The inference server at ${url}`,
          rule: 'answer',
          value: String((error as Error).message || (error as { code?: string }).code),
          remedy: 'See "tradewind status" and its log; it is tried again by itself.',
        },
        { cause: error },
      );
    });
    const body = await answer.body.text();
    if (answer.statusCode >= 400) {
      throw new TradewindError(answer.statusCode >= 500 ? 'SERVER_UNAVAILABLE' : 'DEPLOYMENT_FAILED', {
        subject: `The inference server at ${url}`,
        rule: `accept ${method} ${path}`,
        value: `${answer.statusCode} ${body.slice(0, 200)}`,
        remedy: 'Check that the API key file is the one that the server wrote.',
      });
    }
    return JSON.parse(body);
  }

  return {
    /**
     * Waits until the server answers with this version.
     * @throws TradewindError `DEPLOYMENT_FAILED` when it says that it cannot load it, or takes too long
     */
    async awaitVersion(model: string, version: number, signal: AbortSignal): Promise<void> {
      const deadline = Date.now() + loadMilliseconds;
      await ask('POST', '/v1/refresh');
      for (;;) {
        const { models } = servedSchema.parse(await ask('GET', '/v1/models'));
        const served = models.find((m) => m.model === model);
        if (served?.version === version && served.state === 'ready') return;
        if (served?.error || Date.now() > deadline) {
          throw new TradewindError('DEPLOYMENT_FAILED', {
            subject: `The inference server at ${url}`,
            rule: `serve ${model} v${version}`,
            value: served?.error ?? `version ${served?.version ?? 'none'} after ${loadMilliseconds / 1000} s`,
            remedy: 'See the log of the inference server; the earlier champion is served again.',
          });
        }
        await sleep(100, undefined, { signal });
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await agent.close();
    },
  };
}
