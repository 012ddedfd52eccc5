/** `tradewind study`: what people see of a study, and how they tell it what to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { StudyStatus, TrialReport } from '../../contracts/study.ts';
import { openStudies, studyInput, type StudyBench } from '../support/studies.ts';

type Shown = Omit<StudyStatus, 'archive' | 'tail'> & { workflowId: string; trials: TrialReport[] };

let bench: StudyBench;

beforeAll(async () => {
  bench = await openStudies(inject('stackHome'), `command-${Date.now()}`);
  await bench.worker(20);
});
afterAll(async () => {
  await bench?.close();
});

const tradewind = (...args: string[]) => bench.stack.tradewind('study', ...args);

it('shows the trials of a study that has ended: the best ones, the last ones, or all', async () => {
  const result = await bench.result(await bench.start('shown', studyInput('some fail', { trials: 40 })));
  const { stdout, stderr, code } = await tradewind('shown');
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  expect(stdout).toContain(`The study of shop has ended: 41 of 41 trials, ${result.failed} failed.`);
  expect(stdout).toMatch(/^ {2}budget +40 trials, 3 at a time, 10 minutes$/m);
  expect(stdout).toContain('Iteration 3 must end with finite factors.');
  expect(stdout).toContain('--all shows all 41 trials.');
  expect(stdout).toMatch(/^ +★ +\d+ +done +0\.9\d+ +als +regularization=\S+ alpha=\S+$/m);
  // What all trials have alike is not worth a column's width.
  expect(stdout).not.toContain('factors=');
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  const all = await tradewind('shown', '--all');
  expect(all.stdout.match(/^ {2}.*(done|failed) /gm)?.length).toBe(41);

  const json = await bench.stack.json<Shown>('study', 'shown');
  expect(json.trials.map(({ index }) => index)).toEqual(Array.from({ length: 41 }, (_, i) => i));
  expect(json).toMatchObject({ workflowId: 'shown', state: 'ended', counts: { started: 41, failed: result.failed } });
});

it('pauses, enqueues, changes the budget, resumes and stops', async () => {
  const handle = await bench.start('told', studyInput('smooth', { trials: 5000 }));
  const paused = await tradewind('pause', 'told');
  expect(paused.stdout).toMatch(/^! The study of shop is paused: \d+ of 5,001 trials\.\n +budget/);
  const asked = await bench.stack.json<Shown>('study', 'enqueue', 'told', 'als', 'alpha=2', 'regularization=3');
  expect(asked.waiting).toMatchObject([{ algorithm: 'als', parameters: { alpha: 2, regularization: 3, factors: 16 } }]);
  const budget = await tradewind('budget', 'told', '--trials', '200', '--patience', '50');
  expect(budget.stdout).toContain('200 trials, 3 at a time, 10 minutes, 50 without improvement');
  const none = await bench.stack.json<Shown>('study', 'budget', 'told', '--patience', 'none');
  expect(none.budget).toEqual({ trials: 200, parallel: 3, minutes: 10, patience: null });
  expect((await tradewind('resume', 'told')).stdout).toContain('The study of shop runs');
  for (let i = 0; i < 100 && (await bench.status(handle)).waiting.length > 0; i++) await sleep(20);
  const stopped = await bench.stack.json<Shown>('study', 'stop', 'told', '--now');
  expect(stopped.endedBy).toBe('stop');
  await bench.result(handle);
  const { trials } = await bench.stack.json<Shown>('study', 'told');
  expect(trials.filter(({ enqueued }) => enqueued).length).toBe(1);
});

it('answers what makes no sense with a sentence', async () => {
  const handle = await bench.start('asked', studyInput('smooth', { trials: 5000 }));
  const said = async (...args: string[]) => {
    const { code, stderr } = await tradewind(...args);
    return `${code} ${stderr.trim()}`;
  };
  const wanted: [string[], string][] = [
    [
      ['enqueue', 'asked', 'als', 'alpha=9', 'regularization=3'],
      '1 [PARAMETER_INVALID] The parameter "alpha" of als must be a number in [0.1, 5], the range that the study searches. Got 9.',
    ],
    [
      ['enqueue', 'asked', 'als', 'alpha'],
      '2 [USAGE] A parameter of a trial must be written name=value. Got "alpha". For example factors=64.',
    ],
    [
      ['budget', 'asked', '--parallel', '0'],
      "2 [USAGE] The parallel of a study's budget must be an integer in [1, 64]. Got 0.",
    ],
    [['budget', 'asked', '--trials', 'many'], "2 [USAGE] Option '--trials <n>' argument 'many' is invalid."],
    [
      ['budget', 'asked'],
      "2 [USAGE] A change of a study's budget must say one of trials, parallel, minutes, patience.",
    ],
    [['nowhere'], '2 [USAGE] The workflow "nowhere" must be one that Temporal knows'],
  ];
  const answers = await Promise.all(wanted.map(([args]) => said(...args)));
  for (const [i, [, beginning]] of wanted.entries()) expect(answers[i].slice(0, beginning.length)).toBe(beginning);
  await handle.executeUpdate('stop');
  await bench.result(handle);
  expect(await said('pause', 'asked')).toBe(
    '2 [USAGE] The study asked must still run. Got one that has ended. "tradewind study asked" shows what it found.',
  );
});
