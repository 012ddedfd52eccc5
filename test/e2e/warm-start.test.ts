/** Runs that begin with what earlier ones have tried, on the real stack. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { LifecycleProgress, LifecycleResult } from '../../contracts/lifecycle.ts';
import { objectKeys, workflowIds } from '../../contracts/names.ts';
import type { PipelineSpecInput } from '../../contracts/spec.ts';
import type { TrialReport } from '../../contracts/study.ts';
import type { TableLifecycleResult } from '../../contracts/table-lifecycle.ts';
import { connectTemporal, readStack } from '../../scripts/stack/connection.ts';
import type { ArtifactStore } from '../../store/artifact-store.ts';
import { leadsSpec, makeLeads, writeLeadsSpec } from '../support/leads.ts';
import { makeShop, shopSpec, writeSpec, type Shop } from '../support/shop.ts';
import { attachStack, type Stack } from '../support/stack.ts';
import { openStore } from '../support/store.ts';

type Run<R> = R & { workflowId: string; error?: { code: string; message: string } };

let stack: Stack;
let store: ArtifactStore;
let client: Client;
let connection: Connection;

beforeAll(async () => {
  stack = attachStack(inject('stackHome'));
  store = await openStore();
  ({ client, connection } = await connectTemporal((await readStack(stack.home))!));
});
afterAll(async () => {
  store?.close();
  await connection?.close();
});

async function tuneNote(workflowId: string): Promise<string> {
  const progress = await client.workflow.getHandle(workflowId).query<LifecycleProgress>('progress');
  return progress.stages.find(({ stage }) => stage === 'tune')!.note!;
}

/** What the study's trials of an algorithm tried, in their order. */
async function tried(workflowId: string, algorithm: string): Promise<TrialReport['parameters'][]> {
  const path = join(tmpdir(), `tradewind-warm-${randomUUID()}.ndjson`);
  expect(await store.getObject(objectKeys.runFile(workflowIds.study(workflowId), 'trials.ndjson'), path)).toBe(true);
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  await rm(path);
  const trials = lines.map((line) => JSON.parse(line) as TrialReport);
  return trials.filter((trial) => trial.algorithm === algorithm).map(({ parameters }) => parameters);
}

describe('a recommender', () => {
  let shop: Shop;
  let first: Run<LifecycleResult>;

  const spec = (change: Partial<PipelineSpecInput['tuning']> = {}, rest: Partial<PipelineSpecInput> = {}) =>
    shopSpec(shop, 'shop-warm', {
      candidates: [{ algorithm: 'item-knn', search: { neighbours: { min: 5, max: 100 }, b: { min: 0, max: 1 } } }],
      tuning: { trials: 12, parallel: 2, warmStart: 'previous', ...change },
      deployment: { target: 'none' },
      ...rest,
    });
  const run = async (spec: PipelineSpecInput) =>
    stack.json<Run<LifecycleResult>>('run', await writeSpec(shop.folder, spec), '--wait');

  beforeAll(async () => {
    shop = await makeShop({ seed: 4, users: 300 });
    first = await run(spec());
  });

  it('begins cold where the model has no version, and says so', async () => {
    expect(await tuneNote(first.workflowId)).toMatch(/; cold: shop-warm has no version yet$/);
  });

  it('begins with the trials of the version before: its first suggestion is another one than at random', async () => {
    const cold = await tried(first.workflowId, 'item-knn');
    expect(cold.length).toBe(12);
    const again = await run(spec({ trials: 3 }));
    expect(await tuneNote(again.workflowId)).toMatch(
      new RegExp(`; warm from 12 trials of ${workflowIds.study(first.workflowId)}$`),
    );
    const warm = await tried(again.workflowId, 'item-knn');
    expect(warm.length).toBe(3);
    for (const parameters of warm) expect(cold).not.toContainEqual(parameters);
    const random = await run(spec({ trials: 3, warmStart: 'none' }));
    expect(await tuneNote(random.workflowId)).not.toMatch(/warm|cold/);
    expect(await tried(random.workflowId, 'item-knn')).toEqual(cold.slice(0, 3));
  });

  it('leaves out trials outside its ranges, and begins cold for another objective', async () => {
    const within = (await tried(first.workflowId, 'item-knn')).filter(({ b }) => (b as number) <= 0.5).length;
    const narrow = await run(
      spec(
        { trials: 2, warmStart: [first.workflowId] },
        {
          candidates: [
            { algorithm: 'item-knn', search: { neighbours: { min: 5, max: 100 }, b: { min: 0, max: 0.5 } } },
          ],
        },
      ),
    );
    expect(await tuneNote(narrow.workflowId)).toContain(
      `; warm from ${within} of 12 trials of ${first.workflowId}/tune`,
    );
    const other = await run(spec({ trials: 2 }, { objective: { metric: 'recall', k: 20 } }));
    expect(await tuneNote(other.workflowId)).toMatch(/; cold: version \d+ was tuned for another objective \(ndcg@10/);
  });

  it('from a study that is not there is refused in a sentence', async () => {
    const refused = await run(spec({ trials: 2, warmStart: ['lifecycle/shop-warm/nowhere'] }));
    expect(refused.error).toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining('Got "lifecycle/shop-warm/nowhere".') as unknown,
    });
  });
});

it('a classifier takes up the trials of a run that is named', async () => {
  const leads = await makeLeads({ rows: 400 });
  const spec = async (tuning: object) =>
    writeLeadsSpec(leads, leadsSpec(leads, 'leads-warm', { tuning: { parallel: 2, ...tuning } }));
  const first = await stack.json<Run<TableLifecycleResult>>('run', await spec({ trials: 10 }), '--wait');
  expect(first.error).toBeUndefined();
  const warmStart = [first.workflowId];
  const again = await stack.json<Run<TableLifecycleResult>>('run', await spec({ trials: 2, warmStart }), '--wait');
  expect(await tuneNote(again.workflowId)).toMatch(/; warm from 10 trials of lifecycle\/leads-warm\/[^/]+\/tune$/);
  const [cold, warm] = await Promise.all(
    [first, again].map(({ workflowId }) => tried(workflowId, 'logistic-regression')),
  );
  for (const parameters of warm) expect(cold).not.toContainEqual(parameters);
}, 120_000);
