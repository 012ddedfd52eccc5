import { describe, expect, it } from 'vitest';
import { personalFrequency } from '../../models/personal-frequency.ts';
import { checkerboard, interactionsOf, noHistory, recommended, scoresOf, shop } from './fixtures.ts';
import { ask, withGraph } from './lowering/asking.ts';

const context = { seed: 1, threads: 1 };
const fit = (train: ReturnType<typeof shop>, popularity: 'users' | 'events' = 'users') =>
  personalFrequency.fit(train, { popularity }, context);

/** Items by descending score. */
const order = (scores: Float32Array) => Array.from(scores.keys()).toSorted((a, b) => scores[b] - scores[a] || a - b);

describe('personal frequency', () => {
  // Users of the items 0 to 3: 1, 3, 2, 2; events: 9, 3, 2, 7.
  const train = interactionsOf(
    [[[0, 9], [1, 1]], [[1, 1], [2, 1], [3, 6]], [[1, 1], [2, 1], [3, 1]]], // prettier-ignore
    4,
  );

  it('ranks by the own counts, then by popularity, then as the catalogue does', async () => {
    const model = await fit(train);
    const history = interactionsOf([[[0, 2], [2, 2], [3, 5]]], 4); // prettier-ignore
    expect(order(await scoresOf(model, history))).toEqual([3, 2, 0, 1]);
    expect(order(await scoresOf(model, noHistory))).toEqual([1, 2, 3, 0]);
  });

  it('counts events instead of users where told to', async () => {
    expect(order(await scoresOf(await fit(train, 'events'), noHistory))).toEqual([0, 3, 1, 2]);
  });

  it('shows everything of the history before anything else, the more frequent first, and leaves no tie', async () => {
    const [data, others] = [shop(1, 100, 80), shop(2, 50, 80)];
    const scores = await scoresOf(await fit(data), others);
    for (let u = 0; u < 50; u++) {
      const own = scores.subarray(u * 80, (u + 1) * 80);
      expect(new Set(own).size).toBe(80);
      const counts = new Float32Array(80);
      for (let k = others.indptr[u]; k < others.indptr[u + 1]; k++) counts[others.indices[k]] = others.counts[k];
      const ranked = order(own).map((item) => counts[item]);
      expect(ranked).toEqual(ranked.toSorted((a, b) => b - a));
    }
  });

  it('recommends to everybody what is popular, where what they have is excluded', async () => {
    const board = checkerboard(12);
    const scores = await scoresOf(await fit(board), board);
    for (let u = 0; u < 12; u++) {
      const fresh = recommended(scores.subarray(u * 12, (u + 1) * 12), board, u);
      expect(fresh).toEqual(fresh.toSorted((a, b) => a - b));
    }
  });

  it('exports a graph with the same bits, that adds repeats up and keeps to the mask', async () => {
    const data = shop(3, 100, 40);
    const model = await fit(data);
    await withGraph(model.lower(data.items, {}), async (session) => {
      const [a, b] = ['item 7', 'item 30'];
      const histories = [
        [{ id: a, count: 2 }, { id: b, count: 3 }, { id: a, count: 2 }, { id: '', count: 9 }, { id: '?', count: 9 }], // prettier-ignore
        [],
      ];
      const same = interactionsOf([[[7, 4], [30, 3]], []], 40); // prettier-ignore
      const scores = await scoresOf(model, same);
      const answer = await ask(session, { histories, k: 40 }, 40);
      for (const [u, ids] of answer.ids.entries()) {
        const own = scores.subarray(u * 40, (u + 1) * 40);
        expect(ids).toEqual(order(own).map((item) => data.items[item]));
        expect(answer.scores[u]).toEqual(order(own).map((item) => own[item]));
      }
      const allowed = [data.items.map((id) => id !== a)];
      expect((await ask(session, { histories, allowed, k: 40 }, 40)).ids[0]).not.toContain(a);
    });
  });
});
