import { describe, expect, it, onTestFinished } from 'vitest';
import type { ParametersOf } from '../../contracts/algorithms.ts';
import type { Interactions } from '../../data/interactions.ts';
import { itemKnn } from '../../models/item-knn.ts';
import { checkerboard, interactionsOf, noHistory, recommended, scoresOf } from './fixtures.ts';

type Parameters = ParametersOf<'item-knn'>;
const defaults: Parameters = {
  similarity: 'cosine',
  neighbours: 100,
  shrinkage: 0,
  k1: 1.2,
  b: 0.75,
  weighting: 'count',
};

async function fit(train: Interactions, parameters: Partial<Parameters>) {
  const model = await itemKnn.fit(train, { ...defaults, ...parameters }, { seed: 1, threads: 1 });
  onTestFinished(() => model.close());
  return model;
}

/** s_ij of a model: what a history of one i says of j. */
async function similarities(train: Interactions, parameters: Partial<Parameters>): Promise<number[][]> {
  const model = await fit(train, { ...parameters, weighting: parameters.weighting ?? 'count' });
  const single = interactionsOf(
    train.items.map((_, i): [number, number][] => [[i, 1]]),
    train.items.length,
  );
  const scores = await scoresOf(model, single);
  return train.items.map((_, i) => Array.from(scores.subarray(i * model.items, (i + 1) * model.items)));
}

describe('item-knn on the checkerboard', () => {
  it.each(['cosine', 'tf-idf', 'bm25'] as const)(
    'recommends the missing item of the own colour by %s',
    async (similarity) => {
      const board = checkerboard(20);
      const scores = await scoresOf(await fit(board, { similarity }), board);
      for (let u = 0; u < 20; u++) {
        expect(recommended(scores.subarray(u * 20, (u + 1) * 20), board, u)[0]).toBe(u);
      }
    },
  );

  it('has the cosines that counting gives', async () => {
    // 4 users of a colour, 3 of whom have an item of it, 2 any pair of items.
    for (const [i, row] of (await similarities(checkerboard(8), {})).entries()) {
      for (const [j, value] of row.entries()) {
        expect(value).toBeCloseTo(i === j ? 1 : i % 2 === j % 2 ? 2 / 3 : 0, 6);
      }
    }
  });
});

describe('item-knn', () => {
  const train = interactionsOf(
    [[[0, 3], [1, 1], [2, 2]], [[0, 1], [2, 5]], [[1, 4], [3, 1]], [[0, 2]]], // prettier-ignore
    4,
  );
  const at = (u: number, i: number, value: (count: number) => number) => {
    for (let k = train.indptr[u]; k < train.indptr[u + 1]; k++) {
      if (train.indices[k] === i) return value(train.counts[k]);
    }
    return 0;
  };
  const strengths = { count: (c: number) => c, log: Math.log1p, binary: () => 1 };
  const users = [0, 1, 2, 3];
  const sum = (terms: number[]) => terms.reduce((a, b) => a + b, 0);

  it.each(['count', 'log', 'binary'] as const)('takes cosines of columns weighted by %s', async (weighting) => {
    const s = strengths[weighting];
    const product = (i: number, j: number) => sum(users.map((u) => at(u, i, s) * at(u, j, s)));
    const actual = await similarities(train, { weighting });
    for (const [i, row] of actual.entries()) {
      for (const [j, value] of row.entries()) {
        const cosine = product(i, j) / Math.sqrt(product(i, i) * product(j, j));
        // The history of one basket has the strength of one basket.
        expect(value).toBeCloseTo(cosine * s(1), 5);
      }
    }
  });

  it('weights by BM25 with items as documents and users as terms', async () => {
    const [k1, b] = [0.7, 0.4];
    const lengths = [0, 1, 2, 3].map((i) => sum(users.map((u) => at(u, i, (c) => c))));
    const mean = sum(lengths) / 4;
    const weight = (u: number, i: number) => {
      const having = train.indptr[u + 1] - train.indptr[u];
      const idf = Math.log(1 + (4 - having + 0.5) / (having + 0.5));
      return at(u, i, (c) => (idf * c * (k1 + 1)) / (c + k1 * (1 - b + (b * lengths[i]) / mean)));
    };
    const actual = await similarities(train, { similarity: 'bm25', k1, b });
    for (const [i, row] of actual.entries()) {
      for (const [j, value] of row.entries()) {
        expect(value).toBeCloseTo(sum(users.map((u) => weight(u, i) * weight(u, j))), 5);
      }
    }
  });

  it('weights users by their idf before it takes cosines', async () => {
    const idf = users.map((u) => Math.log((1 + 4) / (1 + train.indptr[u + 1] - train.indptr[u])));
    const weight = (u: number, i: number) => idf[u] * at(u, i, (c) => c);
    const product = (i: number, j: number) => sum(users.map((u) => weight(u, i) * weight(u, j)));
    for (const [i, row] of (await similarities(train, { similarity: 'tf-idf' })).entries()) {
      for (const [j, value] of row.entries()) {
        expect(value).toBeCloseTo(product(i, j) / Math.sqrt(product(i, i) * product(j, j)), 5);
      }
    }
  });

  it.each(['cosine', 'tf-idf', 'bm25'] as const)('shrinks %s by how few have both', async (similarity) => {
    const plain = await similarities(train, { similarity });
    const shrunk = await similarities(train, { similarity, shrinkage: 1.5 });
    for (const i of plain.keys()) {
      for (const j of plain.keys()) {
        const common = users.filter((u) => at(u, i, () => 1) * at(u, j, () => 1) > 0).length;
        expect(shrunk[i][j]).toBeCloseTo((plain[i][j] * common) / (common + 1.5), 5);
      }
    }
  });

  it('chooses neighbours by what is left after shrinking', async () => {
    // Item 0 shares one user with item 1, who is all that has it, and two with item 2, which others have as well.
    const weak = interactionsOf([[[0, 1], [1, 1]], [[0, 1], [2, 1]], [[0, 1], [2, 1]], [[2, 1]], [[2, 1]], [[2, 1]]], 3); // prettier-ignore
    const nearest = async (shrinkage: number) => {
      const [row] = await similarities(weak, { shrinkage, neighbours: 2, weighting: 'binary' });
      return Array.from(row.keys()).filter((j) => row[j] > 0);
    };
    expect(await nearest(0)).toEqual([0, 1]);
    expect(await nearest(5)).toEqual([0, 2]);
  });

  it('adds up what the items of a history say, each by its strength', async () => {
    const model = await fit(train, {});
    const rows = await similarities(train, {});
    const scores = await scoresOf(model, interactionsOf([[[0, 2], [3, 5]]], 4)); // prettier-ignore
    for (const [j, score] of scores.entries()) expect(score).toBeCloseTo(2 * rows[0][j] + 5 * rows[3][j], 5);
  });

  it('keeps no more neighbours than asked, the most similar ones, ties to the more popular', async () => {
    const board = checkerboard(12);
    const rows = await similarities(board, { neighbours: 3 });
    for (const [i, row] of rows.entries()) {
      const kept = Array.from(row.keys()).filter((j) => row[j] !== 0);
      const others = Array.from({ length: 12 }, (_, j) => j).filter((j) => j % 2 === i % 2 && j !== i);
      expect(kept).toEqual([i, ...others.slice(0, 2)].toSorted((a, b) => a - b));
    }
  });

  it('says nothing to an empty history', async () => {
    expect(Array.from(await scoresOf(await fit(train, {}), noHistory))).toEqual([0, 0, 0, 0]);
  });

  it('ends with a sentence when counts overflow', async () => {
    const huge = interactionsOf([[[0, 3e38], [1, 3e38]], [[0, 1]]], 2); // prettier-ignore
    huge.counts.fill(Infinity);
    await expect(fit(huge, {})).rejects.toThrow(
      expect.objectContaining({ code: 'TRAINING_DIVERGED', message: expect.stringContaining('cosine') }),
    );
  });
});
