/**
 * Ends a compute process when its parent is gone, and when it has more memory than its task may have. This thread has
 * an event loop of its own, so it also acts while the main thread is held in a native call, where the IPC channel's
 * `disconnect` event would not be seen for minutes.
 *
 * The parent holds the other end of a pipe and never writes to it: the kernel closes it when the parent ends, however
 * that comes about. All that is said over it is the resident bytes for which the process is about to be ended, as a line.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { MemoryWatch } from './watch.ts';

/** How far a task gets beyond its budget: at 2 to 4 GiB/s of touching new memory, 100 or 200 MiB. */
const watchMilliseconds = 50;

const { fd, watch } = workerData as { fd: number; watch: MemoryWatch };
const pipe = new Socket({ fd, readable: true, writable: false });
// SIGKILL, as nothing softer reaches a main thread in native code. Its results have nobody left to go to.
const end = () => process.kill(process.pid, 'SIGKILL');
pipe.on('close', end);
pipe.on('error', () => {});
pipe.resume();

let timer: NodeJS.Timeout | undefined;

function look(): void {
  const used = process.memoryUsage.rss();
  const budget = Number(Atomics.load(watch, 0));
  // Its task has ended.
  if (budget === 0) {
    clearInterval(timer);
    timer = undefined;
    return;
  }
  if (BigInt(used) > Atomics.load(watch, 1)) Atomics.store(watch, 1, BigInt(used));
  if (used <= budget) return;
  try {
    // At once and not by the event loop, as nothing follows; a pipe takes this much without waiting.
    writeSync(fd, `${used}\n`);
  } finally {
    end();
  }
}

parentPort!.on('message', () => {
  timer ??= setInterval(look, watchMilliseconds);
  look();
});
