/**
 * Entry of a compute process: runs one task at a time, as its parent's messages say. Started by `pool.ts` only; the
 * parent reads its standard output and standard error as log lines.
 */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { grantThreads, type GrantedTask } from './grant.ts';
import { packError, unpackError, type FromProcess, type ToProcess } from './messages.ts';
import type { TaskContext, TaskFunction } from './task.ts';
import { beginUsage, startLifeline } from './watch.ts';

/** The file descriptor of the pipe that the parent holds open while it lives; see `lifeline.ts`. */
const lifelineFd = 4;
/** Least time between two progress messages, in milliseconds. */
const progressInterval = 100;

/** The task that runs; its context is deaf once it is another one's turn. */
let current: GrantedTask | undefined;
let checkpoints = 0;
const unanswered = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();

function send(message: FromProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(message, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}

/** For messages whose loss means that the parent is gone, and with it the reason to care. */
function post(message: FromProcess): void {
  send(message).catch(() => {});
}

function contextOf(task: GrantedTask, workDir: string): TaskContext {
  let last = -Infinity;
  return {
    threads: task.threads,
    memoryBytes: task.memoryBytes,
    workDir,
    progress(fraction, note) {
      const now = performance.now();
      if (current !== task || now - last < progressInterval) return;
      last = now;
      post({ kind: 'progress', fraction, note });
    },
    checkpoint(file, step) {
      const number = ++checkpoints;
      return new Promise<void>((resolve, reject) => {
        unanswered.set(number, { resolve, reject });
        send({ kind: 'checkpoint', number, file, step }).catch((error: Error) => {
          unanswered.delete(number);
          reject(error);
        });
      });
    },
  };
}

async function run(task: GrantedTask, workDir: string): Promise<void> {
  current = task;
  post({ kind: 'accepted' });
  grantThreads(task.threads);
  const usage = beginUsage(lifeline, task.memoryBytes);
  process.title = `tradewind compute: ${task.label}`;
  try {
    await mkdir(workDir, { recursive: true });
    const module = (await import(task.module)) as Record<string, unknown>;
    const taskFunction = module[task.name];
    if (typeof taskFunction !== 'function') {
      throw new TypeError(
        `A compute task must be a function that its module exports. ${task.module} exports no "${task.name}".`,
      );
    }
    const value = await (taskFunction as TaskFunction<unknown, unknown>)(task.input, contextOf(task, workDir));
    current = undefined;
    // Rejects where the value cannot be cloned, which the caller learns as the task's error.
    await send({ kind: 'done', value, usage: usage.end() });
  } catch (error) {
    current = undefined;
    post({ kind: 'failed', error: packError(error), usage: usage.end() });
  }
  process.title = 'tradewind compute: idle';
}

// A promise or a timer that a task left behind can throw after or beside it: the state is unknown, the process ends.
process.on('uncaughtException', (error) => {
  console.error(error);
  if (current === undefined) process.exit(1);
  send({ kind: 'failed', error: packError(error) }).then(
    () => process.exit(1),
    () => process.exit(1),
  );
});
// Ctrl-C reaches every process of a terminal; the parent decides what becomes of its tasks.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));

// Where memory runs out, the kernel should take this process and not the one that watches over it.
if (process.platform === 'linux') await writeFile('/proc/self/oom_score_adj', '500').catch(() => {});

const lifeline = startLifeline(lifelineFd);
await once(lifeline.lifeline, 'online');

process.on('message', (message: ToProcess) => {
  if (message.kind === 'run') {
    void run(message.task, message.workDir);
    return;
  }
  const waiting = unanswered.get(message.number);
  unanswered.delete(message.number);
  if (message.error) waiting?.reject(unpackError(message.error));
  else waiting?.resolve();
});
await send({ kind: 'ready' });
