/** Classifiers from files to a registered version, on the real stack. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { openSession } from '../../compute/onnx/session.ts';
import type { TableArtifact } from '../../contracts/artifacts.ts';
import type { DataDecisionStatus } from '../../contracts/data-decision.ts';
import type { TableLifecycleResult } from '../../contracts/table-lifecycle.ts';
import type { ArtifactStore } from '../../store/artifact-store.ts';
import { ModelRegistry } from '../../store/registry.ts';
import { leadsSpec, makeLeads, writeLeadsSpec } from '../support/leads.ts';
import { attachStack, type Stack } from '../support/stack.ts';
import { openStore } from '../support/store.ts';

type Run = TableLifecycleResult & { workflowId: string; error?: { code: string; message: string } };

let stack: Stack;
let store: ArtifactStore;
let registry: ModelRegistry;

beforeAll(async () => {
  stack = attachStack(inject('stackHome'));
  store = await openStore();
  registry = new ModelRegistry(store);
});

describe('a classifier', () => {
  let first: Run;
  let leads: Awaited<ReturnType<typeof makeLeads>>;

  beforeAll(async () => {
    leads = await makeLeads();
    const spec = leadsSpec(leads, 'leads-answer', { evaluation: { slices: ['channel'] } });
    first = await stack.json<Run>('run', await writeLeadsSpec(leads, spec), '--wait');
  });

  it('is tuned, cross-validated, judged on rows it has not seen, and registered', () => {
    expect(first.outcome).toMatchObject({ kind: 'registered', version: 1 });
    const [candidate] = first.candidates;
    expect(candidate.folds!.values).toHaveLength(3);
    // The pattern is known: a model that has found it is far from chance and from perfection.
    expect(candidate.folds!.mean).toBeGreaterThan(0.75);
    expect(candidate.test!.value).toBeGreaterThan(0.75);
    expect(candidate.test!.value).toBeLessThan(0.97);
    expect(candidate.test!.interval![0]).toBeLessThan(candidate.test!.value!);
  });

  it('is one graph that takes the columns as they come, gaps and unknown words too', async () => {
    const { artifact } = await registry.version('leads-answer', 1);
    const { files, classes, columns } = artifact as TableArtifact;
    expect(classes).toEqual(['declines', 'would buy']);
    expect(columns.map(({ name, kind }) => [name, kind])).toEqual([
      ['age', 'number'],
      ['spend', 'number'],
      ['channel', 'category'],
      ['asked_at', 'time'],
    ]);
    const { digest, bytes, name } = files.find(({ role }) => role === 'graph')!;
    const session = await openSession(await store.fetch({ digest, bytes, name }));
    const seconds = Date.UTC(2026, 3, 1) / 1000;
    const answer = await session.run({
      age: { datatype: 'float32', shape: [3], data: Float32Array.of(75, NaN, 20) },
      spend: { datatype: 'float32', shape: [3], data: Float32Array.of(90, NaN, 4) },
      channel: { datatype: 'string', shape: [3], data: ['web', 'smoke signals', 'mail'] },
      asked_at: { datatype: 'float64', shape: [3], data: Float64Array.of(seconds, NaN, seconds) },
    });
    await session.close();
    const labels = answer['label'].data as string[];
    expect([labels[0], labels[2]]).toEqual(['would buy', 'declines']);
    expect((answer['probabilities'].data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it('gives the same artifact when it is made again, from what is remembered', async () => {
    const again = await stack.json<Run>(
      'run',
      await writeLeadsSpec(leads, leadsSpec(leads, 'leads-answer', { evaluation: { slices: ['channel'] } })),
      '--wait',
    );
    expect(again).toMatchObject({ version: 1, created: false, artifactDigest: first.artifactDigest });
    expect(again.candidates).toEqual(first.candidates);
  });
});

describe('data that breaks a rule', () => {
  const rules = { columns: { age: { min: 0, max: 120 } } };
  const leadsRows = 900;

  async function waiting(model: string): Promise<{ workflowId: string; status: DataDecisionStatus }> {
    const leads = await makeLeads({ rows: leadsRows, broken: 5 });
    const spec = await writeLeadsSpec(leads, leadsSpec(leads, model, { validation: rules }));
    const { workflowId } = await stack.json<{ workflowId: string }>('run', spec);
    for (let i = 0; i < 300; i++) {
      const status = await stack.json<DataDecisionStatus | { state: 'none' }>('decide', workflowId);
      if (status.state === 'waiting') return { workflowId, status };
      await sleep(200);
    }
    throw new Error('The run did not halt.');
  }

  it('halts the run until somebody decides; dropped rows are kept', async () => {
    const { workflowId, status } = await waiting('leads-broken');
    expect(status.broken.join(' ')).toMatch(/age/);
    // One of the five has no age at all: a gap breaks no range.
    expect(status.quarantined!.count).toBe(4);
    const decided = await stack.json<DataDecisionStatus>(
      'decide',
      workflowId,
      '--drop',
      '--reason',
      'typing errors',
      '--by',
      'Ada',
    );
    expect(decided).toMatchObject({
      state: 'decided',
      decision: { decision: 'drop', by: 'Ada', reason: 'typing errors' },
    });
    const run = await stack.json<Run>('watch', workflowId);
    expect(run.outcome.kind).toBe('registered');
    expect(await store.hasBlob(status.quarantined!.rows)).toBe(true);
    // Later data is compared with what was learned from, not with what was put aside.
    const { artifact } = await registry.version('leads-broken', 1);
    const { digest, bytes, name } = artifact.files.find(({ role }) => role === 'profile')!;
    const profile = JSON.parse(await readFile(await store.fetch({ digest, bytes, name }), 'utf8')) as { rows: number };
    expect(profile.rows).toBe(leadsRows - 4);
  });

  it('ends the run when somebody says so', async () => {
    const { workflowId } = await waiting('leads-aborted');
    await stack.json('decide', workflowId, '--abort');
    const run = await stack.json<Run>('watch', workflowId).catch((error: unknown) => error as Run);
    expect(JSON.stringify(run)).toMatch(/VALIDATION_FAILED|turned down/);
  });
});
