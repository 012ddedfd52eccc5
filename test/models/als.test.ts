import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeArrays, encodeArrays, type ArrayFile } from '../../compute/arrays/safetensors.ts';
import * as scalar from '../../compute/kernels/scalar/als.ts';
import type { ParametersOf } from '../../contracts/algorithms.ts';
import type { Interactions } from '../../data/interactions.ts';
import { als } from '../../models/als.ts';
import type { FitContext } from '../../models/estimator.ts';
import { transpose } from '../../models/sparse.ts';
import { checkerboard, interactionsOf, noHistory, recommended, scoresOf, shop } from './fixtures.ts';

type Parameters = ParametersOf<'als'>;
const defaults: Parameters = {
  factors: 16,
  regularization: 1,
  alpha: 2,
  iterations: 12,
  conjugateGradientSteps: 3,
  weighting: 'count',
};

async function fit(train: Interactions, parameters: Partial<Parameters> = {}, context: Partial<FitContext> = {}) {
  const model = await als.fit(train, { ...defaults, ...parameters }, { seed: 3, threads: 1, ...context });
  onTestFinished(() => model.close());
  return model;
}
const factorsOf = ({ arrays }: ArrayFile) => arrays['item_factors'].data as Float32Array;

describe('als', () => {
  it('recommends the missing item of the own colour on the checkerboard', async () => {
    const board = checkerboard(20);
    for (const seed of [1, 2, 3]) {
      const model = await fit(board, { factors: 8, regularization: 0.5, alpha: 10, iterations: 30 }, { seed });
      const scores = await scoresOf(model, board);
      for (let u = 0; u < 20; u++) {
        const row = scores.subarray(u * 20, (u + 1) * 20);
        expect(recommended(row, board, u)[0]).toBe(u);
        // The other colour is all but ruled out.
        expect(row[u]).toBeGreaterThan(5 * Math.abs(row[(u + 1) % 20]));
      }
    }
  });

  it('ends where neither users nor items would move any more', async () => {
    const train = shop(4, 40, 30);
    const [n, lambda, alpha] = [8, 1, 2];
    const model = await fit(train, { factors: n, iterations: 200, conjugateGradientSteps: 10 });
    const Y = factorsOf(model.state());
    const values = train.counts.map((count) => 1 + alpha * count);
    const byUser = { indptr: train.indptr, indices: train.indices, values };
    const byItem = transpose(byUser, 30);
    // Users from items and items from users again, both by so many steps that it is the exact solution.
    const G = scalar.gram(Y, 30, n, lambda);
    const zero = new Float64Array(n);
    const X = train.users.map((_, u) => scalar.solveRow(byUser, u, Y, G, n, 50, zero));
    const flat = Float64Array.from(X.flatMap((row) => [...row]));
    const H = scalar.gram(flat, 40, n, lambda);
    for (let i = 0; i < 30; i++) {
      const again = scalar.solveRow(byItem, i, flat, H, n, 50, zero);
      for (let f = 0; f < n; f++) expect(Y[i * n + f]).toBeCloseTo(again[f], 2);
    }
    // And a score is the product of the two.
    const scores = await scoresOf(model, train);
    for (const [k, score] of scores.entries()) {
      const [u, i] = [Math.floor(k / 30), k % 30];
      expect(score).toBeCloseTo(X[u].reduce((sum, x, f) => sum + x * Y[i * n + f], 0), 4); // prettier-ignore
    }
  });

  it('rounds factors up to a multiple of 8 by columns of zeros', async () => {
    const state = (await fit(shop(1, 50, 40), { factors: 11 })).state();
    expect(state.arrays['item_factors'].shape).toEqual([40, 16]);
    const factors = factorsOf(state);
    expect(factors.every((value, k) => k % 16 < 11 || value === 0)).toBe(true);
    expect(factors.filter((value, k) => k % 16 === 10 && value !== 0).length).toBeGreaterThan(30);
  });

  it('starts from its seed', async () => {
    const train = shop(1, 50, 40);
    const [one, same, other] = [await fit(train), await fit(train), await fit(train, {}, { seed: 4 })];
    expect(factorsOf(same.state())).toEqual(factorsOf(one.state()));
    expect(factorsOf(other.state())).not.toEqual(factorsOf(one.state()));
  });

  it('gives the same bytes on any number of threads where the Gram matrix is added up from many chunks', async () => {
    const train = shop(6, 1100, 2700);
    const [one, ...others] = await Promise.all(
      [1, 2, 3].map(async (threads) => factorsOf((await fit(train, { iterations: 2 }, { threads })).state())),
    );
    for (const other of others) expect(other).toEqual(one);
  });

  it('says nothing to an empty history', async () => {
    const model = await fit(shop(1, 50, 40));
    expect((await scoresOf(model, noHistory)).every((score) => score === 0)).toBe(true);
  });

  it('reports each iteration', async () => {
    const notes: (string | undefined)[] = [];
    await fit(shop(1, 50, 40), { iterations: 4 }, { progress: (_, note) => notes.push(note) });
    expect(notes).toEqual([1, 2, 3, 4].map((iteration) => `iteration ${iteration} of 4`));
  });
});

describe('als checkpoints', () => {
  const train = shop(1, 90, 70);
  /** A checkpoint as it comes back from its file. */
  const stored = (state: ArrayFile) => decodeArrays(new Uint8Array(encodeArrays(state)));

  async function checkpoints(parameters: Partial<Parameters> = {}) {
    const made: { state: ArrayFile; step: number }[] = [];
    const model = await fit(train, parameters, {
      checkpointMilliseconds: 0,
      checkpoint: async (state, step) => void made.push({ state: stored(state), step }),
    });
    return { model, made };
  }

  it('come whenever so much time has passed, and none after the last iteration', async () => {
    expect((await checkpoints({ iterations: 4 })).made.map(({ step }) => step)).toEqual([1, 2, 3]);
    const made: number[] = [];
    const checkpoint = async (_: ArrayFile, step: number) => void made.push(step);
    await fit(train, { iterations: 4 }, { checkpointMilliseconds: 600_000, checkpoint });
    expect(made).toEqual([]);
  });

  it.each([1, 2])('lead to the bytes of a fit that was never interrupted, on %i threads', async (threads) => {
    const { model, made } = await checkpoints();
    const expected = Buffer.from(encodeArrays(model.state()));
    for (const { state, step } of made) {
      const notes: (string | undefined)[] = [];
      const resumed = await fit(train, {}, { threads, resume: state, progress: (_, note) => notes.push(note) });
      expect(Buffer.from(encodeArrays(resumed.state())).equals(expected)).toBe(true);
      expect(notes[0]).toBe(`iteration ${step + 1} of 12`);
    }
  });

  it('are written before the fit goes on, and one that cannot be written ends it', async () => {
    const fitting = fit(
      train,
      {},
      { checkpointMilliseconds: 0, checkpoint: () => Promise.reject(new Error('disk full')) },
    );
    await expect(fitting).rejects.toThrow('disk full');
    let writing = false;
    await fit(train, {}, {
      checkpointMilliseconds: 0,
      progress: () => expect(writing).toBe(false),
      checkpoint: async () => {
        writing = true;
        await new Promise((resolve) => setTimeout(resolve, 20));
        writing = false;
      },
    }); // prettier-ignore
  });

  it.each([
    ['parameters', train, { alpha: 3 }, 3],
    ['seed', train, {}, 4],
    ['data', shop(2, 90, 70), {}, 3],
  ] as const)('of other %s are refused', async (_, data, parameters, seed) => {
    const [{ state }] = (await checkpoints()).made;
    await expect(fit(data, parameters, { seed, resume: state })).rejects.toThrow(
      expect.objectContaining({ code: 'ARTIFACT_CORRUPT', message: expect.stringContaining('checkpoint') }),
    );
  });
});

describe('als on data that it cannot fit', () => {
  it('names the iteration and the parameters when factors are no longer finite', async () => {
    const huge = interactionsOf([[[0, 3e38], [1, 1]], [[1, 2]]], 2); // prettier-ignore
    await expect(fit(huge, { alpha: 1000 })).rejects.toThrow(
      expect.objectContaining({
        code: 'TRAINING_DIVERGED',
        message: expect.stringMatching(/^Iteration 1 of als must end with finite factors\..*"alpha" 1000/),
      }),
    );
  });
});
