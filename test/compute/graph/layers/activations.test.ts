import { describe, expect, it } from 'vitest';
import { gelu } from '../../../../compute/graph/layers/activations.ts';
import { checkGradients } from '../gradient-check.ts';
import { FedGraph, plain } from '../running.ts';

/** x Φ(x), from tables of the normal distribution. */
const table = [
  [-4, -4 * 3.16712e-5],
  [-1, -0.15865525],
  [0, 0],
  [0.5, 0.5 * 0.69146246],
  [1, 0.84134475],
  [3, 3 * 0.9986501],
  [1e4, 1e4],
  [-1e4, 0],
];

describe('gelu', () => {
  it.each([
    ['erf', 2e-6],
    ['tanh', 5e-4],
  ] as const)('is x Φ(x) in the form %s, and finite far out', async (form, tolerance) => {
    const g = new FedGraph();
    const x = g.feed(
      'float32',
      table.map(([value]) => value),
    );
    const { y } = await g.run({ y: gelu(g, x, form) });
    for (const [i, [, expected]] of table.entries()) {
      expect(Math.abs(Number(plain(y)[i]) - expected)).toBeLessThan(tolerance);
    }
  });

  it('in the form tanh is what its formula says', async () => {
    const values = [-3, -1.5, -0.1, 0.7, 2];
    const g = new FedGraph();
    const { y } = await g.run({ y: gelu(g, g.feed('float32', values), 'tanh') });
    for (const [i, x] of values.entries()) {
      const expected = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
      expect(plain(y)[i]).toBeCloseTo(expected, 6);
    }
  });

  it.each(['erf', 'tanh'] as const)('has the gradient that its difference quotients say: %s', async (form) => {
    await checkGradients((g) => gelu(g, g.variable(['n', 5], [-3, 3]), form), 'float32', 1);
  });
});
