import { describe, expect, it } from 'vitest';
import { logOnePlus } from '../../../../compute/graph/layers/logarithm.ts';
import { Random } from '../../../../contracts/random.ts';
import { FedGraph, plain } from '../running.ts';

async function logarithms(values: readonly number[]): Promise<number[]> {
  const g = new FedGraph();
  const { y } = await g.run({ y: logOnePlus(g, g.feed('float64', values, ['n'], [values.length])) });
  return plain(y).map(Number);
}

const random = new Random(1);
/** Of all sizes, from where 1 + x is 1 to the largest float32, and around 1 and powers of two. */
const values = [
  0,
  2 ** 128 - 2 ** 104,
  ...Array.from({ length: 2000 }, () => Math.exp(88 * (2 * random.uniform() - 1))),
  ...Array.from({ length: 60 }, (_, k) => 2 ** k - 1 + (k % 3) * 1e-9),
];

describe('ln(1 + x) for x of at least 0', () => {
  it('is to a few units of the last place that of JavaScript', async () => {
    for (const [i, got] of (await logarithms(values)).entries()) {
      const expected = Math.log1p(values[i]);
      expect(Math.abs(got - expected)).toBeLessThanOrEqual(4 * Number.EPSILON * expected);
    }
  });

  it('has the same bits wherever a number stands', async () => {
    const few = values.slice(0, 203);
    const among = await logarithms(few);
    const later = await logarithms(few.slice(1));
    expect(later).toEqual(among.slice(1));
    for (const i of [0, 1, 2, 57, 202]) expect(await logarithms([few[i]])).toEqual([among[i]]);
  });

  it('of NaN is NaN', async () => {
    expect(await logarithms([Number.NaN, 0])).toEqual([Number.NaN, 0]);
  });
});
