/** Processes by id and start time: who still lives, and ending them without ever hitting a stranger. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessRecord } from './state.ts';

/**
 * When a process started, as a string that no other process of the same id shares: boot and clock ticks on Linux, the
 * `ps` start time elsewhere. `undefined` when there is no such process (or only its zombie).
 */
export function processIdentity(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command name may hold spaces and brackets: fields count from the last bracket. Field 3 is the state, 22 the start.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
      return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

export function recordOf(pid: number): ProcessRecord {
  return { pid, identity: processIdentity(pid) ?? 'gone' };
}

export function isAlive(record: ProcessRecord | undefined): boolean {
  return record !== undefined && processIdentity(record.pid) === record.identity;
}

/** @returns false when there was nothing to signal. A negative id is a process group. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Waits for the end of a process that need not be a child of ours. */
export async function gone(record: ProcessRecord, milliseconds: number): Promise<boolean> {
  for (const end = Date.now() + milliseconds; isAlive(record); await sleep(30)) {
    if (Date.now() >= end) return false;
  }
  return true;
}

/** SIGTERM to a group's leader; after the grace, or once the leader is gone, SIGKILL to what is left of its group. */
export async function endGroup(leader: ProcessRecord, grace: number): Promise<void> {
  if (!isAlive(leader)) return;
  signal(leader.pid, 'SIGTERM');
  await gone(leader, grace);
  signal(-leader.pid, 'SIGKILL');
  await gone(leader, 2_000);
}
