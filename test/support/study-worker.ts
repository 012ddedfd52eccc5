/**
 * A worker that runs studies as the product does (the built workflows, the real activities of a study and the real
 * store), except that a trial is a function of its parameters: thousands of them, in the time of one training.
 *
 * `node test/support/study-worker.ts <longest trial in milliseconds>`; the environment names Temporal, namespace and S3.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApplicationFailure } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import type { Dependencies } from '../../activities/dependencies.ts';
import { studyActivities } from '../../activities/study.ts';
import type { TrialRequest, TrialResult } from '../../contracts/lifecycle.ts';
import { taskQueues } from '../../contracts/names.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { Hurdles } from '../../tuning/hurdles.ts';
import { activityInterceptors } from '../../workers/interceptors.ts';
import { curveOf, heightOf } from './landscape.ts';

const [longest = '0'] = process.argv.slice(2);

/** What the scenario is called that `part.train.name` of a study's input asks for. */
async function trial(request: TrialRequest): Promise<TrialResult> {
  const { algorithm, parameters, part, pruning } = request;
  const scenario = part.train.name;
  await sleep(scenario === 'als hangs' && algorithm === 'als' ? 60_000 : Math.random() * Number(longest));
  if (scenario === 'all fail' || (scenario === 'some fail' && (parameters['alpha'] as number) > 3)) {
    throw ApplicationFailure.nonRetryable('Iteration 3 must end with finite factors.', 'TRAINING_DIVERGED');
  }
  const height = heightOf(algorithm, parameters);
  const value = scenario === 'minimize' ? -height : height;
  const told = { cached: false, milliseconds: 1, evaluation: undefined as never };
  if (pruning === undefined) return { value, ...told };
  const hurdles = new Hurdles(pruning);
  for (const rung of hurdles.rungs) {
    if (!hurdles.report(rung, curveOf(value, rung))) break;
  }
  const { pruned, reached } = hurdles;
  return { state: pruned ? 'pruned' : 'done', value: pruned ? reached.at(-1)!.value : value, rungs: reached, ...told };
}

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: ['SIGTERM'] });
const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
const connection = await NativeConnection.connect(connectionOptions);
const store = ArtifactStore.fromEnvironment();
const activities = { ...studyActivities({ store } as Dependencies), trial };
const shared = {
  connection,
  namespace,
  activities,
  interceptors: { activity: [activityInterceptors(pino({ level: 'silent' }))] },
};
const workers = await Promise.all([
  Worker.create({
    ...shared,
    taskQueue: taskQueues.orchestration,
    workflowBundle: { codePath: fileURLToPath(new URL('../../build/workflow-bundle.js', import.meta.url)) },
  }),
  Worker.create({ ...shared, taskQueue: taskQueues.cpu }),
]);
process.on('message', () => undefined);
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
await Promise.all(workers.map((worker) => worker.run()));
store.close();
await connection.close();
