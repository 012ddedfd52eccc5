import { describe, expect, it, onTestFinished } from 'vitest';
import type { ParametersOf } from '../../contracts/algorithms.ts';
import type { Interactions } from '../../data/interactions.ts';
import { rp3beta } from '../../models/rp3beta.ts';
import { checkerboard, interactionsOf, noHistory, recommended, scoresOf, shop } from './fixtures.ts';
import { ask, withGraph } from './lowering/asking.ts';

type Parameters = ParametersOf<'rp3beta'>;
const defaults: Parameters = { alpha: 1, beta: 0.5, neighbours: 100, weighting: 'binary' };

async function fit(train: Interactions, parameters: Partial<Parameters> = {}) {
  const model = await rp3beta.fit(train, { ...defaults, ...parameters }, { seed: 1, threads: 1 });
  onTestFinished(() => model.close());
  return model;
}

/** Σ_i Σ_v p_ui^α p_iv^α p_vj^α / d_j^β for every training user, dense; times (Σ_j x_uj)^α, which the model leaves out. */
function walks(train: Interactions, { alpha, beta, weighting }: Parameters): number[][] {
  const strength = { count: (c: number) => c, log: Math.log1p, binary: () => 1 }[weighting];
  const x = train.users.map((_, u) => {
    const row = train.items.map(() => 0);
    for (let k = train.indptr[u]; k < train.indptr[u + 1]; k++) row[train.indices[k]] = strength(train.counts[k]);
    return row;
  });
  const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);
  const power = (value: number) => (value > 0 ? value ** alpha : 0);
  const ofUser = x.map(sum);
  const ofItem = train.items.map((_, i) => sum(x.map((row) => row[i])));
  const degree = train.items.map((_, i) => x.filter((row) => row[i] > 0).length);
  return x.map((own, u) => {
    const toItem = own.map((value) => power(value / ofUser[u]));
    const toUser = x.map((row) => sum(row.map((value, i) => toItem[i] * power(value / ofItem[i]))));
    return train.items.map((_, j) => {
      const arriving = sum(x.map((row, v) => toUser[v] * power(row[j] / ofUser[v])));
      return degree[j] === 0 ? 0 : (arriving / degree[j] ** beta) * ofUser[u] ** alpha;
    });
  });
}

describe('rp3beta', () => {
  it('recommends the missing item of the own colour on the checkerboard', async () => {
    const board = checkerboard(20);
    const scores = await scoresOf(await fit(board), board);
    for (let u = 0; u < 20; u++) {
      expect(recommended(scores.subarray(u * 20, (u + 1) * 20), board, u)[0]).toBe(u);
    }
  });

  it.each<Partial<Parameters>>([
    { alpha: 1, beta: 0 },
    { alpha: 0.7, beta: 0.4 },
    { alpha: 1.6, beta: 1, weighting: 'count' },
    { alpha: 0.5, beta: 0.9, weighting: 'log' },
    { alpha: 0, beta: 0.3 },
  ])('walks as the definition says, with %o', async (given) => {
    const parameters = { ...defaults, ...given };
    const train = shop(5, 40, 30);
    const scores = await scoresOf(await fit(train, parameters), train);
    for (const [u, row] of walks(train, parameters).entries()) {
      for (const [j, expected] of row.entries()) {
        expect(Math.abs(scores[u * 30 + j] - expected)).toBeLessThanOrEqual(1e-5 * Math.max(...row));
      }
    }
  });

  it('recommends what is popular less, the larger beta is', async () => {
    const train = shop(6, 200, 100);
    const owners = new Float64Array(100);
    for (const item of train.indices) owners[item]++;
    const shown = async (beta: number) => {
      const scores = await scoresOf(await fit(train, { beta }), train);
      const lists = train.users.map((_, u) =>
        recommended(scores.subarray(u * 100, (u + 1) * 100), train, u).slice(0, 10),
      );
      return lists.flat().reduce((total, item) => total + owners[item], 0);
    };
    const [none, some, much] = [await shown(0), await shown(0.5), await shown(1.5)];
    expect(some).toBeLessThan(none);
    expect(much).toBeLessThan(some);
  });

  it('keeps no more of an item than asked', async () => {
    const model = await fit(shop(7, 60, 40), { neighbours: 6 });
    const { indptr } = model.state().arrays;
    const bounds = indptr.data as Int32Array;
    expect(Math.max(...bounds.subarray(1).map((end, i) => end - bounds[i]))).toBe(6);
  });

  it('says nothing to an empty history, in the graph too', async () => {
    const train = shop(8, 30, 20);
    for (const alpha of [0, 1]) {
      const model = await fit(train, { alpha });
      expect([...(await scoresOf(model, noHistory))]).toEqual(train.items.map(() => 0));
      await withGraph(model.lower(train.items, {}), async (session) => {
        const histories = [[], [{ id: 'unknown', count: 3 }], [{ id: 'item 4', count: 0 }]];
        const answer = await ask(session, { histories, k: 3 }, 20);
        for (const row of histories.keys()) {
          expect(answer.ids[row]).toEqual(train.items.slice(0, 3));
          expect(answer.scores[row]).toEqual([0, 0, 0]);
        }
      });
    }
  });

  it('ends with a sentence when counts overflow', async () => {
    const huge = interactionsOf([[[0, 1], [1, 1]], [[0, 1]]], 2); // prettier-ignore
    huge.counts.fill(Infinity);
    await expect(fit(huge, { weighting: 'count' })).rejects.toThrow(
      expect.objectContaining({ code: 'TRAINING_DIVERGED', message: expect.stringContaining('rp3beta') }),
    );
  });
});
