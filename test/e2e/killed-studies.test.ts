/** `kill -9` of either of two workers while a study runs: the table and the best trial of an undisturbed study. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { openStudies, sameIn, studyInput, type StudyBench } from '../support/studies.ts';

/** For a longer study by hand. */
const trials = 30;
const kills = 3;
/** Of a trial, at most. */
const longest = 400;

let bench: StudyBench;
const workers: ChildProcess[] = [];

beforeAll(async () => {
  bench = await openStudies(inject('stackHome'), `killed-${Date.now()}`);
  workers.push(...(await Promise.all([bench.worker(longest), bench.worker(longest)])));
});
afterAll(async () => {
  await bench?.close();
});

const input = studyInput('smooth', {
  trials,
  parallel: 4,
  sampler: 'tpe',
  candidates: 'joint',
  pruning: { pruner: 'median', minResource: 1, reductionFactor: 3, maxResource: 9, startupTrials: 3 },
});

it('ends with the same table and the same best trial, each trial once', async () => {
  const undisturbed = await bench.result(await bench.start('undisturbed', input));

  const handle = await bench.start('killed', input);
  for (let kill = 0; kill < kills; kill++) {
    // Where it falls is chance: between suggestion and trial, in a trial, while a piece is written.
    await sleep(200 + Math.random() * 600);
    const place = kill % workers.length;
    workers[place].kill('SIGKILL');
    await once(workers[place], 'exit');
    workers[place] = await bench.worker(longest);
  }
  const killed = await bench.result(handle);
  expect(sameIn(killed)).toEqual(sameIn(undisturbed));
  expect(killed).toMatchObject({ trials: trials + 1, failed: 0, endedBy: 'trials' });

  const events = (await bench.runs(handle)).flat();
  const scheduled = events.filter((e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'trial');
  expect(scheduled.length).toBe(trials + 1);
  // The blows fell in the middle: something was begun again.
  const attempts = events.flatMap((e) => e.activityTaskStartedEventAttributes?.attempt ?? []);
  const lostTasks = events.filter((e) => e.workflowTaskTimedOutEventAttributes).length;
  expect(Math.max(...attempts) > 1 || lostTasks > 0).toBe(true);
}, 180_000);
