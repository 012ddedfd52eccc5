import { describe, expect, it } from 'vitest';
import { broadcastShapes, product, quotient, sum } from '../../../compute/graph/dimensions.ts';

describe('dimensions', () => {
  it('have one spelling however they are made', () => {
    expect(sum('history', 1)).toBe('history+1');
    expect(sum(1, 'history')).toBe('history+1');
    expect(product([200, sum('history', 1)])).toBe('200*history+200');
    expect(product([sum('history', 1), 200])).toBe('200*history+200');
    expect(product(['b', 'a'])).toBe(product(['a', 'b']));
    expect(sum('n', 'n')).toBe('2*n');
    expect(product([sum('a', 1), sum('a', 1)])).toBe('2*a+a*a+1');
    expect(product([0, 'n'])).toBe(0);
    expect(product([])).toBe(1);
    expect(sum(2, 3)).toBe(5);
  });

  it('divide where the result is a dimension', () => {
    expect(quotient(product(['batch', 'history', 200]), 'batch')).toBe(product(['history', 200]));
    expect(quotient('200*history+200', 200)).toBe('history+1');
    expect(quotient('history+1', 'history+1')).toBe(1);
    expect(quotient(12, 5)).toBeUndefined();
    expect(quotient('batch', 'history')).toBeUndefined();
    expect(quotient('history', 2)).toBeUndefined();
    expect(quotient(12, 0)).toBeUndefined();
  });

  it('broadcast as in NumPy, and a symbol only with itself, with 1 and with its own "or 1"', () => {
    expect(broadcastShapes([['batch', 1, 4], [3, 1], []])).toEqual(['batch', 3, 4]);
    expect(
      broadcastShapes([
        ['batch|1', 5],
        ['batch', 5],
      ]),
    ).toEqual(['batch', 5]);
    expect(
      broadcastShapes([
        ['batch|1', 5],
        [1, 5],
      ]),
    ).toEqual(['batch|1', 5]);
    expect(broadcastShapes([['batch|1'], ['history']])).toBeUndefined();
    expect(broadcastShapes([['batch'], ['history']])).toBeUndefined();
    expect(broadcastShapes([['batch'], [7]])).toBeUndefined();
    expect(broadcastShapes([[2], [3]])).toBeUndefined();
  });
});
