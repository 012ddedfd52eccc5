import { describe, expect, it } from 'vitest';
import { popularity } from '../../models/popularity.ts';
import { interactionsOf, noHistory, scoresOf } from './fixtures.ts';

describe('popularity', () => {
  // Item 0 is in two histories, 9 baskets; item 1 in three, 3 baskets; item 2 in nobody's.
  const train = interactionsOf([[[0, 8], [1, 1]], [[0, 1], [1, 1]], [[1, 1]]], 3); // prettier-ignore
  const context = { seed: 1, threads: 1 };

  it('counts the users who have an item', async () => {
    const model = await popularity.fit(train, { by: 'users' }, context);
    expect(Array.from(await scoresOf(model, noHistory))).toEqual([2, 3, 0]);
  });

  it('counts the baskets that held it', async () => {
    const model = await popularity.fit(train, { by: 'events' }, context);
    expect(Array.from(await scoresOf(model, noHistory))).toEqual([9, 3, 0]);
  });

  it('is the same for everybody', async () => {
    const model = await popularity.fit(train, { by: 'users' }, context);
    expect(Array.from(await scoresOf(model, train))).toEqual([2, 3, 0, 2, 3, 0, 2, 3, 0]);
  });
});
