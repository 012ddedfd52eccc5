import { afterAll, describe, expect, it } from 'vitest';
import { explainExamples } from '../../explanation/examples.ts';
import { itemKnn } from '../../models/item-knn.ts';
import { popularity } from '../../models/popularity.ts';
import { checkerboard } from './checkerboard.ts';

const size = 20;
const train = checkerboard(size);
const context = { seed: 1, threads: 1 };
const knn = await itemKnn.fit(
  train,
  { similarity: 'cosine', neighbours: size, shrinkage: 0, k1: 1.2, b: 0.75, weighting: 'count' },
  context,
);
const everybody = await popularity.fit(train, { by: 'users' }, context);
afterAll(() => Promise.all([knn.close(), everybody.close()]));

const numberOf = (id: string) => Number(id.split('-')[1]);

describe('explainExamples', () => {
  it('shows the one item that each user lacks, with reasons of the same colour, strongest first', async () => {
    const examples = await explainExamples(knn, train, { users: 6, perUser: 3, seed: 8 });
    expect(examples.map(({ user, of }) => [user, of])).toEqual([1, 2, 3, 4, 5, 6].map((user) => [user, 6]));
    expect(new Set(examples.map(({ item }) => item)).size).toBe(6);
    for (const { item, score, historyItems, reasons } of examples) {
      expect(historyItems).toBe(size / 2 - 1);
      expect(score).toBeGreaterThan(0);
      expect(reasons).toHaveLength(3);
      for (const reason of reasons) {
        expect(reason.item).not.toBe(item);
        expect(numberOf(reason.item) % 2).toBe(numberOf(item) % 2);
      }
      const influences = reasons.map(({ influence }) => influence);
      expect(influences).toEqual(influences.toSorted((a, b) => b - a));
    }
  });

  it('draws the same users for every model of a seed, others for another seed', async () => {
    const first = await explainExamples(knn, train, { users: 5, perUser: 2, seed: 1 });
    const again = await explainExamples(knn, train, { users: 5, perUser: 2, seed: 1 });
    const other = await explainExamples(knn, train, { users: 5, perUser: 2, seed: 2 });
    expect(again).toEqual(first);
    expect(other.map(({ item }) => item)).not.toEqual(first.map(({ item }) => item));
  });

  it('never shows a user id', async () => {
    const examples = await explainExamples(knn, train, { users: size, perUser: 5, seed: 1 });
    expect(examples).toHaveLength(size);
    expect(JSON.stringify(examples)).not.toContain('household');
  });

  it('leaves out users without a history and users who have everything', async () => {
    // User 0 has nothing, user 1 has both items, user 2 lacks item 1.
    const few = {
      items: ['a', 'b'],
      indptr: Int32Array.of(0, 0, 2, 3),
      indices: Int32Array.of(0, 1, 0),
      counts: Float32Array.of(1, 1, 1),
    };
    const model = await popularity.fit({ ...few, users: ['x', 'y', 'z'] }, { by: 'users' }, context);
    const examples = await explainExamples(model, few, { users: 9, perUser: 5, seed: 1 });
    expect(examples).toEqual([{ user: 1, of: 1, historyItems: 1, item: 'b', score: 1, reasons: [] }]);
  });

  it('gives no reasons where a model ranks alike for everybody', async () => {
    const examples = await explainExamples(everybody, train, { users: 3, perUser: 5, seed: 1 });
    expect(examples.map(({ reasons }) => reasons)).toEqual([[], [], []]);
  });

  it('shows only items that speak for the recommendation, also where another speaks louder against it', async () => {
    const model = {
      items: 4,
      async score({ indptr, counts, indices }: typeof train, from: number, to: number, out: Float32Array) {
        out.fill(0);
        for (let row = from; row < to; row++) {
          for (let k = indptr[row]; k < indptr[row + 1]; k++) {
            out[(row - from) * 4 + 3] += counts[k] * [5, -4, 1][indices[k]];
          }
        }
      },
    };
    const one = {
      users: ['x'],
      items: ['a', 'b', 'c', 'd'],
      indptr: Int32Array.of(0, 3),
      indices: Int32Array.of(0, 1, 2),
      counts: Float32Array.of(1, 1, 1),
    };
    const [{ item, reasons }] = await explainExamples(model as never, one, { users: 1, perUser: 2, seed: 1 });
    expect(item).toBe('d');
    expect(reasons).toEqual([
      { item: 'a', influence: 5 },
      { item: 'c', influence: 1 },
    ]);
  });

  it('refuses a catalogue of another model', async () => {
    const short = { ...train, items: train.items.slice(1) };
    await expect(explainExamples(knn, short, { users: 1, perUser: 1, seed: 1 })).rejects.toThrow(/20 items\. Got 19/);
  });
});
