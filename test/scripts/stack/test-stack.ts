/** A home of its own on free ports, and the real command line over the fixtures' worker and inference server. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../../scripts/stack/processes.ts';
import { readState, type StackState } from '../../../scripts/stack/state.ts';
import { tearDown } from '../../../scripts/stack/tear-down.ts';
import { cleanEnvironment, type CommandResult } from '../../support/stack.ts';

const program = fileURLToPath(new URL('fixtures/tradewind.ts', import.meta.url));

/** 0 asks for any free port. */
const anyPorts = {
  TRADEWIND_TEMPORAL_PORT: '0',
  TRADEWIND_TEMPORAL_UI_PORT: '0',
  TRADEWIND_S3_PORT: '0',
  TRADEWIND_API_PORT: '0',
};

export interface Running {
  child: ChildProcess;
  ended: Promise<CommandResult>;
}

export class TestStack {
  readonly home = mkdtempSync(join(tmpdir(), 'tradewind-stack-'));
  readonly env: NodeJS.ProcessEnv;

  constructor(extra: NodeJS.ProcessEnv = {}) {
    this.env = cleanEnvironment(this.home, { ...anyPorts, ...extra });
  }

  start(args: string[], extra: NodeJS.ProcessEnv = {}): Running {
    const env = { ...this.env, ...extra };
    const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const result = { code: -1, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (result.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text));
    const ended = new Promise<CommandResult>((done) =>
      child.once('close', (code) => done({ ...result, code: code ?? -1 })),
    );
    return { child, ended };
  }

  tradewind(args: string[], extra: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
    return this.start(args, extra).ended;
  }

  get state(): StackState {
    return readState(this.home)!;
  }

  pid(service: string): number {
    return this.state.services.find(({ name }) => name === service)!.process!.pid;
  }

  /** What the fixtures' processes left. */
  get traces(): string[] {
    return readFileSync(join(this.home, 'logs', 'traces'), 'utf8')
      .trim()
      .split('\n');
  }

  async end(): Promise<void> {
    await tearDown(this.home);
    rmSync(this.home, { recursive: true, force: true });
  }
}

export async function until(what: string, holds: () => boolean, milliseconds = 20_000): Promise<void> {
  for (const end = Date.now() + milliseconds; !holds(); await sleep(25)) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
  }
}

export const processesOf = (state: StackState) =>
  [state.supervisor, ...state.services.flatMap(({ process }) => process ?? [])].filter(isAlive);
