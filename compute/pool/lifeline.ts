/**
 * Ends a compute process when its parent is gone. This thread has an event loop of its own, so it also acts while the
 * main thread is held in a native call, where the IPC channel's `disconnect` event would not be seen for minutes.
 *
 * The parent holds the other end of a pipe and never writes to it: the kernel closes it when the parent ends, however
 * that comes about.
 */
import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';

const { fd } = workerData as { fd: number };
const pipe = new Socket({ fd, readable: true, writable: false });
// SIGKILL, as nothing softer reaches a main thread in native code. Its results have nobody left to go to.
pipe.on('close', () => process.kill(process.pid, 'SIGKILL'));
pipe.on('error', () => {});
pipe.resume();
