/** What a failed workflow says, in the words of the error that began it. */
import type { Client } from '@temporalio/client';
import { isErrorCode, TradewindError, type Complaint } from '../../contracts/errors.ts';

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

/** The product's own error that a workflow or an activity refused something with, if that is what came. */
export function refusalIn(error: unknown): TradewindError | undefined {
  let found: TradewindError | undefined;
  for (let at = error as (Failure & { details?: unknown[] | null }) | undefined; at; at = at.cause as typeof at) {
    const [complaint] = (at.details ?? []) as (Complaint | undefined)[];
    if (isErrorCode(at.type) && complaint?.subject !== undefined) found = new TradewindError(at.type, complaint);
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
