import { expect, test } from 'vitest';
import { CandidateMask } from '../../serving/candidate-mask.ts';

const masks = new CandidateMask(6);
const seen = (candidates: number[] | undefined, ...forbidden: number[][]) =>
  masks.with(candidates, forbidden, async (mask, allowed) => ({ mask: [...mask].join(''), allowed }));

test('starts from the whole catalogue or from the candidates, without what is forbidden', async () => {
  expect(await seen(undefined)).toEqual({ mask: '111111', allowed: 6 });
  expect(await seen(undefined, [1, 2], [5])).toEqual({ mask: '100110', allowed: 3 });
  expect(await seen([0, 3, 4])).toEqual({ mask: '100110', allowed: 3 });
  expect(await seen([0, 3, 4], [3, 5])).toEqual({ mask: '100010', allowed: 2 });
});

test('counts an item that is named twice once', async () => {
  expect(await seen(undefined, [1, 1], [1])).toEqual({ mask: '101111', allowed: 5 });
  expect(await seen([2, 2, 3], [3], [3])).toEqual({ mask: '001000', allowed: 1 });
});

test('leaves nothing behind, after a failure either', async () => {
  const failing = masks.with([1], [[2]], async () => {
    throw new Error('run failed');
  });
  await expect(failing).rejects.toThrow('run failed');
  await expect(masks.with(undefined, [[2]], () => Promise.reject(new Error('again')))).rejects.toThrow('again');
  expect(await seen(undefined)).toEqual({ mask: '111111', allowed: 6 });
  expect(await seen([])).toEqual({ mask: '000000', allowed: 0 });
});
