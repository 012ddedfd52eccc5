/** A worker process: connection, activities, interceptors, queues, and an orderly end. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Runtime, DefaultLogger, Worker, type WorkerOptions } from '@temporalio/worker';
import { pino } from 'pino';
import { createActivities } from '../activities/index.ts';
import { computedOn } from '../activities/computed-on.ts';
import { spellBytes } from '../compute/pool/memory.ts';
import { createComputePool } from '../compute/pool/pool.ts';
import { TradewindError } from '../contracts/errors.ts';
import { taskQueues } from '../contracts/names.ts';
import { ArtifactStore } from '../store/artifact-store.ts';
import { ModelRegistry } from '../store/registry.ts';
import { prepareExecution } from './execution.ts';
import { activityInterceptors } from './interceptors.ts';
import { workerSettings } from './settings.ts';

const bundlePath = fileURLToPath(new URL('../build/workflow-bundle.js', import.meta.url));

async function main(): Promise<void> {
  const settings = workerSettings();
  const log = pino({ level: settings.logLevel, base: { process: 'worker', pid: process.pid } });
  if (!existsSync(bundlePath)) {
    throw new TradewindError('PREREQUISITE_MISSING', {
      subject: 'The workflow bundle',
      rule: 'be built',
      remedy: 'Run "npm run build".',
    });
  }
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) =>
      log[level === 'ERROR' ? 'error' : 'warn']({ ...meta }, message),
    ),
    // The worker decides itself when it stops; see below.
    shutdownSignals: [],
  });

  const { execution, environment, hardware } = await prepareExecution(settings.execution);
  // Compute processes inherit it: the loader reads where libraries are when a process starts.
  Object.assign(process.env, environment);

  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const store = ArtifactStore.fromEnvironment();
  const { cores, memoryBytes } = settings;
  const pool = createComputePool({ cores, memoryBytes, log: (entry) => log.info(entry, 'compute') });
  const activities = createActivities({
    store,
    registry: new ModelRegistry(store),
    pool,
    cores,
    execution,
    computedOn: computedOn(execution, hardware),
    ...(settings.server === undefined ? {} : { server: settings.server }),
  });

  const shared = {
    connection,
    namespace,
    activities,
    interceptors: { activity: [activityInterceptors(log)] },
    // Long enough to hand a result in, short enough that `tradewind down` is quick: what is cut off resumes elsewhere.
    shutdownGraceTime: '2s',
    shutdownForceTime: '8s',
  } satisfies Partial<WorkerOptions>;
  const workers = await Promise.all(
    settings.queues.map((queue) =>
      Worker.create(
        queue === 'orchestration'
          ? { ...shared, taskQueue: taskQueues.orchestration, workflowBundle: { codePath: bundlePath } }
          : {
              ...shared,
              taskQueue: taskQueues[queue],
              // The pool queues by threads; a few more than cores, so that fetching overlaps with computing.
              maxConcurrentActivityTaskExecutions: cores + 1,
            },
      ),
    ),
  );

  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Asked by the supervisor: a process whose event loop is stuck does not answer.
  process.on('message', (message) => {
    if ((message as { type?: string } | null)?.type === 'ping') process.send?.({ type: 'pong' });
  });
  // A supervisor that is gone can no longer stop this process.
  if (process.send) process.on('disconnect', stop);

  const running = Promise.all(workers.map((worker) => worker.run()));
  log.info(
    {
      queues: settings.queues,
      cores,
      memory: spellBytes(memoryBytes),
      ...execution,
      ...(hardware === undefined ? {} : { hardware }),
      namespace,
    },
    'worker ready',
  );
  process.send?.({ type: 'ready' });
  try {
    await running;
  } finally {
    await pool.close();
    store.close();
    await connection.close();
  }
  log.info('worker stopped');
}

function startFailure(error: unknown): Pick<TradewindError, 'code' | 'complaint'> {
  if (error instanceof TradewindError) return error;
  return {
    code: 'STACK_FAILED',
    complaint: {
      subject: 'A worker',
      rule: 'start',
      value: error instanceof Error ? error.message : String(error),
      remedy: 'See its log; "tradewind doctor" checks what it needs.',
    },
  };
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof TradewindError ? `${error.message} [${error.code}]` : error);
    // The supervisor quotes it, so that `tradewind up` says why.
    const { code, complaint } = startFailure(error);
    if (process.send) process.send({ type: 'failed', code, complaint }, () => process.exit(1));
    else process.exit(1);
  },
);
