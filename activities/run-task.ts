/** Runs a task in a compute process on behalf of an activity: heartbeat, cancellation, checkpoints in S3. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { ComputeTask } from '../compute/pool/task.ts';
import { objectKeys } from '../contracts/names.ts';
import type { Dependencies } from './dependencies.ts';

/** Often enough that a worker's death shows within the 10 s that the workflows allow. */
const beatMilliseconds = 2_000;

export interface TaskRun<I> extends Omit<ComputeTask<I>, 'module'> {
  /** File in `activities/tasks/`. */
  file: string;
  /** Names the checkpoints; the step's digest, so that every try of the same step finds them. */
  checkpointKey?: string;
}

interface Beat {
  fraction: number;
  note?: string;
  /** Key of the last checkpoint. Told only after S3 has it (law 4). */
  checkpoint?: string;
}

/**
 * @param take - stores what the task left in its folder, before the folder goes
 */
export async function runTask<I, O, R>(
  deps: Dependencies,
  run: TaskRun<I>,
  take: (output: O, workDir: string) => Promise<R>,
): Promise<R> {
  const context = Context.current();
  const workDir = await mkdtemp(join(tmpdir(), 'tradewind-task-'));
  const beat: Beat = { fraction: 0 };
  context.heartbeat(beat);
  const timer = setInterval(() => context.heartbeat(beat), beatMilliseconds);
  try {
    const output = await deps.pool.run<I, O>(
      {
        module: new URL(`./tasks/${run.file}`, import.meta.url).href,
        name: run.name,
        input: run.input,
        threads: run.threads,
        label: run.label,
      },
      {
        workDir,
        signal: context.cancellationSignal,
        onProgress: (fraction, note) => Object.assign(beat, { fraction, note }),
        onCheckpoint: async (path, step) => {
          if (run.checkpointKey === undefined) return;
          const key = objectKeys.checkpoint(run.checkpointKey, 'latest');
          await deps.store.putObject(key, path.includes('/') ? path : join(workDir, basename(path)));
          beat.checkpoint = `${key}#${step}`;
          context.heartbeat(beat);
        },
      },
    );
    return await take(output, workDir);
  } finally {
    clearInterval(timer);
    await rm(workDir, { recursive: true, force: true });
  }
}

/**
 * The last checkpoint of a step, from S3: heartbeat details can be lost in a crash, so they are not asked.
 * @returns path of the downloaded checkpoint
 */
export async function lastCheckpoint(deps: Dependencies, checkpointKey: string): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-checkpoint-'));
  const path = join(folder, 'latest');
  const found = await deps.store.getObject(objectKeys.checkpoint(checkpointKey, 'latest'), path);
  if (!found) await rm(folder, { recursive: true, force: true });
  return found ? path : undefined;
}

/** A step that has ended needs its checkpoint no longer. */
export async function dropCheckpoint(deps: Dependencies, checkpointKey: string): Promise<void> {
  await deps.store.removeObject(objectKeys.checkpoint(checkpointKey, 'latest'));
}
