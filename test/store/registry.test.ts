import { expect, it } from 'vitest';
import type { VersionManifest } from '../../contracts/artifacts.ts';
import { sha256 } from '../../contracts/canonical.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { ModelRegistry } from '../../store/registry.ts';
import { openStore } from '../support/store.ts';

let models = 0;
const newModel = () => `registry-${process.pid}-${models++}`;
const lane = { metrics: { 'ndcg@10': 0.05 }, users: 10 };

function manifest(model: string, content: string): Omit<VersionManifest, 'version' | 'createdAt'> {
  const digest = sha256(content);
  return {
    model,
    artifactDigest: digest,
    artifact: {
      format: 'tradewind-artifact/1',
      model,
      task: 'recommend',
      algorithm: 'popularity',
      parameters: { by: 'users' },
      seed: 1,
      files: [],
      signature: { inputs: [], outputs: [] },
      catalogue: { items: 1, users: 1 },
      lineage: {
        specDigest: digest,
        codeVersion: digest,
        dataDigest: digest,
        trainedUntil: '2025-04-01',
        computedOn: 'cpu',
        runtime: {},
      },
    },
    evaluation: {
      discovery: lane,
      repeat: lane,
      leftOut: { coldUsers: 0, coldItemEvents: 0, usersWithoutDiscovery: 0 },
    },
    objective: { lane: 'discovery', metric: 'ndcg@10' },
    parent: null,
    createdBy: { workflowId: 'test', runId: 'test' },
  };
}

it('one artifact registered by ten at once is one version', async () => {
  const model = newModel();
  const registries = await Promise.all(Array.from({ length: 10 }, async () => new ModelRegistry(await openStore())));
  const answers = await Promise.all(registries.map((registry) => registry.register(manifest(model, 'same'))));
  expect(new Set(answers.map((a) => a.version))).toEqual(new Set([1]));
  expect(answers.filter((a) => a.created)).toHaveLength(1);
  expect(await registries[0].versions(model)).toHaveLength(1);
});

it('different artifacts at once get numbers without a gap, and none overwrites another', async () => {
  const model = newModel();
  const registry = new ModelRegistry(await openStore());
  const contents = ['a', 'b', 'c', 'd', 'e'];
  const answers = await Promise.all(contents.map((content) => registry.register(manifest(model, content))));
  expect(answers.map((a) => a.version).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  const versions = await registry.versions(model);
  expect(new Set(versions.map((v) => v.artifactDigest))).toEqual(new Set(contents.map((c) => sha256(c))));
  for (const [i, { version }] of answers.entries()) {
    expect((await registry.version(model, version)).artifactDigest).toBe(sha256(contents[i]));
  }
});

it('a registration that was cut off before its index keeps its number', async () => {
  const model = newModel();
  const store = await openStore();
  const registry = new ModelRegistry(store);
  // What a crash between the manifest and its index leaves behind.
  const cutOff = { ...manifest(model, 'x'), version: 1, createdAt: new Date().toISOString() };
  await store.putJson(`models/${model}/versions/1.json`, cutOff, { ifNoneMatch: '*' });
  expect(await registry.register(manifest(model, 'x'))).toEqual({ version: 1, created: false });
  expect(await registry.register(manifest(model, 'y'))).toEqual({ version: 2, created: true });
});

it('versions are listed by number, not by name', async () => {
  const model = newModel();
  const registry = new ModelRegistry(await openStore());
  for (let i = 0; i < 11; i++) await registry.register(manifest(model, `n${i}`));
  expect((await registry.versions(model)).map((v) => v.version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

it('an alias moves only for who saw where it stood', async () => {
  const model = newModel();
  const registry = new ModelRegistry(await openStore());
  const record = (version: number) => ({
    version,
    artifactDigest: sha256(String(version)),
    changedBy: 'test',
    reason: 'test',
    previousVersion: null,
  });
  const first = await registry.setAlias(model, 'champion', record(1), undefined);
  expect(first).not.toBe('conflict');
  expect(await registry.setAlias(model, 'champion', record(2), undefined)).toBe('conflict');
  const seen = await registry.alias(model, 'champion');
  const moves = await Promise.all([2, 3].map((v) => registry.setAlias(model, 'champion', record(v), seen!.etag)));
  expect(moves.filter((m) => m === 'conflict')).toHaveLength(1);
});

it('an alias that was taken away can be set again, once', async () => {
  const model = newModel();
  const registry = new ModelRegistry(await openStore());
  const record = { version: 1, artifactDigest: sha256('1'), changedBy: 'test', reason: 'test', previousVersion: null };
  await registry.setAlias(model, 'champion', record, undefined);
  const seen = await registry.alias(model, 'champion');
  const note = { changedBy: 'test', reason: 'failed', previousVersion: 1 };
  expect(await registry.withdrawAlias(model, 'champion', note, seen!.etag)).toBe('withdrawn');
  expect(await registry.alias(model, 'champion')).toBeUndefined();
  const sets = await Promise.all([1, 2].map(() => registry.setAlias(model, 'champion', record, undefined)));
  expect(sets.filter((answer) => answer === 'conflict')).toHaveLength(1);
});

it('an unknown version is a coded error that says where to look', async () => {
  const registry = new ModelRegistry(await openStore());
  const error = await registry.version('nobody', 3).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TradewindError);
  expect((error as TradewindError).code).toBe('MODEL_NOT_FOUND');
  expect((error as TradewindError).message).toContain('tradewind versions nobody');
});
