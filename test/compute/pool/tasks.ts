/** Tasks that the tests of the compute pool run in its processes. */
import { pbkdf2Sync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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

export const die: TaskFunction<{ signal?: NodeJS.Signals; code?: number; words?: string }, void> = async (input) => {
  if (input.words) console.error(input.words);
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
