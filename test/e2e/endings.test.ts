/** Runs that end in another way than they hoped: cancelled, out of time, overtaken, undone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type {
  DeploymentInput,
  DeploymentResult,
  LifecycleProgress,
  LifecycleResult,
} from '../../contracts/lifecycle.ts';
import { taskQueues, workflowIds } from '../../contracts/names.ts';
import type { StudyStatus } from '../../contracts/study.ts';
import type { PipelineSpecInput } from '../../contracts/spec.ts';
import { pipelineSpecSchema } from '../../contracts/spec.ts';
import { connectTemporal, readStack } from '../../scripts/stack/connection.ts';
import { ModelRegistry } from '../../store/registry.ts';
import { makeShop, shopSpec, writeSpec, type Shop } from '../support/shop.ts';
import { attachStack, type Stack } from '../support/stack.ts';
import { openStore } from '../support/store.ts';

type Run = LifecycleResult & { workflowId: string; error?: { code: string; message: string } };

let stack: Stack;
let shop: Shop;
let client: Client;
let connection: Connection;
let registry: ModelRegistry;

beforeAll(async () => {
  stack = attachStack(inject('stackHome'));
  shop = await makeShop({ seed: 4, users: 1200 });
  ({ client, connection } = await connectTemporal((await readStack(stack.home))!));
  registry = new ModelRegistry(await openStore());
});
afterAll(async () => {
  await connection?.close();
});

const run = async (spec: PipelineSpecInput): Promise<Run> =>
  stack.json<Run>('run', await writeSpec(shop.folder, spec), '--wait');

/** A study with trials that take seconds each. */
const longStudy = (model: string, change: Partial<PipelineSpecInput> = {}): PipelineSpecInput =>
  shopSpec(shop, model, {
    candidates: [
      {
        algorithm: 'als',
        parameters: { factors: 256, iterations: 200, conjugateGradientSteps: 16 },
        search: { alpha: { min: 0.5, max: 5 } },
      },
    ],
    tuning: { trials: 8, parallel: 2 },
    ...change,
  });

it('a run that is cancelled while it tunes ends at once, and so does its study', async () => {
  const spec = await writeSpec(shop.folder, longStudy('shop-cancelled'));
  const { workflowId } = await stack.json<{ workflowId: string }>('run', spec);
  const handle = client.workflow.getHandle(workflowId);
  const study = client.workflow.getHandle(workflowIds.study(workflowId));
  const running = async () => {
    const pending = (await study.describe().catch(() => undefined))?.raw.pendingActivities ?? [];
    return pending.filter((activity) => activity.activityType?.name === 'trial').length;
  };
  for (let i = 0; i < 300 && (await running()) < 2; i++) await sleep(100);
  expect(await running()).toBe(2);
  await handle.cancel();
  const [ending, studyEnding] = await Promise.all(
    [handle, study].map((h) =>
      h.result().then(
        () => 'completed',
        (error: unknown) => (error as Error).cause?.constructor.name ?? 'unknown',
      ),
    ),
  );
  expect([ending, studyEnding]).toEqual(['CancelledFailure', 'CancelledFailure']);
});

it('a study out of time hands on what it has, and its stage says that time ended it', async () => {
  const late = longStudy('shop-late', { tuning: { trials: 5000, parallel: 2 }, deployment: { target: 'none' } });
  // The spec's least limit is a minute, too long for a test; the workflow takes what it is given.
  const spec = pipelineSpecSchema.parse(late);
  spec.tuning.timeoutMinutes = 0.1;
  const workflowId = `lifecycle/shop-late/${performance.now()}`;
  const result = (await client.workflow.execute('modelLifecycle', {
    workflowId,
    taskQueue: taskQueues.orchestration,
    args: [{ spec, specDigest: 'f'.repeat(64) }],
  })) as LifecycleResult;
  expect(result.outcome.kind).toBe('registered');
  // It needs no more than milliseconds.
  expect(result.candidates.map(({ algorithm }) => algorithm)).toContain('popularity');
  const progress = await client.workflow.getHandle(workflowId).query<LifecycleProgress>('progress');
  expect(progress.stages.find((s) => s.stage === 'tune')?.note).toMatch(/; out of time$/);
  const study = await client.workflow.getHandle(workflowIds.study(workflowId)).query<StudyStatus>('study');
  expect(study).toMatchObject({ state: 'ended', endedBy: 'time' });
  expect(study.counts.stopped).toBeGreaterThan(0);
});

describe('a deployment', () => {
  const model = 'shop-endings';
  let first: Run;
  const deploy = (change: Partial<DeploymentInput>): Promise<DeploymentResult> => {
    const input: DeploymentInput = {
      model,
      version: first.version,
      artifactDigest: first.artifactDigest,
      reason: 'test',
      deployment: pipelineSpecSchema.parse(shopSpec(shop, model)).deployment,
      expectedChampion: null,
      dataset: 'shop',
      ...change,
    };
    const workflowId = `deploy/${model}/${performance.now()}`;
    return client.workflow.execute('deployModel', {
      workflowId,
      taskQueue: taskQueues.orchestration,
      args: [input],
    }) as Promise<DeploymentResult>;
  };
  const popularityOnly = (change: Partial<PipelineSpecInput> = {}) =>
    shopSpec(shop, model, { candidates: [{ algorithm: 'popularity' }], deployment: { target: 'none' }, ...change });

  beforeAll(async () => {
    first = await run(popularityOnly());
  });

  it('of a first version that fails its test leaves no champion', async () => {
    const gates = { requests: 20, connections: 1, maxP99Milliseconds: 0.1, maxErrorRate: 0 };
    const result = await deploy({ deployment: { target: 'local', performanceTest: gates } });
    expect(result).toMatchObject({ state: 'compensated', reason: expect.stringContaining('p99') });
    expect(await registry.alias(model, 'champion')).toBeUndefined();
  });

  it('after that succeeds, and gives way to a champion that it was not compared with', async () => {
    expect((await deploy({})).state).toBe('deployed');
    expect((await registry.alias(model, 'champion'))?.record.version).toBe(1);
    const second = await run(popularityOnly({ seed: 8 }));
    expect(second.version).toBe(2);
    // Compared when there was none; by now version 1 stands there.
    const late = await deploy({ version: 2, artifactDigest: second.artifactDigest, expectedChampion: null });
    expect(late).toMatchObject({ state: 'superseded', reason: expect.stringContaining('version 1') });
    expect((await registry.alias(model, 'champion'))?.record.version).toBe(1);
  });

  it('of an artifact whose manifest was changed is refused before anything moves', async () => {
    await expect(deploy({ artifactDigest: '0'.repeat(64), expectedChampion: 1 })).rejects.toThrow();
    expect((await registry.alias(model, 'champion'))?.record.version).toBe(1);
  });

  it('undoes only what it did itself', async () => {
    // Another deployment of the same version: the champion is that one's, so a failed test must not take it away.
    const gates = { requests: 20, connections: 1, maxP99Milliseconds: 0.1, maxErrorRate: 0 };
    const twin = await deploy({ deployment: { target: 'local', performanceTest: gates }, expectedChampion: 1 });
    expect(twin.state).toBe('compensated');
    expect((await registry.alias(model, 'champion'))?.record.version).toBe(1);
  });
});

it('a champion that has learned from the test period is not compared, and the reason says why', async () => {
  const model = 'shop-leak';
  const late = await run(shopSpec(shop, model, { split: { validationFrom: '2025-03-15', testFrom: '2025-04-15' } }));
  expect(late.outcome.kind).toBe('deployed');
  const early = await run(shopSpec(shop, model));
  expect(early.outcome.kind).toBe('registered');
  expect(early.outcome.reason).toContain('2025-04-15');
  const progress = await client.workflow.getHandle(early.workflowId).query<LifecycleProgress>('progress');
  expect(progress.stages.find((s) => s.stage === 'compare')?.note).toContain('knows rows of this test');
});

it('cut-offs before the end of the data are dates by the time the data is split', async () => {
  const relative = shopSpec(shop, 'shop-relative', {
    split: { validationFrom: '-60d', testFrom: '-30d' },
    deployment: { target: 'none' },
  });
  const result = await run(relative);
  expect(result.version).toBe(1);
  const progress = await client.workflow.getHandle(result.workflowId).query<LifecycleProgress>('progress');
  expect(progress.stages.find((s) => s.stage === 'split')?.note).toMatch(/before 2025-0[34]-\d\d/);
});
