import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { TableCandidateResult } from '../../contracts/table-lifecycle.ts';
import { stages, tableStages } from '../../contracts/names.ts';
import type { StudyStatus, TrialReport } from '../../contracts/study.ts';
import { Board } from '../../workflows/board.ts';
import { droppedNote, several, size } from '../../workflows/notes.ts';
import { studyDetails } from '../../workflows/study/details.ts';

let shown = '';
vi.mock('@temporalio/workflow', async (original) => ({
  ...(await original<object>()),
  setCurrentDetails: (text: string) => (shown = text),
  upsertSearchAttributes: () => undefined,
  workflowInfo: () => ({ workflowId: 'lifecycle/leads/1' }),
}));

const links = { namespace: 'default', webUi: 'http://ui', api: 'https://api' };
const boardOf = (of: typeof stages | typeof tableStages) =>
  new Board({ model: 'leads', dataset: 'leads', seed: 1 }, 'auc', of, links);

const candidate = (more: Partial<TableCandidateResult> = {}): TableCandidateResult => ({
  algorithm: 'logistic-regression',
  parameters: { l2: 0.005618231 },
  preparation: { columns: [{ columns: ['title'], steps: [{ step: 'oneHot', parameters: {} }] }], select: [] },
  validation: 0.9,
  test: { value: 0.88, interval: [0.87, 0.89] },
  features: 12,
  chosen: true,
  ...more,
});

describe('the board of a table', () => {
  beforeEach(() => (shown = ''));

  it('shows folds with their error where there are folds, tuning where there are none', () => {
    const board = boardOf(tableStages);
    board.tableCandidates([candidate()]);
    expect(board.markdown()).toContain('| | candidate | auc, tuning | test | 95 % interval |');
    expect(board.markdown()).toContain(
      '| ★ | Logistic regression, 12 features<br/>`l2=0.005618`<br/>title: oneHot | 0.9000 | 0.8800 | 0.8700–0.8900 |',
    );
    board.tableCandidates([candidate({ folds: { mean: 0.91, standardError: 0.02, values: [0.9, 0.92] } })]);
    expect(board.markdown()).toContain('| | candidate | auc, folds |');
    expect(board.markdown()).toContain('| 0.9100 ± 0.0200 |');
  });

  it('keeps a stage, a time and an interval on one line in a browser, and writes files in plain signs', async () => {
    const board = boardOf(tableStages);
    await board.during('cross-validate', () => Promise.resolve(1), String);
    board.tableCandidates([candidate()]);
    const cells = (text: string) => text.split('\n').find((line) => line.includes('validate | ✓'));
    expect(shown.split('\n').find((line) => line.includes('cross'))).toMatch(
      /^\| cross\u2011validate \| ✓ \| \d+\u00a0ms \|/,
    );
    expect(shown).toContain('| 0.8700\u2060–\u20600.8900 |');
    expect(cells(board.markdown())).toMatch(/^\| cross-validate \| ✓ \| \d+ ms \| 1 \|$/);
    expect(board.markdown()).not.toMatch(/[\u00a0\u2011\u2060]/);
  });

  it('names the API only where a stage serves, and links the study once it has begun', () => {
    const api = 'API: https://api/v1/recommendations/{user}';
    const table = boardOf(tableStages);
    expect(table.markdown()).not.toContain(api);
    expect(boardOf(stages).markdown()).toContain(api);
    expect(table.markdown()).not.toContain('all trials');
    table.note('tune', '1 of 2 trials');
    table.progress.stages.find(({ stage }) => stage === 'tune')!.state = 'running';
    expect(table.markdown()).toContain(
      '[all trials](http://ui/namespaces/default/workflows/lifecycle%2Fleads%2F1%2Ftune)',
    );
  });
});

describe('notes', () => {
  it('are sentences', () => {
    expect(droppedNote({ noTarget: 0, duplicate: 88_533, contradiction: 1, returns: 2 })).toBe(
      '; dropped 88,533 duplicates, 1 contradiction, 2 returns',
    );
    expect(droppedNote({ duplicate: 0 })).toBe('');
    expect([several(1, 'candidate'), several(2, 'candidate')]).toEqual(['1 candidate', '2 candidates']);
    expect([size(14_700), size(4_700_000)]).toEqual(['14.7 kB', '4.7 MB']);
  });
});

describe('details of a study', () => {
  const trials: TrialReport[] = [
    { index: 0, candidate: 0, algorithm: 'mlp', parameters: { hidden: 9 }, state: 'done', value: 0.7 },
    { index: 1, candidate: 0, algorithm: 'mlp', parameters: { hidden: 64 }, state: 'failed', error: 'no memory' },
  ];
  const status: StudyStatus = {
    model: 'leads',
    metric: 'auc',
    direction: 'maximize',
    state: 'ended',
    endedBy: 'patience',
    budget: { trials: 5, parallel: 1, minutes: 60, patience: 1 },
    counts: { started: 2, running: 0, done: 1, pruned: 0, failed: 1, stopped: 0 },
    planned: 2,
    waiting: [],
    best: trials[0],
    archive: null,
    tail: [],
  };

  it('show the last trials, also when all of them are archived, and why one failed', () => {
    const text = studyDetails(status, trials);
    expect(text).toContain('The study of **leads** has ended (no progress): 2 of 2 trials, 1 failed.');
    expect(text).toContain('| ★ | 1 | done | 0.70000 | Multilayer perceptron `hidden=9` |');
    expect(text).toContain('|  | 2 | failed |  | Multilayer perceptron |');
    expect(text).toContain('Trial 2 failed: no memory');
  });

  it('have no table before there is a trial', () => {
    const { best: _, ...begun } = status;
    expect(studyDetails({ ...begun, state: 'running' }, [])).not.toContain('|');
  });
});
