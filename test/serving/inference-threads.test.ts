import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeInteractions } from '../../data/interactions.ts';
import type { ModelFiles } from '../../serving/inference-messages.ts';
import { InferenceThreads } from '../../serving/inference-threads.ts';
import { ranking } from './shop.ts';

let folder = '';
let files: ModelFiles;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tradewind-threads-'));
  const [graph, catalogue, histories] = ['model.onnx', 'catalogue.ndjson', 'histories'].map((name) =>
    join(folder, name),
  );
  files = { graph, catalogue, histories };
  const shop = ranking(50, 20);
  await writeFile(graph, shop.graph);
  await writeFile(catalogue, shop.train.items.map((id) => `{"id":"${id}"}\n`).join(''));
  await writeInteractions(histories, shop.train);
});
afterAll(() => rm(folder, { recursive: true }));

const ask = (threads: InferenceThreads, user: number) =>
  threads.recommend({ user: `u${user % 20}`, lane: 'discovery', k: 1 }).then(({ value }) => value.items[0].id);

test('closing answers everything that was asked before, refuses what comes after, and ends the threads by themselves', async () => {
  const workers: Worker[] = [];
  const remember = (worker: Worker) => void workers.push(worker);
  process.on('worker', remember);
  const threads = await InferenceThreads.open(files, 2);
  process.off('worker', remember);
  const exits = Promise.all(workers.map((worker) => once(worker, 'exit')));
  const answers = Promise.all(Array.from({ length: 300 }, (_, i) => ask(threads, i)));
  const closed = threads.close();
  await expect(ask(threads, 0)).rejects.toMatchObject({ status: 503 });
  expect(await answers).toEqual(Array.from({ length: 300 }, (_, i) => (i % 20 === 0 ? 'i1' : 'i0')));
  await closed;
  expect((await exits).map(([code]) => code as number)).toEqual([0, 0]);
});

test('more than a thousand waiting requests are refused at once instead of kept waiting, and the others answered', async () => {
  const threads = await InferenceThreads.open(files, 1);
  const asked = Array.from({ length: 1_100 }, (_, i) =>
    ask(threads, i).catch((error: { status: number }) => error.status),
  );
  const answers = await Promise.all(asked);
  await threads.close();
  // Two are with the thread, a thousand wait.
  expect(answers.filter((answer) => typeof answer === 'string')).toHaveLength(1_002);
  expect(answers.slice(1_002)).toEqual(Array(98).fill(503));
});

test('a model that cannot be opened fails once for all its threads, with a sentence', async () => {
  await expect(InferenceThreads.open({ ...files, graph: files.catalogue }, 2)).rejects.toMatchObject({
    code: 'ARTIFACT_CORRUPT',
  });
  await expect(InferenceThreads.open({ ...files, catalogue: files.graph }, 1)).rejects.toThrow(
    "The artifact's catalogue file must hold an item with an id in each line.",
  );
});
