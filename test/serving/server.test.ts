import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, type Gateway } from './gateway.ts';
import { startServer, type Answer, type ServerProcess } from './server-process.ts';
import { promote, ranking, register, twoWorlds } from './shop.ts';

let gateway: Gateway;
let server: ServerProcess;
beforeAll(async () => {
  gateway = await startGateway();
  await promote(gateway, 'worlds', await register(gateway, 'worlds', twoWorlds()));
  server = await startServer(gateway.env);
  expect((await server.post('/v1/refresh')).json.models).toMatchObject([
    { model: 'worlds', version: 1, state: 'ready' },
  ]);
});
afterAll(async () => {
  expect(await server?.stop()).toBe(0);
  await gateway?.stop();
});

const ids = ({ json }: Answer) => json.items.map((item: { id: string }) => item.id) as string[];
const basket = (body: object) => server.post('/v1/recommendations', body);

describe('recommendations for a user', () => {
  test('come from the stored history, best first, with title, score, rank and the version that answered', async () => {
    const { status, json, headers } = await server.get('/v1/recommendations/ann?k=2');
    expect(status).toBe(200);
    expect(json).toEqual({
      model: 'worlds',
      version: 1,
      user: 'ann',
      known: true,
      requestId: headers['x-request-id'],
      lane: 'discovery',
      k: 2,
      allowed: 10,
      items: [
        { id: 'a0', title: 'Apples', score: 12, rank: 1 },
        { id: 'a2', score: 8, rank: 2 },
      ],
    });
  });

  test('leave out what the user has in the discovery lane, and only there', async () => {
    expect(ids(await server.get('/v1/recommendations/ann?k=3'))).toEqual(['a0', 'a2', 'a4']);
    expect(ids(await server.get('/v1/recommendations/ann?k=3&lane=repeat'))).toEqual(['a0', 'a1', 'a2']);
  });

  test('number exactly k, ten by default, and all that are allowed when they are fewer', async () => {
    expect(ids(await server.get('/v1/recommendations/bob'))).toHaveLength(10);
    const everything = await server.get('/v1/recommendations/bob?k=1000');
    expect(new Set(ids(everything)).size).toBe(11);
    expect(everything.json.allowed).toBe(11);
    expect(ids(everything)).not.toContain('b0');
  });

  test('are the popular items for a user who was never seen, and say so', async () => {
    const answer = await server.get('/v1/recommendations/nobody%20at%20all?k=3');
    expect(answer.json).toMatchObject({ user: 'nobody at all', known: false });
    expect(ids(answer)).toEqual(['a0', 'b0', 'a1']);
  });

  test('do not depend on what was asked before', async () => {
    const before = await server.get('/v1/recommendations/ann?k=12');
    await Promise.all([
      basket({ items: ['a0'], exclude: ['a2', 'b1'], k: 12 }),
      basket({ items: ['b0'], candidates: ['a2'], k: 12 }),
      server.get('/v1/recommendations/bob?k=12'),
    ]);
    expect(ids(await server.get('/v1/recommendations/ann?k=12'))).toEqual(ids(before));
  });
});

describe('recommendations for a basket', () => {
  test('weigh its items and count those that the catalogue does not know', async () => {
    const answer = await basket({ items: [{ id: 'b0', weight: 2 }, { id: 'a5' }, 'gone'], k: 4 });
    expect(answer.json).toMatchObject({ model: 'worlds', version: 1, known: true, unknownItems: 1, lane: 'discovery' });
    expect(answer.json).not.toHaveProperty('user');
    expect(ids(answer)).toEqual(['b1', 'b2', 'a0', 'b3']);
    expect(answer.json.items[0].score).toBe(10);
  });

  test('add up an item that comes twice', async () => {
    const twice = await basket({ items: ['b0', 'b0', 'a5'], k: 4 });
    expect(ids(twice)).toEqual(['b1', 'b2', 'a0', 'b3']);
  });

  test('may repeat the basket, leave items out and choose among candidates', async () => {
    expect(ids(await basket({ items: ['b0'], lane: 'repeat', k: 2 }))).toEqual(['b0', 'b1']);
    expect(ids(await basket({ items: ['b0'], exclude: ['b1', 'unheard'], k: 2 }))).toEqual(['b2', 'b3']);
    const chosen = await basket({
      items: ['b0'],
      candidates: ['b5', 'a3', 'b0', 'b4', 'unheard'],
      exclude: ['b4'],
      k: 5,
    });
    expect(ids(chosen)).toEqual(['b5', 'a3']);
    expect(chosen.json).toMatchObject({ allowed: 2, unknownCandidates: 1, k: 5 });
  });

  test('are the popular items for one that is empty or all unknown', async () => {
    for (const items of [[], ['gone', 'forgotten']]) {
      const answer = await basket({ items, k: 2 });
      expect(answer.json).toMatchObject({ known: false, unknownItems: items.length });
      expect(ids(answer)).toEqual(['a0', 'b0']);
    }
  });
});

describe('the door', () => {
  test('is closed without the key, whatever the address, but for health', async () => {
    for (const path of [
      '/v1/recommendations/ann',
      '/v1/models',
      '/metrics',
      '/v2',
      '/v2/models/worlds/ready',
      '/no/such',
    ]) {
      for (const headers of [{}, { authorization: 'Bearer wrong' }, { 'x-api-key': server.apiKey.slice(1) }]) {
        const { status, text } = await server.raw('GET', path, headers as Record<string, string>);
        expect([path, status]).toEqual([path, 401]);
        expect(text).toContain('must carry the API key');
      }
    }
    for (const path of ['/healthz', '/readyz', '/v2/health/live', '/v2/health/ready']) {
      expect([path, (await server.raw('GET', path, {})).status]).toEqual([path, 200]);
    }
  });

  test('opens to either header', async () => {
    expect((await server.raw('GET', '/v1/models', { 'x-api-key': server.apiKey })).status).toBe(200);
    expect((await server.raw('GET', '/v1/models', { authorization: `Bearer ${server.apiKey}` })).status).toBe(200);
  });

  test('keeps a request id that it is given and makes one otherwise', async () => {
    const kept = await server.get('/v1/recommendations/ann', { 'x-request-id': 'order-7:a' });
    expect(kept.headers['x-request-id']).toBe('order-7:a');
    expect(kept.json.requestId).toBe('order-7:a');
    const made = await server.get('/v1/recommendations/ann', { 'x-request-id': 'two words' });
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

/** Sends the head of a request alone: the answer comes, or not, before any of its body. */
async function announce(
  headers: Record<string, string>,
): Promise<{ status?: number; json: Answer['json']; text: string }> {
  const request = httpsRequest(`${server.url}/v1/recommendations`, { method: 'POST', headers, ca: server.ca });
  request.flushHeaders();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const text = await answer.setEncoding('utf8').reduce((all: string, chunk: string) => all + chunk, '');
  request.destroy();
  return { status: answer.statusCode, text, json: JSON.parse(text) };
}

describe('a refusal', () => {
  test.each([
    ['/v1/recommendations/ann?k=0', 400, 'REQUEST_INVALID', '"k" in the query must be an integer in [1, 1000].'],
    ['/v1/recommendations/ann?k=1001', 400, 'REQUEST_INVALID', '"k" in the query must be an integer in [1, 1000].'],
    ['/v1/recommendations/ann?k=2&k=3', 400, 'REQUEST_INVALID', '"k" in the query must be of the type string.'],
    [
      '/v1/recommendations/ann?lane=fast',
      400,
      'REQUEST_INVALID',
      '"lane" in the query must be one of "discovery", "repeat".',
    ],
    [
      '/v1/recommendations/ann?size=3',
      400,
      'REQUEST_INVALID',
      'The query must hold no other members than it knows: not "size".',
    ],
    ['/v1/recommendations/ann?model=other', 404, 'MODEL_NOT_FOUND', 'The model "other" must have a champion'],
    ['/v1/recommendations/%ff', 400, 'REQUEST_INVALID', 'must be well-formed'],
    ['/v1/recommend', 404, 'REQUEST_INVALID', 'The address must be one that the inference server knows for GET.'],
  ])('of GET %s is %i %s and says why', async (path, status, code, sentence) => {
    const answer = await server.get(path);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.json)).toEqual(['error']);
    expect(answer.json.error.code).toBe(code);
    expect(answer.json.error.message).toContain(sentence);
  });

  test.each([
    [{}, 400, '"items" in the body must be of the type array.'],
    [{ items: ['a0'], k: 1.5 }, 400, '"k" in the body must be an integer in [1, 1000].'],
    [{ items: [{ id: 'a0', weight: -1 }] }, 400, '"items[0].weight" in the body must be a number in (0, 1000000].'],
    [{ items: ['a0', 7] }, 400, '"items[1]" in the body must be an item id or'],
    [{ items: [], user: 'ann' }, 400, 'not "user"'],
    [{ items: [], candidates: [] }, 400, '"candidates" in the body must be at least 1 long.'],
    [
      { items: [], candidates: ['gone'] },
      422,
      '"candidates" must hold at least one item of the catalogue. Got 1 unknown ids.',
    ],
  ])('of the body %j is %i and says why', async (body, status, sentence) => {
    const answer = await basket(body);
    expect(answer.status).toBe(status);
    expect(answer.json.error.code).toBe('REQUEST_INVALID');
    expect(answer.json.error.message).toContain(sentence);
  });

  test('of a body that is no JSON, too large or of another type tells nothing about the inside', async () => {
    const headers = { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json' };
    const broken = await server.raw('POST', '/v1/recommendations', headers, '{"items": [');
    const large = await announce({ ...headers, 'content-length': String(5 << 20) });
    const plain = await server.raw('POST', '/v1/recommendations', { ...headers, 'content-type': 'text/plain' }, 'a0');
    expect([broken.status, large.status, plain.status]).toEqual([400, 413, 415]);
    for (const { json, text } of [broken, large, plain]) {
      expect(json.error.code).toBe('REQUEST_INVALID');
      expect(text).not.toMatch(/FST_|node_modules|\.ts/);
    }
  });

  test('with 422 asks for the model as soon as there are two', async () => {
    await promote(gateway, 'other', await register(gateway, 'other', ranking(5, 1)));
    await server.post('/v1/refresh');
    const unnamed = await server.get('/v1/recommendations/ann');
    expect(unnamed.status).toBe(422);
    expect(unnamed.json.error.message).toContain(
      '"model" must be named while several models are served. Got 2 models: ',
    );
    expect((await server.get('/v1/recommendations/u1?model=other')).json).toMatchObject({ model: 'other', version: 1 });
    expect((await server.get('/v1/recommendations/ann?model=worlds')).json).toMatchObject({ known: true });
    const seen = await gateway.registry.alias('other', 'champion');
    await gateway.registry.withdrawAlias(
      'other',
      'champion',
      { changedBy: 'test', reason: 'test', previousVersion: 1 },
      seen!.etag,
    );
    await server.post('/v1/refresh');
    expect((await server.get('/v1/recommendations/ann')).status).toBe(200);
    expect((await server.get('/v1/recommendations/u1?model=other')).status).toBe(404);
  });
});

describe('operations', () => {
  test('GET /v1/models tells what is served', async () => {
    const { json } = await server.get('/v1/models');
    const { artifactDigest } = await gateway.registry.version('worlds', 1);
    expect(json.models).toEqual([
      {
        model: 'worlds',
        version: 1,
        artifactDigest,
        loadedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        state: 'ready',
        champion: { version: 1, artifactDigest },
        items: 12,
        users: 2,
        exampleUser: 'ann',
      },
    ]);
  });

  test('metrics count requests by route, status, model and version, and never by user', async () => {
    await server.get('/v1/recommendations/secretive-person?k=2&model=worlds');
    await server.get('/v1/recommendations/ann?k=0');
    const { text, headers } = await server.get('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    const value = (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    const route = 'method="GET",route="/v1/recommendations/:user"';
    expect(
      value(`tradewind_http_request_duration_seconds_count{${route},status="200",model="worlds",version="1"}`),
    ).toBeGreaterThan(0);
    expect(
      value(`tradewind_http_request_duration_seconds_count{${route},status="400",model="",version=""}`),
    ).toBeGreaterThan(0);
    expect(value('tradewind_inference_duration_seconds_count{model="worlds",version="1"}')).toBeGreaterThan(0);
    expect(value('tradewind_model_served_version{model="worlds"}')).toBe(1);
    expect(value('tradewind_model_loads_total{model="worlds",outcome="done"}')).toBe(1);
    expect(value('tradewind_http_requests_in_flight')).toBe(1);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(text).not.toContain('secretive-person');
  });

  test('the log holds neither the key nor who asked', async () => {
    await server.get('/v1/recommendations/secretive-person?k=0');
    await server.raw('GET', '/v1/models', { authorization: 'Bearer some-other-key' });
    await expect.poll(() => server.log(), { timeout: 10_000 }).toContain('"status":401');
    expect(server.log()).toContain('"route":"/v1/recommendations/:user"');
    expect(server.log()).not.toMatch(/secretive-person|some-other-key/);
    expect(server.log()).not.toContain(server.apiKey);
    expect(server.log()).not.toContain(gateway.env['AWS_SECRET_ACCESS_KEY']);
  });
});
