/**
 * A study's trials as lines of Optuna's journal (`optuna.storages.journal.JournalFileBackend`, Optuna 4 and 5), so that
 * `optuna.load_study` and `optuna-dashboard` open them: an operation a line, one that creates the study and one for each
 * trial, with its end, as `Study.add_trial` writes them.
 *
 * Nothing in it tells one run from another: trial i starts i seconds after 2000-01-01 and takes one, and the writer has
 * a fixed name. Equal studies give equal bytes.
 */
import type { ParameterValue, SearchDimension } from '../contracts/parameters.ts';
import type { Direction, SearchedCandidate, TrialReport } from '../contracts/study.ts';
import { candidateNames, jointSpace, toJoint } from './joint-space.ts';
import { searchedOf } from './space-values.ts';

/** `optuna.storages.journal.JournalOperation` */
const operations = { createStudy: 0, setStudySystemAttr: 3, createTrial: 4 } as const;
/** `optuna.study.StudyDirection` */
const directions = { minimize: 1, maximize: 2 } as const;
/** `optuna.trial.TrialState` */
const states = { running: 0, done: 1, pruned: 2, failed: 3, stopped: 3 } as const;

const writer = 'tradewind';
const firstStart = Date.UTC(2000, 0, 1);

/** What the values of a study are. */
export interface Judged {
  /** Shown by dashboards, e.g. `ndcg@10`. */
  readonly metric: string;
  readonly direction: Direction;
}

export interface Journaled extends Judged {
  /** Of the study; no other of the same journal may have it. */
  readonly name: string;
  readonly candidates: readonly SearchedCandidate[];
  /** All of the study, ascending. */
  readonly trials: readonly TrialReport[];
}

/** A candidate is the parameter `candidate`, and what it searches has its name in front: `als.factors`. */
export function optunaJournal({ name, metric, direction, candidates, trials }: Journaled): string {
  const names = candidateNames(candidates);
  const spaces = candidates.map(({ space }, place) => ({ name: names[place], space }));
  const space = jointSpace(spaces);
  const distributions = new Map(
    Object.entries(space).map(([dimension, range]) => [dimension, JSON.stringify(distributionOf(range))]),
  );
  const lines: object[] = [
    { op_code: operations.createStudy, study_name: name, directions: [directions[direction]] },
    { op_code: operations.setStudySystemAttr, study_id: 0, system_attr: { 'study:metric_names': [metric] } },
    ...trials.map((trial) => {
      const searched = searchedOf(candidates[trial.candidate].space, trial.parameters);
      const point = Object.entries(toJoint(spaces, trial.candidate, searched));
      const start = firstStart + trial.index * 1000;
      return {
        op_code: operations.createTrial,
        study_id: 0,
        datetime_start: timeOf(start),
        datetime_complete: timeOf(start + 1000),
        state: states[trial.state],
        value: trial.value ?? null,
        values: null,
        distributions: Object.fromEntries(point.map(([dimension]) => [dimension, distributions.get(dimension)])),
        params: Object.fromEntries(point.map(([dimension, value]) => [dimension, internal(space[dimension], value)])),
        user_attrs: {
          ...(trial.enqueued && { enqueued: true }),
          ...(trial.state === 'stopped' && { stopped: true }),
          ...(trial.error !== undefined && { error: trial.error }),
        },
        system_attrs: {},
        intermediate_values: Object.fromEntries((trial.rungs ?? []).map(({ rung, value }) => [rung, value])),
      };
    }),
  ];
  return lines.map((line) => `${JSON.stringify({ ...line, worker_id: writer })}\n`).join('');
}

/** What its first lines say of a study. */
export function judgedBy(journal: string): Judged {
  const [created, named] = journal.split('\n', 2).map((line) => JSON.parse(line) as Record<string, unknown>);
  const [direction] = created['directions'] as number[];
  const [metric] = (named['system_attr'] as { 'study:metric_names': string[] })['study:metric_names'];
  return { metric, direction: direction === directions.minimize ? 'minimize' : 'maximize' };
}

function distributionOf(dimension: SearchDimension): object {
  if (dimension.kind === 'choice')
    return { name: 'CategoricalDistribution', attributes: { choices: dimension.choices } };
  const { kind, min: low, max: high, log } = dimension;
  return kind === 'integer'
    ? { name: 'IntDistribution', attributes: { log, step: 1, low, high } }
    : { name: 'FloatDistribution', attributes: { step: null, low, high, log } };
}

/** Optuna keeps a choice by its place. */
function internal(dimension: SearchDimension, value: ParameterValue): number {
  return dimension.kind === 'choice' ? dimension.choices.indexOf(value) : (value as number);
}

function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000+00:00');
}
