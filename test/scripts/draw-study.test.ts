import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { StudyStatus, TrialReport } from '../../contracts/study.ts';
import { studyLines } from '../../scripts/runs/draw-study.ts';
import { widthOf } from '../../scripts/terminal.ts';

beforeEach(() => vi.stubEnv('NO_COLOR', '1'));
afterEach(() => vi.unstubAllEnvs());

const trialsOf = (n: number): TrialReport[] =>
  Array.from({ length: n }, (_, index) => ({
    index,
    candidate: 0,
    algorithm: 'mlp',
    parameters: { hidden: 8 + index, dropout: 0.104382 + index / 1e4, epochs: 20, 'numbers.3.scale.method': 'robust' },
    state: 'done',
    value: 0.5 + index / 100,
  }));

function statusOf(trials: TrialReport[]): StudyStatus {
  const counts = { started: trials.length, running: 0, done: trials.length, pruned: 0, failed: 0, stopped: 0 };
  return {
    model: 'leads',
    metric: 'auc',
    direction: 'maximize',
    state: 'ended',
    endedBy: 'trials',
    budget: { trials: trials.length, parallel: 2, minutes: 60, patience: null },
    counts,
    planned: trials.length,
    waiting: [],
    best: trials.at(-1)!,
    archive: null,
    tail: [],
  };
}

const linesOf = (trials: TrialReport[], all = false) => studyLines('study', statusOf(trials), trials, all);

test('few trials are shown once, many as the best and the last ones', () => {
  const times = (text: string, part: string) => text.split(part).length - 1;
  const few = linesOf(trialsOf(10));
  expect(times(few, 'hidden=17')).toBe(1);
  expect(few).not.toContain('Last');
  const many = linesOf(trialsOf(11));
  expect(times(many, 'hidden=18')).toBe(2);
  expect(times(many, 'hidden=8')).toBe(0);
  expect(many).toContain('--all shows all 11 trials.');
});

test('parameters go on below themselves in place of being cut, and those that never change are left out', () => {
  const trials = trialsOf(3);
  trials[1].parameters['numbers.3.scale.method'] = 'standard';
  trials[1].algorithm = 'logistic-regression';
  const text = linesOf(trials, true);
  expect(text).not.toContain('…');
  expect(text).not.toContain('epochs');
  expect(text).toContain('numbers.3.scale.method=standard');
  expect(text).toContain('dropout=0.1044');
  expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
});

test('values of a column have as many decimals each', () => {
  const trials = trialsOf(2);
  trials[0].value = 12.5;
  trials[1].value = 0.25;
  expect(linesOf(trials)).toMatch(/ 12\.500 [^]* 0\.250 /);
});

test('a trial that somebody asked for is marked, and the mark told', () => {
  const trials = trialsOf(2);
  expect(linesOf(trials)).not.toContain('+');
  trials[1].enqueued = true;
  expect(linesOf(trials)).toMatch(/done \+ [^]*\+ somebody asked for it/);
});
