/** What the pool promises: a worker that answers while all cores compute, and a task that ends when it is cancelled. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { createComputePool } from '../../../compute/pool/pool.ts';
import type { Group, Match, Sample, Work } from '../../measure.ts';
import { startTemporal } from '../../temporal.ts';
import type { FromWorker, Lag, Setup, ToWorker, Training } from './pool/worker.ts';

export interface PoolContext {
  /** For files, and all that is started. */
  folder: string;
  say: (line: string) => void;
  /** How long each of the two kinds of training goes on. */
  milliseconds: number;
}

const cores = availableParallelism();

/** A figure that a work must stay within stands where a peer's would. */
const limit = (milliseconds: number) => async (): Promise<Sample> => ({ wall: milliseconds, cpu: 0 });
const figure = (milliseconds: number): Sample => ({ wall: milliseconds, cpu: 0 });
const short = (milliseconds: number) => `${milliseconds.toPrecision(3)} ms`;

const largestLag = 20;

const eventLoopLag: Work<PoolContext> = {
  name: 'event-loop-lag',
  about: 'p99 of how late the event loop of a Temporal worker is, while its pool trains on all cores',
  peerName: 'limit',
  bound: 1,
  runs: 3,
  async open(context): Promise<Match> {
    const worker = await startWorker(context);
    const { milliseconds } = context;
    const one: Training = { where: 'pool', threads: 1, milliseconds };
    // As trials do, and as a training does.
    const lists = [Array.from({ length: cores }, () => one), [{ ...one, threads: cores }]];
    const lags: Lag[] = [];
    return {
      async ours() {
        const lag = await worker.lagOf(lists);
        lags.push(lag);
        return figure(lag.p99);
      },
      peer: limit(largestLag),
      async compare() {
        const here = await worker.lagOf([[{ ...one, where: 'here', threads: cores }]]);
        const worst = Math.max(...lags.map(({ p99 }) => p99));
        const longest = Math.max(...lags.map(({ max }) => max));
        const busy = Math.min(...lags.map(({ cpu, wall }) => cpu / wall));
        return {
          agree: worst <= largestLag,
          said:
            `worst p99 of ${lags.length} trainings ${short(worst)}, longest delay ${short(longest)}; tasks had at least ` +
            `${busy.toFixed(2)} of ${cores} cores; the same training in the worker's own process: p99 ${short(here.p99)}`,
          otherwise: 'The limit was exceeded in a run.',
        };
      },
      close: () => worker.close(),
    };
  },
};

interface BusyWorker {
  /** Lag while these trainings run, side by side within a list. */
  lagOf(lists: Training[][]): Promise<Lag>;
  close(): Promise<void>;
}

async function startWorker({ folder, say }: PoolContext): Promise<BusyWorker> {
  const server = await startTemporal(folder, say);
  let child: ChildProcess | undefined;
  const close = async () => {
    if (child?.connected) {
      const exit = once(child, 'exit');
      child.send({ kind: 'stop' } satisfies ToWorker);
      await exit;
    }
    await server.close();
  };
  try {
    const bundlePath = join(folder, 'workflows.js');
    const workflowsPath = fileURLToPath(new URL('./pool/workflows.ts', import.meta.url));
    const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    await writeFile(bundlePath, code);
    child = fork(fileURLToPath(new URL('./pool/worker.ts', import.meta.url)), { execArgv: [] });
    const ask = askerOf(child);
    const taskQueue = `bench-${process.pid}`;
    const setup: Setup = { address: server.address, taskQueue, bundlePath, cores };
    await ask({ kind: 'setup', setup }, 'ready');
    const client = new Client({ connection: server.connection });
    let workflow = 0;
    return {
      async lagOf(lists) {
        const workflowId = `trainings-${++workflow}`;
        await client.workflow.execute('trainings', { taskQueue, workflowId, args: [lists] });
        return (await ask({ kind: 'measured' }, 'lag')).lag;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function askerOf(child: ChildProcess) {
  return async <K extends FromWorker['kind']>(message: ToWorker, kind: K): Promise<FromWorker & { kind: K }> => {
    const ended = new AbortController();
    const death = once(child, 'exit', { signal: ended.signal }).then(() => {
      throw new Error('The worker must live until it has been measured.');
    });
    const answer = once(child, 'message', { signal: ended.signal }) as Promise<[FromWorker]>;
    child.send(message);
    try {
      const [said] = await Promise.race([answer, death]);
      if (said.kind !== kind) throw new Error(`The worker must answer with "${kind}". Got "${said.kind}".`);
      return said as FromWorker & { kind: K };
    } finally {
      answer.catch(() => undefined);
      death.catch(() => undefined);
      ended.abort();
    }
  };
}

const longestCancel = 200;

const cancel: Work<PoolContext> = {
  name: 'cancel',
  about: 'From the abort of a task, in the middle of a native run() on all cores, until its process is gone',
  peerName: 'limit',
  bound: 1,
  runs: 12,
  async open({ folder }): Promise<Match> {
    const pool = createComputePool({ cores });
    const times: number[] = [];
    return {
      async ours() {
        const time = await timeOfCancel(pool, await mkdtemp(join(folder, 'cancel-')));
        times.push(time);
        return figure(time);
      },
      peer: limit(longestCancel),
      async compare() {
        const worst = Math.max(...times);
        return {
          agree: worst <= longestCancel,
          said: `worst of ${times.length}: ${short(worst)}`,
          otherwise: 'The limit was exceeded in a run.',
        };
      },
      close: () => pool.close(),
    };
  },
};

async function timeOfCancel(pool: ReturnType<typeof createComputePool>, workDir: string): Promise<number> {
  const controller = new AbortController();
  const task = {
    module: new URL('./pool/tasks.ts', import.meta.url).href,
    name: 'oneLongRun',
    input: null,
    threads: cores,
    label: 'one long run',
  };
  let over = false;
  const ended = pool
    .run(task, { workDir, signal: controller.signal })
    .then(
      () => new Error('The run must be cancelled before it is done.'),
      (error: unknown) => error,
    )
    .finally(() => (over = true));
  while (!existsSync(join(workDir, 'running')) && !over) await sleep(5);
  // Well inside of the run.
  await sleep(100);
  const pids = over ? [] : pool.pids;
  const from = performance.now();
  controller.abort(new Error('cancelled'));
  const error = await ended;
  const time = performance.now() - from;
  if (error !== controller.signal.reason) throw error;
  for (const pid of pids) if (isThere(pid)) throw new Error('A cancelled process must be gone.');
  return time;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** @param milliseconds - of each kind of training; the lag is of several seconds on all cores. */
export const poolWorks = (milliseconds = 3000): Group<PoolContext> => ({
  works: [eventLoopLag, cancel],
  async open(say) {
    return { folder: await mkdtemp(join(tmpdir(), 'tradewind-bench-')), say, milliseconds };
  },
  close: ({ folder }) => rm(folder, { recursive: true }),
});
