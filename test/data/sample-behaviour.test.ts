import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { behaviourSchema, tableSplitSchema } from '../../contracts/table-splits.ts';
import { behaviourTable } from '../../data/behaviour.ts';
import { cleanInteractions } from '../../data/clean.ts';
import { ingestInteractions, ingestItems } from '../../data/ingest.ts';
import { planSplit } from '../../data/table-split.ts';
import { folder } from './files.ts';

const sample = (name: string) =>
  fileURLToPath(new URL(`../../data/samples/complete-journey/${name}.parquet`, import.meta.url));

test('the shipped sample gives households before monthly cut-offs, and who of them comes back', async () => {
  const dir = folder();
  const file = (name: string) => join(dir, `${name}.parquet`);
  const columns = {
    user: 'household_id',
    item: 'product_id',
    time: 'transaction_timestamp',
    quantity: 'quantity',
    value: 'sales_value',
    basket: 'basket_id',
  };
  await ingestInteractions({ files: [sample('transactions')], columns }, file('raw'));
  await ingestItems(
    { files: [sample('products')], columns: { item: 'product_id', department: 'department' } },
    file('items'),
  );
  await cleanInteractions(file('raw'), { dropReturns: true, maxEventsPerUserPerDay: 1000 }, file('clean'));
  const spec = behaviourSchema.parse({ from: '2017-03-06', everyDays: 30, target: { days: 30 } });
  const table = await behaviourTable(file('clean'), file('items'), spec, file('behaviour'));
  expect(table).toMatchObject({ rows: 23_799, users: 2_463, notHuman: 0, warnings: [] });
  expect(table.cutOffs.map(({ cutOff, rows, mean }) => [cutOff, rows, Math.round(mean! * rows)])).toEqual([
    ['2017-03-06', 2195, 1922],
    ['2017-04-05', 2289, 1956],
    ['2017-05-05', 2334, 2015],
    ['2017-06-04', 2376, 2017],
    ['2017-07-04', 2394, 2027],
    ['2017-08-03', 2417, 2011],
    ['2017-09-02', 2432, 2015],
    ['2017-10-02', 2447, 2040],
    ['2017-11-01', 2452, 2050],
    ['2017-12-01', 2463, 2035],
  ]);

  const split = tableSplitSchema.parse({ by: 'time', validationFrom: '2017-11-01', testFrom: '2017-12-01', folds: 3 });
  const context = { seed: 1, target: 'returns', task: 'classify', gapDays: table.horizonDays } as const;
  const summary = await planSplit(file('behaviour'), split, context, join(dir, 'split.safetensors'));
  expect(summary.parts).toMatchObject({ train: { rows: 18_884 }, validation: { rows: 2452 }, test: { rows: 2463 } });
  // Whole cut-offs, each after all that it learns from by a month: no label reaches into another part.
  expect(summary.leftOut).toEqual({ beforeValidation: 0, beforeTest: 0, outside: 0 });
  expect(summary.folds.map(({ train, held }) => [train.last?.slice(0, 10), held.first?.slice(0, 10)])).toEqual([
    ['2017-04-05', '2017-05-05'],
    ['2017-07-04', '2017-08-03'],
    ['2017-09-02', '2017-10-02'],
  ]);
});
