/** Kernels and workflow bundle as their sources are now: after a `git pull` those that are there may be older. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TradewindError } from '../../contracts/errors.ts';
import { projectRoot } from './home.ts';
import { nodeRuntime } from './node-service.ts';

/**
 * Builds what is not up to date; a tenth of a second where all is. In a process of its own, which takes the compilers
 * with it when it ends.
 * @returns what was built, as a sentence; nothing when all was up to date
 * @throws TradewindError `PREREQUISITE_MISSING` when it cannot be built
 * @throws the reason of `signal`
 */
export async function refreshBuild(signal?: AbortSignal, root = projectRoot): Promise<string | undefined> {
  const script = join(root, 'scripts', 'build.ts');
  try {
    const { stdout } = await promisify(execFile)(nodeRuntime(), [script], {
      cwd: root,
      ...(signal && { signal }),
    });
    return stdout.trim() || undefined;
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr = '', message } = error as Error & { stderr?: string };
    const said = stderr.split('\n').find((line) => /^\w*Error\b/.test(line)) ?? message;
    throw new TradewindError(
      'PREREQUISITE_MISSING',
      {
        subject: 'Kernels and workflow bundle',
        rule: 'be built from the present sources',
        value: `"${said.replaceAll(/\s+/g, ' ').trim()}"`,
        remedy: 'Run "npm ci"; if that does not help, "npm run build" says more.',
      },
      { cause: error },
    );
  }
}
