import { describe, expect, it, onTestFinished } from 'vitest';
import { Scorer, type ScoringModel } from '../../models/scorer.ts';
import { shop } from './fixtures.ts';

/** Scores are the weights themselves: item-kNN whose only neighbour of an item is that item. */
function identity(items: number, sizes: number[]): ScoringModel<number[]> {
  return {
    items,
    kernels: ['scoring'],
    load: async (threads) => [
      threads.put(Int32Array.from({ length: items + 1 }, (_, k) => k)),
      threads.put(Int32Array.from({ length: items }, (_, k) => k)),
      threads.put(new Float32Array(items).fill(1)),
    ],
    weigh: (counts) => counts.map((count) => 10 * count),
    score: async (threads, rowsOfItems, { rows, indptr, indices, weights, scores }) => {
      sizes.push(rows);
      await threads.parallelFor('scoring', 'sparse', rows, (row) => [
        indptr,
        indices,
        weights,
        ...rowsOfItems,
        items,
        row,
        row + 1,
        scores,
      ]);
    },
  };
}

describe('Scorer', () => {
  it.each([1, 3, 7, 50])('gives the same in pieces of %i rows as at once', async (pieceRows) => {
    const histories = shop(1, 50, 30);
    const expected = new Float32Array(50 * 30);
    for (let row = 0; row < 50; row++) {
      for (let k = histories.indptr[row]; k < histories.indptr[row + 1]; k++) {
        expected[row * 30 + histories.indices[k]] = 10 * histories.counts[k];
      }
    }
    const sizes: number[] = [];
    const scorer = new Scorer(1, identity(30, sizes), pieceRows * 30 * 4);
    onTestFinished(() => scorer.close());
    const out = new Float32Array(48 * 30);
    await scorer.score(histories, 2, 50, out);
    expect(out).toEqual(expected.subarray(2 * 30));
    expect(Math.max(...sizes)).toBe(Math.min(pieceRows, 48));
  });

  it('takes the next call after one that failed', async () => {
    const model = identity(30, []);
    let failing = true;
    const scorer = new Scorer(1, {
      ...model,
      score: async (...args) => {
        if (failing) throw new Error('once');
        await model.score(...args);
      },
    });
    onTestFinished(() => scorer.close());
    const histories = shop(1, 5, 30);
    const out = new Float32Array(5 * 30);
    await expect(scorer.score(histories, 0, 5, out)).rejects.toThrow('once');
    failing = false;
    await scorer.score(histories, 0, 5, out);
    expect(out[histories.indices[0]]).toBe(10 * histories.counts[0]);
  });
});
