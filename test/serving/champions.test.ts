import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Champions } from '../../serving/champions.ts';
import { createMetrics } from '../../serving/metrics.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { ModelRegistry } from '../../store/registry.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { promote, ranking, register, type Shop } from './shop.ts';

let gateway: Gateway;
beforeAll(async () => void (gateway = await startGateway()));
afterAll(() => gateway?.stop());

const patient = { timeout: 30_000 };
const workers: Worker[] = [];
const remember = (worker: Worker) => void workers.push(worker);
const opened: Champions[] = [];
let model = '';
let models = 0;
beforeEach(() => {
  workers.length = 0;
  process.on('worker', remember);
  model = `shop-${models++}`;
});
afterEach(async () => {
  process.off('worker', remember);
  await Promise.all(opened.splice(0).map((champions) => champions.close()));
  const seen = await gateway.registry.alias(model, 'champion');
  if (seen !== undefined)
    await gateway.registry.withdrawAlias(
      model,
      'champion',
      { changedBy: 'test', reason: 'test', previousVersion: 1 },
      seen.etag,
    );
});

function follow(options: { store?: ArtifactStore; pollMilliseconds?: number } = {}): Champions {
  const { store = gateway.store, pollMilliseconds = 50 } = options;
  const champions = new Champions({
    registry: new ModelRegistry(store),
    store,
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
    threads: 2,
    pollMilliseconds,
  });
  opened.push(champions);
  return champions;
}
const query = { user: 'u0', lane: 'repeat', k: 1 } as const;
const best = async (champions: Champions) =>
  (await champions.serving(model).threads.recommend(query)).value.items[0]?.id;
const broken = (): Shop => ({ ...ranking(5, 2), graph: new TextEncoder().encode('no graph at all') });

test('a moved alias is noticed by itself, and the version changes from one request to the next', async () => {
  await promote(gateway, model, await register(gateway, model, ranking(5, 2)));
  const champions = follow();
  expect(champions.ready).toBe(false);
  expect(() => champions.serving(model)).toThrow('must read the model registry before it can answer');
  champions.start();
  await expect.poll(() => champions.ready, patient).toBe(true);
  expect(await best(champions)).toBe('i0');
  await promote(gateway, model, await register(gateway, model, ranking(5, 2, true)));
  await expect.poll(() => champions.serving(model).version, patient).toBe(2);
  expect(await best(champions)).toBe('i4');
});

test('requests that the old version has are answered by it, and then its threads end', async () => {
  await promote(gateway, model, await register(gateway, model, ranking(2_000, 2)));
  const champions = follow();
  await champions.refresh();
  const first = [...workers];
  const old = champions.serving(model);
  const ended = Promise.all(first.map((worker) => once(worker, 'exit')));
  await promote(gateway, model, await register(gateway, model, ranking(2_000, 2, true)));
  // A request at every turn of the event loop until the swap is done: some are waiting for a thread when it happens.
  const answers: Promise<string>[] = [];
  let swapped = false;
  const refreshed = champions.refresh().then(() => (swapped = true));
  while (!swapped) {
    const version = champions.serving(model);
    answers.push(version.threads.recommend(query).then(({ value }) => `v${version.version}: ${value.items[0].id}`));
    await sleep(0);
  }
  await refreshed;
  const distinct = [...new Set(await Promise.all(answers))].sort();
  expect(distinct[0]).toBe('v1: i0');
  expect(distinct.slice(1)).toEqual(distinct.length > 1 ? ['v2: i1999'] : []);
  expect(await best(champions)).toBe('i1999');
  expect((await ended).map(([code]) => code as number)).toEqual([0, 0]);
  await expect(old.threads.recommend(query)).rejects.toMatchObject({ status: 503 });
});

test('a champion that cannot be loaded leaves the old one serving, and shows', async () => {
  await promote(gateway, model, await register(gateway, model, ranking(5, 2)));
  const champions = follow();
  await champions.refresh();
  await promote(gateway, model, await register(gateway, model, broken()));
  const [status] = (await champions.refresh()).filter((s) => s.model === model);
  expect(status).toMatchObject({ version: 1, state: 'failed', champion: { version: 2 } });
  expect(status.error).toContain('must load in onnxruntime');
  expect(await best(champions)).toBe('i0');
  expect(champions.isReady(model)).toBe(true);
  expect(champions.isReady(model, '2')).toBe(false);
  expect(() => champions.serving(model, '2')).toThrow('a load that failed');
  expect(champions.ready).toBe(true);
  await promote(gateway, model, await register(gateway, model, ranking(5, 2, true)));
  const [mended] = (await champions.refresh()).filter((s) => s.model === model);
  expect(mended).toMatchObject({ version: 3, state: 'ready' });
  expect(mended).not.toHaveProperty('error');
});

test('a first champion that cannot be loaded keeps the server from being ready', async () => {
  await promote(gateway, model, await register(gateway, model, broken()));
  const champions = follow();
  await champions.refresh();
  expect(champions.ready).toBe(false);
  expect(champions.isReady(model)).toBe(false);
  expect(() => champions.serving(model)).toThrow('Version 1 of the model');
});

test('files that do not belong together are refused', async () => {
  const shop = ranking(5, 2);
  const other = ranking(6, 2);
  const mixed = [
    { ...shop, graph: other.graph },
    { ...shop, train: { ...shop.train, indices: Int32Array.of(0, 5) } },
    { ...shop, train: { ...shop.train, counts: Float32Array.of(1) } },
  ];
  const champions = follow();
  for (const [i, rule] of [
    'a mask over the 5 items',
    'point into a catalogue of 5',
    'one row for each of 2',
  ].entries()) {
    await promote(gateway, model, await register(gateway, model, mixed[i]));
    const [status] = (await champions.refresh()).filter((s) => s.model === model);
    expect(status.error).toContain(rule);
  }
});

test('a thread that dies costs its requests a 503, and the model is opened again', async () => {
  await promote(gateway, model, await register(gateway, model, ranking(5, 2)));
  const champions = follow();
  champions.start();
  await expect.poll(() => champions.ready, patient).toBe(true);
  const { threads } = champions.serving(model);
  expect(workers).toHaveLength(2);
  const dying = Promise.all(workers.map((worker) => worker.terminate()));
  const asked = Array.from({ length: 5 }, () =>
    threads.recommend(query).catch((error: { status: number }) => error.status),
  );
  expect(await Promise.all(asked)).toEqual(Array(5).fill(503));
  await dying;
  await expect.poll(() => best(champions).catch(() => 'none'), patient).toBe('i0');
  expect(champions.serving(model).threads).not.toBe(threads);
});

test('a model whose alias is gone is no longer served', async () => {
  await promote(gateway, model, await register(gateway, model, ranking(5, 2)));
  const champions = follow();
  await champions.refresh();
  const seen = await gateway.registry.alias(model, 'champion');
  await gateway.registry.withdrawAlias(
    model,
    'champion',
    { changedBy: 'test', reason: 'test', previousVersion: 1 },
    seen!.etag,
  );
  await champions.refresh();
  expect(() => champions.serving(model)).toThrow('must have a champion in the registry');
  expect(champions.ready).toBe(true);
});

test('an outage of the registry changes nothing of what is served', async () => {
  const flaky = await startGateway();
  const store = ArtifactStore.fromEnvironment(flaky.env);
  try {
    await promote(flaky, model, await register(flaky, model, ranking(5, 2)));
    const champions = follow({ store });
    champions.start();
    await expect.poll(() => champions.ready, patient).toBe(true);
    await flaky.stop();
    await expect(champions.refresh()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await best(champions)).toBe('i0');
    expect(champions.ready).toBe(true);
  } finally {
    await Promise.all(opened.splice(0).map((champions) => champions.close()));
    store.close();
    await flaky.stop();
  }
});
