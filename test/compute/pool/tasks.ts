/** Tasks that the tests of the compute pool run in its processes. What few of them need is loaded when they need it. */
import { pbkdf2Sync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { TradewindError } from '../../../contracts/errors.ts';
import type { TaskFunction } from '../../../compute/pool/task.ts';

export const identify: TaskFunction<unknown, { pid: number; threads: number }> = async (_, { threads }) => ({
  pid: process.pid,
  threads,
});

/** When it ran, on the machine's clock that all processes share. */
export const occupy: TaskFunction<{ milliseconds: number }, { from: bigint; to: bigint }> = async ({
  milliseconds,
}) => {
  const from = process.hrtime.bigint();
  await sleep(milliseconds);
  return { from, to: process.hrtime.bigint() };
};

/** Ends only if another task runs `meet` at the same time. */
export const meet: TaskFunction<{ folder: string; me: string; other: string }, string> = async (input) => {
  writeFileSync(join(input.folder, input.me), '');
  while (!existsSync(join(input.folder, input.other))) await sleep(5);
  return input.me;
};

/** Holds the main thread in native code, where no timer, message or signal handler gets through, for a quarter of an hour. */
export const spin: TaskFunction<unknown, void> = async (_, { workDir }) => {
  writeFileSync(join(workDir, 'spinning'), String(process.pid));
  pbkdf2Sync('password', 'salt', 2 ** 31 - 1, 64, 'sha512');
};

export const die: TaskFunction<
  { signal?: NodeJS.Signals; abort?: boolean; code?: number; words?: string },
  void
> = async (input) => {
  if (input.words) console.error(input.words);
  if (input.abort) process.abort();
  if (input.signal) process.kill(process.pid, input.signal);
  else process.exit(input.code);
  await sleep(60_000);
};

export const complain: TaskFunction<unknown, void> = async () => {
  const cause = new RangeError('inner');
  throw new TradewindError(
    'TRAINING_DIVERGED',
    { subject: 'The loss', rule: 'be finite', value: 'NaN', remedy: 'Lower the step.' },
    { cause },
  );
};

export const fail: TaskFunction<{ how: 'type' | 'system' | 'text' | 'stray' }, void> = async ({ how }) => {
  if (how === 'type') throw new TypeError('no such thing');
  if (how === 'system') readFileSync('/nowhere/at/all');
  if (how === 'stray') {
    setImmediate(() => {
      throw new RangeError('thrown outside the task');
    });
    await sleep(60_000);
  }
  // Other people's libraries throw such things.
  // oxlint-disable-next-line typescript/only-throw-error
  throw 'just words';
};

export const uncloneable: TaskFunction<unknown, unknown> = async () => () => 1;

/** Says in `done.txt` which checkpoint it is past. */
export const checkpoints: TaskFunction<{ count: number }, string> = async ({ count }, context) => {
  for (let step = 1; step <= count; step++) {
    writeFileSync(join(context.workDir, `state-${step}`), `state ${step}`);
    await context.checkpoint(`state-${step}`, step);
    writeFileSync(join(context.workDir, 'done.txt'), String(step));
  }
  return 'all stored';
};

/** Two checkpoints at once, which is not awaited before it returns. */
export const hastyCheckpoints: TaskFunction<unknown, void> = async (_, context) => {
  void context.checkpoint('first', 1);
  void context.checkpoint('second', 2);
};

export const talk: TaskFunction<unknown, void> = async () => {
  console.log('to standard output');
  console.error('to standard error');
};

/** Reports as often as it can; returns how long, in milliseconds, and how often. */
export const report: TaskFunction<unknown, { milliseconds: number; calls: number }> = async (_, context) => {
  const from = performance.now();
  let calls = 0;
  while (performance.now() - from < 350) {
    context.progress(calls / 1e9, 'epoch');
    calls++;
    if (calls % 1000 === 0) await sleep(0);
  }
  return { milliseconds: performance.now() - from, calls };
};

export const environment: TaskFunction<unknown, { names: string[]; raw: string }> = async () => ({
  names: Object.keys(process.env),
  raw: existsSync('/proc/self/environ') ? readFileSync('/proc/self/environ', 'utf8') : '',
});

/** Resident memory that stays, in steps, until the process has it all or is ended. */
export const hog: TaskFunction<{ bytes: number; native?: boolean }, { memoryBytes: number }> = async (
  { bytes, native = false },
  { memoryBytes },
) => {
  if (native) {
    // Grows on a thread of its own, while the main thread hears of nothing.
    const source = `const all = []; setInterval(() => all.push(Buffer.alloc(2 ** 22, 1)), 5);`;
    new Worker(source, { eval: true });
    await sleep(0);
    pbkdf2Sync('password', 'salt', 2 ** 31 - 1, 64, 'sha512');
  }
  const all: Buffer[] = [];
  for (let had = 0; had < bytes; had += 2 ** 22) {
    all.push(Buffer.alloc(Math.min(2 ** 22, bytes - had), 1));
    await sleep(2);
  }
  return { memoryBytes };
};

/** Memory that is there for a moment only, between two looks at it. */
export const spike: TaskFunction<{ bytes: number }, void> = async ({ bytes }) => {
  let buffer: Buffer | undefined = Buffer.alloc(bytes, 1);
  if (buffer[bytes - 1] === 1) buffer = undefined;
  globalThis.gc!();
};

const kept: Buffer[] = [];
/** Leaves memory behind in its process. */
export const keep: TaskFunction<{ bytes: number }, { pid: number }> = async ({ bytes }) => {
  kept.push(Buffer.alloc(bytes, 1));
  return { pid: process.pid };
};

/** Wants more JavaScript values than fit any heap, by arrays that its collector need not look into. */
export const fillHeap: TaskFunction<unknown, number> = async () => {
  const all: number[][] = [];
  for (;;) all.push(Array.from<number>({ length: 4_000_000 }).fill(1.5));
};

/**
 * A module whose one function is the instruction `unreachable`: header; type `() → ()`; a function of it; export "f";
 * its code.
 */
const trapping = Buffer.from(
  '0061736d01000000' + '01040160' + '0000' + '03020100' + '0705010166' + '0000' + '0a05010300000b',
  'hex',
);

/** Traps in a module of its own, or writes beyond the memory of kernel threads. */
export const trap: TaskFunction<{ threads: number }, void> = async ({ threads }) => {
  if (threads === 0)
    (new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(trapping)), {}).exports['f'] as () => void)();
  const { KernelThreads } = await import('../../../compute/kernels/threads.ts');
  const group = new KernelThreads(threads, ['scoring']);
  await group.parallelFor('scoring', 'dense', 1, () => [0, 0, 8, 1, 0, 1, 0, 1, 2 ** 31]);
};

export interface ThreadCount {
  /** What the task was told, and what its sessions or kernels got. */
  granted: number;
  got: number;
  /** Threads of the process that computed. */
  busy: number;
  from: bigint;
  to: bigint;
}

/** Asks for far more threads than there are and computes for a while. Linux only. */
export const threadsAtWork: TaskFunction<{ by: 'kernels' | 'session' }, ThreadCount> = async ({ by }, { threads }) => {
  const { compute, got, close } = await (by === 'kernels' ? kernelWork(64) : sessionWork(64));
  // What is loaded and compiled once is not counted.
  await compute();
  const from = process.hrtime.bigint();
  const before = ticksOfThreads();
  let most = 0;
  // Until the busiest thread has enough clock ticks, which are 10 ms each, to tell it from those that wait.
  while (most < 30) {
    await compute();
    most = Math.max(...[...ticksOfThreads()].map(([thread, ticks]) => ticks - (before.get(thread) ?? 0)));
  }
  const used = [...ticksOfThreads()].map(([thread, ticks]) => ticks - (before.get(thread) ?? 0));
  const to = process.hrtime.bigint();
  await close();
  // Below half of the busiest is what hands out work, collects garbage and compiles.
  return { granted: threads, got, busy: used.filter((ticks) => ticks > most / 2).length, from, to };
};

async function kernelWork(threads: number) {
  const { KernelThreads } = await import('../../../compute/kernels/threads.ts');
  const group = new KernelThreads(threads, ['scoring']);
  const [users, items, factors, chunks] = [1024, 2048, 64, 128];
  const X = group.put(new Float32Array(users * factors).fill(1));
  const Y = group.put(new Float32Array(items * factors).fill(1));
  const rows = users / chunks;
  // All write to the same place, as nobody reads it.
  const scores = group.alloc(rows * items * 4);
  const argsOf = (chunk: number) => [X + chunk * rows * factors * 4, Y, factors, items, 0, rows, 0, items, scores];
  const compute = () => group.parallelFor('scoring', 'dense', chunks, argsOf);
  return { compute, got: group.threads, close: () => group.close() };
}

/** Matrix products. How many threads the session got is not told, so it is counted. */
async function sessionWork(threads: number) {
  const { Graph } = await import('../../../compute/graph/graph.ts');
  const { encodeModel } = await import('../../../compute/onnx/model.ts');
  const { openSession } = await import('../../../compute/onnx/session.ts');
  const graph = new Graph();
  const size = 384;
  const x = graph.input('x', 'float32', [size, size]);
  let product = x;
  for (let i = 0; i < 20; i++) product = graph.matmul(product, x);
  graph.output('y', product);
  const before = readdirSync('/proc/self/task').length;
  const session = await openSession(encodeModel(graph.toModel()), { threads });
  const feeds = { x: { datatype: 'float32', shape: [size, size], data: new Float32Array(size * size) } } as const;
  return {
    compute: async () => void (await session.run(feeds)),
    got: readdirSync('/proc/self/task').length - before,
    close: () => session.close(),
  };
}

/** Processor time of each thread of this process so far, in clock ticks. */
function ticksOfThreads(): Map<string, number> {
  const ticks = new Map<string, number>();
  for (const thread of readdirSync('/proc/self/task')) {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    // Fields 14 and 15, user and system time; the second is the name in parentheses, which may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks.set(thread, Number(fields[11]) + Number(fields[12]));
  }
  return ticks;
}
