import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TradewindError } from '../../../contracts/errors.ts';
import { errorOf, MiB, run, until, usePool } from './running.ts';

const here = usePool();
const { open } = here;

describe('a process that dies', () => {
  it('in the middle of its task by SIGKILL is reported with the label, the signal and the likely reasons', async () => {
    open(1);
    const error = await errorOf(run('die', { signal: 'SIGKILL' }, { label: 'als trial 7' }));
    expect(error).toBeInstanceOf(TradewindError);
    expect(error).toMatchObject({ code: 'COMPUTE_PROCESS_DIED', retryable: true });
    expect(error.message).toMatch(/"als trial 7".*SIGKILL \(killed from outside, or out of memory\)/);
  });

  it('by process.exit is reported with its exit code and its last words', async () => {
    open(1);
    const error = await errorOf(run('die', { code: 7, words: 'cannot allocate' }));
    expect(error.message).toMatch(/exit code 7 .*cannot allocate/);
  });

  it('by killing from outside is replaced for the next task', async () => {
    open(1);
    const failed = errorOf(run('spin', null));
    await until(() => existsSync(join(here.workDir, 'spinning')));
    const [pid] = here.pool.pids;
    process.kill(pid, 'SIGKILL');
    expect(await failed).toMatchObject({ code: 'COMPUTE_PROCESS_DIED' });
    expect((await run('identify', null)).pid).not.toBe(pid);
  });

  it('while it is idle fails no task', async () => {
    open(1);
    const { pid } = await run('identify', null);
    process.kill(pid, 'SIGKILL');
    // At once: the pool cannot have heard of the death yet.
    const next = await run('identify', null);
    expect(next.pid).not.toBe(pid);
    expect(here.pool.pids).toEqual([next.pid]);
  });

  it.each([
    ['a segmentation fault', { signal: 'SIGSEGV' }, /SIGSEGV \(a fault in native code\)/],
    ['a bus error', { signal: 'SIGBUS' }, /SIGBUS \(a fault in native code, or a file/],
    ['an illegal instruction', { signal: 'SIGILL' }, /SIGILL \(an instruction that this processor lacks\)/],
    [
      'an abort of native code',
      { abort: true, words: 'std::bad_alloc' },
      /SIGABRT \(aborted by native code\); it last wrote: std::bad_alloc/,
    ],
    ['a request from outside', { signal: 'SIGTERM' }, /SIGTERM \(asked to end from outside\)/],
  ] as const)('by %s fails its task with that reason, and the next one runs in another', async (_, how, reason) => {
    open(1);
    const { pid } = await run('identify', null);
    const error = await errorOf(run('die', how, { label: 'cnn training' }));
    expect(error).toMatchObject({ code: 'COMPUTE_PROCESS_DIED', retryable: true });
    expect(error.message).toContain('"cnn training"');
    expect(error.message).toMatch(reason);
    // Addresses tell a reader nothing.
    expect(error.message).not.toMatch(/0x[\da-f]{6}|native stack/i);
    expect((await run('identify', null)).pid).not.toBe(pid);
  });

  it('of a full JavaScript heap fails its task with its memory budget: trying again would not help', async () => {
    open(1);
    const memoryBytes = 1024 * MiB;
    const { pid } = await run('identify', null, { memoryBytes });
    const error = await errorOf(run('fillHeap', null, { label: 'big table', memoryBytes }));
    expect(error).toMatchObject({ code: 'COMPUTE_MEMORY_EXCEEDED', retryable: false });
    expect(error.message).toMatch(
      /"big table" must stay within its memory budget of 1 GiB\. Got a full JavaScript heap/,
    );
    expect((await run('identify', null, { memoryBytes })).pid).not.toBe(pid);
  });

  it.each([0, 1, 2])(
    'does not follow from a trap of WebAssembly (%i kernel threads), but the process is replaced',
    async (threads) => {
      open(2);
      const { pid } = await run('identify', null, { threads: 2 });
      const error = await errorOf(run('trap', { threads }, { threads: 2 }));
      expect(error.message).toMatch(threads === 0 ? /unreachable/ : /memory access out of bounds/);
      expect((await run('identify', null, { threads: 2 })).pid).not.toBe(pid);
    },
  );
});
