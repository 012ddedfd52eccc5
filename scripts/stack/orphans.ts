/** Processes that outlived their supervisor. */
import { isAlive, endGroup } from './processes.ts';
import type { ProcessRecord, StackState } from './state.ts';

/** Time to end well after SIGTERM: what writes to a database had better. */
const grace = 5_000;

export function orphansOf(state: StackState | undefined): ProcessRecord[] {
  return (state?.services ?? []).flatMap(({ process }) => (process !== undefined && isAlive(process) ? [process] : []));
}

/** Ends them, each with its process group. @returns how many there were */
export async function reapOrphans(state: StackState | undefined): Promise<number> {
  const orphans = orphansOf(state);
  await Promise.all(orphans.map((record) => endGroup(record, grace)));
  return orphans.length;
}
