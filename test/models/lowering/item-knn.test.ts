import { describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { lowerItemKnn, type ItemKnnState } from '../../../models/lowering/item-knn.ts';
import type { Weighting } from '../../../models/lowering/recommender-graph.ts';
import { ask, catalogueOf, counted, randomHistory, ranked, withGraph, type Event } from './asking.ts';

const items = 60;
const catalogue = catalogueOf(items);

/** Rows of 0 to 12 neighbours; values are multiples of 1/8, so that sums are exact and ties are ties. */
function randomNeighbours(random: Random, weighting: Weighting): ItemKnnState {
  const rows = Array.from({ length: items }, () =>
    Array.from({ length: items }, (_, j) => j)
      .filter(() => random.uniform() < 0.1)
      .map((j) => [j, (1 + random.integer(8)) / 8]),
  );
  const indptr = new Int32Array(items + 1);
  for (const [i, row] of rows.entries()) indptr[i + 1] = indptr[i] + row.length;
  const flat = rows.flat();
  return {
    indptr,
    indices: Int32Array.from(flat, ([j]) => j),
    values: Float32Array.from(flat, ([, value]) => value),
    weighting,
  };
}

/** score_j = Σ_i w_i · S[i, j] */
function scoresOf(state: ItemKnnState, history: readonly Event[]): number[] {
  const scores = Array.from({ length: items }, () => 0);
  for (const [item, strength] of counted(history, catalogue, state.weighting)) {
    for (let n = state.indptr[item]; n < state.indptr[item + 1]; n++)
      scores[state.indices[n]] += strength * state.values[n];
  }
  return scores;
}

describe('the item-kNN graph', () => {
  it.each<Weighting>(['count', 'binary'])('adds up what the history votes for, weighted by %s', async (weighting) => {
    const random = new Random(7);
    const state = randomNeighbours(random, weighting);
    const histories = Array.from({ length: 20 }, (_, i) => randomHistory(random, catalogue, i));
    await withGraph(lowerItemKnn(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories, k: 25 }, items);
      for (const [row, history] of histories.entries()) {
        const expected = ranked(scoresOf(state, history), catalogue, 25);
        expect(answer.ids[row]).toEqual(expected.ids);
        expect(answer.scores[row]).toEqual(expected.scores);
      }
    });
  });

  it('weights by log(1 + count) where asked to', async () => {
    const random = new Random(8);
    const state = randomNeighbours(random, 'log');
    const histories = Array.from({ length: 5 }, () => randomHistory(random, catalogue, 15));
    await withGraph(lowerItemKnn(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories, k: items }, items);
      for (const [row, history] of histories.entries()) {
        const expected = scoresOf(state, history);
        for (const [place, id] of answer.ids[row].entries()) {
          expect(answer.scores[row][place]).toBeCloseTo(expected[catalogue.indexOf(id)], 5);
        }
      }
    });
  });

  it('answers a history alone as it does in a batch', async () => {
    const random = new Random(9);
    const state = randomNeighbours(random, 'count');
    const histories = Array.from({ length: 6 }, (_, i) => randomHistory(random, catalogue, 3 * i));
    await withGraph(lowerItemKnn(state, catalogue, {}), async (session) => {
      const batch = await ask(session, { histories, k: 9 }, items);
      for (const [row, history] of histories.entries()) {
        const alone = await ask(session, { histories: [history], k: 9 }, items);
        expect(alone.ids[0]).toEqual(batch.ids[row]);
        expect(alone.scores[0]).toEqual(batch.scores[row]);
      }
    });
  });

  it('takes the catalogue in its order when a history tells nothing', async () => {
    const state = randomNeighbours(new Random(10), 'count');
    const nothing: Event[][] = [
      [],
      [{ id: 'unknown', count: 3 }],
      [{ id: '', count: 3 }],
      [{ id: catalogue[5], count: 0 }],
      [{ id: catalogue[5], count: -2 }],
      [{ id: catalogue[5], count: Number.NaN }],
    ];
    await withGraph(lowerItemKnn(state, catalogue, {}), async (session) => {
      for (const histories of [...nothing.map((history) => [history]), nothing]) {
        const answer = await ask(session, { histories, k: 4 }, items);
        for (const row of histories.keys()) {
          expect(answer.ids[row]).toEqual(catalogue.slice(0, 4));
          expect(answer.scores[row]).toEqual([0, 0, 0, 0]);
        }
      }
    });
  });

  it('stays finite when a count is infinite', async () => {
    const state = randomNeighbours(new Random(11), 'count');
    await withGraph(lowerItemKnn(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories: [[{ id: catalogue[5], count: Infinity }]], k: items }, items);
      expect(answer.scores[0].every(Number.isFinite)).toBe(true);
    });
  });

  it('counts an item that a history repeats as often as it is there', async () => {
    const state = randomNeighbours(new Random(12), 'binary');
    const [a, b] = [catalogue[3], catalogue[17]].map((id) => ({ id, count: 4 }));
    await withGraph(lowerItemKnn(state, catalogue, {}), async (session) => {
      const answer = await ask(session, { histories: [[a, b, a]], k: items }, items);
      const [fromA, fromB] = [scoresOf(state, [a]), scoresOf(state, [b])];
      expect(answer.scores[0]).toEqual(
        ranked(
          fromA.map((x, j) => 2 * x + fromB[j]),
          catalogue,
          items,
        ).scores,
      );
    });
  });

  it('works for a catalogue in which nothing has a neighbour', async () => {
    const none = { indptr: new Int32Array(3), indices: new Int32Array(0), values: new Float32Array(0) };
    await withGraph(lowerItemKnn({ ...none, weighting: 'count' }, ['a', 'b'], {}), async (session) => {
      const answer = await ask(session, { histories: [[{ id: 'b', count: 1 }]], k: 2 }, 2);
      expect(answer).toEqual({ ids: [['a', 'b']], scores: [[0, 0]] });
    });
  });

  it.each<[string, Partial<ItemKnnState>, RegExp]>([
    ['end before the neighbours do', { indptr: Int32Array.of(0, 1, 1) }, /ascend from 0 to 2/],
    ['descend', { indptr: Int32Array.of(0, 3, 2) }, /ascend/],
    ['are too few', { indptr: Int32Array.of(0, 2) }, /Row bounds of a catalogue must have 3/],
    ['lead outside of the catalogue', { indices: Int32Array.of(0, 2) }, /must be in \[0, 2\). Got 2/],
    ['have values missing', { values: Float32Array.of(1) }, /must have 2 elements. Got 1/],
    ['are not finite', { values: Float32Array.of(1, Infinity) }, /must be finite/],
  ])('is refused when rows %s', (_, wrong, message) => {
    const state: ItemKnnState = {
      indptr: Int32Array.of(0, 1, 2),
      indices: Int32Array.of(1, 0),
      values: Float32Array.of(1, 1),
      weighting: 'count',
    };
    expect(() => lowerItemKnn({ ...state, ...wrong }, ['a', 'b'], {})).toThrow(message);
  });
});
