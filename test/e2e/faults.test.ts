/** What breaks in production, broken on purpose on a stack of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import type { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LifecycleInput, LifecycleProgress, LifecycleResult } from '../../contracts/lifecycle.ts';
import { searchAttributes, taskQueues, workflowIds } from '../../contracts/names.ts';
import type { PipelineSpecInput } from '../../contracts/spec.ts';
import { pipelineSpecSchema } from '../../contracts/spec.ts';
import { rootFailure } from '../../scripts/runs/failures.ts';
import { connectTemporal, readStack, stackEnvironment, type StackState } from '../../scripts/stack/connection.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { makeShop, shopSpec, writeSpec, type Shop } from '../support/shop.ts';
import { startStack, type Stack } from '../support/stack.ts';

type Run = LifecycleResult & { workflowId: string; error?: { code: string; message: string } };

let stack: Stack;
let state: StackState;
let shop: Shop;
let client: Client;
let connection: Connection;
let store: ArtifactStore;

beforeAll(async () => {
  stack = await startStack();
  state = (await readStack(stack.home))!;
  ({ client, connection } = await connectTemporal(state));
  store = ArtifactStore.fromEnvironment(stackEnvironment(state));
  shop = await makeShop({ users: 1500 });
});

afterAll(async () => {
  await connection?.close();
  await stack?.stop();
});

/** Trials that take a second or so, so that there is a middle to break things in. */
const slowSpec = (model: string): PipelineSpecInput =>
  shopSpec(shop, model, {
    candidates: [
      { algorithm: 'popularity' },
      {
        algorithm: 'als',
        parameters: { factors: 128, iterations: 40, conjugateGradientSteps: 8 },
        search: { regularization: { min: 0.1, max: 30, log: true }, alpha: { min: 0.5, max: 5 } },
      },
    ],
    tuning: { trials: 8, parallel: 2 },
  });

const pidOf = async (service: string): Promise<number> => {
  const { services } = await stack.json<{ services: { name: string; process?: { pid: number } }[] }>('status');
  return services.find((s) => s.name === service)!.process!.pid;
};

async function childrenOf(pid: number): Promise<number[]> {
  const children = new Set<number>();
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const text = await readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '');
    for (const child of text.trim().split(/\s+/)) if (child !== '') children.add(Number(child));
  }
  return [...children];
}

async function untilTrials(workflowId: string, done: number): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  for (;;) {
    const progress = await handle.query<LifecycleProgress>('progress').catch(() => undefined);
    if (progress && progress.trials.done >= done) return;
    await sleep(50);
  }
}

async function clearCache(): Promise<void> {
  for (const prefix of ['cache/', 'checkpoints/']) {
    const keys = await store.list(prefix);
    if (keys.length === 0) continue;
    await store.client.send(
      new DeleteObjectsCommand({ Bucket: store.settings.bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
    );
  }
}

describe('kill -9 in the middle of tuning', () => {
  it('of a compute process, of the worker and of the S3 server ends with the digest of an undisturbed run', async () => {
    const spec = await writeSpec(shop.folder, slowSpec('shop-killed'));
    const { workflowId } = await stack.json<{ workflowId: string }>('run', spec);

    await untilTrials(workflowId, 1);
    const worker = await pidOf('worker-1');
    const [compute] = await childrenOf(worker);
    expect(compute).toBeGreaterThan(0);
    process.kill(compute, 'SIGKILL');

    await untilTrials(workflowId, 3);
    process.kill(await pidOf('s3'), 'SIGKILL');

    await untilTrials(workflowId, 4);
    process.kill(await pidOf('worker-1'), 'SIGKILL');

    const disturbed = await stack.json<Run>('watch', workflowId);
    expect(disturbed.error).toBeUndefined();
    expect(await pidOf('worker-1')).not.toBe(worker);
    expect(disturbed.outcome.kind).toBe('deployed');

    // The blows fell in the middle: at least one trial was begun again.
    const { events } = await client.workflow.getHandle(workflowIds.study(workflowId)).fetchHistory();
    const attempts = events!.flatMap((e) => e.activityTaskStartedEventAttributes?.attempt ?? []);
    expect(Math.max(...attempts)).toBeGreaterThan(1);

    await clearCache();
    const undisturbed = await stack.json<Run>('run', spec, '--wait');
    expect(undisturbed.artifactDigest).toBe(disturbed.artifactDigest);
    expect(undisturbed.version).toBe(disturbed.version);
    expect(undisturbed.created).toBe(false);
    // Computed anew, not found: else the comparison would say nothing.
    const [best] = undisturbed.candidates.filter((c) => c.chosen);
    expect(best.algorithm).toBe('als');
  }, 240_000);
});

describe('kill -9 in the middle of a long fit', () => {
  it('costs what came after the last checkpoint, and ends at the same bytes', async () => {
    const spec = await writeSpec(
      shop.folder,
      shopSpec(shop, 'shop-resumed', {
        candidates: [{ algorithm: 'als', parameters: { factors: 256, iterations: 200, conjugateGradientSteps: 16 } }],
        deployment: { target: 'none' },
        gates: { beatPopularity: false },
      }),
    );
    const { workflowId } = await stack.json<{ workflowId: string }>('run', spec);
    const study = client.workflow.getHandle(workflowIds.study(workflowId));
    const beats = async () => {
      const pending = (await study.describe().catch(() => undefined))?.raw.pendingActivities ?? [];
      return pending.flatMap((activity) => {
        const data = activity.heartbeatDetails?.payloads?.[0]?.data;
        return data ? [JSON.parse(Buffer.from(data).toString()) as { checkpoint?: string; resumed?: boolean }] : [];
      });
    };
    const until = async (wanted: (beat: { checkpoint?: string; resumed?: boolean }) => boolean) => {
      for (let i = 0; i < 600; i++) {
        if ((await beats()).some(wanted)) return;
        await sleep(100);
      }
      throw new Error('the fit never came that far');
    };
    await until((beat) => beat.checkpoint !== undefined);
    process.kill(await pidOf('worker-1'), 'SIGKILL');
    await until((beat) => beat.resumed === true);

    const disturbed = await stack.json<Run>('watch', workflowId);
    expect(disturbed.error).toBeUndefined();
    // What a fit leaves behind once it has ended.
    expect(await store.list('checkpoints/')).toEqual([]);
    await clearCache();
    const undisturbed = await stack.json<Run>('run', spec, '--wait');
    expect(undisturbed.candidates).toEqual(disturbed.candidates);
    expect(undisturbed.artifactDigest).toBe(disturbed.artifactDigest);
  }, 300_000);
});

describe('bad input fails once, with a sentence', () => {
  const started = async (spec: PipelineSpecInput) => {
    // Started past the command's own early checks, so that the activity meets the fault.
    const input: LifecycleInput = { spec: pipelineSpecSchema.parse(spec), specDigest: 'f'.repeat(64) };
    const workflowId = `lifecycle/${spec.model}/bad-${performance.now()}`;
    const handle = await client.workflow.start('modelLifecycle', {
      workflowId,
      taskQueue: taskQueues.orchestration,
      args: [input],
    });
    const error: unknown = await handle.result().then(
      () => undefined,
      (e: unknown) => (e as Error).cause,
    );
    const { events } = await handle.fetchHistory();
    const attempts = events!.flatMap((e) => e.activityTaskStartedEventAttributes?.attempt ?? []);
    return { ...rootFailure(error), attempts };
  };
  const withEvents = (path: string) => shopSpec({ ...shop, events: path }, 'shop-bad');

  it('a file that is not there', async () => {
    const { code, message, attempts } = await started(withEvents(join(shop.folder, 'nothing.csv')));
    expect(code).toBe('SOURCE_NOT_FOUND');
    expect(message).toContain('nothing.csv');
    expect(attempts).toEqual([1]);
  });

  it('a CSV without the named column: names it, and those that are there', async () => {
    const path = join(shop.folder, 'other-header.csv');
    await writeFile(path, 'customer,what,at,pieces,receipt\nu1,i1,2025-01-01,1,r1\n');
    const { code, message, attempts } = await started(withEvents(path));
    expect(code).toBe('COLUMN_MISSING');
    expect(message).toContain('"who"');
    expect(message).toContain('customer');
    expect(attempts).toEqual([1]);
  });

  it.each([
    ['an empty file', ''],
    ['a file of a header alone', 'who,what,at,pieces,receipt\n'],
  ])('%s', async (_, content) => {
    const path = join(shop.folder, `empty-${content.length}.csv`);
    await writeFile(path, content);
    const { code, message, attempts } = await started(withEvents(path));
    expect(code).toBe('SOURCE_EMPTY');
    expect(message).toContain(path);
    expect(attempts).toEqual([1]);
  });

  it('a cut-off after the last event', async () => {
    const late = shopSpec(shop, 'shop-bad', { split: { validationFrom: '2025-03-01', testFrom: '2030-01-01' } });
    const { code, attempts } = await started(late);
    expect(code).toBe('SPLIT_EMPTY');
    expect(attempts.every((attempt) => attempt === 1)).toBe(true);
  });

  it('the command line refuses the same before anything starts', async () => {
    const spec = await writeSpec(shop.folder, withEvents(join(shop.folder, 'nothing.csv')));
    const { code, stderr } = await stack.tradewind('run', spec);
    expect(code).toBe(1);
    expect(stderr).toContain('[SOURCE_NOT_FOUND]');
  });
});

describe('a worker with wrong credentials for the bucket', () => {
  let worker: ChildProcess | undefined;
  afterAll(() => {
    worker?.kill('SIGKILL');
  });

  it('fails the run at its first try, names the remedy and no secret', async () => {
    const namespace = 'denied';
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    // A new namespace takes a moment to be known to every part of the server.
    for (let attempt = 0; attempt < 50; attempt++) {
      const added = await connection.operatorService
        .addSearchAttributes({
          namespace,
          searchAttributes: Object.fromEntries(
            Object.entries(searchAttributes).map(([name, type]) => [name, type === 'INT' ? 3 : 2]),
          ),
        })
        .then(
          () => true,
          () => false,
        );
      if (added) break;
      await sleep(200);
    }
    const root = fileURLToPath(new URL('../../', import.meta.url));
    worker = spawn(process.execPath, [join(root, 'workers/main.ts')], {
      env: {
        ...stackEnvironment(state),
        TEMPORAL_NAMESPACE: namespace,
        AWS_SECRET_ACCESS_KEY: 'planted-wrong-secret',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const { Client: TemporalClient } = await import('@temporalio/client');
    const there = new TemporalClient({ connection, namespace });
    const spec = pipelineSpecSchema.parse(shopSpec(shop, 'shop-denied'));
    const input: LifecycleInput = { spec, specDigest: 'f'.repeat(64) };
    const start = () =>
      there.workflow.start('modelLifecycle', {
        workflowId: `lifecycle/shop-denied/${performance.now()}`,
        taskQueue: taskQueues.orchestration,
        args: [input],
      });
    let handle: Awaited<ReturnType<typeof start>> | undefined;
    for (let attempt = 0; handle === undefined && attempt < 50; attempt++) {
      handle = await start().catch(() => undefined);
      if (handle === undefined) await sleep(200);
    }
    const error = await handle!.result().then(
      () => undefined,
      (e: unknown) => (e as Error).cause,
    );
    const { code, message } = rootFailure(error);
    expect(code).toBe('STORE_DENIED');
    expect(message).toContain('AWS_SECRET_ACCESS_KEY');
    const history = JSON.stringify(await handle!.fetchHistory());
    expect(history).not.toContain('planted-wrong-secret');
  });
});
