import { describe, expect, it } from 'vitest';
import type { SearchSpace } from '../../contracts/parameters.ts';
import { candidateNames, fromJoint, jointSpace, toJoint } from '../../tuning/joint-space.ts';
import { activeDimensions, fits, searchedOf } from '../../tuning/space-values.ts';

const knn: SearchSpace = { neighbours: { kind: 'integer', min: 5, max: 50, log: false } };
const table: SearchSpace = {
  'numbers.2': { kind: 'choice', choices: ['scale', 'none'] },
  'numbers.2.scale.method': {
    kind: 'choice',
    choices: ['standard', 'robust'],
    when: { dimension: 'numbers.2', in: ['scale'] },
  },
  l2: { kind: 'number', min: 0.001, max: 1, log: true },
};
const candidates = [
  { name: 'item-knn', space: knn },
  { name: 'mlp', space: table },
];

describe('jointSpace', () => {
  const joint = jointSpace(candidates);

  it('has the candidate as its first dimension, and what each searches only where it is the one', () => {
    expect(joint).toEqual({
      candidate: { kind: 'choice', choices: ['item-knn', 'mlp'] },
      'item-knn.neighbours': {
        kind: 'integer',
        min: 5,
        max: 50,
        log: false,
        when: { dimension: 'candidate', in: ['item-knn'] },
      },
      'mlp.numbers.2': { kind: 'choice', choices: ['scale', 'none'], when: { dimension: 'candidate', in: ['mlp'] } },
      'mlp.numbers.2.scale.method': {
        kind: 'choice',
        choices: ['standard', 'robust'],
        when: { dimension: 'mlp.numbers.2', in: ['scale'] },
      },
      'mlp.l2': { kind: 'number', min: 0.001, max: 1, log: true, when: { dimension: 'candidate', in: ['mlp'] } },
    });
  });

  it('has each condition on a dimension that comes earlier', () => {
    const names = Object.keys(joint);
    for (const [i, { when }] of Object.values(joint).entries()) {
      if (when) expect(names.slice(0, i)).toContain(when.dimension);
    }
  });

  it('is left and entered without loss', () => {
    const searched = { 'numbers.2': 'scale', 'numbers.2.scale.method': 'robust', l2: 0.1 };
    const point = toJoint(candidates, 1, searched);
    expect(Object.keys(point)[0]).toBe('candidate');
    expect(fits(joint, point)).toBe(true);
    expect(fromJoint(candidates, point)).toEqual({ place: 1, searched });
    expect(() => fromJoint(candidates, { candidate: 'als' })).toThrow(RangeError);
  });

  it('names the second candidate of an algorithm apart', () => {
    expect(candidateNames([{ algorithm: 'als' }, { algorithm: 'item-knn' }, { algorithm: 'als' }])).toEqual([
      'als',
      'item-knn',
      'als#2',
    ]);
    const twice = [
      { name: 'als', space: knn },
      { name: 'als#2', space: knn },
    ];
    expect(fromJoint(twice, toJoint(twice, 1, { neighbours: 7 }))).toEqual({ place: 1, searched: { neighbours: 7 } });
  });
});

describe('what of a trial its space searched', () => {
  it('leaves out fixed parameters, and dimensions whose condition does not hold', () => {
    const complete = { epochs: 30, l2: 0.5, 'numbers.2': 'none', 'numbers.2.scale.method': 'robust' };
    expect(activeDimensions(table, complete)).toEqual(['numbers.2', 'l2']);
    expect(searchedOf(table, complete)).toEqual({ 'numbers.2': 'none', l2: 0.5 });
  });

  it('leaves out what depends on a dimension that is itself left out', () => {
    const nested: SearchSpace = {
      ...table,
      third: { kind: 'choice', choices: ['a'], when: { dimension: 'numbers.2.scale.method', in: ['robust'] } },
    };
    expect(activeDimensions(nested, { 'numbers.2': 'none', 'numbers.2.scale.method': 'robust' })).not.toContain(
      'third',
    );
  });

  it.each([
    ['below a range', { 'numbers.2': 'none', l2: 0.0001 }, false],
    ['an unknown choice', { 'numbers.2': 'log', l2: 0.1 }, false],
    ['a missing dimension', { 'numbers.2': 'scale', l2: 0.1 }, false],
    ['all within', { 'numbers.2': 'none', l2: 1 }, true],
  ])('fits: %s', (_, parameters, expected) => {
    expect(fits(table, parameters as never)).toBe(expected);
  });

  it('takes no fraction for an integer', () => {
    expect(fits(knn, { neighbours: 7.5 })).toBe(false);
  });
});
