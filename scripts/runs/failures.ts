/** What a failed workflow says, in the words of the error that began it. */
import type { Client } from '@temporalio/client';

export interface RunFailure {
  code: string;
  message: string;
}

interface Failure {
  message?: string | null;
  cause?: unknown;
  type?: string | null;
  applicationFailureInfo?: { type?: string | null } | null;
}

/** The innermost application failure: what surrounds it only says which activity or child it came through. */
export function rootFailure(error: unknown): RunFailure {
  let found: RunFailure = { code: 'FAILED', message: error instanceof Error ? error.message : String(error) };
  for (let at = error as Failure | undefined; at; at = at.cause as Failure | undefined) {
    const type = at.type ?? at.applicationFailureInfo?.type;
    if (at.message) found = { code: type ?? found.code, message: at.message };
  }
  return found;
}

export interface PendingFault {
  activity: string;
  attempt: number;
  message: string;
}

/** Activities of a workflow that failed and will be tried again. */
export async function pendingFaults(client: Client, workflowId: string): Promise<PendingFault[]> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const faults: PendingFault[] = [];
  for (const pending of raw.pendingActivities ?? []) {
    if (!pending.lastFailure) continue;
    const { message } = rootFailure(pending.lastFailure);
    faults.push({ activity: pending.activityType?.name ?? 'activity', attempt: pending.attempt ?? 0, message });
  }
  return faults;
}
