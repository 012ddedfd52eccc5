/** A local stack of the product's own, driven by its command line as people drive it. */
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import getPort from 'get-port';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Stack {
  readonly home: string;
  /** Runs `tradewind …args` against this stack. */
  tradewind(...args: string[]): Promise<CommandResult>;
  /** The same with `--json`, parsed. */
  json<T>(...args: string[]): Promise<T>;
  stop(): Promise<void>;
}

/** The environment without what would lead a test to somebody's own servers. */
export function cleanEnvironment(home: string, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_|AWS_|S3_|TRADEWIND_)/.test(name) || name === 'TRADEWIND_CACHE',
  );
  return { ...Object.fromEntries(kept), NO_COLOR: '1', TRADEWIND_HOME: home, ...extra };
}

export function attachStack(home: string, extra: NodeJS.ProcessEnv = {}): Stack {
  const env = cleanEnvironment(home, extra);
  const tradewind = (...args: string[]) =>
    new Promise<CommandResult>((resolve) => {
      execFile(
        process.execPath,
        [join(root, 'bin/tradewind.js'), ...args],
        { env, maxBuffer: 1 << 26 },
        (error, stdout, stderr) => {
          const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0;
          resolve({ code, stdout, stderr });
        },
      );
    });
  return {
    home,
    tradewind,
    async json<T>(...args: string[]) {
      const { stdout, stderr } = await tradewind(...args, '--json');
      try {
        return JSON.parse(stdout) as T;
      } catch {
        throw new Error(`tradewind ${args.join(' ')} printed no JSON: ${stdout}${stderr}`);
      }
    },
    async stop() {
      await tradewind('down', '--purge');
    },
  };
}

/** Starts a stack in a new folder, on free ports. */
export async function startStack(extra: NodeJS.ProcessEnv = {}): Promise<Stack> {
  const home = await mkdtemp(join(tmpdir(), 'tradewind-test-'));
  const stack = attachStack(home, {
    TRADEWIND_TEMPORAL_PORT: String(await getPort()),
    TRADEWIND_TEMPORAL_UI_PORT: String(await getPort()),
    TRADEWIND_S3_PORT: String(await getPort()),
    TRADEWIND_API_PORT: String(await getPort()),
    ...extra,
  });
  const { code, stdout, stderr } = await stack.tradewind('up');
  if (code !== 0) {
    await stack.stop();
    throw new Error(`The stack did not start: ${stdout}${stderr}`);
  }
  return attachStack(home, extra);
}
