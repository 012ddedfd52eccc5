/** What a kernel thread runs: it takes chunks of the loop it is told of until none is left. */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiate } from './load.ts';
import type { KernelExports, KernelName } from './load.ts';
import { exported } from './threads.ts';
import type { LoopAnswer, LoopMessage, ThreadSetup } from './threads.ts';

const { memory, modules, counterAddress } = workerData as ThreadSetup;
const counter = new Int32Array(memory.buffer, counterAddress, 1);
const kernels = new Map<KernelName, KernelExports>();
for (const [name, module] of Object.entries(modules)) kernels.set(name as KernelName, instantiate(module, memory));

parentPort!.on('message', ({ kernel, fn, args, scratch }: LoopMessage) => {
  const answer: LoopAnswer = {};
  try {
    const call = exported(kernels.get(kernel), kernel, fn);
    for (let chunk = Atomics.add(counter, 0, 1); chunk < args.length; chunk = Atomics.add(counter, 0, 1)) {
      if (scratch === undefined) call(...args[chunk]);
      else call(...args[chunk], scratch);
    }
  } catch (error) {
    answer.error = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  parentPort!.postMessage(answer);
});
