/** Studies on the real servers, with the built workflows and the activities of a study; a trial is a function. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { maxPayloadBytes } from '../../contracts/names.ts';
import type { StudyInput, StudyResult, TrialReport } from '../../contracts/study.ts';
import { refusalIn, rootFailure } from '../../scripts/runs/failures.ts';
import { trialsPerRun } from '../../workflows/study/course.ts';
import { openStudies, sameIn, studyInput, type HistoryEvent, type StudyBench } from '../support/studies.ts';

let bench: StudyBench;

beforeAll(async () => {
  bench = await openStudies(inject('stackHome'), `studies-${Date.now()}`);
  await Promise.all([bench.worker(30), bench.worker(5)]);
});
afterAll(async () => {
  await bench?.close();
});

let studies = 0;
const start = (input: StudyInput): Promise<WorkflowHandle> => bench.start(`study-${studies++}`, input);
const run = async (input: StudyInput): Promise<StudyResult> => bench.result(await start(input));

const scheduled = (runs: HistoryEvent[][], type: string) =>
  runs.flat().flatMap(({ activityTaskScheduledEventAttributes: a }) => (a?.activityType?.name === type ? [a] : []));

async function until(handle: WorkflowHandle, ready: (ended: number, running: number) => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const { counts } = await bench.status(handle);
    if (ready(counts.started - counts.running, counts.running)) return;
    await sleep(20);
  }
  throw new Error('the study never came that far');
}

async function refusal(order: Promise<unknown>): Promise<string> {
  const error: unknown = await order.then(
    () => undefined,
    (e: unknown) => e,
  );
  const refused = refusalIn(error);
  return refused === undefined ? `not refused: ${String(error)}` : `[${refused.code}] ${refused.message}`;
}

const failure = async (input: StudyInput) => {
  const handle = await start(input);
  const error: unknown = await handle.result().then(
    () => undefined,
    (e: unknown) => (e as Error).cause,
  );
  return { ...rootFailure(error), status: await bench.status(handle) };
};

describe('a long study', () => {
  it('continues as new and keeps everything: each trial once, in small payloads, and a best one among all', async () => {
    const trials = 2 * trialsPerRun + 100;
    const handle = await start(studyInput('smooth', { trials, parallel: 8, sampler: 'random' }));
    const result = await bench.result(handle);
    expect(result).toMatchObject({ trials: trials + 1, failed: 0, endedBy: 'trials' });
    const table = await bench.table(result);
    expect(table.map(({ index }) => index)).toEqual(Array.from({ length: trials + 1 }, (_, i) => i));
    const best = Math.max(...table.map(({ value }) => value!));
    expect(Math.max(...result.best.map(({ value }) => value!))).toBe(best);

    const runs = await bench.runs(handle);
    expect(runs.length).toBe(3);
    expect(scheduled(runs, 'trial').length).toBe(trials + 1);
    for (const events of runs) {
      expect(events.length).toBeLessThan(4000);
      for (const { data } of events.flatMap(payloadsOf)) expect(data!.length).toBeLessThanOrEqual(maxPayloadBytes);
    }
    expect(await bench.status(handle)).toMatchObject({ state: 'ended', endedBy: 'trials' });
  }, 120_000);
});

function payloadsOf(value: unknown): { data?: Uint8Array }[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const { data, metadata } = value as { data?: unknown; metadata?: unknown };
  if (data instanceof Uint8Array && metadata !== undefined) return [{ data }];
  return Object.values(value).flatMap(payloadsOf);
}

describe('equal studies', () => {
  it('give the same bytes whatever their timing: window, joint space and pruning', async () => {
    const input = studyInput('smooth', {
      trials: 40,
      parallel: 4,
      sampler: 'tpe',
      candidates: 'joint',
      pruning: { pruner: 'asha', minResource: 1, reductionFactor: 3, maxResource: 27 },
    });
    const [one, other] = [await run(input), await run(input)];
    expect(sameIn(other)).toEqual(sameIn(one));
    expect(one.pruned).toBeGreaterThan(5);
    const table = await bench.table(one);
    for (const trial of table.filter(({ state }) => state === 'pruned')) {
      expect(trial.value).toBe(trial.rungs!.at(-1)!.value);
    }
    // Not by chance: another seed is another study.
    expect((await run({ ...input, seed: 8 })).tables[0].digest).not.toBe(one.tables[0].digest);
  }, 60_000);

  it('of a metric that is to be small choose the smallest', async () => {
    const result = await run({ ...studyInput('minimize'), direction: 'minimize' });
    const table = await bench.table(result);
    const als = table.filter(({ algorithm }) => algorithm === 'als').map(({ value }) => value!);
    expect(result.best.find(({ algorithm }) => algorithm === 'als')!.value).toBe(Math.min(...als));
  });

  it('go on from what an earlier study has found, without calling it their own', async () => {
    const first = await run(studyInput('smooth', { trials: 30, sampler: 'tpe' }));
    const cold = await run({ ...studyInput('smooth', { trials: 6, sampler: 'tpe' }), seed: 9 });
    const warm = await run({
      ...studyInput('smooth', { trials: 6, sampler: 'tpe' }),
      seed: 9,
      warmStart: first.tables,
    });
    expect(warm.trials).toBe(cold.trials);
    // Popularity searches nothing: its trial is no use to any sampler.
    expect([cold.warm, warm.warm]).toEqual([undefined, { known: 30, unfit: 0 }]);
    expect(warm.tables[0].digest).not.toBe(cold.tables[0].digest);
    const own = new Set((await bench.table(warm)).map(({ value }) => value));
    for (const { value } of warm.best) expect(own).toContain(value);
  }, 60_000);
});

describe('a study ends', () => {
  it('by no progress', async () => {
    const result = await run(studyInput('smooth', { trials: 400, patience: 12 }));
    expect(result.endedBy).toBe('patience');
    const table = await bench.table(result);
    // The window, 3, lets two more start than those that were counted.
    const counted = table.slice(0, -2);
    const best = counted.reduce((a, b) => (b.value! > a.value! ? b : a));
    expect(counted.length).toBe(best.index + 1 + 12);
  });

  it('by its time limit, with what it has; trials that run are cut off and say so', async () => {
    const result = await run(studyInput('als hangs', { trials: 100, timeoutMinutes: 0.02 }));
    expect(result.endedBy).toBe('time');
    const table = await bench.table(result);
    expect(table.map(({ algorithm, state }) => `${algorithm} ${state}`)).toEqual([
      'popularity done',
      'item-knn done',
      'als stopped',
      'item-knn done',
      'als stopped',
    ]);
    expect(result.best.map(({ algorithm }) => algorithm)).toEqual(['popularity', 'item-knn']);
  });

  it('with the bad trials in its table, and their reasons', async () => {
    const result = await run(studyInput('some fail', { trials: 20 }));
    const table = await bench.table(result);
    const failed = table.filter(({ state }) => state === 'failed');
    expect(failed.length).toBe(result.failed);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]).toMatchObject({ error: 'Iteration 3 must end with finite factors.' });
    expect(failed[0].value).toBeUndefined();
  });

  it('with STUDY_FAILED when all of a few trials failed, or many in a row, and its table is kept all the same', async () => {
    const few = await failure(studyInput('all fail', { trials: 3 }));
    expect(few.code).toBe('STUDY_FAILED');
    expect(few.message).toMatch(/^Every one of the 4 trials failed. The first said: Iteration 3 must end/);
    const many = await failure(studyInput('all fail', { trials: 500 }));
    expect(many.code).toBe('STUDY_FAILED');
    expect(many.message).toMatch(/^20 trials in a row failed, 22 of 22 in all\. The first said: /);
    expect(many.status.counts.failed).toBe(22);
    expect((await bench.archive.read(many.status.archive)).length).toBe(22);
    const slow = studyInput('als hangs', { timeoutMinutes: 0.01 });
    slow.subject.candidates.splice(0, 2);
    const late = await failure(slow);
    expect(late.status.counts).toMatchObject({ started: 3, stopped: 3 });
    expect(late).toMatchObject({ code: 'STUDY_FAILED', message: expect.stringContaining('tuning.timeoutMinutes') });
  }, 60_000);
});

describe('what people tell a study', () => {
  const endless = () => start(studyInput('smooth', { trials: 5000, timeoutMinutes: 60 }));

  it('pause lets running trials end and starts none; resume goes on; both can be said twice', async () => {
    const handle = await endless();
    await until(handle, (ended) => ended >= 5);
    expect(await handle.executeUpdate('pause')).toMatchObject({ state: 'paused' });
    expect(await handle.executeUpdate('pause')).toMatchObject({ state: 'paused' });
    await until(handle, (_, running) => running === 0);
    const { counts } = await bench.status(handle);
    await sleep(300);
    expect((await bench.status(handle)).counts).toEqual(counts);
    await handle.executeUpdate('resume');
    expect(await handle.executeUpdate('resume')).toMatchObject({ state: 'running' });
    await until(handle, (ended) => ended > counts.started + 3);
    await handle.executeUpdate('stop', { args: [{}] });
    const result = await bench.result(handle);
    expect(result).toMatchObject({ endedBy: 'stop', failed: 0 });
    // A pause changes no trial: the same study without one tries the same.
    const table = await bench.table(result);
    const undisturbed = await bench.table(await run(studyInput('smooth', { trials: 5 })));
    const tried = (trials: readonly TrialReport[]) => trials.slice(0, 6).map(({ parameters }) => parameters);
    expect(tried(table)).toEqual(tried(undisturbed));
  });

  it('an asked trial takes the next index and is marked; asked for twice while it waits, it is tried once', async () => {
    const handle = await endless();
    await handle.executeUpdate('pause');
    const order = { candidate: 'als', parameters: { regularization: 3, alpha: 2 } };
    expect(await handle.executeUpdate('enqueue', { args: [order] })).toMatchObject({ waiting: [{ candidate: 2 }] });
    expect(
      (await handle.executeUpdate<{ waiting: unknown[] }, [unknown]>('enqueue', { args: [order] })).waiting.length,
    ).toBe(1);
    const { counts } = await bench.status(handle);
    await handle.executeUpdate('resume');
    await until(handle, (ended) => ended > counts.started);
    await handle.executeUpdate('stop');
    const table = await bench.table(await bench.result(handle));
    expect(table.filter(({ enqueued }) => enqueued)).toEqual([table[counts.started]]);
    expect(table[counts.started]).toMatchObject({ algorithm: 'als', parameters: { factors: 16, alpha: 2 }, value: 1 });
  });

  it('a budget is raised, lowered and given a patience while it runs', async () => {
    const handle = await start(studyInput('smooth', { trials: 2 }));
    await handle.executeUpdate('pause');
    const raised = await handle.executeUpdate('budget', { args: [{ trials: 30, parallel: 6 }] });
    expect(raised).toMatchObject({ budget: { trials: 30, parallel: 6, minutes: 10, patience: null } });
    await handle.executeUpdate('resume');
    expect(await bench.result(handle)).toMatchObject({ trials: 31, endedBy: 'trials' });
    const other = await endless();
    await until(other, (ended) => ended >= 10);
    await other.executeUpdate('budget', { args: [{ trials: 4 }] });
    const { trials, endedBy } = await bench.result(other);
    expect(endedBy).toBe('trials');
    expect(trials).toBeLessThan(60);
  });

  it('stop now cuts off what runs', async () => {
    const handle = await endless();
    await until(handle, (ended) => ended >= 5);
    await handle.executeUpdate('stop');
    await handle.executeUpdate('stop', { args: [{ now: true }] }).catch(() => undefined);
    expect(await bench.result(handle)).toMatchObject({ endedBy: 'stop' });
  });

  it('is refused with a sentence where it makes no sense, and leaves nothing in the history', async () => {
    const handle = await endless();
    const order = (candidate: string, parameters: object) =>
      refusal(handle.executeUpdate('enqueue', { args: [{ candidate, parameters }] }));
    expect(await order('als', { alpha: 9, regularization: 3 })).toBe(
      '[PARAMETER_INVALID] The parameter "alpha" of als must be a number in [0.1, 5], the range that the study searches. Got 9. Give a value within it.',
    );
    expect(await order('als', { alhpa: 2 })).toContain('Did you mean "alpha"?');
    expect(await refusal(handle.executeUpdate('budget', { args: [{ parallel: 0 }] }))).toBe(
      "[USAGE] The parallel of a study's budget must be an integer in [1, 64]. Got 0. Nothing was changed.",
    );
    expect(await refusal(handle.executeUpdate('budget', { args: [{ trails: 7 }] }))).toContain('Got "trails".');
    expect(await refusal(handle.executeUpdate('budget'))).toContain('Got nothing.');
    expect(await refusal(handle.executeUpdate('enqueue', { args: ['als'] }))).toContain('Got "als".');
    const many = Array.from({ length: 40 }, (_, i) => [`x${i}`, 'y'.repeat(500)] as const);
    expect(await order('als', Object.fromEntries(many))).toContain('must be at most 16384 bytes together');
    await handle.executeUpdate('stop');
    expect(await refusal(handle.executeUpdate('resume'))).toMatch(/The study must still be open|not refused/);
    await bench.result(handle);
    const events = (await bench.runs(handle)).flat();
    const accepted = events.filter((e) => e.workflowExecutionUpdateAcceptedEventAttributes);
    // Two orders that only an activity could judge, and the stop.
    expect(accepted.length).toBe(3);
  });
});
