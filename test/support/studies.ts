/** Studies on the shared stack's servers, in a namespace and with workers of a test's own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client, Connection, WorkflowHandle } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { searchAttributes, taskQueues } from '../../contracts/names.ts';
import type { RecommenderSubject, StudyInput, StudyResult, StudyStatus, TrialReport } from '../../contracts/study.ts';
import { readStack, stackEnvironment, type StackState } from '../../scripts/stack/connection.ts';
import { homePaths } from '../../scripts/stack/home.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { TrialArchive } from '../../store/trial-archive.ts';
import { attachStack, type Stack } from './stack.ts';

const worker = fileURLToPath(new URL('study-worker.ts', import.meta.url));

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

export interface StudyBench {
  client: Client;
  archive: TrialArchive;
  /** The commands, as people of this namespace use them. */
  stack: Stack;
  start(name: string, input: StudyInput): Promise<WorkflowHandle>;
  result(handle: WorkflowHandle): Promise<StudyResult>;
  status(handle: WorkflowHandle): Promise<StudyStatus>;
  /** Trials of a study that has ended. */
  table(result: StudyResult): Promise<readonly TrialReport[]>;
  /** The events of each of its runs: it continues as new. */
  runs(handle: WorkflowHandle): Promise<HistoryEvent[][]>;
  /** @param longest - milliseconds that a trial takes at most */
  worker(longest?: number): Promise<ChildProcess>;
  close(): Promise<void>;
}

export async function openStudies(stackHome: string, namespace: string): Promise<StudyBench> {
  const state = (await readStack(stackHome)) as StackState;
  const home = await mkdtemp(join(tmpdir(), 'tradewind-studies-'));
  const env = { ...stackEnvironment(state), TEMPORAL_NAMESPACE: namespace, TRADEWIND_HOME: home };
  const { Client: TemporalClient, Connection: TemporalConnection } = await import('@temporalio/client');
  const connection = await TemporalConnection.connect({ address: state.temporal.address });
  await addNamespace(connection, namespace);
  const client = new TemporalClient({ connection, namespace });
  const store = ArtifactStore.fromEnvironment(env);
  const archive = new TrialArchive(store);
  const workers: ChildProcess[] = [];
  // Commands find the servers by the state file of a home: here one that names this namespace.
  await writeFile(homePaths(home).state, JSON.stringify({ ...state, temporal: { ...state.temporal, namespace } }));
  return {
    client,
    archive,
    stack: attachStack(home),
    async start(name, input) {
      return await client.workflow.start('tuneModel', {
        workflowId: name,
        taskQueue: taskQueues.orchestration,
        args: [input],
      });
    },
    result: (handle) => handle.result() as Promise<StudyResult>,
    status: (handle) => handle.query<StudyStatus>('study'),
    table: (result) => archive.table(result.tables[0]),
    async runs({ workflowId }) {
      const runs: HistoryEvent[][] = [];
      const { raw } = await client.workflow.getHandle(workflowId).describe();
      let runId: string | null | undefined = raw.workflowExecutionInfo?.firstRunId;
      while (runId) {
        const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        runs.push(events!);
        runId = events!.at(-1)!.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
      }
      return runs;
    },
    async worker(longest = 0) {
      const child = fork(worker, [String(longest)], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      workers.push(child);
      await once(child, 'message');
      return child;
    },
    async close() {
      for (const child of workers) child.kill('SIGKILL');
      store.close();
      await connection.close();
      await rm(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** What is the same in equal studies. */
export function sameIn({ best, tables, journal, ...counts }: StudyResult) {
  return {
    ...counts,
    best: best.map((trial) => ({ ...trial, milliseconds: 0, cached: false })),
    table: tables[0].digest,
    journal: journal.digest,
  };
}

/** A new namespace takes a moment to be known to every part of the server. */
async function addNamespace(connection: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionPeriod = { seconds: 86_400 as never };
  await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  const types = { KEYWORD: 2, INT: 3 } as const;
  const attributes = Object.entries(searchAttributes).map(([name, type]) => [name, types[type]] as const);
  for (let attempt = 0; ; attempt++) {
    try {
      const wanted = { namespace, searchAttributes: Object.fromEntries(attributes) };
      await connection.operatorService.addSearchAttributes(wanted);
      return;
    } catch (error) {
      if (attempt >= 50) throw error;
      await sleep(200);
    }
  }
}

const part = (scenario: string): RecommenderSubject['part'] => {
  const blob = { digest: '0'.repeat(64), bytes: 0, name: scenario };
  return { train: blob, heldOut: blob, users: 1, items: 1, interactions: 1, judgedUsers: 1 };
};

/** A study over three candidates, of which popularity searches nothing. */
export function studyInput(scenario: string, change: Partial<StudyInput['tuning']> = {}): StudyInput {
  return {
    model: 'shop',
    dataset: 'landscape',
    seed: 7,
    subject: {
      kind: 'recommender',
      part: part(scenario),
      objective: { lane: 'discovery', metric: 'ndcg', k: 10 },
      candidates: [
        { algorithm: 'popularity' },
        { algorithm: 'item-knn', search: { neighbours: { min: 5, max: 500 }, k1: { min: 0.1, max: 10 } } },
        {
          algorithm: 'als',
          parameters: { factors: 16 },
          search: { regularization: { min: 0.1, max: 100, log: true }, alpha: { min: 0.1, max: 5 } },
        },
      ],
    },
    tuning: { trials: 12, parallel: 3, sampler: 'random', timeoutMinutes: 10, ...change },
    compute: { device: 'cpu', gpuWaitSeconds: 10 },
  };
}
