/** Follows a lifecycle to its end: the same progress that the Web UI shows, as the terminal draws it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { LifecycleProgress, LifecycleResult } from '../../contracts/lifecycle.ts';
import type { TableLifecycleResult } from '../../contracts/table-lifecycle.ts';
import { workflowIds } from '../../contracts/names.ts';
import { pendingFaults, rootFailure, type PendingFault, type RunFailure } from './failures.ts';

export interface Watcher {
  progress(progress: LifecycleProgress): void;
  fault(fault: PendingFault): void;
  /** The worker cannot be asked just now; the workflow waits for it. */
  silent(): void;
}

export type Ending =
  { result: LifecycleResult | TableLifecycleResult } | { failure: RunFailure } | { stopped: 'detached' };

const pollMilliseconds = 400;
/** Faults are looked up less often: each look describes the workflow and its study. */
const faultEvery = 5;

export async function follow(
  client: Client,
  workflowId: string,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<Ending> {
  const handle = client.workflow.getHandle(workflowId);
  const stop = new AbortController();
  const ended: Promise<Ending> = handle.result().then(
    (result) => ({ result: result as LifecycleResult }),
    (error: unknown) => {
      if (error instanceof WorkflowFailedError) return { failure: rootFailure(error.cause ?? error) };
      throw error;
    },
  );
  const detached = new Promise<Ending>((resolve) => {
    signal.addEventListener('abort', () => resolve({ stopped: 'detached' }), { once: true });
  });
  const polling = poll(client, handle, workflowId, watcher, stop.signal);
  try {
    return await Promise.race([ended, detached]);
  } finally {
    stop.abort();
    await polling;
    if (!signal.aborted) await show(handle, watcher);
  }
}

async function poll(client: Client, handle: WorkflowHandle, workflowId: string, watcher: Watcher, signal: AbortSignal) {
  const told = new Set<string>();
  for (let turn = 0; !signal.aborted; turn++) {
    await show(handle, watcher);
    if (turn % faultEvery === faultEvery - 1) {
      for (const id of [workflowId, workflowIds.study(workflowId)]) {
        for (const fault of await pendingFaults(client, id).catch(() => [])) {
          const key = `${fault.activity}: ${fault.message}`;
          if (!told.has(key)) watcher.fault(fault);
          told.add(key);
        }
      }
    }
    await sleep(pollMilliseconds, undefined, { signal }).catch(() => undefined);
  }
}

async function show(handle: WorkflowHandle, watcher: Watcher): Promise<void> {
  try {
    watcher.progress(await handle.query<LifecycleProgress>('progress'));
  } catch {
    // A query needs a worker; while it is being restarted the workflow waits, and so does this.
    watcher.silent();
  }
}
