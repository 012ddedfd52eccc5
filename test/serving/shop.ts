/** Small shops whose right answers are known, and their models in a registry. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artifact, Evaluation } from '../../contracts/artifacts.ts';
import { canonicalJson } from '../../contracts/canonical.ts';
import { writeInteractions, type Interactions } from '../../data/interactions.ts';
import { lowerItemKnn } from '../../models/lowering/item-knn.ts';
import { lowerPopularity } from '../../models/lowering/popularity.ts';
import type { Gateway } from './gateway.ts';

export interface Shop {
  train: Interactions;
  titles: Record<string, string>;
  graph: Uint8Array;
}

/** `histories` in the order of users: catalogue indices, ascending; every item was bought once. */
function interactions(users: string[], items: string[], histories: number[][]): Interactions {
  const indptr = new Int32Array(users.length + 1);
  histories.forEach((history, row) => (indptr[row + 1] = indptr[row] + history.length));
  const indices = Int32Array.from(histories.flat());
  return { users, items, indptr, indices, counts: new Float32Array(indices.length).fill(1) };
}

/**
 * Two worlds of six items, a0…a5 and b0…b5; item i of a world votes for its own world's items, the more the lower
 * their number. So whoever has an a gets a's in order. `ann` has a1 and a3, `bob` b0; nobody has bought the others.
 */
export function twoWorlds(): Shop {
  const items = ['a0', 'b0', 'a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'b4', 'a5', 'b5'];
  const train = interactions(['ann', 'bob'], items, [[2, 6], [1]]);
  const indptr = Int32Array.from({ length: 13 }, (_, i) => i * 6);
  const indices = new Int32Array(72);
  const values = new Float32Array(72);
  for (let i = 0; i < 12; i++) {
    for (let n = 0; n < 6; n++) {
      indices[i * 6 + n] = (i % 2) + 2 * n;
      values[i * 6 + n] = 6 - n;
    }
  }
  const graph = lowerItemKnn({ indptr, indices, values, weighting: 'count' }, items, {});
  return { train, titles: { a0: 'Apples', b0: 'Bread' }, graph };
}

/**
 * Popularity over `size` items i0, i1, …; user uN has bought item N alone. With `reversed`, the last item of the
 * catalogue scores best, so that two versions of a model can be told apart by what they recommend.
 */
export function ranking(size: number, users: number, reversed = false): Shop {
  const items = Array.from({ length: size }, (_, i) => `i${i}`);
  const train = interactions(
    Array.from({ length: users }, (_, i) => `u${i}`),
    items,
    Array.from({ length: users }, (_, i) => [i % size]),
  );
  const scores = Float32Array.from({ length: size }, (_, i) => (reversed ? i + 1 : size - i));
  return { train, titles: {}, graph: lowerPopularity({ scores }, items, {}) };
}

const nobody = { metrics: {}, users: 0 };
const evaluation: Evaluation = {
  discovery: nobody,
  repeat: nobody,
  leftOut: { coldUsers: 0, coldItemEvents: 0, usersWithoutDiscovery: 0 },
};
const zeros = '0'.repeat(64);

/** Packages a shop's model and registers it. @returns its version */
export async function register({ store, registry }: Gateway, model: string, shop: Shop): Promise<number> {
  const { train, titles, graph } = shop;
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-shop-'));
  try {
    const histories = join(folder, 'histories.safetensors');
    await writeInteractions(histories, train);
    const lines = train.items.map((id) => JSON.stringify({ id, title: titles[id] }));
    const refs = await Promise.all([
      store.putBytes(graph, 'model.onnx'),
      store.putBytes(`${lines.join('\n')}\n`, 'catalogue.ndjson'),
      store.putFile(histories, 'histories.safetensors'),
    ]);
    const roles = ['graph', 'catalogue', 'histories'] as const;
    const artifact: Artifact = {
      format: 'tradewind-artifact/1',
      model,
      task: 'recommend',
      algorithm: 'popularity',
      parameters: {},
      seed: 1,
      files: refs.map((ref, i) => ({ ...ref, role: roles[i] })),
      signature: { inputs: [], outputs: [] },
      catalogue: { items: train.items.length, users: train.users.length },
      lineage: {
        specDigest: zeros,
        codeVersion: zeros,
        dataDigest: zeros,
        trainedUntil: '2025-04-01',
        computedOn: 'cpu',
        runtime: {},
      },
    };
    const { digest } = await store.putBytes(canonicalJson(artifact), 'artifact.json');
    const { version } = await registry.register({
      model,
      artifactDigest: digest,
      artifact,
      evaluation,
      objective: { lane: 'discovery', metric: 'ndcg@10' },
      parent: null,
      createdBy: { workflowId: 'test', runId: 'test' },
    });
    return version;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Makes a registered version the champion. */
export async function promote({ registry }: Gateway, model: string, version: number): Promise<void> {
  const { artifactDigest } = await registry.version(model, version);
  const seen = await registry.alias(model, 'champion');
  const record = { version, artifactDigest, changedBy: 'test', reason: 'test', previousVersion: null };
  const put = await registry.setAlias(model, 'champion', record, seen?.etag);
  if (put === 'conflict') throw new Error('somebody else moved the alias');
}
