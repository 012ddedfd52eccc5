/** The two servers' programs: found on PATH or in the cache folder, else built with Go into that folder. */
import { execFile, spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import { TradewindError } from '../../contracts/errors.ts';
import { LogTail, startLog, tailOf } from './logs.ts';
import { signal as signalProcess } from './processes.ts';

export interface Program {
  name: string;
  /** What it is, in messages. */
  title: string;
  module: string;
  version: string;
  /** Measured on two cores with an empty cache. */
  buildTime: string;
}

export const programs = {
  temporal: {
    name: 'temporal',
    title: 'the Temporal server',
    // Newer modules carry `replace` directives, which `go install` refuses.
    module: 'github.com/temporalio/cli/cmd/temporal',
    version: 'v1.5.1',
    buildTime: '3 min',
  },
  versitygw: {
    name: 'versitygw',
    title: 'the S3 server VersityGW',
    module: 'github.com/versity/versitygw/cmd/versitygw',
    version: 'v1.8.0',
    buildTime: '1 min',
  },
} as const satisfies Record<string, Program>;

const minimumGo = [1, 25] as const;

/** Where built programs are kept, over all homes: `TRADEWIND_CACHE`, else the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TRADEWIND_CACHE']) return resolve(env['TRADEWIND_CACHE']);
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'tradewind', 'bin');
}

interface FoundProgram {
  path: string;
  where: 'PATH' | 'cache' | 'Go';
}

export function findProgram(program: Program, env: NodeJS.ProcessEnv = process.env): FoundProgram | undefined {
  const home = env['HOME'] || homedir();
  const goPaths = (env['GOPATH'] || join(home, 'go')).split(delimiter).map((folder) => join(folder, 'bin'));
  const places: [FoundProgram['where'], string[]][] = [
    ['PATH', (env['PATH'] ?? '').split(delimiter)],
    ['cache', [cacheFolder(env)]],
    ['Go', env['GOBIN'] ? [env['GOBIN']] : goPaths],
  ];
  for (const [where, folders] of places) {
    for (const folder of folders) {
      if (folder === '') continue;
      const path = resolve(folder, program.name);
      if (isExecutable(path)) return { path, where };
    }
  }
  return undefined;
}

interface GoState {
  version: string;
  recent: boolean;
}

/** The installed Go, `undefined` when there is none. Asked in the root folder, where no `go.mod` picks another one. */
export async function findGo(env: NodeJS.ProcessEnv = process.env): Promise<GoState | undefined> {
  try {
    const { stdout } = await promisify(execFile)('go', ['version'], { env, cwd: '/' });
    const [version, major, minor] = /go(\d+)\.(\d+)[^ ]*/.exec(stdout) ?? [];
    if (version === undefined) return undefined;
    const recent = Number(major) > minimumGo[0] || (Number(major) === minimumGo[0] && Number(minor) >= minimumGo[1]);
    return { version: version.slice(2), recent };
  } catch {
    return undefined;
  }
}

/** @throws TradewindError `PREREQUISITE_MISSING` */
async function requireGo(program: Program, env: NodeJS.ProcessEnv): Promise<string> {
  const go = await findGo(env);
  if (go?.recent) return go.version;
  throw new TradewindError('PREREQUISITE_MISSING', {
    subject: `Go ${minimumGo.join('.')} or newer`,
    rule: `be installed to build ${program.title} once`,
    value: go === undefined ? 'no "go" on PATH' : `Go ${go.version}`,
    remedy: `Install it from https://go.dev/dl, or put a "${program.name}" program on PATH or into ${cacheFolder(env)}.`,
  });
}

export interface Build {
  env: NodeJS.ProcessEnv;
  log: string;
  /** Called with what goes on, for people. */
  report: (note: string) => void;
  signal: AbortSignal;
}

/**
 * `go install`, into the cache folder. The program appears there in one piece: a build that is stopped half-way leaves
 * nothing, and two at once do no harm.
 * @returns its path
 * @throws TradewindError `PREREQUISITE_MISSING`, or `STACK_FAILED` with the end of the build's output as its cause
 */
async function buildProgram(program: Program, { env, log, report, signal }: Build): Promise<string> {
  const go = await requireGo(program, env);
  const cache = cacheFolder(env);
  mkdirSync(cache, { recursive: true });
  const workshop = mkdtempSync(join(cache, `.building-${program.name}-`));
  try {
    const title = `building, once, about ${program.buildTime}`;
    report(`${title}: with Go ${go}`);
    startLog(log);
    let compiled = 0;
    const code = await runGo(['install', '-v', `${program.module}@${program.version}`], {
      env: { ...env, GOBIN: workshop },
      cwd: workshop,
      log,
      signal,
      onLine: (line) => {
        const downloading = /^go: downloading (\S+)/.exec(line)?.[1];
        if (downloading !== undefined) report(`${title}: downloading ${downloading}`);
        // Its own package is the last to be compiled, and then all are linked.
        else if (line === program.module) report(`${title}: linking`);
        else report(`${title}: ${++compiled === 1 ? '1 package' : `${compiled} packages`}`);
      },
    });
    signal.throwIfAborted();
    const built = join(workshop, program.name);
    if (code !== 0 || !isExecutable(built)) {
      throw new TradewindError(
        'STACK_FAILED',
        {
          subject: `Building ${program.title} with "go install ${program.module}@${program.version}"`,
          rule: 'end well',
          value: code === 0 ? 'no program' : `exit code ${code}`,
          remedy: `Read ${log}; or put a "${program.name}" program on PATH or into ${cache}.`,
        },
        { cause: new LogTail(log, tailOf(log)) },
      );
    }
    const path = join(cache, program.name);
    renameSync(built, path);
    return path;
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/**
 * The program that is there, or else a built one.
 * @throws TradewindError as `buildProgram`
 */
export async function obtainProgram(program: Program, build: Build): Promise<string> {
  return findProgram(program, build.env)?.path ?? (await buildProgram(program, build));
}

interface GoRun {
  env: NodeJS.ProcessEnv;
  cwd: string;
  log: string;
  signal: AbortSignal;
  onLine: (line: string) => void;
}

async function runGo(args: string[], { env, cwd, log, signal, onLine }: GoRun): Promise<number> {
  signal.throwIfAborted();
  const output = createWriteStream(log);
  // A group of its own, since `go` starts compilers that outlive it when it alone is ended.
  const child = spawn('go', args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => void (child.pid !== undefined && signalProcess(-child.pid, 'SIGKILL'));
  signal.addEventListener('abort', stop, { once: true });
  let rest = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.trim() !== '') onLine(line);
    });
  }
  try {
    return await new Promise<number>((done, fail) => {
      child.once('error', fail);
      child.once('close', (code) => done(code ?? 1));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    output.end();
    await finished(output);
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
