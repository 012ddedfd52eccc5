import { describe, expect, it } from 'vitest';
import { Random } from '../../contracts/random.ts';
import { RankingMetrics, rankingMetrics, TopRanking, type RankingMetric } from '../../evaluation/ranking.ts';

function rank(scores: number[], relevant: number[], k: number): { ranks: number[]; items: number[] } {
  const ranking = new TopRanking(k);
  ranking.rank(Float32Array.from(scores), Int32Array.from(relevant), relevant.length);
  return {
    ranks: [...ranking.ranks.subarray(0, ranking.hits)],
    items: [...ranking.items.subarray(0, ranking.length)],
  };
}

function measure(ranks: number[], relevantCount: number, k: number): Record<RankingMetric, number> {
  const out = new Float64Array(rankingMetrics.length);
  new RankingMetrics(k).of(Int32Array.from(ranks), ranks.length, relevantCount, out);
  return Object.fromEntries(rankingMetrics.map((name, m) => [name, out[m]])) as Record<RankingMetric, number>;
}

describe('TopRanking', () => {
  it('finds the ranks of the relevant items among the k best', () => {
    const { ranks, items } = rank([0.1, 0.9, 0.5, 0.7, 0.3], [0, 2, 3], 3);
    expect(items).toEqual([1, 3, 2]);
    expect(ranks).toEqual([1, 2]);
  });

  it('puts the relevant items last within a group of equal scores inside the list', () => {
    // Group of three at the top, one of them relevant: rank 2, however early its index is.
    expect(rank([5, 5, 5, 1, 0], [0], 4).ranks).toEqual([2]);
  });

  it('counts the whole group that straddles rank k', () => {
    // Four equal items, two of them relevant: ranks 2 and 3, of which a list of three holds the first.
    expect(rank([1, 1, 1, 1], [0, 1], 3).ranks).toEqual([2]);
    expect(rank([1, 1, 1, 1], [0, 1], 2).ranks).toEqual([]);
    expect(rank([9, 1, 1, 1, 0], [0, 1], 3).ranks).toEqual([0]);
  });

  it('finds nothing for a model that scores everything alike', () => {
    const scores = Array.from({ length: 1000 }, () => 0);
    expect(rank(scores, [0, 1, 2, 3], 10).ranks).toEqual([]);
  });

  it('gives the served list equal scores in the order of the catalogue', () => {
    expect(rank([1, 2, 1, 2, 1, 2, 1], [], 5).items).toEqual([1, 3, 5, 0, 2]);
  });

  it('takes −∞ for no candidate, so that a list can be shorter than k', () => {
    const { ranks, items } = rank([-Infinity, -3, -Infinity, -1], [1, 2], 10);
    expect(items).toEqual([3, 1]);
    expect(ranks).toEqual([1]);
  });

  it('keeps nothing of the user before', () => {
    const ranking = new TopRanking(2);
    ranking.rank(Float32Array.of(3, 2, 1), Int32Array.of(0, 1), 2);
    expect(ranking.hits).toBe(2);
    ranking.rank(Float32Array.of(-Infinity, -Infinity, 1), Int32Array.of(0), 1);
    expect([ranking.hits, ranking.length]).toEqual([0, 1]);
  });

  it('agrees with sorting the whole row, ties and missing candidates included', () => {
    const random = new Random(2024);
    for (let round = 0; round < 3000; round++) {
      const items = 1 + random.integer(40);
      const levels = 1 + random.integer(12);
      const k = 1 + random.integer(items + 3);
      const scores = Array.from({ length: items }, () =>
        random.uniform() < 0.15 ? -Infinity : random.integer(levels) - 5,
      );
      const relevant = scores.flatMap((_, item) => (random.uniform() < 0.3 ? [item] : []));
      const candidates = scores.flatMap((score, item) => (score > -Infinity ? [item] : []));
      const served = candidates.toSorted((a, b) => scores[b] - scores[a] || a - b).slice(0, k);
      const judged = candidates.toSorted(
        (a, b) => scores[b] - scores[a] || Number(relevant.includes(a)) - Number(relevant.includes(b)),
      );
      const ranks = judged.slice(0, k).flatMap((item, place) => (relevant.includes(item) ? [place] : []));
      expect({ round, ...rank(scores, relevant, k) }).toEqual({ round, ranks, items: served });
    }
  });

  it('says how much of each relevant item it holds, shared among equal ones at its end', () => {
    const shares = (scores: number[], relevant: number[], k: number) => {
      const ranking = new TopRanking(k);
      ranking.rank(Float32Array.from(scores), Int32Array.from(relevant), relevant.length);
      const out = new Float32Array(relevant.length);
      ranking.found(
        Float32Array.from(relevant, (item) => scores[item]),
        relevant.length,
        out,
      );
      return [...out];
    };
    expect(shares([5, 4, 3, 2], [0, 2, 3], 2)).toEqual([1, 0, 0]);
    // Four equal items, two of them relevant: of the ranks 2 and 3 a list of three holds one.
    expect(shares([1, 1, 1, 1], [0, 1], 3)).toEqual([0.5, 0.5]);
    expect(shares([9, 1, 1, 1, 0], [0, 1], 3)).toEqual([1, 0]);
    expect(shares([-Infinity, -3, -Infinity, -1], [1, 2], 10)).toEqual([1, 0]);
  });

  it.each([0, -1, 2.5])('refuses a list of length %s', (k) => {
    expect(() => new TopRanking(k)).toThrow(RangeError);
  });
});

describe('RankingMetrics', () => {
  it('measures a list with hits at the second and fourth of five places as by hand', () => {
    const measured = measure([1, 3], 3, 5);
    // DCG = 1/log2(3) + 1/log2(5) = 0.630930 + 0.430677; ideal = 1 + 0.630930 + 0.5.
    expect(measured.ndcg).toBeCloseTo(1.061606 / 2.13093, 5);
    expect(measured.recall).toBeCloseTo(2 / 3, 12);
    expect(measured.precision).toBeCloseTo(2 / 5, 12);
    // (1/2 + 2/4) / min(5, 3)
    expect(measured.map).toBeCloseTo(1 / 3, 12);
    expect(measured.mrr).toBe(0.5);
    expect(measured.hit).toBe(1);
  });

  it('gives 1 for a list that could not be better, also with more relevant items than places', () => {
    const measured = measure([0, 1, 2], 30, 3);
    expect(measured).toMatchObject({ ndcg: 1, precision: 1, map: 1, mrr: 1, hit: 1 });
    expect(measured.recall).toBeCloseTo(0.1, 12);
    expect(measure([0], 1, 10)).toMatchObject({ ndcg: 1, recall: 1, precision: 0.1, map: 1 });
  });

  it('gives 0 without a hit', () => {
    expect(measure([], 4, 10)).toEqual({ ndcg: 0, recall: 0, precision: 0, map: 0, mrr: 0, hit: 0 });
  });
});
