/** Fitting of a preparation on training rows. */
import type { Preparation } from '../../contracts/preparation.ts';
import type { ColumnDefinition } from '../../contracts/tables.ts';
import type { Features } from '../features.ts';
import { takeColumn, takeTarget, type Table, type Target } from '../table.ts';
import { rowsOf } from './blocks.ts';
import { replaceFeatures } from './feature-columns.ts';
import { fitGroup, runOnce, type Training } from './fit-group.ts';
import { distinctColumns, preparationOf } from './fitted.ts';
import { lowerFeatures } from './lowering.ts';
import { planOf } from './plan.ts';
import { unfit } from './refusal.ts';
import type { FittedGroup } from './state.ts';
import type { FittedPreparation, LearningContext } from './transformer.ts';

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
  const report = learned.flatMap((one) => one.report);

  let features = await runOnce(names, rowsOf(training.table, columns), context, (g) => lowerFeatures(g, { groups }));
  for (let i = 0, first = 0; i < learned.length; first += learned[i++].names.length) {
    const { outOfFold, names: own } = learned[i];
    if (outOfFold?.kind === 'dense') features = replaceFeatures(features, first, own.length, outOfFold.values);
  }
  return {
    fitted: preparationOf({ groups, names, kind: features.kind, report }, context.threads),
    features,
  };
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
