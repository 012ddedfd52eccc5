/** What specs of every task say about tuning. */
import { describe, expect, it } from 'vitest';
import { pipelineSpecSchema } from '../../contracts/spec.ts';
import { tableSpecSchema } from '../../contracts/table-spec.ts';

const tuned = {
  recommender: (tuning: object) =>
    pipelineSpecSchema.safeParse({
      model: 'shop',
      task: 'recommend',
      seed: 1,
      data: { name: 'shop', interactions: { path: 'a.csv', columns: { user: 'u', item: 'i', time: 't' } } },
      split: { validationFrom: '-60d', testFrom: '-30d' },
      candidates: [{ algorithm: 'als' }],
      tuning,
    }),
  table: (tuning: object) =>
    tableSpecSchema.safeParse({
      model: 'leads',
      task: 'classify',
      seed: 1,
      data: { name: 'leads', table: { path: 'a.csv', target: 'answers' } },
      split: { by: 'stratified' },
      objective: { metric: 'auc' },
      candidates: [{ algorithm: 'logistic-regression' }],
      tuning,
    }),
};

describe.each(Object.entries(tuned))('tuning of a %s', (kind, parse) => {
  it('begins cold unless it is told otherwise', () => {
    expect(parse({}).data!.tuning).toEqual({
      trials: 20,
      parallel: 2,
      sampler: 'tpe',
      candidates: 'even',
      warmStart: 'none',
      timeoutMinutes: 60,
    });
  });

  it.each([
    { trials: 100_000, candidates: 'joint', patience: 30 },
    { warmStart: 'previous' },
    { warmStart: ['lifecycle/shop/20261123-171400-a1b2', 'my-study'], sampler: 'gp' },
  ])('may be %j', (tuning) => {
    expect(parse(tuning).error).toBeUndefined();
  });

  it.each([
    [{ trials: 100_001 }, 'trials'],
    [{ warmStart: 'latest' }, 'warmStart'],
    [{ warmStart: [] }, 'warmStart'],
    [{ warmStart: ['../models/shop'] }, 'warmStart'],
    [{ warmStart: ['a/../b'] }, 'warmStart'],
    [{ warmStart: ['a', 'b', 'a'] }, 'warmStart'],
    [{ warmStart: Array.from({ length: 17 }, (_, i) => `s${i}`) }, 'warmStart'],
    // Without effect there.
    [{ warmStart: 'previous', sampler: 'random' }, 'warmStart'],
    [{ warmStart: ['a'], sampler: 'grid' }, 'warmStart'],
  ])('may not be %j', (tuning, key) => {
    expect(parse(tuning).error?.issues[0].path.slice(0, 2)).toEqual(['tuning', key]);
  });

  it('prunes only where trials learn in steps', () => {
    expect(parse({ pruning: { pruner: 'asha' } }).success).toBe(kind === 'table');
  });
});
