/** Classifiers and regressors in a compute process: fitted with their preparation, judged, and joined into one graph. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readArrays, writeArrays } from '../../compute/arrays/safetensors.ts';
import type { TaskContext } from '../../compute/pool/task.ts';
import type { Execution } from '../../contracts/execution.ts';
import type { TrialPruning } from '../../contracts/study.ts';
import type { TableCandidate, TableWork } from '../../contracts/table-lifecycle.ts';
import { tableMetricsOf, type TableEvaluation, type TableMetricName } from '../../contracts/table-evaluation.ts';
import { withoutContradictions } from '../../data/contradictions.ts';
import { fitPreparation } from '../../data/preparation/fit.ts';
import { loadPreparation } from '../../data/preparation/fitted.ts';
import type { FittedPreparation } from '../../data/preparation/transformer.ts';
import { readTable, readTarget } from '../../data/read-table.ts';
import { foldOf, readSplit, type TableSplit } from '../../data/split-file.ts';
import { takeRows, takeTarget, type Table, type Target } from '../../data/table.ts';
import { evaluateTable } from '../../evaluation/report.ts';
import { scorerOf, scoreTable, whyUndefined } from '../../evaluation/table-scores.ts';
import { TradewindError } from '../../contracts/errors.ts';
import type { FittedTableModel } from '../../models/table-estimator.ts';
import { tableEstimatorOf } from '../../models/table-registry.ts';
import { Hurdles } from '../../tuning/hurdles.ts';
import { taskFiles } from '../task-files.ts';

/** As `TableWork`, its files fetched. */
export interface TableInput extends Omit<TableWork, 'table' | 'split'> {
  /** Path of the typed Parquet. */
  table: string;
  /** Path of the split's file. */
  split: string;
}
export interface FitInput extends TableInput, TableCandidate {
  execution: Execution;
  /** Path of a checkpoint to go on from. */
  resume?: string;
}

interface Opened {
  table: Table;
  target: Target;
  split: TableSplit;
}

export async function openTable(input: TableInput, threads: number): Promise<Opened> {
  const { columns, target } = input;
  const features = columns.filter(({ name }) => name !== target);
  const predicted = columns.find(({ name }) => name === target)!;
  const [table, truth, split] = await Promise.all([
    readTable(input.table, features, { threads }),
    readTarget(input.table, predicted, input.task, { threads }),
    readSplit(input.split),
  ]);
  return { table, target: truth, split };
}

/** Enough of a fitted model to predict with. */
interface Fitted {
  preparation: FittedPreparation;
  model: Pick<FittedTableModel, 'predict'>;
}
interface WholeFit extends Fitted {
  model: FittedTableModel;
  features: number;
  /** Rows not learned from. */
  contradictions: number;
}

/** What a fit tells on its way, and whom. */
interface Watch {
  progress(fraction: number, note?: string): void;
  /** Of a trial that may be pruned: the rows that it is judged on. */
  hurdles?: { hurdles: Hurdles; judge(fitted: Fitted): Promise<number> };
}

/** Everything that is fitted, is fitted on these rows and no others (law 5). */
async function fit(
  { table, target }: Opened,
  given: Int32Array,
  input: FitInput,
  context: TaskContext,
  watch: Watch = context,
): Promise<WholeFit> {
  const learning = { seed: input.seed, threads: context.threads };
  const used = input.preparation.columns.flatMap(({ columns }) => columns);
  const rows = input.contradictions ? withoutContradictions(table, target, given, used, input.contradictions) : given;
  requireRows(rows, given);
  const prepared = await fitPreparation(table, target, input.preparation, { ...learning, rows });
  const preparation = prepared.fitted;
  try {
    watch.progress(0.2, `${prepared.features.names.length} features`);
    const { hurdles } = watch;
    const model = await tableEstimatorOf(input.algorithm).fit(
      prepared.features,
      takeTarget(target, rows),
      input.parameters,
      {
        ...learning,
        execution: input.execution,
        progress: (fraction, note) => watch.progress(0.2 + 0.8 * fraction, note),
        ...(hurdles
          ? {
              rungs: hurdles.hurdles.rungs,
              report: async (rung, predict) =>
                hurdles.hurdles.report(rung, await hurdles.judge({ preparation, model: { predict } })),
            }
          : {
              ...(input.resume === undefined ? {} : { resume: await readArrays(input.resume) }),
              checkpoint: async (state, step) => {
                const file = join(context.workDir, `checkpoint-${step}.safetensors`);
                await writeArrays(file, state);
                await context.checkpoint(file, step);
              },
            }),
      },
    );
    const contradictions = given.length - rows.length;
    return { preparation, model, features: prepared.features.names.length, contradictions };
  } catch (error) {
    await preparation.close();
    throw error;
  }
}

function requireRows(rows: Int32Array, given: Int32Array): void {
  if (rows.length > 0 || given.length === 0) return;
  throw new TradewindError('VALIDATION_FAILED', {
    subject: 'The rows to learn from',
    rule: 'hold some that contradict no other (cleaning.contradictions)',
    value: `none of ${given.length}`,
    remedy: 'Set cleaning.contradictions to keep, or give features that tell rows apart.',
  });
}

async function close({ preparation, model }: WholeFit): Promise<void> {
  await model.close();
  await preparation.close();
}

async function predict({ preparation, model }: Fitted, table: Table, rows: Int32Array): Promise<Float32Array> {
  return model.predict(await preparation.transform(takeRows(table, rows)));
}

function valueOf(metric: TableMetricName, target: Target, predictions: Float32Array): number {
  const value = scoreTable(metric, target, predictions);
  if (value !== null) return value;
  throw new TradewindError('SPLIT_EMPTY', {
    subject: 'The judged rows',
    rule: `be such that ${metric} is defined on them`,
    value: whyUndefined(metric),
    remedy:
      target.kind === 'classes'
        ? 'Judge more rows, split so that each part has every class (by: stratified), or choose another metric.'
        : 'Judge other rows, or choose another metric.',
  });
}

export interface TrialOutput {
  value: number;
  state: 'done' | 'pruned';
  rungs?: { rung: number; value: number }[];
}

/** Fits and judges; leaves nothing behind. */
export async function tableTrial(
  input: FitInput & { judgedOn: 'validation' | 'folds'; pruning?: TrialPruning },
  context: TaskContext,
): Promise<TrialOutput> {
  const opened = await openTable(input, context.threads);
  const { table, target, split } = opened;
  if (input.judgedOn === 'folds') {
    let sum = 0;
    for (let fold = 0; fold < split.folds; fold++) {
      const { train, held } = foldOf(split, fold);
      const progress = (fraction: number) =>
        context.progress((fold + fraction) / split.folds, `fold ${fold + 1} of ${split.folds}`);
      const fitted = await fit(opened, train, { ...input, resume: undefined } as FitInput, context, { progress });
      try {
        sum += valueOf(input.metric, takeTarget(target, held), await predict(fitted, table, held));
      } finally {
        await close(fitted);
      }
    }
    return { value: sum / split.folds, state: 'done' };
  }
  const { train, validation } = split.parts;
  const truth = takeTarget(target, validation);
  const judge = async (fitted: Fitted) => valueOf(input.metric, truth, await predict(fitted, table, validation));
  const hurdles = input.pruning && new Hurdles(input.pruning);
  const progress = (fraction: number, note?: string) => context.progress(0.9 * fraction, note);
  const fitted = await fit(opened, train, input, context, {
    progress,
    ...(hurdles && { hurdles: { hurdles, judge } }),
  });
  try {
    const value = await judge(fitted);
    if (hurdles === undefined) return { value, state: 'done' };
    const rungs = hurdles.reached;
    return hurdles.pruned
      ? { value: rungs.at(-1)?.value ?? value, state: 'pruned', rungs }
      : { value, state: 'done', rungs };
  } finally {
    await close(fitted);
  }
}

export interface FoldOutput {
  value: number;
  metrics: Partial<Record<TableMetricName, number>>;
  rows: number;
  trainingRows: number;
}

/** One fold of a cross-validation; leaves its rows' predictions. */
export async function tableFold(input: FitInput & { fold: number }, context: TaskContext): Promise<FoldOutput> {
  const opened = await openTable(input, context.threads);
  const { table, target, split } = opened;
  const { train, held } = foldOf(split, input.fold);
  const fitted = await fit(opened, train, input, context);
  try {
    const predictions = await predict(fitted, table, held);
    await leavePredictions(context, held, predictions);
    const truth = takeTarget(target, held);
    const names = tableMetricsOf(input.task, input.classes.length);
    const values = scorerOf(truth, predictions).values(names);
    const metrics = Object.fromEntries(names.flatMap((name, i) => (values[i] === null ? [] : [[name, values[i]]])));
    const value = valueOf(input.metric, truth, predictions);
    return { value, metrics, rows: held.length, trainingRows: train.length };
  } finally {
    await close(fitted);
  }
}

async function leavePredictions(context: TaskContext, rows: Int32Array, predictions: Float32Array): Promise<void> {
  await writeArrays(join(context.workDir, taskFiles.predictions), {
    arrays: {
      rows: { data: rows },
      predictions: { data: predictions, shape: [rows.length, predictions.length / rows.length] },
    },
    metadata: { format: 'tradewind-predictions/1' },
  });
}

/** Fits on all that comes before the test part, and leaves both states. */
export interface TrainOutput {
  features: number;
  contradictions?: number;
}

export async function tableTrain(input: FitInput, context: TaskContext): Promise<TrainOutput> {
  const opened = await openTable(input, context.threads);
  const fitted = await fit(opened, opened.split.learning, input, context);
  try {
    await writeArrays(join(context.workDir, taskFiles.preparation), fitted.preparation.state());
    await writeArrays(join(context.workDir, taskFiles.state), fitted.model.state());
    return {
      features: fitted.features,
      ...(input.contradictions && { contradictions: fitted.contradictions }),
    };
  } finally {
    await close(fitted);
  }
}

export interface StatesInput {
  algorithm: TableCandidate['algorithm'];
  /** Paths. */
  preparation: string;
  model: string;
}

export async function loadStates({ algorithm, preparation, model }: StatesInput, threads: number): Promise<WholeFit> {
  const fitted = await loadPreparation(await readArrays(preparation), { threads });
  const estimator = tableEstimatorOf(algorithm);
  return {
    preparation: fitted,
    model: await estimator.load(await readArrays(model), { threads }),
    features: fitted.names.length,
    contradictions: 0,
  };
}

/** Judges on the test part; leaves predictions, and curves and slices as JSON. */
export async function tableEvaluate(
  input: TableInput & StatesInput & { slices: string[] },
  context: TaskContext,
): Promise<TableEvaluation['summary']> {
  const { table, target, split } = await openTable(input, context.threads);
  const rows = split.parts.test;
  const fitted = await loadStates(input, context.threads);
  try {
    const predictions = await predict(fitted, table, rows);
    await leavePredictions(context, rows, predictions);
    const judged = takeRows(table, rows);
    const { summary, details } = evaluateTable(takeTarget(target, rows), predictions, {
      objective: input.metric,
      seed: input.seed,
      slices: input.slices.map((by) => ({ by, column: columnOf(judged, by) })),
    });
    await writeFile(join(context.workDir, taskFiles.evaluation), `${JSON.stringify(summary)}\n`);
    await writeFile(join(context.workDir, taskFiles.details), `${JSON.stringify(details)}\n`);
    return summary;
  } finally {
    await close(fitted);
  }
}

function columnOf(table: Table, name: string) {
  if (Object.hasOwn(table.columns, name)) return table.columns[name];
  throw new TradewindError('COLUMN_MISSING', {
    subject: `Column "${name}", named in evaluation.slices,`,
    rule: 'be in the table',
    value: `the columns ${Object.keys(table.columns).slice(0, 40).join(', ')}`,
    remedy: 'Correct the name in the spec.',
  });
}
