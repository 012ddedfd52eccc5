/** Logarithm: sign(x) · ln(1 + |x|), for numbers of many sizes. */
import { logOnePlus } from '../../compute/graph/layers/logarithm.ts';
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import type { NumberStep } from './transformer.ts';

/** Missing numbers stay missing. */
export const log: NumberStep<ColumnStepParameters<'log'>, Record<never, never>> = {
  from: 'numbers',
  fit: ({ names }) => ({ names, state: {}, report: {} }),
  lower(g, _, x) {
    const size = logOnePlus(g, g.cast(g.abs(x), 'float64'));
    return g.mul(g.cast(size, 'float32'), g.sign(x));
  },
};
