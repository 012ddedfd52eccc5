import { describe, expect, it, onTestFinished } from 'vitest';
import type { ParametersOf } from '../../contracts/algorithms.ts';
import { Random } from '../../contracts/random.ts';
import type { Interactions } from '../../data/interactions.ts';
import type { Histories } from '../../models/estimator.ts';
import { mostEntries, mostUsers, userKnn } from '../../models/user-knn.ts';
import { checkerboard, interactionsOf, noHistory, recommended, scoresOf, shop } from './fixtures.ts';
import { ask, withGraph, type Event } from './lowering/asking.ts';

type Parameters = ParametersOf<'user-knn'>;
const defaults: Parameters = {
  similarity: 'cosine',
  neighbours: 100,
  shrinkage: 0,
  k1: 1.2,
  b: 0.75,
  weighting: 'count',
};

async function fit(train: Interactions, parameters: Partial<Parameters> = {}) {
  const model = await userKnn.fit(train, { ...defaults, ...parameters }, { seed: 1, threads: 1 });
  onTestFinished(() => model.close());
  return model;
}

const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);

/** Rows as dense strengths. */
function denseOf({ indptr, indices, counts }: Histories, items: number, weighting: Parameters['weighting']) {
  const strength = { count: (c: number) => c, log: Math.log1p, binary: () => 1 }[weighting];
  return Array.from({ length: indptr.length - 1 }, (_, u) => {
    const row = Array.from({ length: items }, () => 0);
    for (let k = indptr[u]; k < indptr[u + 1]; k++) row[indices[k]] = strength(counts[k]);
    return row;
  });
}

/** The definition, dense. */
function scoresByDefinition(train: Interactions, histories: Histories, given: Partial<Parameters>): number[][] {
  const { similarity, neighbours, shrinkage, k1, b, weighting } = { ...defaults, ...given };
  const items = train.items.length;
  const x = denseOf(train, items, weighting);
  const owners = train.items.map((_, i) => x.filter((row) => row[i] > 0).length);
  const mean = sum(x.flat()) / x.length;
  const weigh = (row: number[]) => {
    if (similarity === 'bm25') {
      const limit = k1 * (1 - b + (b * sum(row)) / mean);
      const idf = (i: number) => Math.log(1 + (x.length - owners[i] + 0.5) / (owners[i] + 0.5));
      return row.map((s, i) => (s > 0 ? (idf(i) * s * (k1 + 1)) / (s + limit) : 0));
    }
    const w = row.map((s, i) => (similarity === 'tf-idf' ? s * Math.log((1 + x.length) / (1 + owners[i])) : s));
    const length = Math.sqrt(sum(w.map((value) => value * value)));
    return w.map((value) => (length > 0 ? value / length : 0));
  };
  const weighted = x.map(weigh);
  return denseOf(histories, items, weighting).map((history) => {
    const own = weigh(history);
    const similarities = weighted.map((other, v) => {
      const common = x[v].filter((s, i) => s > 0 && history[i] > 0).length;
      const s = sum(other.map((w, i) => w * own[i]));
      return common === 0 ? 0 : (s * common) / (common + shrinkage);
    });
    const best = Array.from(similarities.keys())
      .filter((v) => similarities[v] > 0)
      .toSorted((v, w) => Math.fround(similarities[w]) - Math.fround(similarities[v]) || v - w)
      .slice(0, neighbours);
    return train.items.map((_, j) => sum(best.map((v) => similarities[v] * x[v][j])));
  });
}

describe('user-knn on the checkerboard', () => {
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
});

describe('user-knn', () => {
  const train = shop(1, 60, 50);
  const others = shop(2, 40, 50);

  it.each<[string, Partial<Parameters>]>([
    ['cosine', {}],
    ['cosine, shrunk', { shrinkage: 3, neighbours: 10 }],
    ['tf-idf', { similarity: 'tf-idf', neighbours: 15, weighting: 'log' }],
    ['bm25', { similarity: 'bm25', neighbours: 15, k1: 0.7, b: 0.4 }],
    ['bm25, shrunk', { similarity: 'bm25', weighting: 'log', shrinkage: 20, neighbours: 7 }],
    ['one neighbour', { neighbours: 1, weighting: 'binary' }],
  ])('has the scores of the definition by %s', async (_, parameters) => {
    const scores = await scoresOf(await fit(train, parameters), others);
    for (const [u, expected] of scoresByDefinition(train, others, parameters).entries()) {
      for (const [j, score] of expected.entries()) {
        expect(Math.abs(scores[u * 50 + j] - score)).toBeLessThanOrEqual(1e-5 * Math.max(1, ...expected));
      }
    }
  });

  it('takes of users who are equally similar the first ones', async () => {
    const twins = interactionsOf([[[0, 1], [1, 1]], [[0, 1], [2, 1]], [[0, 1], [3, 1]]], 4); // prettier-ignore
    const scores = await scoresOf(await fit(twins, { neighbours: 2 }), interactionsOf([[[0, 1]]], 4));
    expect(scores[1]).toBeGreaterThan(0);
    expect(scores[2]).toBe(scores[1]);
    expect(scores[3]).toBe(0);
  });

  it('says nothing to who has nothing, or nothing in common with anybody', async () => {
    const model = await fit(interactionsOf([[[0, 1], [1, 2]], [[0, 1]]], 3)); // prettier-ignore
    expect([...(await scoresOf(model, noHistory))]).toEqual([0, 0, 0]);
    expect([...(await scoresOf(model, interactionsOf([[[2, 4]]], 3)))]).toEqual([0, 0, 0]);
  });

  it.each(['binary', 'log', 'count'] as const)(
    'exports a graph that chooses the same neighbours among many that are nearly equal, by %s',
    async (weighting) => {
      // Few items and few counts: most similarities are equal, or sums of the same terms in another order.
      const random = new Random(3);
      const rows = Array.from({ length: 300 }, () =>
        Array.from({ length: 12 }, (_, i): [number, number] => [i, 1 + random.integer(2)]).filter(
          () => random.uniform() < 0.5,
        ),
      );
      const data = interactionsOf([...rows.slice(0, 250), []], 12);
      const asked = rows.slice(250);
      for (const [similarity, shrinkage] of [
        ['cosine', 0],
        ['cosine', 2],
        ['tf-idf', 0],
        ['bm25', 5],
      ] as const) {
        // prettier-ignore
        const model = await fit(data, { weighting, similarity, shrinkage, neighbours: 9 });
        const scores = await scoresOf(model, interactionsOf(asked, 12));
        await withGraph(model.lower(data.items, {}), async (session) => {
          // A request gives its items in any order.
          const histories = asked.map((row) =>
            row.map(([i, count]): Event => ({ id: data.items[i], count })).reverse(),
          );
          const answer = await ask(session, { histories, k: 12 }, 12);
          for (const [u, ids] of answer.ids.entries()) {
            for (const [place, id] of ids.entries()) {
              const own = scores[u * 12 + data.items.indexOf(id)];
              expect(Math.abs(answer.scores[u][place] - own)).toBeLessThanOrEqual(1e-5 * Math.max(1, own));
            }
          }
        });
      }
    },
  );

  it('exports a graph that passes over what it does not know, and never shows what is excluded', async () => {
    const model = await fit(train, { neighbours: 10 });
    const plain: Event[] = [{ id: 'item 3', count: 2 }, { id: 'item 7', count: 1 }]; // prettier-ignore
    const padded = [{ id: '', count: 9 }, plain[0], { id: 'unknown', count: 4 }, { id: 'item 9', count: 0 }, plain[1]];
    await withGraph(model.lower(train.items, {}), async (session) => {
      const allowed = [train.items.map((_, i) => i % 3 !== 0)];
      const answer = await ask(session, { histories: [plain, padded, []], allowed, k: 50 }, 50);
      expect(answer.ids[1]).toEqual(answer.ids[0]);
      expect(answer.scores[1]).toEqual(answer.scores[0]);
      const shown = answer.ids[0].filter((id) => id !== '');
      expect(shown).toHaveLength(33);
      for (const id of shown) expect(allowed[0][train.items.indexOf(id)]).toBe(true);
      // Nobody's neighbour: the catalogue in its order.
      expect(answer.ids[2].slice(0, 4)).toEqual(['item 1', 'item 2', 'item 4', 'item 5']);
    });
  });

  it('ends with a sentence when counts overflow', async () => {
    const huge = interactionsOf([[[0, 1], [1, 1]], [[0, 1]]], 2); // prettier-ignore
    huge.counts.fill(Infinity);
    await expect(fit(huge)).rejects.toThrow(
      expect.objectContaining({ code: 'TRAINING_DIVERGED', message: expect.stringContaining('cosine') }),
    );
  });

  it('refuses more users than a graph can hold, with what to do', async () => {
    const many = { ...interactionsOf([], 2), indptr: new Int32Array(mostUsers + 2) };
    await expect(fit(many)).rejects.toThrow(
      expect.objectContaining({
        code: 'PARAMETER_INVALID',
        message:
          'The training part of user-knn must have at most 1,000,000 users and 20,000,000 user-item pairs, as the model carries them all. Got 1,000,001 users and 0 pairs. Take item-knn, whose size the catalogue bounds, or raise "preparation.minItemsPerUser".',
      }),
    );
    const full = { ...interactionsOf([], 2), indices: new Int32Array(mostEntries + 1) };
    await expect(fit(full)).rejects.toThrow(/20,000,001 pairs/);
  });
});
