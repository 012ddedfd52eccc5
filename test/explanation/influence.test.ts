import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ParametersOf } from '../../contracts/algorithms.ts';
import { explainRecommendation, mostConsidered, type Influence } from '../../explanation/influence.ts';
import { als } from '../../models/als.ts';
import type { FittedRecommender, Histories } from '../../models/estimator.ts';
import { itemKnn } from '../../models/item-knn.ts';
import { popularity } from '../../models/popularity.ts';
import { checkerboard, rowOf } from './checkerboard.ts';

const size = 24;
const counts = (user: number, item: number) => 1 + ((user * 5 + item * 3) % 4);
const train = checkerboard(size, counts);
const context = { seed: 3, threads: 1 };
const alsParameters = { factors: 8, regularization: 0.5, alpha: 2, iterations: 8, conjugateGradientSteps: 3 };

const knn = await itemKnn.fit(
  train,
  { similarity: 'bm25', neighbours: size, shrinkage: 0, k1: 1.2, b: 0.75, weighting: 'count' },
  context,
);
const factors = await als.fit(train, { ...alsParameters, weighting: 'count' } as ParametersOf<'als'>, context);
const everybody = await popularity.fit(train, { by: 'users' }, context);
afterAll(() => Promise.all([knn.close(), factors.close(), everybody.close()]));

const all = { top: Infinity };

/** A score that is a sum over the history, with what each item adds per basket known: what item-kNN is, in the open. */
function additive(perBasket: readonly number[], items: number): Pick<FittedRecommender, 'score' | 'items'> {
  return {
    items,
    async score({ indptr, indices, counts }, from, to, out) {
      out.fill(0);
      for (let row = from; row < to; row++) {
        let sum = 0;
        for (let k = indptr[row]; k < indptr[row + 1]; k++) sum += counts[k] * perBasket[indices[k]];
        out[(row - from) * items + items - 1] = sum;
      }
    },
  };
}

const history = (indices: number[], counts: number[]): Histories => ({
  indptr: Int32Array.of(0, indices.length),
  indices: Int32Array.from(indices),
  counts: Float32Array.from(counts),
});

describe('explainRecommendation', () => {
  it('gives for item-kNN the summands of the score: count times similarity', async () => {
    const { indptr, indices, values } = knn.state().arrays;
    const similarity = (i: number, j: number) => {
      const [begin, end] = [indptr.data[i] as number, indptr.data[i + 1] as number];
      const at = (indices.data as Int32Array).subarray(begin, end).indexOf(j);
      return at < 0 ? 0 : (values.data[begin + at] as number);
    };
    for (const user of [0, 7]) {
      const { score, influences } = await explainRecommendation(knn, rowOf(train, user), user, all);
      expect(influences).toHaveLength(size / 2 - 1);
      const sum = influences.reduce((total, { influence }) => total + influence, 0);
      expect(sum / score).toBeCloseTo(1, 5);
      for (const { item, influence } of influences) {
        const summand = counts(user, item) * similarity(item, user);
        expect(summand).toBeGreaterThan(0);
        expect(influence / summand).toBeCloseTo(1, 4);
      }
    }
  });

  it('gives for ALS the change of the exact fold-in, in double precision', async () => {
    const user = 4;
    const Y = itemFactors(factors);
    const row = rowOf(train, user);
    const own = Array.from(row.indices.subarray(...row.indptr), (item) => ({ item, count: counts(user, item) }));
    const whole = foldIn(Y, own, alsParameters);
    const { score, influences } = await explainRecommendation(factors, row, user, all);
    expect(score).toBeCloseTo(dot(whole, Y[user]), 4);
    expect(influences).toHaveLength(own.length);
    for (const { item, influence } of influences) {
      const without = foldIn(
        Y,
        own.filter((event) => event.item !== item),
        alsParameters,
      );
      const change = dot(whole, Y[user]) - dot(without, Y[user]);
      expect(Math.abs(influence - change)).toBeLessThan(1e-5);
      expect(Math.abs(change)).toBeGreaterThan(1e-3);
    }
  });

  it('finds the reasons among the items of the same colour', async () => {
    const plain = checkerboard(size);
    const parameters = { ...alsParameters, regularization: 5, weighting: 'count' } as ParametersOf<'als'>;
    const model = await als.fit(plain, parameters, context);
    onTestFinished(() => model.close());
    const mixed = history([0, 1, 2, 4, 5, 8], [1, 1, 1, 1, 1, 1]);
    for (const explained of [knn, model]) {
      const { score, influences } = await explainRecommendation(explained, mixed, 10, { top: 4 });
      expect(influences.map(({ item }) => item).sort((a, b) => a - b)).toEqual([0, 2, 4, 8]);
      for (const { influence } of influences) expect(influence).toBeGreaterThan(score / 20);
    }
  });

  it('knows no reason where a model ranks alike for everybody', async () => {
    const { score, influences } = await explainRecommendation(everybody, rowOf(train, 2), 2, all);
    expect(score).toBe(size / 2 - 1);
    expect(influences.map(({ influence }) => influence)).toEqual(Array.from({ length: size / 2 - 1 }, () => 0));
  });

  it('puts the largest effect first, for or against, equal ones by catalogue index, and cuts at top', async () => {
    const model = additive([1, -4, 2, 0, 2], 6);
    const five = history([0, 1, 2, 3, 4], [3, 1, 1, 1, 1]);
    const { score, influences } = await explainRecommendation(model, five, 5, { top: 4 });
    expect(score).toBe(3);
    expect(influences).toEqual<Influence[]>([
      { item: 1, influence: -4 },
      { item: 0, influence: 3 },
      { item: 2, influence: 2 },
      { item: 4, influence: 2 },
    ]);
  });

  it('considers the largest counts of a long history, says how many it did not, and scores whole histories still', async () => {
    const long = mostConsidered + 44;
    const items = Array.from({ length: long }, (_, item) => item);
    const model = additive(Array(long).fill(1), long + 1);
    // The last 50 items have larger counts than the others; of the others the first by index fill the rest.
    const row = history(
      items,
      items.map((item) => (item >= long - 50 ? 2 : 1)),
    );
    const { score, influences, notConsidered } = await explainRecommendation(model, row, long, all);
    expect(score).toBe(long + 50);
    expect(notConsidered).toBe(44);
    const expected = [...items.slice(long - 50), ...items.slice(0, mostConsidered - 50)];
    expect(influences.map(({ item }) => item)).toEqual(expected);
    expect(influences.map(({ influence }) => influence)).toEqual(expected.map((item) => (item >= long - 50 ? 2 : 1)));
  });

  it('reads a row that begins in the middle of its arrays, and an empty one', async () => {
    const model = additive([1, 2, 4, 8], 5);
    const arrays = { indices: Int32Array.of(3, 0, 2, 1), counts: Float32Array.of(9, 1, 1, 9) };
    const middle = await explainRecommendation(model, { ...arrays, indptr: Int32Array.of(1, 3) }, 4, all);
    expect(middle).toEqual({
      score: 5,
      influences: [
        { item: 2, influence: 4 },
        { item: 0, influence: 1 },
      ],
      notConsidered: 0,
    });
    const empty = await explainRecommendation(model, { ...arrays, indptr: Int32Array.of(2, 2) }, 4, all);
    expect(empty).toEqual({ score: 0, influences: [], notConsidered: 0 });
  });

  it('gives the same where the catalogue is so large that scores come in pieces', async () => {
    const items = 1_500_000;
    const scored: number[] = [];
    const inner = additive([1, 2, 4, 8], items);
    const model: typeof inner = {
      items,
      score: (histories, from, to, out) => {
        scored.push(to - from);
        return inner.score(histories, from, to, out);
      },
    };
    const { influences } = await explainRecommendation(model, history([0, 1, 2, 3], [1, 1, 1, 1]), items - 1, all);
    expect(influences.map(({ influence }) => influence)).toEqual([8, 4, 2, 1]);
    expect(scored).toEqual([2, 2, 1]);
  });

  it('refuses two rows, an item outside the catalogue and a top of 0', async () => {
    const model = additive([1, 2], 3);
    const one = history([0], [1]);
    const two = { ...one, indptr: Int32Array.of(0, 1, 1) };
    await expect(explainRecommendation(model, two, 0, all)).rejects.toThrow(/one row\. Got 2/);
    await expect(explainRecommendation(model, one, 3, all)).rejects.toThrow(/catalogue of 3\. Got 3/);
    await expect(explainRecommendation(model, one, 0, { top: 0 })).rejects.toThrow(/"top" must be .* Got 0/);
  });
});

type Matrix = number[][];
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);

function itemFactors(model: FittedRecommender): Matrix {
  const { data, shape } = model.state().arrays['item_factors'];
  const [rows, width] = shape!;
  return Array.from({ length: rows }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width), Number));
}

/** x = (YᵀY + λI + Σ (c − 1) y yᵀ)⁻¹ Σ c y, c = 1 + α · count */
function foldIn(
  Y: Matrix,
  events: readonly { item: number; count: number }[],
  { regularization, alpha }: { regularization: number; alpha: number },
): number[] {
  const n = Y[0].length;
  const A = Array.from({ length: n }, (_, r) =>
    Array.from({ length: n }, (_, c) => {
      const gram = Y.reduce((sum, y) => sum + y[r] * y[c], r === c ? regularization : 0);
      return events.reduce((sum, { item, count }) => sum + alpha * count * Y[item][r] * Y[item][c], gram);
    }),
  );
  const b = Array.from({ length: n }, (_, r) =>
    events.reduce((sum, { item, count }) => sum + (1 + alpha * count) * Y[item][r], 0),
  );
  // Gaussian elimination; the matrix is positive definite, so that no row needs to be exchanged.
  for (let pivot = 0; pivot < n; pivot++) {
    for (let r = pivot + 1; r < n; r++) {
      const factor = A[r][pivot] / A[pivot][pivot];
      for (let c = pivot; c < n; c++) A[r][c] -= factor * A[pivot][c];
      b[r] -= factor * b[pivot];
    }
  }
  for (let r = n - 1; r >= 0; r--) {
    for (let c = r + 1; c < n; c++) b[r] -= A[r][c] * b[c];
    b[r] /= A[r][r];
  }
  return b;
}
