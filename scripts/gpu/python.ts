/** The user's own Python: its pip downloads and checks digests, with the user's index and proxy; it also unpacks. */
import { spawn } from 'node:child_process';
import { TradewindError } from '../../contracts/errors.ts';
import { signal as signalProcess } from '../stack/processes.ts';

export interface Python {
  program: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

export interface PythonRun {
  code: number;
  /** Lines of both streams, the last ones last. */
  lines: string[];
}

/** @throws TradewindError `PREREQUISITE_MISSING` when there is no Python with pip */
export async function findPython(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Python> {
  const python = { program: env['TRADEWIND_PYTHON'] || 'python3', env, signal };
  const { code, lines } = await runPython(python, ['-m', 'pip', '--version']).catch((error: Error) => {
    signal.throwIfAborted();
    return { code: 1, lines: [error.message] };
  });
  if (code === 0) return python;
  throw new TradewindError('PREREQUISITE_MISSING', {
    subject: 'Python 3 with pip',
    rule: 'be installed to download the libraries',
    value: `"${lines.at(-1) ?? `exit code ${code}`}" of ${python.program}`,
    remedy: 'Install it (Debian: apt-get install python3-pip), or set TRADEWIND_PYTHON to one that has it.',
  });
}

/** @throws the reason of the signal, after the program and what it started have ended */
export function runPython({ program, env, signal }: Python, args: string[], cwd?: string): Promise<PythonRun> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const child = spawn(program, args, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      // A group of its own: pip may run programs, and Ctrl-C of the terminal is for us to pass on.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stop = () => void (child.pid !== undefined && signalProcess(-child.pid, 'SIGKILL'));
    signal.addEventListener('abort', stop, { once: true });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => (output = (output + text).slice(-64 * 1024)));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) return reject(signal.reason as Error);
      const lines = output.split(/[\r\n]+/).filter((line) => line.trim() !== '');
      return resolve({ code: code ?? 1, lines });
    });
    return undefined;
  });
}
