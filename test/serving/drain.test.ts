import { afterAll, beforeAll, expect, test } from 'vitest';
import { Pool } from 'undici';
import { startGateway, type Gateway } from './gateway.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { promote, ranking, register } from './shop.ts';

const size = 500;
const patient = { timeout: 30_000 };
let gateway: Gateway;
const servers: ServerProcess[] = [];
beforeAll(async () => {
  gateway = await startGateway();
  await promote(gateway, 'shop', await register(gateway, 'shop', ranking(size, 50)));
  await register(gateway, 'shop', ranking(size, 50, true));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await gateway?.stop();
});

async function start(logLevel = 'info'): Promise<ServerProcess> {
  const server = await startServer({
    ...gateway.env,
    TRADEWIND_API_POLL_MILLISECONDS: '50',
    TRADEWIND_LOG_LEVEL: logLevel,
  });
  servers.push(server);
  await server.post('/v1/refresh');
  return server;
}

/** Clients that ask without a pause, over connections that they keep; `stop` gives what each answer was. */
function load(server: ServerProcess, connections = 4) {
  const pool = new Pool(server.url, { connections, connect: { ca: server.ca } });
  const headers = { authorization: `Bearer ${server.apiKey}` };
  const seen = new Map<string, number>();
  let going = true;
  const client = async (number: number) => {
    for (let i = number; going; i += connections) {
      const path = `/v1/recommendations/u${i % 50}?k=3`;
      const answer = await pool.request({ method: 'GET', path, headers }).then(
        async ({ statusCode, body }) => {
          const { version, items } = (await body.json()) as { version: number; items: { id: string }[] };
          return `${statusCode} v${version} ${items?.map(({ id }) => id).join(' ')}`;
        },
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      seen.set(answer, (seen.get(answer) ?? 0) + 1);
      if (!/^\d/.test(answer)) return;
    }
  };
  const clients = Promise.all(Array.from({ length: connections }, (_, i) => client(i)));
  return {
    seen,
    ended: clients,
    async stop(): Promise<string[]> {
      going = false;
      await clients;
      await pool.destroy();
      return [...seen.keys()];
    },
  };
}

test('no request is dropped and none gets a mixture while the champion changes to and fro under load', async () => {
  const server = await start();
  const traffic = load(server);
  for (const version of [2, 1, 2, 1, 2]) {
    await promote(gateway, 'shop', version);
    const { json } = await server.post('/v1/refresh');
    expect(json.models[0]).toMatchObject({ version, state: 'ready' });
    const before = [...traffic.seen.values()].reduce((a, b) => a + b);
    await expect.poll(() => [...traffic.seen.values()].reduce((a, b) => a + b), patient).toBeGreaterThan(before + 20);
  }
  const answers = await traffic.stop();
  const wrong = answers.filter((answer) => {
    const [, version, ids] = /^200 v([12]) (.*)$/.exec(answer) ?? [];
    // Version 1 counts up from the first item that the user does not have, version 2 down from the last.
    return ids === undefined || (version === '1' ? !/^i[01] i[12] i[23]$/.test(ids) : ids !== 'i499 i498 i497');
  });
  expect(wrong).toEqual([]);
  expect(new Set(answers.map((answer) => answer.slice(0, 6)))).toEqual(new Set(['200 v1', '200 v2']));
  await promote(gateway, 'shop', 1);
});

test('SIGTERM ends the server well under load: whoever was let in is answered', async () => {
  const server = await start('debug');
  const traffic = load(server);
  await expect.poll(() => [...traffic.seen.values()].reduce((a, b) => a + b, 0), patient).toBeGreaterThan(50);
  server.child.kill('SIGTERM');
  await traffic.ended;
  expect(await server.stop()).toBe(0);
  const answers = await traffic.stop();
  // The last thing that each client sees is that nobody listens any more. A connection that still waits to be accepted
  // when the port closes is reset by the kernel; what counts is that each request that was read has its answer.
  const count = (wanted: (answer: string) => boolean) =>
    [...traffic.seen].reduce((sum, [answer, times]) => sum + (wanted(answer) ? times : 0), 0);
  const others = answers.filter((answer) => !answer.startsWith('200 v1 '));
  expect(['ECONNREFUSED', 'ECONNRESET']).toEqual(expect.arrayContaining(others));
  expect(count((answer) => answer.startsWith('E'))).toBe(4);
  const log = server.log();
  const answered = log
    .split('\n')
    .filter((line) => line.includes('"msg":"answered"') && line.includes('recommendations'));
  expect(count((answer) => answer.startsWith('200 v1 '))).toBe(answered.length);
  expect(log).toContain('"msg":"ended"');
});

test('says that it drains as soon as it is told to end', async () => {
  const server = await start();
  server.child.kill('SIGTERM');
  await expect.poll(async () => (await server.raw('GET', '/readyz', {})).json.status, { interval: 5 }).toBe('draining');
  expect((await server.raw('GET', '/healthz', {})).headers['connection']).toBe('close');
  expect(await server.stop()).toBe(0);
});

test('a port that is taken ends the start with one sentence', async () => {
  const server = await start();
  const { port } = new URL(server.url);
  await expect(startServer({ ...gateway.env, TRADEWIND_API_PORT: port })).rejects.toThrow(
    `The inference server must listen on 127.0.0.1:${port}. Got EADDRINUSE.`,
  );
});

test('starts and waits while the registry cannot be reached', async () => {
  const server = await startServer({ ...gateway.env, S3_ENDPOINT: 'http://127.0.0.1:1' });
  servers.push(server);
  expect((await server.raw('GET', '/healthz', {})).status).toBe(200);
  expect((await server.raw('GET', '/readyz', {})).json).toEqual({ status: 'loading' });
  const answer = await server.get('/v1/recommendations/u0');
  expect([answer.status, answer.headers['retry-after'], answer.json.error.code]).toEqual([
    503,
    '1',
    'SERVER_UNAVAILABLE',
  ]);
});
