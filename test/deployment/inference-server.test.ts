import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServer } from '../../deployment/inference-server.ts';
import { startGateway, type Gateway } from '../serving/gateway.ts';
import { startServer, type ServerProcess } from '../serving/server-process.ts';
import { promote, ranking, register } from '../serving/shop.ts';

let gateway: Gateway;
let server: ServerProcess;
beforeAll(async () => {
  gateway = await startGateway();
  // So rare are polls that only being told makes the server look.
  server = await startServer({ ...gateway.env, TRADEWIND_API_POLL_MILLISECONDS: '60000' });
});
afterAll(async () => {
  await server?.stop();
  await gateway?.stop();
});
const never = new AbortController().signal;

test('waits until a version is served, and learns why one is not', async () => {
  await using client = openServer(server);
  await promote(gateway, 'shop', await register(gateway, 'shop', ranking(5, 2)));
  await client.awaitVersion('shop', 1, never);
  expect((await server.get('/v1/recommendations/u1?k=1')).json).toMatchObject({ version: 1 });

  const graph = new TextEncoder().encode('no graph at all');
  await promote(gateway, 'shop', await register(gateway, 'shop', { ...ranking(5, 2), graph }));
  const waiting = client.awaitVersion('shop', 2, never);
  await expect(waiting).rejects.toMatchObject({ code: 'DEPLOYMENT_FAILED' });
  await expect(waiting).rejects.toThrow('must load in onnxruntime');
  expect((await server.get('/v1/recommendations/u1?k=1')).json).toMatchObject({ version: 1 });
});

test('a wrong key is a refusal that no retry helps', async () => {
  await using client = openServer({ ...server, apiKey: 'wrong' });
  await expect(client.awaitVersion('shop', 1, never)).rejects.toMatchObject({
    code: 'DEPLOYMENT_FAILED',
    retryable: false,
  });
});
