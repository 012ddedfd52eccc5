/**
 * Nothing learns from rows that it is judged on: with labels that are shuffled, every kind of feature and of selection
 * comes out at chance on rows that were held back. And the same test notices it where a preparation has seen them.
 *
 * Each figure is the mean AUC of ten models: five shuffles, two halves of 220 rows, each judged by the model of the other.
 * By chance it is 0.5 with a deviation of at most 0.0394 / √5 = 0.018 (110 rows a half); 0.07 is four of those.
 */
import { describe, expect, it } from 'vitest';
import {
  columnStepNames,
  selectionStepNames,
  type ColumnStepName,
  type Preparation,
  type SelectionStepName,
} from '../../../contracts/preparation.ts';
import { Random } from '../../../contracts/random.ts';
import { fitPreparation } from '../../../data/preparation/fit.ts';
import type { Features } from '../../../data/features.ts';
import { takeRows, takeTarget, type Table, type Target } from '../../../data/table.ts';
import { logisticRegression } from '../../../models/table/logistic-regression.ts';
import { concordance, shuffled } from '../../models/table/tables.ts';
import { classesOf } from './judged.ts';
import { numberColumn, stringColumn, tableOf, timeColumn } from './tables.ts';

const rows = 220;
const chance = { from: 0.43, to: 0.57 };

/** Numbers, dates and strings that say something of the label; identifiers and 1,000 words that say nothing. */
function shop(): { table: Table; labels: Target } {
  const random = new Random(11);
  const codes = Array.from({ length: rows }, () => random.integer(2));
  const draw = <T>(of: (label: number, row: number) => T) => codes.map(of);
  const words = () => Array.from({ length: 25 }, () => `word${random.integer(1000)}`);
  const table = tableOf({
    spent: numberColumn(draw((label) => (random.uniform() < 0.1 ? null : Math.exp(random.normal() + label)))),
    visits: numberColumn(draw((label) => random.integer(6) + 2 * label)),
    noise: numberColumn(draw(() => random.normal())),
    city: stringColumn(draw((label) => 'abcdefghij'[random.integer(5) + random.integer(2) + 3 * label])),
    user: stringColumn(draw(() => `user ${random.integer(150)}`)),
    first: timeColumn(draw((label) => (random.integer(200) + 120 * label) * 86_400)),
    title: stringColumn(
      draw((label) => [...words(), random.uniform() < 0.7 ? `about${label}` : ''].join(' ')),
      'text',
    ),
  });
  return { table, labels: classesOf(codes) };
}
const { table, labels } = shop();

const group = (columns: string[], ...steps: [ColumnStepName, Record<string, number | string>?][]) => ({
  columns,
  steps: steps.map(([step, parameters = {}]) => ({ step, parameters })),
});
const numbers = ['spent', 'visits', 'noise'];
const text = group(['title'], ['tfIdf', { minRows: 1 }]);

/** With every step on columns, what it is for. */
const extractions: Record<ColumnStepName, Preparation['columns']> = {
  impute: [group(numbers, ['impute', { strategy: 'mean', indicator: 'yes' }])],
  clip: [group(numbers, ['impute'], ['clip'])],
  scale: [group(numbers, ['impute'], ['scale'])],
  log: [group(numbers, ['impute'], ['log'])],
  bins: [group(numbers, ['bins', { bins: 12 }])],
  oneHot: [group(['city', 'user'], ['oneHot'])],
  ordinal: [group(['city', 'user'], ['ordinal', { order: 'alphabetical' }])],
  target: [group(['city', 'user'], ['target', { smoothing: 1 }])],
  dateParts: [group(['first'], ['dateParts', { parts: 'all' }])],
  tfIdf: [text],
};
/** Of 1,000 words, a few. */
const selections: Record<SelectionStepName, Record<string, number>> = {
  variance: { threshold: 0.0009 },
  correlation: { threshold: 0.1 },
  mutualInformation: { keep: 20 },
  l1: { keep: 20, strength: 0.3 },
  treeImportance: { keep: 20, trees: 30 },
};
const selecting = (step: SelectionStepName): Preparation => ({
  columns: [text],
  select: [{ step, parameters: selections[step] }],
});
const everything: Preparation = {
  columns: Object.values(extractions).flat(),
  select: selectionStepNames.map((step) => ({
    step,
    parameters: { ...selections[step], ...(step === 'variance' && { threshold: 1e-4 }), ...(step === 'correlation' && { threshold: 0.9 }) }, // prettier-ignore
  })),
};

/** Halves of the rows, each with as much of both labels as it happens. */
function halvesOf(seed: number): [Int32Array, Int32Array] {
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  const mixed = shuffled({ kind: 'classes', codes: order, classes: [] }, seed) as { codes: Int32Array };
  return [mixed.codes.slice(0, rows / 2), mixed.codes.slice(rows / 2)];
}

/** Features of training and of judged rows. */
type Prepare = (y: Target, training: Int32Array, judged: Int32Array) => Promise<[Features, Features]>;

/** As a fold does it: fitted on the training rows. */
const within =
  (preparation: Preparation): Prepare =>
  async (y, training, judged) => {
    const context = { seed: 3, threads: 1, rows: training };
    const { fitted, features } = await fitPreparation(table, y, preparation, context);
    const others = await fitted.transform(takeRows(table, judged));
    await fitted.close();
    return [features, others];
  };

/** The mistake: fitted on all rows, those that it is judged on among them. */
const onAllRows =
  (preparation: Preparation): Prepare =>
  async (y, training, judged) => {
    const { fitted } = await fitPreparation(table, y, preparation, { seed: 3, threads: 1 });
    const parts: Features[] = [];
    for (const part of [training, judged]) parts.push(await fitted.transform(takeRows(table, part)));
    await fitted.close();
    return parts as [Features, Features];
  };

/** The mean AUC on rows that were held back. */
async function judge(prepare: Prepare, truth: (seed: number) => Target, seeds: number): Promise<number> {
  const parameters = { l2: 0.01, learningRate: 0.1, epochs: 15, batchSize: 64 };
  let sum = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const y = truth(seed);
    const [first, second] = halvesOf(seed);
    for (const [training, judged] of [
      [first, second],
      [second, first],
    ]) {
      // prettier-ignore
      const [known, unknown] = await prepare(y, training, judged);
      const model = await logisticRegression.fit(known, takeTarget(y, training), parameters, { seed, threads: 1 });
      sum += concordance(
        takeTarget(y, judged),
        (await model.predict(unknown)).filter((_, i) => i % 2 === 1),
      );
      await model.close();
    }
  }
  return sum / (2 * seeds);
}
const byShuffles = (prepare: Prepare) => judge(prepare, (seed) => shuffled(labels, seed), 5);

describe('with shuffled labels', () => {
  it.each(columnStepNames)('the features of "%s" are at chance on rows held back', async (step) => {
    const auc = await byShuffles(within({ columns: extractions[step], select: [] }));
    expect(auc).toBeGreaterThan(chance.from);
    expect(auc).toBeLessThan(chance.to);
  });

  it.each(selectionStepNames)('features selected by "%s" are at chance on rows held back', async (step) => {
    const auc = await byShuffles(within(selecting(step)));
    expect(auc).toBeGreaterThan(chance.from);
    expect(auc).toBeLessThan(chance.to);
  });

  it('all of it together is at chance on rows held back', async () => {
    const auc = await byShuffles(within(everything));
    expect(auc).toBeGreaterThan(chance.from);
    expect(auc).toBeLessThan(chance.to);
  });
});

describe('the same test notices', () => {
  it.each(['mutualInformation', 'l1', 'treeImportance'] as const)('selection by "%s" on all rows', async (step) => {
    expect(await byShuffles(onAllRows(selecting(step)))).toBeGreaterThan(0.62);
  });

  it('target encoding on all rows', async () => {
    expect(await byShuffles(onAllRows({ columns: extractions.target, select: [] }))).toBeGreaterThan(0.62);
  });
});

describe('with labels as they are', () => {
  it.each(columnStepNames)('the features of "%s" say something on rows held back', async (step) => {
    expect(await judge(within({ columns: extractions[step], select: [] }), () => labels, 1)).toBeGreaterThan(0.6);
  });

  it('all of it together says the most', async () => {
    expect(await judge(within(everything), () => labels, 1)).toBeGreaterThan(0.8);
  });
});
