/** The inference server, as the commands reach it: its address, key and authority come from the environment. */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { isErrorCode, TradewindError, type Complaint, type ErrorCode } from '../contracts/errors.ts';

/** Variables that `tradewind up` sets for its commands; people set them for a server elsewhere. */
export interface ApiEnvironment {
  /** Base URL, e.g. `https://127.0.0.1:8443`. */
  TRADEWIND_API_URL?: string;
  /** File that holds the API key. */
  TRADEWIND_API_KEY_FILE?: string;
  /** PEM of the server's certificate authority; the system's authorities when left out. */
  TRADEWIND_API_CA_FILE?: string;
}

/**
 * @param path - with its query, e.g. `/v1/models`
 * @throws TradewindError `SERVER_UNAVAILABLE` when nothing answers, or the code of the server's own refusal
 */
export async function apiGet<T>(path: string, env: ApiEnvironment = process.env): Promise<T> {
  const { TRADEWIND_API_URL: url, TRADEWIND_API_KEY_FILE: keyFile, TRADEWIND_API_CA_FILE: caFile } = env;
  if (!url || !keyFile) {
    throw new TradewindError('SERVER_UNAVAILABLE', {
      subject: 'The inference server',
      rule: 'be known by TRADEWIND_API_URL and TRADEWIND_API_KEY_FILE',
      remedy: 'Start the local stack with "tradewind up", or set both for a server elsewhere.',
    });
  }
  const [key, ca] = await Promise.all([
    readText(keyFile, 'TRADEWIND_API_KEY_FILE'),
    caFile ? readText(caFile, 'TRADEWIND_API_CA_FILE') : undefined,
  ]);
  const dispatcher = new Agent({ connect: { ...(ca !== undefined && { ca }), timeout: 5_000 } });
  try {
    const answer = await request(new URL(path, url), {
      dispatcher,
      headers: { authorization: `Bearer ${key.trim()}` },
      headersTimeout: 60_000,
    }).catch((error: NodeJS.ErrnoException) => {
      throw new TradewindError(
        'SERVER_UNAVAILABLE',
        {
          subject: `The inference server at ${url}`,
          rule: 'be reachable over HTTPS',
          value: error.code ?? error.message,
          remedy: 'See "tradewind status"; start it with "tradewind up".',
        },
        { cause: error },
      );
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 200 && answer.statusCode < 300) return JSON.parse(text) as T;
    throw refusal(text, answer.statusCode, path);
  } finally {
    await dispatcher.destroy();
  }
}

/** A user whom the served model knows, for examples that people paste. */
export async function exampleUser(env: ApiEnvironment, model: string): Promise<string | undefined> {
  const { models } = await apiGet<{ models: { model: string; exampleUser?: string | null }[] }>('/v1/models', env);
  return models.find((served) => served.model === model)?.exampleUser ?? undefined;
}

async function readText(path: string, variable: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new TradewindError('SERVER_UNAVAILABLE', {
      subject: `The file of ${variable}, ${path},`,
      rule: 'be readable',
      value: error.code ?? error.message,
      remedy: 'Start the inference server once: it makes its key and certificates.',
    });
  });
}

/** The server's own refusal, a whole sentence with its remedy, in its own words. */
class ServerRefusal extends TradewindError {
  constructor(code: ErrorCode, complaint: Complaint, message: string) {
    super(code, complaint);
    this.message = message;
  }
}

function refusal(text: string, status: number, path: string): TradewindError {
  let error: { code?: unknown; message?: unknown } | undefined;
  try {
    error = (JSON.parse(text) as { error?: typeof error }).error;
  } catch {
    error = undefined;
  }
  const complaint = {
    subject: 'The inference server',
    rule: `answer GET ${path}`,
    value: `HTTP ${status}: ${text.slice(0, 200)}`,
    remedy: 'See "tradewind status" and the server\'s log.',
  };
  const { code, message } = error ?? {};
  if (isErrorCode(code) && typeof message === 'string') return new ServerRefusal(code, complaint, message);
  return new TradewindError('SERVER_UNAVAILABLE', complaint);
}
