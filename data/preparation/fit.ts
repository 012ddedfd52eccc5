/** Fitting of a preparation on training rows. */
import { completeParameters } from '../../contracts/parameters.ts';
import { selectionSteps, type Preparation } from '../../contracts/preparation.ts';
import type { ColumnDefinition } from '../../contracts/tables.ts';
import type { Features } from '../features.ts';
import { takeColumn, takeTarget, type Table, type Target } from '../table.ts';
import { rowsOf } from './blocks.ts';
import { replaceFeatures, takeFeatures } from './feature-columns.ts';
import { fitGroup, runOnce, type Training } from './fit-group.ts';
import { distinctColumns, preparationOf } from './fitted.ts';
import { lowerFeatures } from './lowering.ts';
import { planOf } from './plan.ts';
import { unfit } from './refusal.ts';
import { selectionOf } from './selection/steps.ts';
import { suited } from './sparse-rows.ts';
import type { FittedGroup } from './state.ts';
import type { FittedPreparation, LearningContext, StepReport } from './transformer.ts';

/**
 * Fits on training rows alone.
 * @param target - of the rows of `table`; target encoding and selection need it.
 * @param context - `rows`: the training rows of `table`, all when left out; `groups`, where given, are of all rows.
 * @returns besides the preparation, the features of the training rows: what `transform` gives for them, but for
 * features that are made out of fold.
 * @throws TradewindError `PREPARATION_FAILED` where a step does not suit its columns, where nothing can be learned, or
 * where numbers are still missing after a column's steps; `COLUMN_MISSING`; `PARAMETER_INVALID`.
 */
export async function fitPreparation(
  table: Table,
  target: Target | undefined,
  preparation: Preparation,
  context: LearningContext & { readonly rows?: Int32Array },
): Promise<{ fitted: FittedPreparation; features: Features }> {
  const plans = preparation.columns.map((group) => planOf(table, group));
  const columns = distinctColumns(plans.flatMap((plan) => plan.columns));
  if (columns.length === 0) {
    throw unfit({
      subject: 'A preparation',
      rule: 'have a group of columns',
      value: 'none',
      remedy: 'Name columns and the steps that they go through.',
    });
  }
  const training = trainingOf(table, columns, target, context);
  if (training.table.rows === 0) {
    throw unfit({
      subject: 'The training rows',
      rule: 'be at least one',
      value: 'none',
      remedy: 'Leave more rows to learn from.',
    });
  }
  const learned = [];
  for (const plan of plans) learned.push(await fitGroup(plan, training));
  const groups: FittedGroup[] = learned.map(({ group }) => group);
  const names = distinctNames(learned.flatMap((one) => one.names));
  const report: StepReport[] = learned.flatMap((one) => one.report);

  let features = await runOnce(names, rowsOf(training.table, columns), context, (g) => lowerFeatures(g, { groups }));
  for (let i = 0, first = 0; i < learned.length; first += learned[i++].names.length) {
    const { outOfFold, names: own } = learned[i];
    if (outOfFold?.kind === 'dense') features = replaceFeatures(features, first, own.length, outOfFold.values);
  }
  const chosen = await select(features, preparation.select, training);
  report.push(...chosen.report);
  const { kind, names: own } = chosen.features;
  const fitted = { groups, kept: chosen.kept, names: own, kind, report };
  return { fitted: preparationOf(fitted, context.threads), features: chosen.features };
}

/** @returns `kept`: the numbers of the features that stay, where a step has chosen. */
async function select(
  all: Features,
  steps: Preparation['select'],
  { target, context }: Training,
): Promise<{ features: Features; kept?: Int32Array; report: StepReport[] }> {
  const report: StepReport[] = [];
  let features = all;
  let kept: Int32Array | undefined;
  for (const { step, parameters } of steps) {
    if (target === undefined) {
      throw unfit({
        subject: `The selection "${step}"`,
        rule: 'have a target to learn from',
        value: 'none',
        remedy: 'Fit the preparation with a target, or leave the selection out.',
      });
    }
    const settled = completeParameters(`the step "${step}"`, selectionSteps[step].parameters, parameters);
    const one = await selectionOf(step)(features, settled, target, context);
    const scores = Array.from(one.kept, (column) => [features.names[column], { score: one.scores[column] }] as const);
    report.push({
      step,
      learned: Object.fromEntries(scores),
      features: { before: features.names.length, kept: one.kept.length },
    });
    kept = kept === undefined ? one.kept : one.kept.map((column) => kept![column]);
    features = suited(takeFeatures(features, one.kept));
  }
  return { features, kept, report };
}

function trainingOf(
  table: Table,
  columns: readonly ColumnDefinition[],
  target: Target | undefined,
  { rows, groups, seed, threads }: LearningContext & { readonly rows?: Int32Array },
): Training {
  if (rows === undefined) return { table, target, context: { seed, threads, groups } };
  return {
    table: {
      rows: rows.length,
      columns: Object.fromEntries(columns.map(({ name }) => [name, takeColumn(table.columns[name], rows)])),
    },
    target: target && takeTarget(target, rows),
    context: { seed, threads, groups: groups && rows.map((row) => groups[row]) },
  };
}

/** A name that is there already gets a number: two columns' features may be called the same. */
function distinctNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let k = 2; seen.has(own); k++) {
      const next = `${name} (${k})`;
      if (!taken.has(next)) own = next;
    }
    seen.add(own);
    return own;
  });
}
