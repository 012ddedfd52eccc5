import { describe, expect, it } from 'vitest';
import type { SearchedCandidate, StudySubject } from '../../contracts/study.ts';
import { searchedCandidates, settleTrial } from '../../tuning/candidates.ts';

const subject = {
  kind: 'recommender',
  candidates: [
    { algorithm: 'popularity' },
    {
      algorithm: 'als',
      parameters: { factors: 16 },
      search: { alpha: { min: 2, max: 5 }, iterations: { min: 5, max: 30 }, weighting: ['log', 'count'] },
    },
  ],
} as unknown as StudySubject;
const candidates = searchedCandidates(subject);

describe('searchedCandidates', () => {
  it('gives each its defaults and fixed parameters, and the space of the rest', () => {
    expect(candidates[0]).toMatchObject({ algorithm: 'popularity', space: {} });
    expect(candidates[1].parameters).toMatchObject({ factors: 16, conjugateGradientSteps: 3 });
    expect(Object.keys(candidates[1].space).toSorted()).toEqual(['alpha', 'iterations', 'weighting']);
  });

  it('searches the preparation of a table and its algorithm together', () => {
    const table = {
      kind: 'table',
      candidates: [{ algorithm: 'mlp', search: { hidden: { min: 8, max: 64 } } }, { algorithm: 'logistic-regression' }],
      preparation: { columns: [{ columns: '*', steps: ['impute', { oneOf: ['none', 'scale'] }] }], select: [] },
    } as unknown as StudySubject;
    const [mlp, logistic] = searchedCandidates(table);
    expect(Object.keys(mlp.space)).toEqual(['columns1.2', 'hidden']);
    expect(Object.keys(logistic.space)).toEqual(['columns1.2']);
    expect(mlp.parameters).toMatchObject({ layers: 1 });
  });
});

describe('a trial that somebody asks for', () => {
  it('takes defaults for what is left out, by number or by name', () => {
    const settled = {
      candidate: 1,
      algorithm: 'als',
      parameters: expect.objectContaining({ factors: 16, alpha: 3, iterations: 15, weighting: 'count' }) as unknown,
    };
    expect(settleTrial(candidates, { candidate: 'als', parameters: { alpha: 3 } })).toEqual(settled);
    expect(settleTrial(candidates, { candidate: 1, parameters: { alpha: 3 } })).toEqual(settled);
  });

  const refusal = (of: readonly SearchedCandidate[], candidate: number | string, parameters: object): string => {
    try {
      settleTrial(of, { candidate, parameters: parameters as never });
    } catch (error) {
      return `[${(error as { code: string }).code}] ${(error as Error).message}`;
    }
    return 'taken';
  };

  it.each([
    [
      'outside its range',
      { alpha: 9 },
      '[PARAMETER_INVALID] The parameter "alpha" of als must be a number in [2, 5], the range that the study searches. Got 9. Give a value within it.',
    ],
    [
      'with a default outside its range',
      {},
      '[PARAMETER_INVALID] The parameter "alpha" of als must be a number in [2, 5], the range that the study searches. Got 1, its default. Give one; the default is taken only where it is within the range.',
    ],
    [
      'that is fixed',
      { alpha: 3, factors: 32 },
      '[PARAMETER_INVALID] The parameter "factors" of als must be one that the study searches: alpha, iterations, weighting. Leave it out; what is fixed stays as it is.',
    ],
    [
      'misspelt',
      { alhpa: 3 },
      '[PARAMETER_INVALID] The parameter "alhpa" of als must be one that the study searches: alpha, iterations, weighting. Did you mean "alpha"?',
    ],
    [
      'of a list',
      { alpha: 3, weighting: 'binary' },
      '[PARAMETER_INVALID] The parameter "weighting" of als must be one of "log", "count", the range that the study searches. Got "binary". Give a value within it.',
    ],
  ])('is refused with a parameter %s', (_, parameters, message) => {
    expect(refusal(candidates, 'als', parameters)).toBe(message);
  });

  it('is refused of a candidate that is not there, is there twice, or searches nothing', () => {
    expect(refusal(candidates, 'item-knn', {})).toContain('There are 0 (popularity), 1 (als).');
    expect(refusal(candidates, 5, {})).toContain('Got 5.');
    expect(refusal([candidates[1], candidates[1]], 'als', { alpha: 3 })).toContain('There are 0 (als), 1 (als).');
    expect(refusal(candidates, 'popularity', {})).toContain('The candidate popularity must search something.');
  });

  it('is refused with a parameter whose condition does not hold', () => {
    const [conditional] = [
      {
        algorithm: 'mlp' as const,
        parameters: {},
        space: {
          step: { kind: 'choice' as const, choices: ['scale', 'none'] },
          method: {
            kind: 'choice' as const,
            choices: ['robust'],
            when: { dimension: 'step', in: ['scale'] },
          },
        },
      },
    ];
    expect(refusal([conditional], 0, { step: 'none', method: 'robust' })).toContain(
      'must be given only where "step" is "scale". Got "none".',
    );
    expect(refusal([conditional], 0, { step: 'scale', method: 'robust' })).toBe('taken');
    expect(refusal([conditional], 0, { step: 'scale' })).toContain('Got nothing.');
  });
});
