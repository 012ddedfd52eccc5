/** Peers from PyPI: a virtual environment with pinned versions, made on demand, and a Python process that runs them. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { homeFolder, openHome } from '../scripts/stack/home.ts';

/** Peers that are installed together. Each suite asks for what it needs alone: some are gigabytes. */
export interface PeerEnvironment {
  /** The virtual environment's folder in the home. */
  folder: string;
  /** Beside this file; it names each package with its version, also those that others need. */
  requirements: string;
  /** First and last 3.x for which there are wheels of all of them. */
  python: readonly [number, number];
  /** What to expect of the first run, where that is much. */
  download?: string;
}

export const environments = {
  implicit: { folder: 'bench-venv', requirements: 'requirements.txt', python: [9, 11] },
  pytorch: {
    folder: 'bench-venv-pytorch',
    requirements: 'requirements-pytorch.txt',
    python: [11, 15],
    download: 'up to 2.3 GiB',
  },
  optuna: {
    folder: 'bench-venv-optuna',
    requirements: 'requirements-tuning.txt',
    python: [11, 14],
    download: 'up to 2.4 GiB',
  },
  polars: { folder: 'bench-venv-polars', requirements: 'requirements-polars.txt', python: [10, 14] },
} as const satisfies Record<string, PeerEnvironment>;

/** There is no peer to measure against: a row says so. The message is a whole sentence. */
export class PeerUnavailable extends Error {
  override readonly name = 'PeerUnavailable';
}

export interface EnvironmentOptions {
  /** Folder that Tradewind keeps its state in. */
  home?: string;
  /** Interpreters to try, in this order: `TRADEWIND_PYTHON` alone where it is set. */
  interpreters?: readonly string[];
  say?: (line: string) => void;
}

const execute = promisify(execFile);

/**
 * The interpreter of an environment that holds exactly its requirements; made anew when these have changed, or when a
 * former attempt was cut short.
 * @throws PeerUnavailable when there is no fitting Python, or pip cannot install.
 */
export async function ensurePeers(
  environment: PeerEnvironment,
  { home = homeFolder(), interpreters = interpretersFor(environment), say = () => undefined }: EnvironmentOptions = {},
): Promise<string> {
  const folder = join(openHome(home).home, environment.folder);
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'installed-requirements.txt');
  const requirements = fileURLToPath(new URL(environment.requirements, import.meta.url));
  const wanted = await readFile(requirements, 'utf8');
  if (existsSync(python) && (await readFile(stamp, 'utf8').catch(() => undefined)) === wanted) return python;

  const base = await findPython(interpreters, environment.python);
  const { download } = environment;
  say(`Installing the peers of bench/${environment.requirements}${download ? ` (${download} to fetch)` : ''}`);
  await rm(folder, { recursive: true, force: true });
  try {
    await execute(base, ['-m', 'venv', folder]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'];
    // Wheels alone: building a peer from source takes compilers and minutes, and may measure another program. What the
    // file names alone: another version, or what only a GPU needs, would come along.
    await execute(python, [...pip, '--only-binary=:all:', '--no-deps', '-r', requirements], { timeout: 1_800_000 });
  } catch (error) {
    throw new PeerUnavailable(`The peers could not be installed: ${lastLine(error)}`, { cause: error });
  }
  await writeFile(stamp, wanted);
  return python;
}

/** An interpreter without a number in its name comes last. */
function interpretersFor({ python: [least, most] }: PeerEnvironment): string[] {
  const named = process.env['TRADEWIND_PYTHON'];
  if (named) return [named];
  return [...Array.from({ length: most - least + 1 }, (_, i) => `python3.${most - i}`), 'python3'];
}

async function findPython(interpreters: readonly string[], [least, most]: readonly [number, number]): Promise<string> {
  const seen: string[] = [];
  for (const interpreter of interpreters) {
    try {
      const { stdout } = await execute(interpreter, ['-c', 'import sys; print(*sys.version_info[:2])']);
      const [major, minor] = stdout.trim().split(' ').map(Number);
      if (major === 3 && minor >= least && minor <= most) return interpreter;
      seen.push(`${interpreter} is ${major}.${minor}`);
    } catch (error) {
      seen.push(`${interpreter}: ${lastLine(error)}`);
    }
  }
  throw new PeerUnavailable(
    `The peers need Python 3.${least} to 3.${most}: set TRADEWIND_PYTHON to one. Found: ${seen.join('; ')}.`,
  );
}

/** What a failed command said last: pip's and Python's reason. */
function lastLine(error: unknown): string {
  const { stderr, message, code } = error as { stderr?: string; message: string; code?: unknown };
  if (code === 'ENOENT') return 'not found';
  const said = stderr
    ?.trim()
    .split('\n')
    .at(-1)
    ?.replace(/^ERROR: /, '');
  return said || message;
}

interface Answer {
  result?: unknown;
  error?: string;
}

/**
 * A process that answers one JSON line with one JSON line: `{"call", "args"}` → `{"result"}` or `{"error"}`. It lives
 * as long as a suite, so that neither starting it nor loading the data is in a measured time.
 */
export class PeerProcess {
  readonly #child: ChildProcess;
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #stderr = '';
  #ended: Error | undefined;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#answer(line));
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4096);
    });
    // A write to a process that has ended fails; `close` below tells why it did.
    this.#child.stdin!.on('error', () => undefined);
    this.#child.on('error', (error) =>
      this.#end(new PeerUnavailable(`The peer could not be started: ${error.message}`)),
    );
    this.#child.on('close', (code, signal) => {
      const said = this.#stderr.trim().split('\n').at(-1);
      this.#end(new PeerUnavailable(`The peer ended with ${signal ?? `code ${code}`}${said ? `: ${said}` : '.'}`));
    });
  }

  /**
   * One call at a time; the others wait.
   * @throws PeerUnavailable with the peer's own words when it cannot do it, or has ended.
   */
  call<Result>(name: string, args: Record<string, unknown> = {}): Promise<Result> {
    const answer = this.#last.then(async () => {
      if (this.#ended) throw this.#ended;
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      this.#waiting = { resolve, reject };
      this.#child.stdin!.write(`${JSON.stringify({ call: name, args })}\n`);
      const { result, error } = await promise;
      if (error !== undefined) throw new PeerUnavailable(`The peer failed: ${error}`);
      return result as Result;
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Lets a running call end, then the process. */
  async close(): Promise<void> {
    await this.#last;
    if (this.#ended) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await closed;
    clearTimeout(timer);
  }

  #answer(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    try {
      waiting?.resolve(JSON.parse(line) as Answer);
    } catch {
      waiting?.reject(new PeerUnavailable(`The peer answered with something that is not JSON: ${line.slice(0, 200)}`));
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}
