/** The lifecycle of a classifier or regressor: from files, or from events, to a registered version. */
import { ApplicationFailure, setHandler, workflowInfo } from '@temporalio/workflow';
import { titleOf } from '../contracts/algorithm-titles.ts';
import { resolveCutOff } from '../contracts/cut-offs.ts';
import type { Outcome, StudyResult } from '../contracts/lifecycle.ts';
import { tableStages } from '../contracts/names.ts';
import { settlePreparation } from '../contracts/preparation-spec.ts';
import { tableMetrics, type TableMetricName } from '../contracts/table-evaluation.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import type {
  TableCandidate,
  TableCandidateResult,
  TableLifecycleInput,
  TableLifecycleResult,
  TableRef,
  TableWork,
} from '../contracts/table-lifecycle.ts';
import {
  featureColumns,
  learningColumns,
  preparationColumns,
  trialCandidate,
  usedFeatures,
} from '../contracts/table-features.ts';
import { markSubject, markVersion } from './attributes.ts';
import { Board, count } from './board.ts';
import { DataGate } from './data-decision.ts';
import { progressQuery, trialsSignal } from './messages.ts';
import { computeOn, computeOnCpu, doQuickly } from './options.ts';
import { droppedNote, several, size, withoutNote } from './notes.ts';
import { runStudy, stageNote, type TuneStage } from './study/stage.ts';

export async function tableLifecycle(input: TableLifecycleInput): Promise<TableLifecycleResult> {
  const { spec, specDigest, links } = input;
  const { model, seed, task } = spec;
  const { metric } = spec.objective;
  const { direction } = tableMetrics[metric];
  const started = Date.now();
  const { workflowId, runId } = workflowInfo();
  const dataset = spec.data.name;
  markSubject({ model, dataset });
  const gate = new DataGate();
  const board = new Board({ model, dataset, seed }, metric, tableStages, links);
  setHandler(progressQuery, () => board.progress);
  setHandler(trialsSignal, (trials) => board.trials(trials));
  const warnings: string[] = [];
  const warn = (more: readonly string[]) => {
    warnings.push(...more.filter((warning) => !warnings.includes(warning)));
    board.warnings(warnings);
  };

  const ingested = await board.during('ingest', ingest, ingestNote);
  warn(ingested.warnings);
  const { target, columns } = ingested;
  requireSlices(spec.evaluation.slices, columns);

  const validated = await board.during(
    'validate',
    () =>
      computeOnCpu('validateTable', 'check the rules of the spec', {
        table: ingested.table,
        columns,
        dataset,
        model,
        target,
        rules: spec.validation,
      }),
    (r) =>
      `${count(r.rows)} rows, ${columns.length} columns; ${several(r.rules, 'rule')}${r.broken.length > 0 ? `, ${r.broken.length} broken` : r.rules === 1 ? ' holds' : ' hold'}`,
  );
  warn(validated.warnings);
  const { onBrokenRules } = spec;
  const passed = await gate.check(board, { dataset, data: ingested.table, onBrokenRules }, validated);
  const table = passed.data;

  // A preparation that the spec describes reads what it says; one by kind leaves out what has nothing to read.
  const empty = new Set(spec.preparation.columns === undefined ? validated.empty : []);
  const features = featureColumns(spec, columns, target).filter((name) => !empty.has(name));
  const used = usedFeatures(spec, features);
  const cleaned = await board.during(
    'clean',
    () =>
      computeOnCpu('cleanTable', 'drop rows that are worth nothing', {
        table,
        columns,
        target,
        task,
        cleaning: spec.cleaning,
        features: used,
      }),
    (r) =>
      `${count(r.rows)} rows kept${droppedNote(r.dropped)}${r.merged > 0 ? `; ${count(r.merged)} of rare classes merged` : ''}`,
  );
  const parts = await board.during(
    'split',
    () =>
      computeOnCpu('splitTable', `split by ${spec.split.by}`, {
        table: cleaned.table,
        columns,
        target,
        task,
        split: spec.split,
        seed,
        features: used,
        ...(ingested.horizonDays !== undefined && { gapDays: ingested.horizonDays }),
      }),
    ({ rows, folds, classes }) =>
      `${count(rows.train)} rows to train, ` +
      `${rows.validation > 0 ? `${count(rows.validation)} to validate, ` : ''}${count(rows.test)} to test` +
      `${folds > 0 ? `; ${folds} folds` : ''}${classes.length > 0 ? `; ${classes.length} classes` : ''}`,
  );
  warn(parts.warnings);
  if (parts.comparisonOnly) warn([comparisonWarning]);
  requireMetricOf(metric, parts.classes.length);

  const work: TableWork = {
    table: cleaned.table,
    columns: learningColumns(columns, features, target, spec.evaluation.slices),
    split: parts.split,
    target,
    task,
    classes: parts.classes,
    metric,
    seed,
    ...(spec.cleaning.contradictions !== 'keep' && { contradictions: spec.cleaning.contradictions }),
  };
  const preparing = preparationColumns(columns, features);
  const judgedOn = parts.folds > 0 ? 'folds' : 'validation';
  const { study } = await board.during('tune', tune, (r) => `${studyNote(r.study)}${stageNote(r)}`);

  const results: TableCandidateResult[] = study.best.map((trial) => ({
    ...trialCandidate(trial, (drawn) => settlePreparation(spec.preparation, drawn, preparing)),
    validation: trial.value!,
  }));
  if (parts.folds > 0) await board.during('cross-validate', crossValidate, foldsNote);
  else board.skip('cross-validate', 'the spec has no folds');

  const trained = await board.during(
    'train',
    () =>
      Promise.all(
        results.map((candidate) =>
          computeOn(
            spec.compute,
            'tableTrain',
            `train ${titleOf(candidate.algorithm)} on all but the test part`,
            { ...work, ...candidateOf(candidate) },
            () => undefined,
          ),
        ),
      ),
    (r) => `${several(r.length, 'candidate')} on ${count(parts.rows.learning)} rows${withoutNote(r[0])}`,
  );
  const judged = await board.during(
    'evaluate',
    () =>
      Promise.all(
        trained.map(({ preparation, model: state }, i) =>
          computeOnCpu('tableEvaluate', `judge ${titleOf(results[i].algorithm)} on the test part`, {
            ...work,
            algorithm: results[i].algorithm,
            preparation,
            model: state,
            slices: spec.evaluation.slices,
          }),
        ),
      ),
    () =>
      `${count(parts.rows.test)} rows that nothing has learned from` +
      (parts.comparisonOnly ? '; for comparison only' : ''),
  );
  for (const [i, candidate] of results.entries()) {
    const { value, interval, summary, details } = judged[i];
    candidate.test = { value, interval };
    candidate.evaluation = { summary, details };
    candidate.features = trained[i].features;
  }
  // By what came before the test part alone: the test part only reports (law 5).
  const best = bestOf(results);
  const place = results.indexOf(best);
  best.chosen = true;
  board.tableCandidates(results);

  const packaged = await board.during(
    'package',
    () =>
      computeOnCpu('packageTable', 'one ONNX graph, checked against the model', {
        ...work,
        ...candidateOf(best),
        model,
        fitted: { preparation: trained[place].preparation, model: trained[place].model },
        profile: passed.profile ?? validated.profile,
        specDigest,
        dataDigest: ingested.dataDigest,
        trainedUntil: trainedUntil(),
      }),
    (r) => `${size(r.graph.bytes)} ONNX, equal on ${count(r.verified.rows)} rows`,
  );
  const registered = await board.during(
    'register',
    () =>
      doQuickly('register', `artifact ${packaged.artifact.digest.slice(0, 12)}`, {
        model,
        artifact: packaged.artifact,
        evaluation: judged[place].summary,
        objective: { metric },
        parent: null,
      }),
    (r) => `version ${r.version}${r.created ? '' : ' (this artifact was registered before)'}`,
  );
  const { version } = registered;
  markSubject({ model, dataset, version });
  markVersion(version);
  const outcome: Outcome = {
    kind: 'registered',
    version,
    reason:
      refusal() ??
      `${spec.gates.minimum === undefined ? '' : 'it passed the gate of its spec; '}the spec names no target`,
  };
  board.outcome(outcome);
  const result: TableLifecycleResult = {
    task,
    model,
    metric,
    direction,
    version,
    created: registered.created,
    artifactDigest: packaged.artifact.digest,
    outcome,
    candidates: results,
    warnings,
    table: '',
    report: '',
    milliseconds: Date.now() - started,
  };
  const written = await doQuickly('writeReport', 'the run, for people and for scripts', {
    workflowId,
    markdown: board.markdown(),
    report: {
      ...result,
      runId,
      specDigest,
      dataDigest: ingested.dataDigest,
      study,
      validation: validated.report,
      quarantine: validated.quarantine,
      profile: validated.profile,
      split: parts.summary,
      stages: board.progress.stages,
    },
  });
  return { ...result, ...written };

  async function ingest(): Promise<Ingested> {
    const { data } = spec;
    if (data.table) {
      const { target: column } = data.table;
      const read = await computeOnCpu('ingestTable', `read ${dataset}`, { data });
      return { ...read, target: column };
    }
    const events = await computeOnCpu('ingest', `read the events of ${dataset}`, {
      data: { name: dataset, interactions: data.interactions!, ...(data.items && { items: data.items }) },
    });
    const humans = await computeOnCpu('clean', 'drop what is no purchase', {
      interactions: events.interactions,
      items: events.items,
      preparation: { ...data.eventRules, minUsersPerItem: 1, minItemsPerUser: 1 },
    });
    const made = await computeOnCpu('makeBehaviour', 'what each user did before each day', {
      interactions: humans.interactions,
      items: events.items,
      behaviour: data.behaviour!,
    });
    return { ...made, dataDigest: events.dataDigest, cached: events.cached && humans.cached && made.cached };
  }

  async function tune(): Promise<TuneStage> {
    const { warmStart: _, ...tuning } = spec.tuning;
    const { candidates, preparation } = spec;
    return runStudy(
      spec.tuning,
      { metric },
      {
        model,
        dataset,
        seed,
        direction,
        subject: { kind: 'table', work, candidates, preparation, preparing, judgedOn },
        tuning: { ...tuning, pruning: pruning() },
        compute: spec.compute,
      },
    );
  }

  /** The looks of a trial go up to the epochs that it may have at most. */
  function pruning() {
    const { pruning: asked } = spec.tuning;
    if (asked === undefined || judgedOn === 'folds') return undefined;
    return { ...asked, maxResource: 10_000 };
  }

  /** One fold an activity: a worker that dies costs a fold. */
  async function crossValidate() {
    return Promise.all(
      results.map(async (candidate) => {
        const folds = await Promise.all(
          Array.from({ length: parts.folds }, (_, fold) =>
            computeOnCpu('tableFold', `${titleOf(candidate.algorithm)}, fold ${fold + 1} of ${parts.folds}`, {
              ...work,
              ...candidateOf(candidate),
              fold,
            }),
          ),
        );
        const pooled = await doQuickly('poolFolds', `${titleOf(candidate.algorithm)} over all folds`, {
          folds: folds.map(({ fold, rows, trainingRows, metrics }) => ({ fold, rows, trainingRows, metrics })),
        });
        const { mean, standardError } = pooled.metrics[metric];
        candidate.folds = {
          mean,
          ...(standardError !== undefined && { standardError }),
          values: folds.map(({ value }) => value),
        };
        return { cached: folds.every((fold) => fold.cached), title: titleOf(candidate.algorithm), mean };
      }),
    );
  }

  function bestOf(candidates: readonly TableCandidateResult[]): TableCandidateResult {
    const sign = direction === 'maximize' ? 1 : -1;
    return candidates.reduce((a, b) => (sign * b.validation! > sign * a.validation! ? b : a));
  }

  function trainedUntil(): string {
    if (spec.split.by !== 'time') return '';
    return resolveCutOff(spec.split.testFrom, passed.lastDay ?? '');
  }

  /** Why this version passes no gate, if so. */
  function refusal(): string | undefined {
    const { minimum } = spec.gates;
    const value = best.test?.value ?? null;
    if (minimum === undefined) return undefined;
    if (value === null) return `${metric} is undefined on the test part`;
    const passes = direction === 'maximize' ? value >= minimum : value <= minimum;
    return passes ? undefined : `${metric} ${value.toFixed(4)} does not reach the gate of ${minimum} in the spec`;
  }
}

interface Ingested extends TableRef {
  rows: number;
  target: string;
  /** Of labels, beyond the time of their rows. */
  horizonDays?: number;
  repairs?: Record<string, number>;
  cutOffs?: string[];
  warnings: string[];
  dataDigest: string;
  cached: boolean;
}

function candidateOf({ algorithm, parameters, preparation }: TableCandidate): TableCandidate {
  return { algorithm, parameters, preparation };
}

const comparisonWarning =
  'The scores are for comparison with published figures only: with leaveLastOut, rows that are learned from may be later ' +
  'than what another user is judged on. Split by time to know how the model will do.';

function requireSlices(slices: readonly string[], columns: readonly ColumnDefinition[]): void {
  const missing = slices.find((name) => columns.every((column) => column.name !== name));
  if (missing === undefined) return;
  throw ApplicationFailure.nonRetryable(
    `evaluation.slices must name columns of the table. Got "${missing}". It has ${columns.map(({ name }) => name).join(', ')}.`,
    'COLUMN_MISSING',
  );
}

function requireMetricOf(metric: TableMetricName, classes: number): void {
  if (!('binary' in tableMetrics[metric]) || classes === 2) return;
  throw ApplicationFailure.nonRetryable(
    `objective.metric must be one of ${classes} classes. Got ${metric}, which is one of two. Take its Macro or Weighted form, or auc.`,
    'SPEC_INVALID',
  );
}

function ingestNote({ rows, columns, repairs = {}, cutOffs }: Ingested): string {
  const repaired = Object.values(repairs).reduce((sum, n) => sum + n, 0);
  return (
    `${count(rows)} rows of ${columns.length} columns` +
    (cutOffs ? `, made of events before ${cutOffs.length} days from ${cutOffs[0]} to ${cutOffs.at(-1)}` : '') +
    (repaired > 0 ? `; ${count(repaired)} repairs` : '')
  );
}

function studyNote({ best, trials, failed, pruned }: StudyResult): string {
  const parts = [
    `${trials} trials`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(pruned > 0 ? [`${pruned} pruned`] : []),
  ];
  return `${parts.join(', ')}; ${best.map((trial) => `${titleOf(trial.algorithm)} ${trial.value?.toFixed(4)}`).join(', ')}`;
}

function foldsNote(folds: readonly { title: string; mean: number }[]): string {
  return folds.map(({ title, mean }) => `${title} ${mean.toFixed(4)}`).join(', ');
}
