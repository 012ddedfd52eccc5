import { expect, it } from 'vitest';
import { isBefore, resolveCutOff, resolveCutOffs } from '../../contracts/cut-offs.ts';
import { pipelineSpecSchema } from '../../contracts/spec.ts';

it('the last 31 days of a year begin on the first of December', () => {
  expect(resolveCutOff('-31d', '2017-12-31')).toBe('2017-12-01');
  expect(resolveCutOff('-1d', '2017-12-31')).toBe('2017-12-31');
});

it('a date stays where it is', () => {
  expect(resolveCutOff('2017-12-01', '2020-01-01')).toBe('2017-12-01');
});

it('days count over the end of February', () => {
  const split = { validationFrom: '-2d', testFrom: '-1d' };
  expect(resolveCutOffs(split, '2024-03-01')).toEqual({ validationFrom: '2024-02-29', testFrom: '2024-03-01' });
});

it('order is known where both are of one kind, and left to the data where not', () => {
  expect(isBefore('2017-11-01', '2017-12-01')).toBe(true);
  expect(isBefore('-62d', '-31d')).toBe(true);
  expect(isBefore('-31d', '-62d')).toBe(false);
  expect(isBefore('2017-11-01', '-31d')).toBeUndefined();
});

it('a spec takes both kinds and refuses what is neither, or in the wrong order', () => {
  const split = (validationFrom: string, testFrom: string) =>
    pipelineSpecSchema.shape.split.safeParse({ validationFrom, testFrom }).success;
  expect(split('-62d', '-31d')).toBe(true);
  expect(split('2017-11-01', '2017-12-01')).toBe(true);
  for (const bad of ['-0d', '31d', '-31', '2017-13-01', '-31w']) expect(split('2017-01-01', bad), bad).toBe(false);
  expect(split('-31d', '-62d')).toBe(false);
});
