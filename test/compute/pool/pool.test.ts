import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TradewindError } from '../../../contracts/errors.ts';
import { alive, errorOf, run, until, usePool } from './running.ts';

const here = usePool();
const { open } = here;

describe('processes', () => {
  it('runs tasks one after another in the same warm process', async () => {
    open(2);
    const first = await run('identify', null);
    const second = await run('identify', null);
    expect(second.pid).toBe(first.pid);
    expect(first.pid).not.toBe(process.pid);
    expect(here.pool.pids).toEqual([first.pid]);
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
    await until(() => here.entries.filter((entry) => entry.event === 'output').length === 2);
    const lines = here.entries
      .filter((entry) => entry.event === 'output')
      .map(({ label, stream, text }) => ({ label, stream, text }));
    expect(lines).toContainEqual({ label: 'als trial 7', stream: 'stdout', text: 'to standard output' });
    expect(lines).toContainEqual({ label: 'als trial 7', stream: 'stderr', text: 'to standard error' });
  });

  it('writes nothing of its own to the log but a beginning and what each task took', async () => {
    open(1);
    await run('identify', null);
    await run('identify', null);
    expect(here.entries.map((entry) => entry.event)).toEqual(['started', 'task', 'task']);
  });

  it('end when their parent is killed, those held in native code too', async () => {
    const parent = spawn(process.execPath, [fileURLToPath(new URL('./parent.ts', import.meta.url)), here.workDir], {
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
    await until(() => existsSync(join(here.workDir, 'spinning')));
    const pids = here.pool.pids;
    await here.pool.close();
    expect(pids.map(alive)).toEqual([false]);
    expect(here.pool.pids).toEqual([]);
    for (const error of [await running, await queued, await errorOf(run('identify', null))]) {
      expect(error).toMatchObject({ code: 'COMPUTE_PROCESS_DIED' });
      expect(error.message).toContain('closed');
    }
  });
});

describe('the thread budget', () => {
  it('lets tasks that fit run at the same time', async () => {
    open(2);
    const a = run('meet', { folder: here.workDir, me: 'a', other: 'b' });
    const b = run('meet', { folder: here.workDir, me: 'b', other: 'a' });
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
    await until(() => existsSync(join(here.workDir, 'spinning')));
    const [pid] = here.pool.pids;
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
      run('meet', { folder: here.workDir, me: 'wide', other: 'none' }, { threads: 2, signal: controller.signal }),
    );
    const narrow = run('identify', null);
    controller.abort(new Error('changed my mind'));
    expect((await wide).message).toBe('changed my mind');
    expect(await narrow).toMatchObject({ threads: 1 });
    expect(existsSync(join(here.workDir, 'wide'))).toBe(false);
    release.abort();
    await holder;
  });

  it('starts nothing for a signal that was aborted before', async () => {
    open(1);
    expect(await errorOf(run('identify', null, { signal: AbortSignal.abort('too late') }))).toBe('too late');
    expect(here.pool.pids).toEqual([]);
  });

  it('leaves a process alone whose task is done when the signal is aborted', async () => {
    open(1);
    const controller = new AbortController();
    const { pid } = await run('identify', null, { signal: controller.signal });
    controller.abort();
    expect((await run('identify', null)).pid).toBe(pid);
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
    const done = () =>
      existsSync(join(here.workDir, 'done.txt')) ? readFileSync(join(here.workDir, 'done.txt'), 'utf8') : '0';
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
    expect(existsSync(join(here.workDir, 'done.txt'))).toBe(false);
  });

  it('stores checkpoints one after another, all before the result is given out', async () => {
    open(1);
    const events: string[] = [];
    const onCheckpoint = async (path: string) => {
      events.push(`begin ${path.slice(here.workDir.length + 1)}`);
      await sleep(20);
      events.push(`end ${path.slice(here.workDir.length + 1)}`);
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
