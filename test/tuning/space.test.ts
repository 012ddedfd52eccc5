import { describe, expect, it } from 'vitest';
import { allocateTrials } from '../../tuning/allocation.ts';
import { spaceOf } from '../../tuning/space.ts';

describe('spaceOf', () => {
  it('takes the ranges of the spec and the scale of the algorithm’s table', () => {
    expect(
      spaceOf({
        algorithm: 'als',
        search: {
          factors: { min: 16, max: 128 },
          iterations: { min: 5, max: 30 },
          alpha: { min: 0.1, max: 10, log: false },
        },
      }),
    ).toEqual({
      factors: { kind: 'integer', min: 16, max: 128, log: true },
      alpha: { kind: 'number', min: 0.1, max: 10, log: false },
      iterations: { kind: 'integer', min: 5, max: 30, log: false },
    });
  });

  it('searches a range from 0 linearly, though the table would have it logarithmic', () => {
    expect(spaceOf({ algorithm: 'item-knn', search: { k1: { min: 0, max: 2 } } })).toEqual({
      k1: { kind: 'number', min: 0, max: 2, log: false },
    });
  });

  it('does not depend on the order of the spec’s lines', () => {
    const a = spaceOf({ algorithm: 'item-knn', search: { b: { min: 0, max: 1 }, similarity: ['bm25', 'cosine'] } });
    const b = spaceOf({ algorithm: 'item-knn', search: { similarity: ['bm25', 'cosine'], b: { min: 0, max: 1 } } });
    expect(Object.keys(a)).toEqual(['similarity', 'b']);
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
  });

  it('holds each choice once', () => {
    expect(spaceOf({ algorithm: 'als', search: { weighting: ['log', 'count', 'log'] } })).toEqual({
      weighting: { kind: 'choice', choices: ['log', 'count'] },
    });
  });

  it('is empty for a candidate that searches nothing', () => {
    expect(spaceOf({ algorithm: 'popularity' })).toEqual({});
    expect(spaceOf({ algorithm: 'als', parameters: { factors: 32 }, search: {} })).toEqual({});
  });
});

describe('allocateTrials', () => {
  const fixed = { algorithm: 'popularity' } as const;
  const searching = { algorithm: 'als', search: { factors: { min: 16, max: 128 } } } as const;

  it('tries once what searches nothing and shares the budget among the rest, the first ones getting the remainder', () => {
    expect(allocateTrials([searching, fixed, searching, searching], 11)).toEqual([4, 1, 4, 3]);
    expect(allocateTrials([fixed, searching], 20)).toEqual([1, 20]);
  });

  it('gives each candidate at least one trial', () => {
    expect(allocateTrials([searching, searching, fixed, searching], 2)).toEqual([1, 1, 1, 1]);
  });

  it('needs no candidate that searches', () => {
    expect(allocateTrials([fixed, { algorithm: 'als', search: {} }], 20)).toEqual([1, 1]);
  });
});
