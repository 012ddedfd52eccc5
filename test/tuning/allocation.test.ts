import { describe, expect, it } from 'vitest';
import type { SearchSpace } from '../../contracts/parameters.ts';
import { allocateTrials, poolTrials } from '../../tuning/allocation.ts';

const fixed: SearchSpace = {};
const searching: SearchSpace = { factors: { kind: 'integer', min: 16, max: 128, log: true } };

describe('allocateTrials', () => {
  it('tries once what searches nothing and shares the budget among the rest, the first ones getting the remainder', () => {
    expect(allocateTrials([searching, fixed, searching, searching], 11)).toEqual([4, 1, 4, 3]);
    expect(allocateTrials([fixed, searching], 20)).toEqual([1, 20]);
  });

  it('gives each candidate at least one trial', () => {
    expect(allocateTrials([searching, searching, fixed, searching], 2)).toEqual([1, 1, 1, 1]);
  });

  it('needs no candidate that searches', () => {
    expect(allocateTrials([fixed, fixed], 20)).toEqual([1, 1]);
  });
});

describe('poolTrials', () => {
  it('gives each candidate a pool of its own where they are searched apart', () => {
    expect(poolTrials([searching, fixed, searching], 5, 'even')).toEqual([
      { candidates: [0], share: 3 },
      { candidates: [1], share: 1 },
      { candidates: [2], share: 2 },
    ]);
  });

  it('has all that search draw the whole budget together, and tries the others once beside it', () => {
    expect(poolTrials([searching, fixed, searching], 5, 'joint')).toEqual([
      { candidates: [1], share: 1 },
      { candidates: [0, 2], share: 5 },
    ]);
  });

  it('has no joint pool where nothing is searched', () => {
    expect(poolTrials([fixed, fixed], 5, 'joint')).toEqual([
      { candidates: [0], share: 1 },
      { candidates: [1], share: 1 },
    ]);
  });
});
