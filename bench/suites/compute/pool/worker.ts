/**
 * What a worker of the product does, in a process of its own: it talks to Temporal, heartbeats, and has a pool compute.
 * How late its event loop is, it measures itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Context } from '@temporalio/activity';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { beatOf } from '../../../../activities/beat.ts';
import { createComputePool } from '../../../../compute/pool/pool.ts';
import { activityInterceptors } from '../../../../workers/interceptors.ts';
import { trainFor } from './tasks.ts';

export interface Setup {
  address: string;
  taskQueue: string;
  bundlePath: string;
  cores: number;
}

export interface Training {
  /** In a compute process, or in this one. */
  where: 'pool' | 'here';
  threads: number;
  milliseconds: number;
}

export interface Activities {
  train(training: Training): Promise<void>;
}

export type ToWorker = { kind: 'setup'; setup: Setup } | { kind: 'measured' } | { kind: 'stop' };
export type FromWorker = { kind: 'ready' } | { kind: 'lag'; lag: Lag };

/** While activities ran, since it was last asked for. Milliseconds. */
export interface Lag {
  p99: number;
  max: number;
  /** Times the loop came round. */
  ticks: number;
  /** How long activities ran. */
  wall: number;
  /** Processor time of the compute processes' tasks. */
  cpu: number;
}

const delay = monitorEventLoopDelay({ resolution: 1 });
let measured = { wall: 0, cpu: 0 };
let running = 0;
let since = 0;

/** Between trainings the loop has nothing to be late for. */
async function whileMeasuring<T>(work: () => Promise<T>): Promise<T> {
  if (running++ === 0) {
    since = performance.now();
    delay.enable();
  }
  try {
    return await work();
  } finally {
    if (--running === 0) {
      delay.disable();
      measured.wall += performance.now() - since;
    }
  }
}

function lagSoFar(): Lag {
  const lag = { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6, ticks: delay.count, ...measured };
  delay.reset();
  measured = { wall: 0, cpu: 0 };
  return lag;
}

async function start({ address, taskQueue, bundlePath, cores }: Setup): Promise<() => Promise<void>> {
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const pool = createComputePool({ cores });
  const activities: Activities = {
    train: ({ where, threads, milliseconds }) =>
      whileMeasuring(async () => {
        const context = Context.current();
        const beat = beatOf(context);
        const onProgress = (fraction: number, note?: string) => void Object.assign(beat, { fraction, note });
        const workDir = await mkdtemp(join(tmpdir(), 'tradewind-bench-'));
        try {
          if (where === 'here') {
            const checkpoint = () => Promise.resolve();
            await trainFor({ milliseconds }, { threads, memoryBytes: 0, workDir, progress: onProgress, checkpoint });
            return;
          }
          const module = new URL('./tasks.ts', import.meta.url).href;
          const task = { module, name: 'trainFor', input: { milliseconds }, threads, label: 'training' };
          const onUsage = ({ cpuMilliseconds }: { cpuMilliseconds: number }) => void (measured.cpu += cpuMilliseconds);
          await pool.run(task, { workDir, signal: context.cancellationSignal, onProgress, onUsage });
        } finally {
          await rm(workDir, { recursive: true });
        }
      }),
  };
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: bundlePath },
    activities,
    interceptors: { activity: [activityInterceptors(pino({ level: 'silent' }))] },
    maxConcurrentActivityTaskExecutions: cores + 1,
  });
  const ended = worker.run();
  return async () => {
    worker.shutdown();
    await ended;
    await pool.close();
    await connection.close();
  };
}

const say = (message: FromWorker) => process.send!(message);
let stop = async () => {};

process.on('message', (message: ToWorker) => {
  if (message.kind === 'measured') say({ kind: 'lag', lag: lagSoFar() });
  else if (message.kind === 'stop') void stop().finally(() => process.exit());
  else
    void start(message.setup).then(
      (end) => {
        stop = end;
        say({ kind: 'ready' });
      },
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
});
process.on('disconnect', () => process.exit(1));
