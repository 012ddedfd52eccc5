/** Stopping the stack, and deleting its state. */
import { setTimeout as sleep } from 'node:timers/promises';
import { existsSync, rmSync } from 'node:fs';
import { TradewindError } from '../../contracts/errors.ts';
import { homePaths, pidFile, purgeHome } from './home.ts';
import { takeLock } from './lock.ts';
import { reapOrphans } from './orphans.ts';
import { endGroup, isAlive, signal as signalProcess } from './processes.ts';
import { readState, type StackState } from './state.ts';

/** Longer than the graces of all parts together. */
const stopTimeout = 90_000;

export type TornDown =
  | 'stopped'
  /** Its supervisor had been killed: what it had left was ended. */
  | 'orphans'
  | 'was-down';

/** Stops the stack of this home and waits for its end; what does not end is killed. */
export async function tearDown(home: string, onState?: (state: StackState) => void): Promise<TornDown> {
  const state = readState(home);
  if (state === undefined) return 'was-down';
  const { supervisor } = state;
  if (!isAlive(supervisor)) return (await clearAway(state)) > 0 ? 'orphans' : 'was-down';
  signalProcess(supervisor.pid, 'SIGTERM');
  for (const end = Date.now() + stopTimeout; isAlive(supervisor) && Date.now() < end; await sleep(50)) {
    const current = readState(home);
    if (current?.supervisor.pid === supervisor.pid) onState?.(current);
  }
  const last = readState(home);
  if (last !== undefined) onState?.(last);
  if (isAlive(supervisor)) {
    await endGroup(supervisor, 0);
    await clearAway(last ?? state);
  }
  return 'stopped';
}

async function clearAway(state: StackState): Promise<number> {
  const orphans = await reapOrphans(state);
  for (const name of ['supervisor', ...state.services.map((service) => service.name)]) {
    rmSync(pidFile(state.home, name), { force: true });
  }
  return orphans;
}

/**
 * Deletes the state of a stack that is down: histories, models, keys, logs.
 * @returns entries of the home that are not Tradewind's, and were left
 * @throws TradewindError `STACK_FAILED` when the folder is not Tradewind's, or a stack has started in it
 */
export function purge(home: string): string[] {
  const { run, lock: file } = homePaths(home);
  const lock = existsSync(run) ? takeLock(file) : undefined;
  if (existsSync(run) && lock === undefined) {
    throw new TradewindError('STACK_FAILED', {
      subject: `The stack of ${home}`,
      rule: 'be down before its state is deleted',
      value: 'one that has just been started',
      remedy: 'Run "tradewind down --purge" again.',
    });
  }
  try {
    return purgeHome(home);
  } finally {
    lock?.release();
  }
}
