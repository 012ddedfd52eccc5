import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { LifecycleResult } from '../../contracts/lifecycle.ts';
import { attachStack, type Stack } from '../support/stack.ts';
import { openStore } from '../support/store.ts';
import { makeShop, shopSpec, writeSpec, type Shop } from '../support/shop.ts';

type Run = LifecycleResult & { workflowId: string; error?: { code: string; message: string } };

let stack: Stack;
let shop: Shop;
const run = async (spec: Parameters<typeof writeSpec>[1], ...args: string[]): Promise<Run> =>
  stack.json<Run>('run', await writeSpec(shop.folder, spec), '--wait', ...args);

beforeAll(async () => {
  stack = attachStack(inject('stackHome'));
  shop = await makeShop();
});

describe('a lifecycle', () => {
  let first: Run;

  it('ends in a version that is served and beats popularity', async () => {
    first = await run(shopSpec(shop, 'shop-main'));
    expect(first.outcome.kind).toBe('deployed');
    expect(first.version).toBe(1);
    const value = (name: string) =>
      first.candidates.find((c) => c.algorithm === name)?.evaluation?.discovery.metrics['ndcg@10'] ?? 0;
    const chosen = first.candidates.find((c) => c.chosen)!;
    expect(chosen.algorithm).not.toBe('popularity');
    expect(value(chosen.algorithm)).toBeGreaterThan(1.2 * value('popularity'));
    expect(first.performance?.errors).toBe(0);
  });

  it('shows whom its chosen candidate does well for, and with which items', async () => {
    const chosen = first.candidates.find((c) => c.chosen)!;
    const { slices, evaluation } = chosen;
    expect(slices).toMatchObject({ lane: 'discovery', metric: 'ndcg@10', k: 10, smallest: 30 });
    expect(first.candidates.filter((c) => c.slices)).toHaveLength(1);
    const users = slices!.users.reduce((sum, band) => sum + band.users, 0);
    expect(users).toBe(evaluation!.discovery.users);
    const shown = slices!.users.filter(({ value }) => value !== null);
    expect(shown.length).toBeGreaterThan(0);
    for (const { value, interval } of shown) {
      expect(interval![0]).toBeLessThan(value!);
      expect(interval![1]).toBeGreaterThan(value!);
    }
    expect(slices!.items.reduce((sum, band) => sum + band.items, 0)).toBeGreaterThan(100);
    // Both lanes of every candidate are kept.
    const store = await openStore();
    for (const { details, evaluation: judged } of first.candidates) {
      const kept = JSON.parse(await readFile(await store.fetch(details!), 'utf8')) as Record<string, unknown>;
      expect(kept['evaluation']).toEqual(judged);
      expect(Object.keys(kept['slices'] as object)).toEqual(['discovery', 'repeat']);
    }
    const table = await readObject(first.table);
    const [band] = shown;
    const row = `| ${band.label} | ${band.users} | ${band.value!.toFixed(4)} | ${band.interval!.map((x) => x.toFixed(4)).join(' – ')} |`;
    expect(table).toContain('★ in discovery, by what users had before:');
    expect(table).toContain(row);
    expect(table).toMatch(/\| head \| \d+ \| \d+ \| 0\.\d{4} \| \d+\.\d % \|/);
  });

  it('serves exactly k items that the user does not have', async () => {
    const answer = await stack.json<{ version: number; known: boolean; items: { id: string; title: string }[] }>(
      'recommend',
      'u5',
      '-k',
      '7',
      '--model',
      'shop-main',
    );
    expect(answer.version).toBe(1);
    expect(answer.known).toBe(true);
    expect(answer.items).toHaveLength(7);
    expect(new Set(answer.items.map((i) => i.id)).size).toBe(7);
    expect(answer.items[0].title).toMatch(/^Item \d+$/);
    const before = (await readFile(shop.events, 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith('u5,') && line.split(',')[2] < '2025-04-01')
      .map((line) => line.split(',')[1]);
    for (const { id } of answer.items) expect(before).not.toContain(id);
  });

  it('run again takes everything from the cache and registers nothing new', async () => {
    const second = await run(shopSpec(shop, 'shop-main'));
    expect(second.artifactDigest).toBe(first.artifactDigest);
    expect(second.version).toBe(1);
    expect(second.created).toBe(false);
    expect(second.outcome.kind).toBe('unchanged');
    const report = JSON.parse(await readObject(second.report)) as {
      stages: { stage: string; cached?: boolean }[];
      study: { best: { cached: boolean }[] };
    };
    for (const { stage, cached } of report.stages) {
      if (['ingest', 'validate', 'clean', 'split', 'train', 'evaluate', 'package'].includes(stage)) {
        expect(cached, stage).toBe(true);
      }
    }
    for (const trial of report.study.best) expect(trial.cached).toBe(true);
    expect(await stack.json<unknown[]>('versions', 'shop-main')).toHaveLength(1);
  });

  it('another order of the rows is another file, but the same model', async () => {
    const [header, ...rows] = (await readFile(shop.events, 'utf8')).trimEnd().split('\n');
    const shuffled = join(shop.folder, 'reversed.csv');
    await writeFile(shuffled, `${[header, ...rows.toReversed()].join('\n')}\n`);
    const result = await run(shopSpec({ ...shop, events: shuffled }, 'shop-reversed'));
    const chosen = (r: Run) => r.candidates.find((c) => c.chosen)!;
    expect(chosen(result).state?.digest).toBe(chosen(first).state?.digest);
  });

  it('a model that does not beat the champion is registered, not deployed, and says why', async () => {
    const worse = await run(shopSpec(shop, 'shop-main', { candidates: [{ algorithm: 'popularity' }] }));
    expect(worse.outcome.kind).toBe('registered');
    expect(worse.outcome.reason).toMatch(/does not beat champion v1/);
    expect(worse.version).toBe(2);
    const versions = await stack.json<{ version: number; champion: boolean }[]>('versions', 'shop-main');
    expect(versions.filter((v) => v.champion).map((v) => v.version)).toEqual([1]);
  });

  it('a gate of the spec keeps a version from being served', async () => {
    const gated = await run(shopSpec(shop, 'shop-gated', { gates: { minimum: 0.99 } }));
    expect(gated.outcome).toMatchObject({ kind: 'registered', version: 1 });
    expect(gated.outcome.reason).toContain('gate of 0.99');
  });
});

describe('two runs at once', () => {
  it('of one spec end with one version', async () => {
    const spec = shopSpec(shop, 'shop-twins', { seed: 21 });
    const [a, b] = await Promise.all([run(spec), run(spec)]);
    expect([a.version, b.version]).toEqual([1, 1]);
    expect(a.artifactDigest).toBe(b.artifactDigest);
    expect([a.created, b.created].filter(Boolean)).toHaveLength(1);
    expect(await stack.json<unknown[]>('versions', 'shop-twins')).toHaveLength(1);
  });

  it('with different seeds end with two versions, and neither overwrites the other', async () => {
    const runs = await Promise.all([31, 32].map((seed) => run(shopSpec(shop, 'shop-seeds', { seed }))));
    expect(runs.map((r) => r.version).toSorted((a, b) => a - b)).toEqual([1, 2]);
    const versions = await stack.json<{ version: number; artifactDigest: string; seed: number }[]>(
      'versions',
      'shop-seeds',
    );
    for (const r of runs) {
      expect(versions.find((v) => v.version === r.version)?.artifactDigest).toBe(r.artifactDigest);
    }
    expect(versions.map((v) => v.seed).toSorted((a, b) => a - b)).toEqual([31, 32]);
  });
});

describe('approval by hand', () => {
  it('the lifecycle ends, the release waits, approval deploys', async () => {
    const waiting = await run(shopSpec(shop, 'shop-approved', { release: { approval: 'manual' } }));
    expect(waiting.outcome.kind).toBe('awaiting-approval');
    expect((await stack.json<{ champion: boolean }[]>('versions', 'shop-approved'))[0].champion).toBe(false);
    const approved = await stack.json<{ result: { deployment: { state: string } } }>(
      'approve',
      waiting.workflowId,
      '--by',
      'ada',
    );
    expect(approved.result.deployment.state).toBe('deployed');
    expect((await stack.json<{ champion: boolean }[]>('versions', 'shop-approved'))[0].champion).toBe(true);
    const again = await stack.tradewind('approve', waiting.workflowId);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('wait for a decision');
  });

  it('a rejected release leaves no champion', async () => {
    const waiting = await run(shopSpec(shop, 'shop-rejected', { release: { approval: 'manual' } }));
    const rejected = await stack.json<{ decision: string }>(
      'approve',
      waiting.workflowId,
      '--reject',
      '--reason',
      'sale week',
    );
    expect(rejected.decision).toBe('rejected');
    expect((await stack.json<{ champion: boolean }[]>('versions', 'shop-rejected'))[0].champion).toBe(false);
  });
});

describe('a deployment that fails its test', () => {
  it('gives the champion back', async () => {
    const good = await run(shopSpec(shop, 'shop-undone', { candidates: [{ algorithm: 'popularity' }] }));
    expect(good.outcome.kind).toBe('deployed');
    const slow = await run(
      shopSpec(shop, 'shop-undone', {
        deployment: { performanceTest: { requests: 40, connections: 2, maxP99Milliseconds: 0.1 } },
      }),
    );
    expect(slow.outcome.kind).toBe('registered');
    expect(slow.outcome.reason).toContain('p99');
    const versions = await stack.json<{ version: number; champion: boolean }[]>('versions', 'shop-undone');
    expect(versions.filter((v) => v.champion).map((v) => v.version)).toEqual([1]);
    expect((await stack.json<{ version: number }>('recommend', 'u1', '--model', 'shop-undone')).version).toBe(1);
  });
});

describe('work for a GPU', () => {
  it('falls back to the CPU after the stated wait where no GPU worker is', async () => {
    const result = await run(
      shopSpec(shop, 'shop-gpu', {
        candidates: [{ algorithm: 'popularity' }],
        compute: { device: 'gpu', gpuWaitSeconds: 1 },
        deployment: { target: 'none' },
      }),
    );
    expect(result.version).toBe(1);
    const report = JSON.parse(await readObject(result.report)) as { stages: { stage: string; note?: string }[] };
    expect(report.stages.find((s) => s.stage === 'train')?.note).toContain('no GPU worker within 1 s: on CPU');
  });
});

async function readObject(uri: string): Promise<string> {
  const store = await openStore();
  const path = join(shop.folder, `object-${performance.now()}`);
  expect(await store.getObject(uri.replace(/^s3:\/\/[^/]+\//, ''), path)).toBe(true);
  return readFile(path, 'utf8');
}
