/**
 * Records the histories that `npm test` replays: `node scripts/record-histories.ts <workflow id> [folder]` writes a
 * lifecycle and its children; one that waited for a decision about its data alone, as `modelLifecycle.decided.json`; or
 * the last run of any other workflow as `<type>.<last part of its id>.json`. To be run, and its files committed, when
 * the workflows change on purpose.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import { workflowIds } from '../contracts/names.ts';
import type { DataDecisionStatus } from '../contracts/data-decision.ts';
import type { LifecycleResult } from '../contracts/lifecycle.ts';
import type { TableLifecycleResult } from '../contracts/table-lifecycle.ts';
import { connectTemporal, requireStack } from './stack/connection.ts';
import { projectRoot } from './stack/home.ts';

/** Replaces what belongs to one machine: the project's folder in inputs, host names in identities. */
function anonymous(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(projectRoot, '/project');
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
for (const [name, workflowId] of Object.entries(await histories(lifecycleId))) {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  const plain = proto.temporal.api.history.v1.History.toObject(history as never, {
    longs: String,
    enums: String,
    bytes: String,
  });
  const file = join(folder, `${name}.json`);
  await writeFile(file, `${JSON.stringify({ workflowId, history: anonymous(plain) })}\n`);
  console.log(`${file}: ${history.events?.length ?? 0} events`);
}
await connection.close();

async function histories(workflowId: string): Promise<Record<string, string>> {
  const handle = client.workflow.getHandle(workflowId);
  const { type } = await handle.describe();
  if (type !== 'modelLifecycle') return { [`${type}.${workflowId.split('/').at(-1)}`]: workflowId };
  const result = (await handle.result()) as LifecycleResult | TableLifecycleResult;
  if ('task' in result) return { 'modelLifecycle.table': workflowId, 'tuneModel.table': workflowIds.study(workflowId) };
  const decided = await handle.query<DataDecisionStatus | null>('dataDecision');
  if (decided !== null) return { 'modelLifecycle.decided': workflowId };
  const releaseId = workflowIds.release(workflowId);
  return {
    modelLifecycle: workflowId,
    tuneModel: workflowIds.study(workflowId),
    releaseModel: releaseId,
    deployModel: workflowIds.deployment(result.model, result.version, releaseId),
  };
}
