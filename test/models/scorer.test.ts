import { describe, expect, it, onTestFinished } from 'vitest';
import { topOf } from '../../compute/kernels/scalar/top-k.ts';
import { rankSparse } from '../../compute/kernels/top-k.ts';
import { Scorer, type ScoringModel } from '../../models/scorer.ts';
import { listOf, shop } from './fixtures.ts';

/** Scores are the weights themselves: item-kNN whose only neighbour of an item is that item. */
function identity(items: number, sizes: number[]): ScoringModel<number[]> {
  return {
    items,
    kernels: ['scoring', 'top-k'],
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
    rank: async (threads, [nPtr, nIndex, values], { rows, indptr, indices, weights }, wanted) => {
      sizes.push(rows);
      const piece = { rows, items, history: { indptr, indices } };
      return await rankSparse(threads, piece, weights, { indptr: nPtr, indices: nIndex, values }, wanted);
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

  it('ranks the rows that it is told, with the scores that are asked for', async () => {
    const scorer = new Scorer(1, identity(30, []));
    onTestFinished(() => scorer.close());
    const histories = shop(1, 5, 30);
    const asked = { indptr: Int32Array.of(0, 1, 1, 3, 4, 5), indices: Int32Array.of(9, 0, 29, 7, 8) };
    const wanted = { k: 3, all: true, fresh: false, checked: true, asked };
    const { all, finite, askedScores } = await scorer.rank(histories, 2, 4, wanted);
    const out = new Float32Array(2 * 30);
    await scorer.score(histories, 2, 4, out);
    for (const row of [0, 1]) expect(listOf(all!, row)).toEqual(topOf(out.subarray(row * 30, (row + 1) * 30), 3));
    expect([...askedScores!]).toEqual([out[0], out[29], out[30 + 7]]);
    expect([...finite!]).toEqual([1, 1]);
  });

  it.each([
    ['a history', { indptr: Int32Array.of(0, 2), indices: Int32Array.of(4, 4) }, [1, 2]],
    ['the items that are asked about', { indptr: Int32Array.of(0, 2), indices: Int32Array.of(1, 2) }, [4, 3]],
  ])('refuses to rank where the items of %s do not ascend', async (what, { indptr, indices }, others) => {
    const scorer = new Scorer(1, identity(30, []));
    onTestFinished(() => scorer.close());
    const histories = { indptr, indices, counts: new Float32Array(2).fill(1) };
    const asked = { indptr, indices: Int32Array.from(others) };
    const ranking = scorer.rank(histories, 0, 1, { k: 3, all: true, fresh: true, checked: true, asked });
    await expect(ranking).rejects.toThrow(`Items of ${what} must ascend`);
  });
});
