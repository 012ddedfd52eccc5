import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { coverage, discountedGain, gradedNdcg, novelty, selfInformation } from '../../evaluation/graded-ranking.ts';
import { RankingMetrics, TopRanking } from '../../evaluation/ranking.ts';
import { codes, expectClose, floats, known } from './known.ts';

interface RankingCase {
  gains: number[];
  scores: number[];
  k: number | null;
  dcg: number;
  ndcg: number;
  pessimistic: number;
}

describe.each(known<RankingCase[]>('rankings'))('graded relevance, case %$', (given) => {
  const [gains, scores, k] = [floats(given.gains)!, floats(given.scores)!, given.k ?? undefined];

  it('has the DCG and nDCG of scikit-learn where ties are averaged', () => {
    expectClose(discountedGain(gains, scores, { k, ties: 'average' }), given.dcg);
    expectClose(gradedNdcg(gains, scores, { k, ties: 'average' }), given.ndcg);
  });

  it('has the least gain first where ties count against the model', () => {
    expectClose(gradedNdcg(gains, scores, { k }), given.pessimistic);
    expect(gradedNdcg(gains, scores, { k })).toBeLessThanOrEqual(given.ndcg + 1e-12);
  });
});

describe('gradedNdcg', () => {
  it('is that of recommenders where relevance is binary', () => {
    const random = new Random(9);
    const metrics = new RankingMetrics(5);
    const out = new Float64Array(6);
    for (let round = 0; round < 300; round++) {
      const n = 5 + random.integer(20);
      const scores = Float32Array.from({ length: n }, () => random.integer(6));
      const relevant = Int32Array.from(scores.keys()).filter(() => random.uniform() < 0.3);
      if (relevant.length === 0) continue;
      const ranking = new TopRanking(5);
      ranking.rank(scores, relevant, relevant.length);
      metrics.of(ranking.ranks, ranking.hits, relevant.length, out);
      const gains = Float64Array.from(scores, (_, item) => (relevant.includes(item) ? 1 : 0));
      expectClose(gradedNdcg(gains, scores, { k: 5 }), out[0]);
    }
  });

  it('refuses a gain below 0 and one that is no number', () => {
    expect(() => gradedNdcg(Float64Array.of(1, -1), Float64Array.of(1, 2))).toThrow(RangeError);
    expect(() => gradedNdcg(Float64Array.of(1, Number.NaN), Float64Array.of(1, 2))).toThrow(RangeError);
  });
});

describe('what lists show', () => {
  const lists = [codes([0, 1]), codes([1, 3]), codes([])];

  it('covers the share of the catalogue that is in any', () => {
    expect(coverage(lists, 4)).toBe(0.75);
  });

  it('is as new as its items are rare', () => {
    // Of 8 users all have item 0, half have item 1, one has item 2, and nobody has item 3.
    const information = selfInformation(codes([8, 4, 1, 0]), 8);
    expect([...information]).toEqual([0, 1, 3, 3]);
    expect(novelty(lists, information)).toBe((0.5 + 2) / 2);
    expect(novelty([codes([])], information)).toBeNull();
  });
});
