import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { SearchedCandidate, TrialReport } from '../../contracts/study.ts';
import { optunaJournal } from '../../tuning/journal.ts';

const candidates: SearchedCandidate[] = [
  { algorithm: 'popularity', parameters: { by: 'users' }, space: {} },
  {
    algorithm: 'als',
    parameters: { factors: 16, alpha: 1, weighting: 'log' },
    space: {
      factors: { kind: 'integer', min: 8, max: 64, log: true },
      weighting: { kind: 'choice', choices: ['log', 'count'] },
      alpha: { kind: 'number', min: 0.5, max: 5, log: false, when: { dimension: 'weighting', in: ['log'] } },
    },
  },
];
const trial = (index: number, factors: number, change: Partial<TrialReport> = {}): TrialReport => ({
  index,
  candidate: 1,
  algorithm: 'als',
  parameters: { factors, alpha: 1, weighting: 'count' },
  state: 'done',
  ...change,
});
const trials: TrialReport[] = [
  trial(0, 0, { candidate: 0, algorithm: 'popularity', parameters: { by: 'users' }, value: 0.04 }),
  trial(1, 8, { value: 0.05, parameters: { factors: 8, alpha: 2.5, weighting: 'log' }, milliseconds: 1234 }),
  trial(2, 16, {
    state: 'pruned',
    value: 0.03,
    rungs: [
      { rung: 1, value: 0.02 },
      { rung: 3, value: 0.03 },
    ],
  }),
  trial(3, 32, { state: 'failed', error: 'Iteration 3 must end with finite factors.' }),
  trial(4, 64, { value: 0.06, enqueued: true }),
  trial(5, 9, { state: 'stopped' }),
];
const journal = (change: Partial<Parameters<typeof optunaJournal>[0]> = {}) =>
  optunaJournal({ name: 'shop ndcg@10', metric: 'ndcg@10', direction: 'maximize', candidates, trials, ...change });

describe('the journal of a study', () => {
  const lines = journal()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('creates the study, then every trial with its end, a line each', () => {
    expect(lines.map(({ op_code }) => op_code)).toEqual([0, 3, 4, 4, 4, 4, 4, 4]);
    expect(lines[0]).toEqual({ op_code: 0, study_name: 'shop ndcg@10', directions: [2], worker_id: 'tradewind' });
    expect(lines.slice(2).map(({ state }) => state)).toEqual([1, 1, 2, 3, 1, 3]);
    expect(journal({ direction: 'minimize' })).toContain('"directions":[1]');
  });

  it('keeps what was searched, choices by their place, under the candidate’s name', () => {
    expect(lines[3]['params']).toEqual({ candidate: 1, 'als.factors': 8, 'als.weighting': 0, 'als.alpha': 2.5 });
    // Not searched where the weighting is another.
    expect(lines[4]['params']).toEqual({ candidate: 1, 'als.factors': 16, 'als.weighting': 1 });
    expect(lines[2]['params']).toEqual({ candidate: 0 });
  });

  it('holds no time of the day and nothing else that differs between equal studies', () => {
    const later = trials.map((one) => ({ ...one, milliseconds: 99, cached: true }));
    expect(journal({ trials: later })).toBe(journal());
    expect(lines[3]['datetime_start']).toBe('2000-01-01T00:00:01.000000+00:00');
    expect(lines[3]['datetime_complete']).toBe('2000-01-01T00:00:02.000000+00:00');
  });
});

const python = process.env['TRADEWIND_PYTHON'] || 'python3';
const without = spawnSync(python, ['-c', 'import optuna'], { encoding: 'utf8' }).status !== 0;
if (without) console.warn(`Skipped: ${python} has no optuna`);

describe.skipIf(without)('Optuna', () => {
  it('loads the journal: the same trials, the same best one', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tradewind-journal-')), 'study.optuna.log');
    writeFileSync(path, journal());
    const script = fileURLToPath(new URL('check_journal.py', import.meta.url));
    const { stdout, stderr } = spawnSync(python, [script, path, 'shop ndcg@10'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as { trials: Record<string, unknown>[] };
    expect(found).toMatchObject({
      direction: 'MAXIMIZE',
      metrics: ['ndcg@10'],
      best: { number: 4, value: 0.06, params: { candidate: 'als', 'als.factors': 64, 'als.weighting': 'count' } },
    });
    expect(found.trials.map(({ state }) => state)).toEqual([
      'COMPLETE',
      'COMPLETE',
      'PRUNED',
      'FAIL',
      'COMPLETE',
      'FAIL',
    ]);
    expect(found.trials[1]).toMatchObject({ value: 0.05, seconds: 1, params: { 'als.alpha': 2.5 } });
    expect(found.trials[2]).toMatchObject({ value: 0.03, rungs: { 1: 0.02, 3: 0.03 } });
    expect(found.trials[3]).toMatchObject({
      value: null,
      attrs: { error: expect.stringContaining('finite') as unknown },
    });
    expect(found.trials[4]).toMatchObject({ attrs: { enqueued: true } });
    expect(found.trials.every(({ within }) => within)).toBe(true);
  });
});
