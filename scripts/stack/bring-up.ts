/** Starting the stack from a command, and following it until all of it is healthy. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TradewindError } from '../../contracts/errors.ts';
import { refreshBuild } from './built-files.ts';
import { logFile, openHome, projectRoot } from './home.ts';
import { LogTail, rotateLog, tailOf } from './logs.ts';
import { nodeRuntime } from './node-service.ts';
import { gone, isAlive, recordOf, signal as signalProcess } from './processes.ts';
import { isHealthy, readState, supervisorExit, type ProcessRecord, type StackState } from './state.ts';

interface BringUp {
  home: string;
  /** The supervisor's: where servers and ports are asked for. */
  env?: NodeJS.ProcessEnv;
  /** Program of the supervisor; by default the project's own. */
  supervisor?: string;
  /** Called whenever the stack's state may have changed. */
  onState?: (state: StackState) => void;
  /** Told what had to be built first, as a sentence. */
  onBuilt?: (note: string) => void;
  /** Stops what this call started; a stack that was up, or that somebody else brings up, stays. */
  signal?: AbortSignal;
}

interface BroughtUp {
  state: StackState;
  /** False when the stack was up, or was being brought up by somebody else. */
  started: boolean;
}

const pollInterval = 50;
/** Time a new supervisor has to show itself; ending what a killed one left can take a few seconds of it. */
const appearTimeout = 30_000;
/** Time a stack that is up has to get well again. */
const recoverTimeout = 60_000;
const stopTimeout = 90_000;

/**
 * Returns once the stack of this home is up and healthy, whoever started it.
 * @throws TradewindError of whatever hinders it
 * @throws the reason of `signal`, after what was started has been stopped
 */
export async function bringUp(options: BringUp): Promise<BroughtUp> {
  const { home, signal } = options;
  openHome(home);
  for (;;) {
    signal?.throwIfAborted();
    const found = readState(home);
    if (found === undefined || !isAlive(found.supervisor)) {
      const built = await refreshBuild(signal);
      if (built !== undefined) options.onBuilt?.(built);
      return await new Following(options, startSupervisor(options)).end();
    }
    if (isHealthy(found)) return { state: found, started: false };
    if (found.phase === 'starting' || found.phase === 'up') return await new Following(options).end();
    // It is on its way down: a new one can start when it is gone.
    options.onState?.(found);
    await sleep(pollInterval);
  }
}

interface Supervisor {
  child: ChildProcess;
  record: ProcessRecord;
  logOffset: number;
}

function startSupervisor({ home, env = process.env, supervisor }: BringUp): Supervisor {
  const file = logFile(home, 'supervisor');
  rotateLog(file, 1024 * 1024);
  const output = openSync(file, 'a');
  const logOffset = statSync(file).size;
  const entry = supervisor ?? join(projectRoot, 'scripts', 'stack', 'supervisor.ts');
  const child = spawn(nodeRuntime(), [entry], {
    cwd: projectRoot,
    env: { ...env, TRADEWIND_HOME: home },
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.on('error', () => undefined);
  child.unref();
  return { child, record: recordOf(child.pid ?? -1), logOffset };
}

class Following {
  readonly #options: BringUp;
  #mine: Supervisor | undefined;
  #followed: ProcessRecord | undefined;
  readonly #since = Date.now();
  #unwellSince: number | undefined;

  constructor(options: BringUp, mine?: Supervisor) {
    this.#options = options;
    this.#mine = mine;
  }

  async end(): Promise<BroughtUp> {
    for (;;) {
      if (this.#options.signal?.aborted) await this.#withdraw();
      const state = this.#look();
      if (state !== undefined) return { state, started: this.#mine !== undefined };
      await sleep(pollInterval);
    }
  }

  /** @returns the state once it is healthy */
  #look(): StackState | undefined {
    const { home, onState } = this.#options;
    // Of two that start at once, one gets the lock; the other one's command follows the first.
    if (this.#mine?.child.exitCode === supervisorExit.anotherOneRuns) this.#mine = undefined;
    const state = readState(home);
    const current = this.#followed ?? this.#mine?.record;
    if (state !== undefined && isAlive(state.supervisor)) {
      this.#followed = state.supervisor;
      onState?.(state);
      if (isHealthy(state)) return state;
      if (state.phase === 'up') this.#complainIfUnwell(state);
      return undefined;
    }
    if (this.#mine !== undefined ? !isAlive(this.#mine.record) : this.#followed !== undefined) {
      throw this.#ended(state?.supervisor.pid === current?.pid ? state : undefined);
    }
    if (Date.now() - this.#since > appearTimeout) throw this.#ended(undefined);
    return undefined;
  }

  #complainIfUnwell(state: StackState): void {
    this.#unwellSince ??= Date.now();
    if (Date.now() - this.#unwellSince < recoverTimeout) return;
    const unwell = state.services.filter(({ condition }) => condition !== 'healthy');
    throw new TradewindError('STACK_FAILED', {
      subject: 'The stack, which is up,',
      rule: 'be healthy',
      value: unwell.map(({ title, condition, note }) => `${title}: ${condition}${note ? ` (${note})` : ''}`).join('; '),
      remedy: 'See "tradewind status" and the logs; "tradewind down" and "tradewind up" start it anew.',
    });
  }

  #ended(state: StackState | undefined): TradewindError {
    if (state?.failure !== undefined) {
      const { code, complaint, log } = state.failure;
      return new TradewindError(code, complaint, log ? { cause: new LogTail(log.file, log.lines) } : {});
    }
    const file = logFile(this.#options.home, 'supervisor');
    const lines = tailOf(file, 12, this.#mine?.logOffset ?? 0);
    return new TradewindError(
      'STACK_FAILED',
      {
        subject: "The stack's supervisor",
        rule: 'live until the stack is healthy',
        value: state?.phase === 'down' ? 'a stop from elsewhere' : 'an end without a word',
        remedy: 'Run "tradewind up" again.',
      },
      state?.phase === 'down' || lines.length === 0 ? {} : { cause: new LogTail(file, lines) },
    );
  }

  async #withdraw(): Promise<never> {
    const { signal, home, onState } = this.#options;
    if (this.#mine !== undefined && isAlive(this.#mine.record)) {
      const { record } = this.#mine;
      signalProcess(record.pid, 'SIGTERM');
      for (const end = Date.now() + stopTimeout; isAlive(record) && Date.now() < end;) {
        await gone(record, pollInterval);
        const state = readState(home);
        if (state?.supervisor.pid === record.pid) onState?.(state);
      }
    }
    throw signal!.reason;
  }
}
