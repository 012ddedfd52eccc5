import { expect, it } from 'vitest';
import type { AlgorithmName } from '../../contracts/algorithms.ts';
import { withBaselines } from '../../contracts/baselines.ts';

const names = (algorithms: AlgorithmName[], lane: 'discovery' | 'repeat') =>
  withBaselines(
    algorithms.map((algorithm) => ({ algorithm })),
    lane,
  ).map(({ algorithm }) => algorithm);

it('popularity is a candidate of every recommender, and personal frequency where repeats count', () => {
  expect(names(['als', 'ease'], 'discovery')).toEqual(['popularity', 'als', 'ease']);
  expect(names(['als', 'ease'], 'repeat')).toEqual(['popularity', 'personal-frequency', 'als', 'ease']);
});

it('a baseline that is a candidate already stays where it is, with its parameters', () => {
  const own = { algorithm: 'personal-frequency' as const, parameters: { popularity: 'events' } };
  const als = { algorithm: 'als' as const, parameters: {} };
  expect(withBaselines([als, own], 'repeat')).toEqual([{ algorithm: 'popularity' }, als, own]);
  expect(names(['popularity', 'als'], 'discovery')).toEqual(['popularity', 'als']);
});
