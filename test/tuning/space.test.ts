import { describe, expect, it } from 'vitest';
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
