import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createComputePool, type ComputeLogEntry, type ComputePool } from '../../../compute/pool/pool.ts';
import { TradewindError } from '../../../contracts/errors.ts';
import type * as tasks from './tasks.ts';

let workDir: string;
let pool: ComputePool | undefined;
let entries: ComputeLogEntry[];

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'compute-pool-'));
  entries = [];
});
afterEach(async () => {
  await pool?.close();
  pool = undefined;
  await rm(workDir, { recursive: true });
});

function open(cores: number): ComputePool {
  pool = createComputePool({ cores, log: (entry) => entries.push(entry) });
  return pool;
}

type Name = keyof typeof tasks;
type Output<N extends Name> = Awaited<ReturnType<(typeof tasks)[N]>>;

function run<N extends Name>(
  name: N,
  input: Parameters<(typeof tasks)[N]>[0],
  options: Partial<Parameters<ComputePool['run']>[1]> & { threads?: number; label?: string } = {},
): Promise<Output<N>> {
  const { threads = 1, label = name, ...rest } = options;
  const module = new URL('./tasks.ts', import.meta.url).href;
  return pool!.run<unknown, Output<N>>({ module, name, input, threads, label }, { workDir, ...rest });
}

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as Error,
  );

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // An orphan that has ended stays as a zombie where the first process of the container collects none.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(stat, 'latin1'));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

describe('processes', () => {
  it('runs tasks one after another in the same warm process', async () => {
    open(2);
    const first = await run('identify', null);
    const second = await run('identify', null);
    expect(second.pid).toBe(first.pid);
    expect(first.pid).not.toBe(process.pid);
    expect(pool!.pids).toEqual([first.pid]);
  });

  it('holds no secret of the parent in its environment', async () => {
    const secrets = { AWS_SECRET_ACCESS_KEY: 'hush-1', TEMPORAL_API_KEY: 'hush-2', SOME_TOKEN: 'hush-3' };
    Object.assign(process.env, secrets);
    try {
      open(1);
      const { names, raw } = await run('environment', null);
      expect(names).toContain('PATH');
      expect(names.filter((name) => name in secrets)).toEqual([]);
      expect(raw).not.toContain('hush');
    } finally {
      for (const name of Object.keys(secrets)) delete process.env[name];
    }
  });

  it('forwards what a task writes to the log, with the label and the stream', async () => {
    open(1);
    await run('talk', null, { label: 'als trial 7' });
    await until(() => entries.filter((entry) => entry.event === 'output').length === 2);
    const lines = entries
      .filter((entry) => entry.event === 'output')
      .map(({ label, stream, text }) => ({ label, stream, text }));
    expect(lines).toContainEqual({ label: 'als trial 7', stream: 'stdout', text: 'to standard output' });
    expect(lines).toContainEqual({ label: 'als trial 7', stream: 'stderr', text: 'to standard error' });
  });

  it('writes nothing of its own to the log but a beginning', async () => {
    open(1);
    await run('identify', null);
    expect(entries.map((entry) => entry.event)).toEqual(['started']);
  });

  it('end when their parent is killed, those held in native code too', async () => {
    const parent = spawn(process.execPath, [fileURLToPath(new URL('./parent.ts', import.meta.url)), workDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let pids: number[];
    try {
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
      pids = JSON.parse(chunk.toString()) as number[];
      expect(pids.map(alive)).toEqual([true, true]);
    } finally {
      parent.kill('SIGKILL');
    }
    await until(() => !pids.some(alive));
  });

  it('are all gone when close resolves, and their tasks fail', async () => {
    open(1);
    const running = errorOf(run('spin', null));
    const queued = errorOf(run('identify', null));
    await until(() => existsSync(join(workDir, 'spinning')));
    const pids = pool!.pids;
    await pool!.close();
    expect(pids.map(alive)).toEqual([false]);
    expect(pool!.pids).toEqual([]);
    for (const error of [await running, await queued, await errorOf(run('identify', null))]) {
      expect(error).toMatchObject({ code: 'COMPUTE_PROCESS_DIED' });
      expect(error.message).toContain('closed');
    }
  });
});

describe('the thread budget', () => {
  it('lets tasks that fit run at the same time', async () => {
    open(2);
    const a = run('meet', { folder: workDir, me: 'a', other: 'b' });
    const b = run('meet', { folder: workDir, me: 'b', other: 'a' });
    expect(await Promise.all([a, b])).toEqual(['a', 'b']);
  });

  it('is never exceeded, and starts tasks in the order they came', async () => {
    open(3);
    const threads = [2, 2, 1, 3, 1, 1, 1, 2];
    const spans = await Promise.all(
      threads.map((n, i) => run('occupy', { milliseconds: 15 + 5 * (i % 3) }, { threads: n })),
    );
    for (const { from } of spans) {
      const together = threads.filter((_, i) => spans[i].from <= from && from < spans[i].to);
      expect(together.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(3);
    }
    // The wide one at position 3 waits for all three threads; the narrow ones behind it do not slip past.
    expect(spans.slice(4).every(({ from }) => from >= spans[3].to)).toBe(true);
    expect(spans.slice(0, 3).every(({ to }) => to <= spans[3].from)).toBe(true);
  });

  it('gives a task that asks for more than all threads exactly all', async () => {
    open(2);
    expect(await run('identify', null, { threads: 64 })).toMatchObject({ threads: 2 });
  });

  it.each([0, 1.5, Number.NaN])('refuses a task of %s threads', async (threads) => {
    open(1);
    expect(await errorOf(run('identify', null, { threads }))).toBeInstanceOf(RangeError);
  });

  it('comes back after a task has failed, died or been cancelled', async () => {
    open(1);
    await errorOf(run('fail', { how: 'type' }));
    await errorOf(run('die', { code: 1 }));
    await errorOf(run('spin', null, { signal: AbortSignal.timeout(30) }));
    expect(await run('identify', null)).toMatchObject({ threads: 1 });
  });
});

describe('cancelling', () => {
  it("kills a process held in native code and rejects with the signal's reason once it is gone", async () => {
    open(1);
    const controller = new AbortController();
    const failed = errorOf(run('spin', null, { signal: controller.signal }));
    await until(() => existsSync(join(workDir, 'spinning')));
    const [pid] = pool!.pids;
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    expect(await failed).toBe(reason);
    expect(alive(pid)).toBe(false);
    expect((await run('identify', null)).pid).not.toBe(pid);
  });

  it('takes a waiting task out of the queue and lets what stood behind it through', async () => {
    open(2);
    const controller = new AbortController();
    const release = new AbortController();
    const holder = errorOf(run('spin', null, { signal: release.signal }));
    const wide = errorOf(
      run('meet', { folder: workDir, me: 'wide', other: 'none' }, { threads: 2, signal: controller.signal }),
    );
    const narrow = run('identify', null);
    controller.abort(new Error('changed my mind'));
    expect((await wide).message).toBe('changed my mind');
    expect(await narrow).toMatchObject({ threads: 1 });
    expect(existsSync(join(workDir, 'wide'))).toBe(false);
    release.abort();
    await holder;
  });

  it('starts nothing for a signal that was aborted before', async () => {
    open(1);
    expect(await errorOf(run('identify', null, { signal: AbortSignal.abort('too late') }))).toBe('too late');
    expect(pool!.pids).toEqual([]);
  });

  it('leaves a process alone whose task is done when the signal is aborted', async () => {
    open(1);
    const controller = new AbortController();
    const { pid } = await run('identify', null, { signal: controller.signal });
    controller.abort();
    expect((await run('identify', null)).pid).toBe(pid);
  });
});

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
    await until(() => existsSync(join(workDir, 'spinning')));
    const [pid] = pool!.pids;
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
    expect(pool!.pids).toEqual([next.pid]);
  });
});

describe('errors of tasks', () => {
  it('arrive as the TradewindError that was thrown, and the process stays in use', async () => {
    open(1);
    const { pid } = await run('identify', null);
    const error = await errorOf(run('complain', null));
    expect(error).toBeInstanceOf(TradewindError);
    expect(error).toMatchObject({
      code: 'TRAINING_DIVERGED',
      complaint: { subject: 'The loss', rule: 'be finite', value: 'NaN', remedy: 'Lower the step.' },
      message: 'The loss must be finite. Got NaN. Lower the step.',
      cause: { name: 'RangeError', message: 'inner' },
    });
    expect(error.stack).toContain('tasks.ts');
    expect((await run('identify', null)).pid).toBe(pid);
  });

  it('of any other kind keep name, message, stack and system code, and cost the process', async () => {
    open(1);
    const { pid } = await run('identify', null);
    const error = await errorOf(run('fail', { how: 'type' }));
    expect(error).toMatchObject({ name: 'TypeError', message: 'no such thing' });
    expect(error.stack).toContain('tasks.ts');
    expect(await errorOf(run('fail', { how: 'system' }))).toMatchObject({ code: 'ENOENT' });
    expect((await run('identify', null)).pid).not.toBe(pid);
  });

  it('that are no errors are described', async () => {
    open(1);
    expect((await errorOf(run('fail', { how: 'text' }))).message).toBe('A task threw "just words".');
  });

  it('thrown by something that the task left running are the task’s', async () => {
    open(1);
    expect(await errorOf(run('fail', { how: 'stray' }))).toMatchObject({
      name: 'RangeError',
      message: 'thrown outside the task',
    });
  });

  it('cover a result that cannot cross and a task that is not there', async () => {
    open(1);
    expect((await errorOf(run('uncloneable', null))).message).toContain('could not be cloned');
    expect((await errorOf(run('absent' as 'identify', null))).message).toContain('exports no "absent"');
  });
});

describe('checkpoints and progress', () => {
  it('holds the task at each checkpoint until the caller has stored it', async () => {
    open(1);
    const events: string[] = [];
    const done = () => (existsSync(join(workDir, 'done.txt')) ? readFileSync(join(workDir, 'done.txt'), 'utf8') : '0');
    const onCheckpoint = async (path: string, step: number) => {
      const content = readFileSync(path, 'utf8');
      // Long enough for a task that does not wait to be past the next one.
      await sleep(30);
      events.push(`${content}, task past ${done()}, step ${step}`);
    };
    expect(await run('checkpoints', { count: 3 }, { onCheckpoint })).toBe('all stored');
    expect(events).toEqual([
      'state 1, task past 0, step 1',
      'state 2, task past 1, step 2',
      'state 3, task past 2, step 3',
    ]);
  });

  it('goes on where nobody wants checkpoints', async () => {
    open(1);
    expect(await run('checkpoints', { count: 2 })).toBe('all stored');
  });

  it('fails the task when a checkpoint cannot be stored', async () => {
    open(1);
    const refusal = { subject: 'The bucket', rule: 'be there', remedy: 'Create it.' };
    const onCheckpoint = () => Promise.reject(new TradewindError('STORE_BUCKET', refusal));
    expect(await errorOf(run('checkpoints', { count: 2 }, { onCheckpoint }))).toMatchObject({
      code: 'STORE_BUCKET',
      complaint: refusal,
    });
    expect(existsSync(join(workDir, 'done.txt'))).toBe(false);
  });

  it('stores checkpoints one after another, all before the result is given out', async () => {
    open(1);
    const events: string[] = [];
    const onCheckpoint = async (path: string) => {
      events.push(`begin ${path.slice(workDir.length + 1)}`);
      await sleep(20);
      events.push(`end ${path.slice(workDir.length + 1)}`);
    };
    await run('hastyCheckpoints', null, { onCheckpoint });
    expect(events).toEqual(['begin first', 'end first', 'begin second', 'end second']);
  });

  it('passes on progress at most ten times a second, however often the task reports', async () => {
    open(1);
    const notes: (string | undefined)[] = [];
    const { milliseconds, calls } = await run('report', null, { onProgress: (_, note) => notes.push(note) });
    expect(calls).toBeGreaterThan(100);
    expect(notes.length).toBeGreaterThan(0);
    expect(notes.length).toBeLessThanOrEqual(Math.floor(milliseconds / 100) + 1);
    expect(notes[0]).toBe('epoch');
  });

  it("gives the caller the error of its own onProgress instead of ending the caller's process", async () => {
    open(1);
    const onProgress = () => {
      throw new Error('listener broke');
    };
    expect((await errorOf(run('report', null, { onProgress }))).message).toBe('listener broke');
  });
});
