/** What is known of a local stack: `stack.json`, written by its supervisor alone and read by every command. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Complaint, ErrorCode } from '../../contracts/errors.ts';
import type { Provider } from '../../contracts/execution.ts';
import { homePaths } from './home.ts';

/** A process and when it started, so that a reused process id is never taken for it. */
export interface ProcessRecord {
  pid: number;
  identity: string;
}

export type ServiceCondition =
  /** Its turn has not come. */
  | 'waiting'
  /** Its program is being looked for. */
  | 'preparing'
  /** Its program is being built. */
  | 'building'
  | 'starting'
  | 'healthy'
  /** It runs, or should answer at its address, and does not. */
  | 'unhealthy'
  | 'restarting'
  | 'stopping'
  | 'stopped'
  | 'failed';

export interface ServiceState {
  /** File-name part: `temporal`, `s3`, `worker-1`, `api`. */
  name: string;
  /** For people. */
  title: string;
  /** `external`: an address from the environment, watched and never started. */
  kind: 'process' | 'external';
  condition: ServiceCondition;
  /** ISO time of the last change of `condition`. */
  since: string;
  address?: string;
  /** One line for people: what is being waited for or went wrong. */
  note?: string;
  process?: ProcessRecord;
  /** How often it was started again after it had been healthy. */
  restarts: number;
  /** Milliseconds from the start of its preparation to its first health. */
  startMilliseconds?: number;
  log?: string;
}

export type PortName = 'temporal' | 'temporalUi' | 's3' | 'api';
export type Ports = Partial<Record<PortName, number>>;

export interface StackFailure {
  code: ErrorCode;
  complaint: Complaint;
  /** Last lines of the log that tells more. */
  log?: { file: string; lines: string[] };
}

/** Exit codes of a supervisor. */
export const supervisorExit = { stopped: 0, failed: 1, anotherOneRuns: 75 } as const;

export interface StackState {
  format: 'tradewind-stack/1';
  home: string;
  phase: 'starting' | 'up' | 'stopping' | 'failed' | 'down';
  supervisor: ProcessRecord;
  startedAt: string;
  ports: Ports;
  /** Ports that were wanted and not free. */
  takenPorts: Ports;
  temporal: { external: boolean; address?: string; namespace: string; webUi?: string };
  /** Credentials are not here: of the local server they are in a file of mode 0600, of another in the environment. */
  s3: { external: boolean; endpoint?: string; region: string; bucket: string };
  api: { url?: string; host: string; port?: number };
  /** `gpu`: the number of the GPU, where one was asked for. */
  workers: { count: number; cores: number; provider: Provider; gpu?: number };
  services: ServiceState[];
  failure?: StackFailure;
}

/** The state as last written, whether its processes still live or not; `undefined` when there is none. */
export function readState(home: string): StackState | undefined {
  let text: string;
  try {
    text = readFileSync(homePaths(home).state, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const state = JSON.parse(text) as StackState;
    // A stack that was brought up before there was a choice.
    state.workers.provider ??= 'cpu';
    return state.format === 'tradewind-stack/1' ? state : undefined;
  } catch {
    // Cut short by a power failure: as good as none.
    return undefined;
  }
}

/** A reader sees the old state or the new one, never a part. Fails when the home has been deleted. */
export function writeState(state: StackState): void {
  const file = homePaths(state.home).state;
  const partial = `${file}.${state.supervisor.pid}.part`;
  writeFileSync(partial, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, file);
}

export const isHealthy = (state: StackState): boolean =>
  state.phase === 'up' && state.services.every((service) => service.condition === 'healthy');
