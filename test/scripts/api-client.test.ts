import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiGet, type ApiEnvironment } from '../../scripts/api-client.ts';
import { startGateway, type Gateway } from '../serving/gateway.ts';
import { startServer, type ServerProcess } from '../serving/server-process.ts';
import { promote, register, twoWorlds } from '../serving/shop.ts';

let gateway: Gateway;
let server: ServerProcess;
let env: ApiEnvironment;
beforeAll(async () => {
  gateway = await startGateway();
  await promote(gateway, 'worlds', await register(gateway, 'worlds', twoWorlds()));
  server = await startServer(gateway.env);
  await server.post('/v1/refresh');
  env = {
    TRADEWIND_API_URL: server.url,
    TRADEWIND_API_KEY_FILE: server.keyFile,
    TRADEWIND_API_CA_FILE: server.caFile,
  };
});
afterAll(async () => {
  await server?.stop();
  await gateway?.stop();
});

test('asks with the key and the authority of its files', async () => {
  const answer = await apiGet<{ items: { id: string }[] }>('/v1/recommendations/ann?k=1', env);
  expect(answer.items.map(({ id }) => id)).toEqual(['a0']);
});

test("a refusal keeps the server's code and sentence", async () => {
  const asked = apiGet('/v1/recommendations/ann?model=none', env);
  await expect(asked).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  // Nothing before it and nothing after it: a sentence around it would end in a second remedy.
  await expect(asked).rejects.toThrow(
    /^The model "none" must have a champion in the registry\..* or deploy it with "tradewind run <spec>"\.$/,
  );
});

test('says what is missing before it asks, and what is wrong when nobody answers', async () => {
  await expect(apiGet('/v1/models', {})).rejects.toThrow('Start the local stack with "tradewind up"');
  const noKey = apiGet('/v1/models', { ...env, TRADEWIND_API_KEY_FILE: '/nowhere/key' });
  await expect(noKey).rejects.toThrow(
    'The file of TRADEWIND_API_KEY_FILE, /nowhere/key, must be readable. Got ENOENT.',
  );
  const nobody = apiGet('/v1/models', { ...env, TRADEWIND_API_URL: 'https://127.0.0.1:1' });
  await expect(nobody).rejects.toMatchObject({ code: 'SERVER_UNAVAILABLE' });
  await expect(nobody).rejects.toThrow('Got ECONNREFUSED.');
});
