/** Runs a task in a compute process on behalf of an activity: progress, cancellation, checkpoints in S3. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { ComputeTask } from '../compute/pool/task.ts';
import { objectKeys } from '../contracts/names.ts';
import { beatOf } from './beat.ts';
import type { Dependencies } from './dependencies.ts';

export interface TaskRun<I> extends Omit<ComputeTask<I>, 'module'> {
  /** File in `activities/tasks/`. */
  file: string;
  /** Names the checkpoints; the step's digest, so that every try of the same step finds them. */
  checkpointKey?: string;
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
  const beat = beatOf(context);
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
          await deps.store.putObject(key, path);
          beat.checkpoint = `${key}#${step}`;
          context.heartbeat(beat);
        },
      },
    );
    return await take(output, workDir);
  } finally {
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

/** A step that has ended needs its checkpoint no longer. One that stays costs room and nothing else. */
export async function dropCheckpoint(deps: Dependencies, checkpointKey: string): Promise<void> {
  await deps.store.removeObject(objectKeys.checkpoint(checkpointKey, 'latest')).catch(() => undefined);
}
