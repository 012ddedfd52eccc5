import { expect, it } from 'vitest';
import type { Preparation } from '../../../contracts/preparation.ts';
import { fitPreparation } from '../../../data/preparation/fit.ts';
import { loadPreparation } from '../../../data/preparation/fitted.ts';
import type { Table } from '../../../data/table.ts';

const table: Table = {
  rows: 6,
  columns: {
    age: { kind: 'number', values: Float32Array.of(20, NaN, 40, 30, 1e9, Infinity) },
    member: { kind: 'boolean', values: Float32Array.of(1, 0, 1, NaN, 1, 1) },
    city: { kind: 'category', codes: Int32Array.of(1, 2, 0, 1, 2, 1), dictionary: ['', 'Bonn', 'Köln'] },
  },
};
const preparation: Preparation = {
  columns: [
    {
      columns: ['age'],
      steps: [
        { step: 'impute', parameters: {} },
        { step: 'scale', parameters: {} },
      ],
    },
    { columns: ['member'], steps: [{ step: 'impute', parameters: { strategy: 'mostFrequent' } }] },
    { columns: ['city'], steps: [{ step: 'oneHot', parameters: {} }] },
  ],
  select: [],
};
it('works', async () => {
  const { fitted, features } = await fitPreparation(table, undefined, preparation, { seed: 1, threads: 1 });
  const again = await loadPreparation(fitted.state(), { threads: 1 });
  expect(await again.transform(table)).toEqual(features);
});
