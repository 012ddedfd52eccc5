/**
 * Records the histories that `npm test` replays: `node scripts/record-histories.ts <workflow id> [folder]` writes a
 * lifecycle and its children. To be run, and its files committed, when the workflows change on purpose.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { workflowIds } from '../contracts/names.ts';
import type { LifecycleResult } from '../contracts/lifecycle.ts';
import { connectTemporal, requireStack } from './stack/connection.ts';

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
  const file = join(folder, `${type}.json`);
  await writeFile(file, `${JSON.stringify({ workflowId, history: historyToJSON(history) }, null, 1)}\n`);
  console.log(`${file}: ${history.events?.length ?? 0} events`);
}
await connection.close();
