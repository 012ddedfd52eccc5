/** Events that break a rule of their spec halt a recommender's run for a decision, on the real stack. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { BlobRef } from '../../contracts/artifacts.ts';
import type { DataDecisionStatus } from '../../contracts/data-decision.ts';
import type { LifecycleResult } from '../../contracts/lifecycle.ts';
import type { PipelineSpecInput } from '../../contracts/spec.ts';
import { literal, withDatabase } from '../../data/database.ts';
import type { ArtifactStore } from '../../store/artifact-store.ts';
import { ModelRegistry } from '../../store/registry.ts';
import { makeShop, shopSpec, writeSpec, type Shop } from '../support/shop.ts';
import { attachStack, type Stack } from '../support/stack.ts';
import { openStore } from '../support/store.ts';

type Run = LifecycleResult & { workflowId: string; error?: { code: string; message: string } };

let stack: Stack;
let shop: Shop;
let store: ArtifactStore;
let registry: ModelRegistry;
/** 25 rows of a till whose clock stands in the future, and three without a user. */
let broken: Shop;

beforeAll(async () => {
  stack = attachStack(inject('stackHome'));
  shop = await makeShop({ users: 120 });
  store = await openStore();
  registry = new ModelRegistry(store);
  const events = join(shop.folder, 'broken.csv');
  const future = Array.from({ length: 25 }, (_, i) => `u${i},i${i},2077-05-01T10:00:00Z,1,future${i}`);
  const nobody = Array.from({ length: 3 }, (_, i) => `,i${i},2025-01-05T10:00:00Z,1,nobody${i}`);
  await writeFile(events, `${(await readFile(shop.events, 'utf8')).trimEnd()}\n${[...future, ...nobody].join('\n')}\n`);
  broken = { ...shop, events };
});

const quick = (of: Shop, model: string, change: Partial<PipelineSpecInput> = {}): PipelineSpecInput =>
  shopSpec(of, model, {
    split: { validationFrom: '-62d', testFrom: '-31d' },
    candidates: [{ algorithm: 'popularity' }, { algorithm: 'item-knn' }],
    tuning: { trials: 1 },
    deployment: { target: 'none' },
    ...change,
  });

const rules: PipelineSpecInput['validation'] = { maxMissing: 0, columns: { time: { max: '2026-01-01' } } };

const run = async (spec: PipelineSpecInput): Promise<Run> =>
  stack.json<Run>('run', await writeSpec(shop.folder, spec), '--wait');

async function waiting(spec: PipelineSpecInput): Promise<{ workflowId: string; status: DataDecisionStatus }> {
  const { workflowId } = await stack.json<{ workflowId: string }>('run', await writeSpec(shop.folder, spec));
  for (let i = 0; i < 300; i++) {
    const status = await stack.json<DataDecisionStatus | { state: 'none' }>('decide', workflowId);
    if (status.state === 'waiting') return { workflowId, status };
    await sleep(200);
  }
  throw new Error('The run did not halt.');
}

const jsonOf = async <T>(blob: BlobRef): Promise<T> => JSON.parse(await readFile(await store.fetch(blob), 'utf8')) as T;

describe('events that break a rule about rows', () => {
  it('halt the run; without these rows it ends where it would have without them, and they are kept', async () => {
    const { workflowId, status } = await waiting(quick(broken, 'shop-dropped', { validation: rules }));
    expect(status.broken).toHaveLength(2);
    expect(status.broken.join(' ')).toMatch(
      /maxMissing: 0\).* \(3 rows\).*columns\.time\.max: 2026-01-01\).*\(25 rows\)/,
    );
    expect(status.quarantined!.count).toBe(28);
    const report = await jsonOf<{ rules: { rule: string; passed: boolean }[]; breakingRows: number }>(status.report);
    expect(report.rules.map(({ rule, passed }) => [rule, passed])).toEqual([
      ['minRows', true],
      ['maxMissing', false],
      ['minDays', true],
      ['maxShareOfOneUser', true],
      ['max', false],
    ]);

    await stack.json('decide', workflowId, '--drop', '--by', 'Ada');
    const dropped = await stack.json<Run>('watch', workflowId);
    const clean = await run(quick(shop, 'shop-clean', { validation: rules }));
    expect(dropped.outcome.kind).toBe('registered');
    const states = (r: Run) => r.candidates.map(({ state, evaluation }) => [state?.digest, evaluation]);
    expect(states(dropped)).toEqual(states(clean));
    // What later data is compared with is what was learned from, too.
    const profileOf = async (model: string) =>
      (await registry.version(model, 1)).artifact.files.find(({ role }) => role === 'profile')!.digest;
    expect(await profileOf('shop-dropped')).toBe(await profileOf('shop-clean'));

    const aside = await store.fetch(status.quarantined!.rows);
    const kept = await withDatabase({ threads: 1 }, (database) =>
      database.rows(`SELECT quarantine_reasons AS why, CAST(count(*) AS DOUBLE) AS rows
        FROM read_parquet(${literal(aside)}) GROUP BY ALL ORDER BY rows`),
    );
    expect(kept).toEqual([
      { why: 'maxMissing', rows: 3 },
      { why: 'time: max', rows: 25 },
    ]);
  });

  it('go on with all rows when they are released: here to a last day that leaves nobody to be judged', async () => {
    const { workflowId } = await waiting(quick(broken, 'shop-released', { validation: rules }));
    await stack.json('decide', workflowId, '--release');
    const ended = await stack.json<Run>('watch', workflowId);
    expect(ended.error?.code).toBe('SPLIT_EMPTY');
  });

  it('end the run when somebody turns them down', async () => {
    const { workflowId } = await waiting(quick(broken, 'shop-turned-down', { validation: rules }));
    await stack.json('decide', workflowId, '--abort', '--by', 'Ada', '--reason', 'ask the till');
    const ended = await stack.json<Run>('watch', workflowId);
    expect(ended.error?.code).toBe('VALIDATION_FAILED');
    expect(ended.error?.message).toContain('was turned down by Ada: ask the till');
    expect(await registry.versions('shop-turned-down')).toEqual([]);
  });

  it('end it at once where the spec says so', async () => {
    const ended = await run(quick(broken, 'shop-at-once', { validation: rules, onBrokenRules: 'abort' }));
    expect(ended.error?.code).toBe('VALIDATION_FAILED');
    expect(ended.error?.message).toMatch(/breaks its rules\. The data must miss user, item or time in at most/);
    expect(await registry.versions('shop-at-once')).toEqual([]);
  });
});

it('rules about the whole have no rows to drop; the run goes on when it is released', async () => {
  const { workflowId, status } = await waiting(quick(shop, 'shop-few', { validation: { minRows: 1_000_000 } }));
  expect(status.quarantined).toBeUndefined();
  const refused = await stack.tradewind('decide', workflowId, '--drop');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('there are no rows to drop');
  await stack.json('decide', workflowId, '--release');
  expect((await stack.json<Run>('watch', workflowId)).outcome.kind).toBe('registered');
});

it('events unlike those that the model has learned from halt the run, where the spec limits their drift', async () => {
  const validation = { drift: { maxPsi: 0.25, columns: ['item' as const] } };
  const first = await run(quick(shop, 'shop-drift', { validation }));
  expect(first.warnings).toContain('There is no version yet to compare the data with: drift was not judged.');
  const again = await run(quick(shop, 'shop-drift', { validation, seed: 8 }));
  expect(again.outcome.kind).toBe('registered');
  expect(again.warnings.join(' ')).toMatch(/Drift was judged against what version \d has learned from/);

  const events = join(shop.folder, 'other-items.csv');
  await writeFile(events, (await readFile(shop.events, 'utf8')).replaceAll(/,i(\d+),/g, ',other$1,'));
  const { workflowId, status } = await waiting(quick({ ...shop, events }, 'shop-drift', { validation }));
  expect(status.broken.join(' ')).toMatch(
    /^Column "item" must have at most that stability index .*drift\.maxPsi: 0\.25/,
  );
  expect(status.quarantined).toBeUndefined();
  await stack.json('decide', workflowId, '--abort');
});
