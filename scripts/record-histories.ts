/**
 * Records the histories that `npm test` replays: `node scripts/record-histories.ts <workflow id> [folder]` writes a
 * lifecycle and its children. To be run, and its files committed, when the workflows change on purpose.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import { workflowIds } from '../contracts/names.ts';
import type { LifecycleResult } from '../contracts/lifecycle.ts';
import { connectTemporal, requireStack } from './stack/connection.ts';
import { projectRoot } from './stack/home.ts';

/** Replaces what belongs to one machine: the project's folder in inputs, host names in identities. */
function anonymous(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(anonymous);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key === 'identity') return [key, 'worker'];
      if (key === 'data' && typeof inner === 'string') {
        const text = Buffer.from(inner, 'base64').toString('utf8').replaceAll(projectRoot, '/project');
        return [key, Buffer.from(text, 'utf8').toString('base64')];
      }
      return [key, anonymous(inner)];
    }),
  );
}

const [lifecycleId, folder = 'test/replay/histories'] = process.argv.slice(2);
if (lifecycleId === undefined) {
  console.error('usage: node scripts/record-histories.ts <workflow id> [folder]');
  process.exit(2);
}
const { client, connection } = await connectTemporal(await requireStack());
await mkdir(folder, { recursive: true });
const result = (await client.workflow.getHandle(lifecycleId).result()) as LifecycleResult;
const releaseId = workflowIds.release(lifecycleId);
const ids = {
  modelLifecycle: lifecycleId,
  tuneModel: workflowIds.study(lifecycleId),
  releaseModel: releaseId,
  deployModel: workflowIds.deployment(result.model, result.version, releaseId),
};
for (const [type, workflowId] of Object.entries(ids)) {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const plain = proto.temporal.api.history.v1.History.toObject(history as never, {
    longs: String,
    enums: String,
    bytes: String,
  });
  const file = join(folder, `${type}.json`);
  await writeFile(file, `${JSON.stringify({ workflowId, history: anonymous(plain) })}\n`);
  console.log(`${file}: ${history.events?.length ?? 0} events`);
}
await connection.close();
