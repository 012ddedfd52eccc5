/** Law 1: no payload above 64 KiB passes through Temporal; what tries fails at once, with a sentence. */
import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Client, Connection } from '@temporalio/client';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { TradewindError } from '../../contracts/errors.ts';
import { maxPayloadBytes } from '../../contracts/names.ts';
import { findOversize, payloadBytes } from '../../contracts/payload.ts';
import { rootFailure } from '../../scripts/runs/failures.ts';
import { connectTemporal, readStack } from '../../scripts/stack/connection.ts';
import { activityInterceptors, toFailure } from '../../workers/interceptors.ts';

const taskQueue = `payload-test-${process.pid}`;
let client: Client;
let connection: Connection;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let produced = 0;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const state = (await readStack(inject('stackHome')))!;
  ({ client, connection } = await connectTemporal(state));
  native = await NativeConnection.connect({ address: state.temporal.address! });
  worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('./large-payload-workflows.ts', import.meta.url)),
    interceptors: {
      workflowModules: [fileURLToPath(new URL('../../workflows/interceptors.ts', import.meta.url))],
      activity: [activityInterceptors(pino({ level: 'silent' }))],
    },
    activities: {
      echo: async (text: string) => text.length,
      produce: async (bytes: number) => {
        produced++;
        return 'x'.repeat(bytes);
      },
    },
  });
  running = worker.run();
});

afterAll(async () => {
  worker?.shutdown();
  await running;
  await native?.close();
  await connection?.close();
});

const execute = (type: string, bytes: number): Promise<unknown> =>
  client.workflow
    .execute(type, { taskQueue, workflowId: `${type}-${bytes}-${performance.now()}`, args: [bytes] })
    .catch((error: unknown) => rootFailure((error as Error).cause));

const places = ['passesToActivity', 'takesFromActivity', 'returns', 'passesToChild', 'goesOnWith'];

it.each(places)('%s: 64 KiB are too much, and the sentence says so', async (type) => {
  expect(await execute(type, maxPayloadBytes)).toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    message: expect.stringMatching(/must be at most 65536 bytes\. Got 65538\./),
  });
});

it.each(places)('%s: a little less passes', async (type) => {
  const bytes = maxPayloadBytes - 2;
  const result = await execute(type, bytes);
  expect(typeof result === 'string' ? result.length : result).toBe(bytes);
});

it('an activity that gives too much is not tried again', async () => {
  produced = 0;
  await execute('takesFromActivity', 2 * maxPayloadBytes);
  expect(produced).toBe(1);
});

it.each(['', 'plain', 'Grüße', '買い物', '🛒🛒', '\ud800'])('the size of %j is that of its UTF-8', (text) => {
  const well = text.isWellFormed() ? text : JSON.parse(JSON.stringify(text));
  expect(payloadBytes(text)).toBe(Buffer.byteLength(JSON.stringify(well)));
  expect(findOversize('x', [text])).toBeUndefined();
});

it('a coded error keeps its code, its sentence and whether it is worth another try', () => {
  const complaint = { subject: 'The store', rule: 'answer', value: '503', remedy: 'Wait.' };
  expect(toFailure(new TradewindError('STORE_UNAVAILABLE', complaint))).toMatchObject({
    type: 'STORE_UNAVAILABLE',
    message: 'The store must answer. Got 503. Wait.',
    nonRetryable: false,
    details: [complaint],
  });
  expect(toFailure(new TradewindError('STORE_DENIED', complaint)).nonRetryable).toBe(true);
  expect(toFailure(new Error('socket hang up')).nonRetryable).toBeFalsy();
});

it('a mistake in code, and a process that dies each time, come to an end', () => {
  expect(toFailure(new TypeError('x is undefined'))).toMatchObject({ type: 'INTERNAL', nonRetryable: true });
  const died = new TradewindError('COMPUTE_PROCESS_DIED', { subject: 'It', rule: 'live', remedy: 'Look.' });
  expect(toFailure(died, 1).nonRetryable).toBe(false);
  expect(toFailure(died, 5).nonRetryable).toBe(true);
});
