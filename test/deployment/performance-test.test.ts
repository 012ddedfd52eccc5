import { afterAll, beforeAll, expect, test } from 'vitest';
import { percentile, testPerformance } from '../../deployment/performance-test.ts';
import { startGateway, type Gateway } from '../serving/gateway.ts';
import { startServer, type ServerProcess } from '../serving/server-process.ts';
import { promote, ranking, register } from '../serving/shop.ts';

const users = Array.from({ length: 40 }, (_, i) => `u${i}`);
let gateway: Gateway;
let server: ServerProcess;
beforeAll(async () => {
  gateway = await startGateway();
  await promote(gateway, 'shop', await register(gateway, 'shop', ranking(100, users.length)));
  server = await startServer(gateway.env);
  await server.post('/v1/refresh');
});
afterAll(async () => {
  await server?.stop();
  await gateway?.stop();
});
const basics = () => ({ url: server.url, apiKey: server.apiKey, ca: server.ca, model: 'shop', version: 1, users });

test('measures real requests: each of them, without an error, at percentiles in their order', async () => {
  const counted = async () => {
    const { text } = await server.get('/metrics');
    return Number(/duration_seconds_count{[^}]*status="200",model="shop",version="1"} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const before = await counted();
  const report = await testPerformance({ ...basics(), requests: 200, connections: 4 });
  expect(report).toMatchObject({ requests: 200, errors: 0, failures: {} });
  expect(report.p50Milliseconds).toBeGreaterThan(0);
  expect(report.p99Milliseconds).toBeGreaterThanOrEqual(report.p50Milliseconds);
  expect(report.requestsPerSecond).toBeCloseTo(200 / report.seconds, -1);
  // Two for each connection come before the measurement.
  expect((await counted()) - before).toBe(208);
});

test('an answer of another version, for an unknown user or none at all is an error with its reason', async () => {
  const few = { requests: 20, connections: 2 };
  const otherVersion = await testPerformance({ ...basics(), ...few, version: 7 });
  expect(otherVersion).toMatchObject({ errors: 20, failures: { 'version 1': 20 } });
  const unknown = await testPerformance({ ...basics(), ...few, users: ['stranger'] });
  expect(unknown.failures).toEqual({ 'user not known': 20 });
  const wrongKey = await testPerformance({ ...basics(), ...few, apiKey: 'not-the-key' });
  expect(wrongKey.failures).toEqual({ 'HTTP 401': 20 });
});

test('takes a short list for an error only where more was allowed', async () => {
  const report = await testPerformance({ ...basics(), requests: 20, connections: 2, k: 100 });
  expect(report.failures).toEqual({});
});

test('nobody there is a fault that can be tried again; an untrusted server is not measured', async () => {
  const few = { requests: 10, connections: 1 };
  await expect(testPerformance({ ...basics(), ...few, url: 'https://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'SERVER_UNAVAILABLE',
    retryable: true,
  });
  const stranger = testPerformance({ ...basics(), ...few, ca: '' });
  await expect(stranger).rejects.toThrow('must be reachable over HTTPS');
  await expect(testPerformance({ ...basics(), ...few, users: [] })).rejects.toMatchObject({
    code: 'PERFORMANCE_TEST_FAILED',
  });
});

test('stops when it is told to', async () => {
  const stop = new AbortController();
  const running = testPerformance({ ...basics(), requests: 1_000_000, connections: 2, signal: stop.signal });
  setTimeout(() => stop.abort(new Error('enough')), 100);
  await expect(running).rejects.toThrow('enough');
});

test('percentiles are the nearest rank', () => {
  const sorted = Float64Array.from({ length: 200 }, (_, i) => i + 1);
  expect([0.5, 0.99, 1].map((p) => percentile(sorted, p))).toEqual([100, 198, 200]);
  expect(percentile(Float64Array.of(7), 0.99)).toBe(7);
});
