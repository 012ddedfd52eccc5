import { describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { lowerAls, type AlsState } from '../../../models/lowering/als.ts';
import type { Weighting } from '../../../models/lowering/recommender-graph.ts';
import { ask, catalogueOf, counted, randomHistory, ranked, withGraph, type Answer, type Event } from './asking.ts';

const items = 50;
const factors = 8;
const catalogue = catalogueOf(items);

function randomState(seed: number, changes: Partial<AlsState> = {}): AlsState {
  const random = new Random(seed);
  const itemFactors = Float32Array.from({ length: items * factors }, () => random.uniform() - 0.5);
  return { itemFactors, factors, regularization: 0.5, alpha: 2, weighting: 'count', steps: 3, ...changes };
}

const row = (state: AlsState, item: number) => state.itemFactors.subarray(item * factors, (item + 1) * factors);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, x, i) => sum + x * b[i], 0);

/** The system itself, in float64: A = YᵀY + λI + Σ (c − 1) y yᵀ and b = Σ c y. */
function system(state: AlsState, history: readonly Event[]): { A: number[][]; b: number[] } {
  const A = Array.from({ length: factors }, (_, f) =>
    Array.from({ length: factors }, (_, g) => (f === g ? state.regularization : 0)),
  );
  const b = Array.from({ length: factors }, () => 0);
  const addOuter = (y: Float32Array, weight: number) => {
    for (let f = 0; f < factors; f++) for (let g = 0; g < factors; g++) A[f][g] += weight * y[f] * y[g];
  };
  for (let item = 0; item < items; item++) addOuter(row(state, item), 1);
  for (const [item, strength] of counted(history, catalogue, state.weighting)) {
    const y = row(state, item);
    addOuter(y, state.alpha * strength);
    for (let f = 0; f < factors; f++) b[f] += (1 + state.alpha * strength) * y[f];
  }
  return { A, b };
}

/** Textbook conjugate gradient from zero (Shewchuk, 1994), on the built matrix. */
function conjugateGradient({ A, b }: ReturnType<typeof system>, steps: number): number[] {
  const x = b.map(() => 0);
  let r = [...b];
  let p = [...b];
  for (let step = 0; step < steps && dot(r, r) > 1e-20; step++) {
    const Ap = A.map((line) => dot(line, p));
    const rate = dot(r, r) / dot(p, Ap);
    for (const f of x.keys()) x[f] += rate * p[f];
    const next = r.map((value, f) => value - rate * Ap[f]);
    p = next.map((value, f) => value + (dot(next, next) / dot(r, r)) * p[f]);
    r = next;
  }
  return x;
}

/** Gaussian elimination with pivots. */
function solve({ A, b }: ReturnType<typeof system>): number[] {
  const m = A.map((line, i) => [...line, b[i]]);
  for (let c = 0; c < m.length; c++) {
    const pivot = m.slice(c).reduce((best, line, i) => (Math.abs(line[c]) > Math.abs(m[best][c]) ? c + i : best), c);
    [m[c], m[pivot]] = [m[pivot], m[c]];
    for (let i = 0; i < m.length; i++) {
      const ratio = i === c ? 0 : m[i][c] / m[c][c];
      m[i] = m[i].map((value, j) => value - ratio * m[c][j]);
    }
  }
  return m.map((line, i) => line[m.length] / line[i]);
}

const scoresBy = (state: AlsState, x: readonly number[]) =>
  Array.from({ length: items }, (_, i) => dot(row(state, i), x));

/** Agreement to 1e-6 of the largest score, in descending order: law 6 gives 1e-5 to graph and kernel together. */
function expectScores(answer: Answer, batchRow: number, expected: readonly number[]) {
  const scale = Math.max(1, ...expected.map(Math.abs));
  expect(new Set(answer.ids[batchRow])).toEqual(new Set(catalogue));
  for (const [place, id] of answer.ids[batchRow].entries()) {
    const difference = Math.abs(answer.scores[batchRow][place] - expected[catalogue.indexOf(id)]) / scale;
    expect(difference).toBeLessThan(1e-6);
    if (place > 0) expect(answer.scores[batchRow][place]).toBeLessThanOrEqual(answer.scores[batchRow][place - 1]);
  }
}

describe('the ALS graph', () => {
  it.each<[Weighting, number]>([
    ['count', 1],
    ['count', 3],
    ['log', 3],
    ['binary', 2],
  ])('folds histories in, weighted by %s, with %i steps of conjugate gradient', async (weighting, steps) => {
    const state = randomState(3, { weighting, steps });
    const random = new Random(4);
    const histories = Array.from({ length: 16 }, (_, i) => randomHistory(random, catalogue, 2 * i));
    await withGraph(lowerAls(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories, k: items }, items);
      for (const [i, history] of histories.entries()) {
        expectScores(answer, i, scoresBy(state, conjugateGradient(system(state, history), steps)));
      }
    });
  });

  it('solves the normal equations once it has as many steps as factors', async () => {
    const state = randomState(5, { steps: 2 * factors });
    const history = randomHistory(new Random(6), catalogue, 20);
    await withGraph(lowerAls(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories: [history], k: items }, items);
      expectScores(answer, 0, scoresBy(state, solve(system(state, history))));
    });
  });

  it('keeps its accuracy where the system is close to singular', async () => {
    // Factors around one direction, as popular items have them, and a confidence far above the regularization.
    const spread = randomState(16).itemFactors.map((x, n) => 1 / (1 + (n % factors)) + 0.05 * x);
    const state = randomState(16, { itemFactors: spread, alpha: 1000, regularization: 1e-3, steps: 16 });
    const history = Array.from({ length: 300 }, (_, i) => ({ id: catalogue[i % 20], count: 1 + (i % 40) }));
    await withGraph(lowerAls(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories: [history], k: items }, items);
      expectScores(answer, 0, scoresBy(state, conjugateGradient(system(state, history), state.steps)));
    });
  });

  it('gives scores of zero, never NaN, to a history that tells nothing', async () => {
    await withGraph(lowerAls(randomState(7), catalogue, {}), async (session) => {
      const some = [{ id: catalogue[9], count: 2 }];
      const nothing: Event[][] = [
        [],
        [{ id: 'unknown', count: 1 }],
        [{ id: '', count: 1 }],
        [{ id: catalogue[9], count: 0 }],
      ];
      for (const histories of [[[]], [...nothing, some]]) {
        const answer = await ask(session, { histories, k: 3 }, items);
        for (let i = 0; i < Math.min(histories.length, nothing.length); i++) {
          expect(answer.ids[i]).toEqual(catalogue.slice(0, 3));
          expect(answer.scores[i].map(Math.abs)).toEqual([0, 0, 0]);
        }
        if (histories.length > 1) expect(answer.scores.at(-1)![0]).toBeGreaterThan(0);
      }
    });
  });

  it('stays finite when the residual vanishes before the last step', async () => {
    // One factor: the first step is exact, and what is left of r is nothing, or noise.
    const itemFactors = Float32Array.from({ length: items }, (_, i) => (i % 5) / 4);
    const one: AlsState = { ...randomState(8), itemFactors, factors: 1, steps: 32 };
    // Tiny factors: squares of the residual underflow.
    const tiny = randomState(9, { itemFactors: randomState(9).itemFactors.map((x) => x * 1e-22), steps: 32 });
    for (const state of [one, tiny, randomState(10, { steps: 32 })]) {
      await withGraph(lowerAls(state, catalogue, {}), async (session) => {
        const histories = [[], randomHistory(new Random(11), catalogue, 12)];
        const answer = await ask(session, { histories, k: items }, items);
        expect(answer.scores.flat().every(Number.isFinite)).toBe(true);
      });
    }
  });

  it('takes an item that a history repeats as that many observations', async () => {
    const state = randomState(12);
    const [a, b] = [catalogue[3], catalogue[17]].map((id) => ({ id, count: 2 }));
    await withGraph(lowerAls(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories: [[a, b, a]], k: items }, items);
      expectScores(answer, 0, scoresBy(state, conjugateGradient(system(state, [a, a, b]), state.steps)));
    });
  });

  it('answers a history alone as it does in a batch, and keeps to the mask', async () => {
    const state = randomState(13);
    const random = new Random(14);
    const histories = Array.from({ length: 5 }, (_, i) => randomHistory(random, catalogue, 4 * i));
    const allowed = histories.map(() => catalogue.map(() => random.uniform() < 0.3));
    await withGraph(lowerAls(state, catalogue, {}), async (session) => {
      const batch = await ask(session, { histories, allowed, k: 7 }, items);
      for (const [i, history] of histories.entries()) {
        const alone = await ask(session, { histories: [history], allowed: [allowed[i]], k: 7 }, items);
        expect(alone.ids[0]).toEqual(batch.ids[i]);
        const full = await ask(session, { histories: [history], k: items }, items);
        const scores = catalogue.map((id) => full.scores[0][full.ids[0].indexOf(id)]);
        expect(batch.ids[i]).toEqual(ranked(scores, catalogue, 7, allowed[i]).ids);
      }
    });
  });

  it('is refused when factors are missing or not finite', () => {
    const state = randomState(15);
    expect(() => lowerAls({ ...state, factors: factors + 1 }, catalogue, {})).toThrow(
      /must have 450 elements. Got 400/,
    );
    const broken = { ...state, itemFactors: state.itemFactors.with(70, Number.NaN) };
    expect(() => lowerAls(broken, catalogue, {})).toThrow(expect.objectContaining({ code: 'TRAINING_DIVERGED' }));
  });
});
