/** Real requests against a served version: how fast it answers, and whether it answers what it should. */
import type { Lane } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import { Pool } from 'undici';
import type { PerformanceReport } from '../contracts/lifecycle.ts';
import type { ServerAddress } from './inference-server.ts';

export interface PerformanceTest extends ServerAddress {
  model: string;
  /** An answer of another version is an error. */
  version: number;
  /** Users to ask for: ids with a training history. */
  users: readonly string[];
  requests: number;
  /** Connections, each with one request at a time. */
  connections: number;
  k?: number;
  lane?: Lane;
  signal?: AbortSignal;
}

export interface MeasuredPerformance extends PerformanceReport {
  /** Errors by reason, e.g. `{ "HTTP 503": 2 }`. */
  failures: Record<string, number>;
}

interface Answer {
  model: string;
  version: number;
  known: boolean;
  allowed: number;
  items: { id: string; rank: number }[];
}

/**
 * Asks for recommendations over kept-alive HTTPS connections. Latency is from sending a request to its whole answer, as
 * a client sees it; failed requests count with theirs. The first two requests of each connection (TLS handshake, cold
 * caches) are not measured.
 * @throws TradewindError `SERVER_UNAVAILABLE` (retryable) when no request gets through at all; `PERFORMANCE_TEST_FAILED`
 * when there is nobody to ask for
 */
export async function testPerformance(test: PerformanceTest): Promise<MeasuredPerformance> {
  const { users, requests, connections, signal, k = 10, lane = 'discovery' } = test;
  if (users.length === 0) {
    throw new TradewindError('PERFORMANCE_TEST_FAILED', {
      subject: 'The performance test',
      rule: 'have users to ask for',
      value: 'none',
      remedy: 'Test a version whose training part holds at least one user.',
    });
  }
  const pool = new Pool(new URL(test.url).origin, {
    connections,
    connect: { ca: test.ca, timeout: 5_000 },
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
  });
  const headers = { authorization: `Bearer ${test.apiKey}` };
  const latencies = new Float64Array(requests);
  const failures: Record<string, number> = {};
  let errors = 0;

  const ask = async (index: number): Promise<{ milliseconds: number; complaint: string | undefined }> => {
    const user = users[pick(index, users.length)];
    const path = `/v1/recommendations/${encodeURIComponent(user)}?k=${k}&lane=${lane}&model=${test.model}`;
    const start = performance.now();
    try {
      const answer = await pool.request({ method: 'GET', path, headers, signal });
      const text = await answer.body.text();
      const milliseconds = performance.now() - start;
      const { statusCode } = answer;
      return { milliseconds, complaint: statusCode === 200 ? complaintAbout(text, test, k) : `HTTP ${statusCode}` };
    } catch (error) {
      signal?.throwIfAborted();
      const { code, message } = error as NodeJS.ErrnoException;
      return { milliseconds: performance.now() - start, complaint: code ?? message };
    }
  };

  try {
    const live = await pool.request({ method: 'GET', path: '/v2/health/live', signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw unreachable(test.url, error);
    });
    await live.body.dump();
    await runAll(2 * connections, connections, ask);
    const start = performance.now();
    await runAll(requests, connections, async (index) => {
      const { milliseconds, complaint } = await ask(index);
      latencies[index] = milliseconds;
      if (complaint === undefined) return;
      errors++;
      failures[complaint] = (failures[complaint] ?? 0) + 1;
    });
    const seconds = (performance.now() - start) / 1000;
    latencies.sort();
    return {
      requests,
      errors,
      seconds: round(seconds),
      p50Milliseconds: round(percentile(latencies, 0.5)),
      p99Milliseconds: round(percentile(latencies, 0.99)),
      requestsPerSecond: round(requests / seconds),
      failures,
    };
  } finally {
    await pool.destroy();
  }
}

function unreachable(url: string, error: unknown): TradewindError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new TradewindError(
    'SERVER_UNAVAILABLE',
    {
      subject: `The inference server at ${url}`,
      rule: 'be reachable over HTTPS',
      value: code ?? message,
      remedy: 'See "tradewind status" and its log; it is tried again by itself.',
    },
    { cause: error },
  );
}

/** Calls `work` for each index in [0, count), `width` of them at a time. */
async function runAll(count: number, width: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
}

/** What is wrong with an answer of status 200, or `undefined`. */
function complaintAbout(text: string, { model, version }: PerformanceTest, k: number): string | undefined {
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    return 'not JSON';
  }
  if (answer.model !== model) return `model ${answer.model}`;
  if (answer.version !== version) return `version ${answer.version}`;
  if (!answer.known) return 'user not known';
  const { items, allowed } = answer;
  if (items.length !== Math.min(k, allowed) || items.length === 0) return `${items.length} items`;
  if (new Set(items.map(({ id }) => id)).size !== items.length) return 'an item twice';
  return undefined;
}

/** Spreads consecutive indices over all users, the same way every time (Knuth's multiplicative hash). */
function pick(index: number, count: number): number {
  return (Math.imul(index + 1, 2_654_435_761) >>> 0) % count;
}

/** Nearest rank: the least value that at least the share `p` of all values does not exceed. */
export function percentile(sorted: Float64Array, p: number): number {
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
