import { describe, expect, it, onTestFinished } from 'vitest';
import { evaluationSchema } from '../../contracts/artifacts.ts';
import { evaluateRecommender, objectiveValue, type JudgedPeriod } from '../../evaluation/evaluate.ts';
import type { Histories } from '../../models/estimator.ts';
import { estimatorOf } from '../../models/registry.ts';
import { shop } from '../models/fixtures.ts';

function csr(rows: number[][]): Histories {
  const indptr = Int32Array.from([0, ...rows.map((_, i) => rows.slice(0, i + 1).flat().length)]);
  return { indptr, indices: Int32Array.from(rows.flat()), counts: Float32Array.from(rows.flat(), (item) => item + 1) };
}

function period(later: Record<number, number[]>): JudgedPeriod {
  const rows = Object.keys(later).map(Number);
  const { indptr, indices } = csr(rows.map((row) => later[row]));
  return { rows: Int32Array.from(rows), indptr, indices, coldUsers: 3, coldItemEvents: 8 };
}

/** The same score for everybody. */
const fixed = (scores: number[]) => ({
  items: scores.length,
  async score(_: Histories, from: number, to: number, out: Float32Array) {
    for (let row = from; row < to; row++) out.set(scores, (row - from) * scores.length);
  },
});

const popularity = fixed([5, 4, 3, 2, 1]);
const options = { k: 2, metric: 'ndcg', seed: 1 } as const;
/** nDCG@2 of a hit at the first place and none at the second, with two or more to find. */
const firstOfTwo = 1 / (1 + 1 / Math.log2(3));

describe('evaluateRecommender', () => {
  const train = csr([[0, 1], [0], [0, 2]]);
  const heldOut = period({ 0: [0, 2, 4], 2: [0, 2] });

  it('judges popularity on a toy shop in both lanes as by hand', async () => {
    const { evaluation, perUser } = await evaluateRecommender(popularity, train, heldOut, options);
    // User 0: the list is 0, 1 with a hit at 0 of three. User 2: the same list, a hit at 0 of two.
    expect(evaluation.repeat.users).toBe(2);
    expect(evaluation.repeat.metrics['ndcg@2']).toBeCloseTo(firstOfTwo, 12);
    expect(evaluation.repeat.metrics['recall@2']).toBeCloseTo((1 / 3 + 1 / 2) / 2, 12);
    expect(evaluation.repeat.metrics['precision@2']).toBe(0.5);
    expect(evaluation.repeat.metrics['map@2']).toBe(0.5);
    expect(evaluation.repeat.metrics).toMatchObject({ 'mrr@2': 1, 'hit@2': 1, 'coverage@2': 2 / 5 });
    // User 0 without 0 and 1: the list is 2, 3 with a hit at 2 of 2 and 4. User 2 bought nothing new.
    expect(evaluation.discovery).toMatchObject({
      users: 1,
      metrics: { 'recall@2': 0.5, 'precision@2': 0.5, 'map@2': 0.5, 'mrr@2': 1, 'hit@2': 1, 'coverage@2': 2 / 5 },
    });
    expect(evaluation.discovery.metrics['ndcg@2']).toBeCloseTo(firstOfTwo, 12);
    expect([...perUser.repeat]).toEqual([Math.fround(firstOfTwo), Math.fround(firstOfTwo)]);
    expect(perUser.discovery.length).toBe(1);
  });

  it('counts what it leaves out', async () => {
    const { evaluation } = await evaluateRecommender(popularity, train, heldOut, options);
    expect(evaluation.leftOut).toEqual({ coldUsers: 3, coldItemEvents: 8, usersWithoutDiscovery: 1 });
    expect(evaluationSchema.parse(evaluation)).toEqual(evaluation);
  });

  it('scores each judged user from the own training history', async () => {
    const seen: { indices: number[]; counts: number[] }[] = [];
    const model = {
      items: 5,
      async score(histories: Histories, from: number, to: number, out: Float32Array) {
        out.fill(0);
        for (let row = from; row < to; row++) {
          const span = [histories.indptr[row], histories.indptr[row + 1]] as const;
          seen.push({
            indices: Array.from(histories.indices.subarray(...span)),
            counts: Array.from(histories.counts.subarray(...span)),
          });
        }
      },
    };
    await evaluateRecommender(model, train, period({ 1: [3], 2: [4] }), options);
    expect(seen).toEqual([
      { indices: [0], counts: [1] },
      { indices: [0, 2], counts: [1, 3] },
    ]);
  });

  it('gives the same when the catalogue is so large that users are scored one by one', async () => {
    // 4 Mi scores are held at a time.
    const items = 3 * 1024 * 1024;
    const calls: [number, number][] = [];
    const best = [7, 1_000_000, items - 1];
    const model = {
      items,
      async score(histories: Histories, from: number, to: number, out: Float32Array) {
        calls.push([from, to]);
        // The user's last item says which item is best.
        out.fill(0);
        out[best[histories.indices[histories.indptr[from + 1] - 1]]] = 1;
      },
    };
    const { evaluation } = await evaluateRecommender(
      model,
      csr([[0], [1], [2]]),
      period({ 0: [7], 1: [1_000_000], 2: [5] }),
      { ...options, k: 1 },
    );
    expect(calls).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    expect(evaluation.discovery.metrics['hit@1']).toBeCloseTo(2 / 3, 12);
    expect(evaluation.discovery.metrics['coverage@1']).toBeCloseTo(3 / items, 12);
  });

  it('counts ties against the model in both lanes', async () => {
    const { evaluation } = await evaluateRecommender(fixed([1, 1, 1, 1, 1]), train, heldOut, options);
    // Repeat: of five equal items the two or three relevant ones come last. Discovery: 3 first, then 2 or 4.
    expect(evaluation.repeat.metrics['recall@2']).toBe(0);
    expect(evaluation.discovery.metrics['mrr@2']).toBe(0.5);
  });

  it('gives per-user values of the metric asked for, in the order of the held-out users', async () => {
    const held = period({ 0: [4], 1: [2], 2: [1] });
    const { perUser } = await evaluateRecommender(popularity, train, held, { k: 3, metric: 'mrr', seed: 1 });
    // Without their histories, the lists are 2 3 4, 1 2 3 and 1 3 4.
    expect([...perUser.discovery]).toEqual([Math.fround(1 / 3), 0.5, 1]);
  });

  it('gives the optimised metric an interval around its mean, the same for the same seed', async () => {
    const judge = (seed: number) =>
      evaluateRecommender(popularity, train, period({ 0: [2], 1: [3], 2: [1] }), { ...options, seed });
    const [a, b, c] = [await judge(1), await judge(1), await judge(2)];
    expect(a).toEqual(b);
    const [low, high] = a.evaluation.discovery.interval!;
    expect(low).toBeLessThan(a.evaluation.discovery.metrics['ndcg@2']);
    expect(high).toBeGreaterThan(a.evaluation.discovery.metrics['ndcg@2']);
    expect(c.evaluation.discovery.metrics).toEqual(a.evaluation.discovery.metrics);
  });

  it('shows a lane without users as empty instead of as 0', async () => {
    const { evaluation } = await evaluateRecommender(popularity, train, period({ 2: [0, 2] }), options);
    expect(evaluation.discovery).toEqual({ metrics: {}, users: 0 });
    expect(() => objectiveValue(evaluation, { lane: 'discovery', metric: 'ndcg', k: 2 })).toThrow(
      expect.objectContaining({ code: 'SPLIT_EMPTY' }),
    );
    expect(objectiveValue(evaluation, { lane: 'repeat', metric: 'ndcg', k: 2 })).toBeCloseTo(firstOfTwo, 12);
  });

  it('refuses a judged period of nobody', async () => {
    await expect(evaluateRecommender(popularity, train, period({}), options)).rejects.toMatchObject({
      code: 'SPLIT_EMPTY',
    });
  });

  it.each([Number.NaN, Infinity, -Infinity])('refuses a score of %s', async (score) => {
    const broken = evaluateRecommender(fixed([1, 2, 3, score, 0]), train, heldOut, options);
    await expect(broken).rejects.toMatchObject({ code: 'TRAINING_DIVERGED', complaint: { value: String(score) } });
  });

  it('reports progress up to 1', async () => {
    const fractions: number[] = [];
    await evaluateRecommender(popularity, train, heldOut, {
      ...options,
      progress: (fraction) => fractions.push(fraction),
    });
    expect(fractions.at(-1)).toBe(1);
  });

  it.each(['als', 'item-knn'] as const)(
    'judges the lists that %s makes itself as it judges its scores',
    async (name) => {
      const train = shop(1, 80, 60);
      const model = await estimatorOf(name).fit(train, {}, { seed: 1, threads: 2 });
      onTestFinished(() => model.close());
      const later = shop(2, 80, 60);
      const judged = {
        ...later,
        rows: Int32Array.from(later.indptr.keys()).slice(0, 80),
        coldUsers: 0,
        coldItemEvents: 0,
      };
      const scoring = { items: model.items, score: model.score.bind(model) };
      for (const k of [1, 5, 100]) {
        const own = await evaluateRecommender(model, train, judged, { ...options, k });
        expect(own).toEqual(await evaluateRecommender(scoring, train, judged, { ...options, k }));
      }
    },
  );

  it('measures how rare the items in the lists are', async () => {
    const { evaluation } = await evaluateRecommender(popularity, train, heldOut, options);
    // Item 0 is in all three histories (0 bits), 1 and 2 in one (log2 3); of nobody's 3 and 4, one is taken for granted.
    expect(evaluation.repeat.metrics['novelty@2']).toBeCloseTo(Math.log2(3) / 2, 12);
    expect(evaluation.discovery.metrics['novelty@2']).toBeCloseTo(Math.log2(3), 12);
  });

  it('shows users by the length of their history and items by their popularity', async () => {
    const { slices } = await evaluateRecommender(popularity, train, heldOut, { ...options, smallSlice: 1 });
    expect(slices.repeat.users[0]).toMatchObject({ label: '1-4 items', users: 2 });
    expect(slices.repeat.users[0].value).toBeCloseTo(firstOfTwo, 12);
    expect(slices.repeat.users[1]).toEqual({ label: '5-19 items', users: 0, value: null });
    // Owners: 3, 1, 1, 0, 0. Both lists are 0, 1; to find are 0, 2, 4 and 0, 2.
    expect(slices.repeat.items).toEqual([
      { label: 'head', items: 1, relevant: 2, recall: 1, shown: 0.5 },
      { label: 'middle', items: 1, relevant: 0, recall: null, shown: 0.5 },
      { label: 'tail', items: 3, relevant: 3, recall: 0, shown: 0 },
    ]);
    expect(slices.discovery.items.map(({ relevant }) => relevant)).toEqual([0, 0, 2]);
    const hidden = await evaluateRecommender(popularity, train, heldOut, options);
    expect(hidden.slices.repeat.users[0]).toEqual({ label: '1-4 items', users: 2, value: null });
  });

  it('finds as much by popularity as in all', async () => {
    const train = shop(1, 80, 60);
    const later = shop(2, 80, 60);
    const judged = {
      ...later,
      rows: Int32Array.from(later.indptr.keys()).slice(0, 80),
      coldUsers: 0,
      coldItemEvents: 0,
    };
    // Few levels: many ties, within the lists and across their ends.
    const model = fixed(Array.from({ length: 60 }, (_, item) => item % 7));
    const { evaluation, slices } = await evaluateRecommender(model, train, judged, {
      k: 20,
      metric: 'recall',
      seed: 1,
    });
    for (const lane of ['discovery', 'repeat'] as const) {
      const hits = slices[lane].items.reduce((sum, band) => sum + (band.recall ?? 0) * band.relevant, 0);
      const { users, metrics } = evaluation[lane];
      expect(hits).toBeCloseTo(metrics['precision@20'] * 20 * users, 4);
      expect(slices[lane].users.reduce((sum, band) => sum + band.users, 0)).toBe(users);
    }
  });

  it('refuses the lists of a model with a score that is not finite, and says which', async () => {
    const scoring = fixed([1, 2, 3, Number.NaN, 0]);
    const lists = { width: 1, items: new Int32Array(2), scores: new Float32Array(2), lengths: new Int32Array(2), ties: new Int32Array(2) }; // prettier-ignore
    const rank = async () => ({
      all: lists,
      fresh: lists,
      finite: Int32Array.of(1, 0),
      askedScores: new Float32Array(5),
    });
    const broken = evaluateRecommender({ ...scoring, rank }, train, heldOut, options);
    await expect(broken).rejects.toMatchObject({ code: 'TRAINING_DIVERGED', complaint: { value: 'NaN' } });
  });
});
