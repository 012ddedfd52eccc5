import { describe, expect, it, onTestFinished } from 'vitest';
import type { ParametersOf } from '../../contracts/algorithms.ts';
import { decodeArrays, encodeArrays } from '../../compute/arrays/safetensors.ts';
import { easeOf } from '../../compute/kernels/scalar/ease.ts';
import type { Interactions } from '../../data/interactions.ts';
import { ease, mostInvertedRows } from '../../models/ease.ts';
import { checkerboard, interactionsOf, noHistory, recommended, scoresOf, shop } from './fixtures.ts';
import { ask, withGraph } from './lowering/asking.ts';

type Parameters = ParametersOf<'ease'>;
const defaults: Parameters = { regularization: 10, keep: 200, weighting: 'count' };

async function fit(train: Interactions, parameters: Partial<Parameters> = {}, notes: string[] = []) {
  const progress = (_: number, note?: string) => void (note !== undefined && notes.push(note));
  const model = await ease.fit(train, { ...defaults, ...parameters }, { seed: 1, threads: 1, progress });
  onTestFinished(() => model.close());
  return model;
}

describe('ease', () => {
  it('recommends the missing item of the own colour on the checkerboard', async () => {
    const board = checkerboard(20);
    const scores = await scoresOf(await fit(board), board);
    for (let u = 0; u < 20; u++) {
      expect(recommended(scores.subarray(u * 20, (u + 1) * 20), board, u)[0]).toBe(u);
    }
  });

  // More users than items, and fewer: two ways to the same.
  it.each([
    [90, 60],
    [60, 90],
  ])('scores by the weights of the closed form, for %i users and %i items', async (users, items) => {
    const train = shop(1, users, items);
    for (const weighting of ['count', 'log', 'binary'] as const) {
      const strength = { count: (c: number) => c, log: Math.log1p, binary: () => 1 }[weighting];
      const B = easeOf({ ...train, values: train.counts.map(strength) }, items, 10);
      const scores = await scoresOf(await fit(train, { weighting }), train);
      for (let u = 0; u < users; u++) {
        for (let j = 0; j < items; j++) {
          let expected = 0;
          for (let k = train.indptr[u]; k < train.indptr[u + 1]; k++) {
            expected += strength(train.counts[k]) * B[train.indices[k] * items + j];
          }
          expect(Math.abs(scores[u * items + j] - expected)).toBeLessThan(5e-5);
        }
      }
    }
  });

  it('exports negative weights too: the graph has the scores of the model', async () => {
    const train = shop(2, 90, 60);
    const model = await fit(train, { keep: 20, weighting: 'log' });
    const scores = await scoresOf(model, train);
    expect((model.state().arrays.values.data as Float32Array).some((weight) => weight < 0)).toBe(true);
    expect(scores.some((score) => score < 0)).toBe(true);
    const histories = train.users.map((_, u) =>
      Array.from(train.indices.subarray(train.indptr[u], train.indptr[u + 1]), (item, k) => ({
        id: train.items[item],
        count: train.counts[train.indptr[u] + k],
      })),
    );
    await withGraph(model.lower(train.items, {}), async (session) => {
      const answer = await ask(session, { histories, k: 60 }, 60);
      for (const [u, ids] of answer.ids.entries()) {
        for (const [place, id] of ids.entries()) {
          expect(Math.abs(answer.scores[u][place] - scores[u * 60 + train.items.indexOf(id)])).toBeLessThan(1e-5);
        }
      }
    });
  });

  it('says how much of the norm the kept weights hold, in its state and its last note', async () => {
    const train = shop(3, 100, 80);
    const squares: number[] = [];
    const shares: number[] = [];
    for (const keep of [1, 5, 30, 200]) {
      const notes: string[] = [];
      const model = await fit(train, { keep }, notes);
      const { arrays, metadata } = model.state();
      const weights = arrays.values.data as Float32Array;
      squares.push(weights.reduce((sum, weight) => sum + weight * weight, 0));
      shares.push(Number(metadata['keptShareOfNorm']));
      expect(notes.at(-1)).toBe(
        `${weights.length} weights, ${(100 * shares.at(-1)!).toFixed(1)} % of their Frobenius norm`,
      );
      const loaded = await ease.load(decodeArrays(encodeArrays(model.state())), { threads: 1 });
      onTestFinished(() => loaded.close());
      expect(loaded.state()).toEqual(model.state());
    }
    for (const [at, share] of shares.entries()) expect(share).toBeCloseTo(Math.sqrt(squares[at] / squares[3]), 3);
    expect(shares[0]).toBeLessThan(0.9);
    expect(shares[3]).toBe(1);
  });

  it('says nothing to an empty history', async () => {
    expect([...(await scoresOf(await fit(shop(4, 30, 5)), noHistory))]).toEqual([0, 0, 0, 0, 0]);
  });

  it('ends with a sentence when counts overflow', async () => {
    const huge = interactionsOf([[[0, 3e38], [1, 3e38]], [[0, 1]]], 2); // prettier-ignore
    await expect(fit(huge)).rejects.toThrow(
      expect.objectContaining({ code: 'TRAINING_DIVERGED', message: expect.stringContaining('ease') }),
    );
  });

  it('refuses a matrix that is too large to invert, with what to do', async () => {
    const many = mostInvertedRows + 1;
    const names = (n: number) => Array.from({ length: n }, (_, i) => String(i));
    const large = {
      ...interactionsOf([], 0),
      users: names(many),
      items: names(many),
      indptr: new Int32Array(many + 1),
    };
    await expect(fit(large)).rejects.toThrow(
      expect.objectContaining({
        code: 'PARAMETER_INVALID',
        message:
          'The training part of ease must have at most 10,000 items or at most 10,000 users, as a matrix with a row for each is inverted. Got 10,001 items and 10,001 users. Raise "preparation.minUsersPerItem", or take item-knn or rp3beta, which have no such bound.',
      }),
    );
  });
});
