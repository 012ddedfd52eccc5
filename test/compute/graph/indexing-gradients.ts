/** The programs that the derivatives of reading and writing by index are checked on. */
import type { Reduction } from '../../../compute/graph/operations/indexing.ts';
import type { GradientCase, NoGradient } from './gradient-cases.ts';
import type { Differentiable } from './gradient-check.ts';

/** Indices repeat; by default, the last of those that meet stays. */
const scatterElements = (reduction: Reduction): Differentiable => {
  return (g) => {
    const axis = g.integer(0, 2);
    const data = g.variable(['n', 2, 3].with(axis, 4));
    const shape = ['n', 2, 3].with(axis, 5);
    const index = g.index(g.pick(['int32', 'int64']), shape, 4);
    return g.scatterElements(data, index, g.variable(shape), { axis: g.spelled(axis, 3), reduction });
  };
};
const scatterND = (reduction: Reduction, count: number): Differentiable => {
  return (g) => {
    const data = g.variable([2, 3, 'n']);
    // Tuples [i, j] by their number 3 i + j; with eight, some of the six repeat.
    const numbers = Array.from({ length: count }, () => g.integer(0, 5));
    const tuples = numbers.flatMap((row) => [Math.floor(row / 3) - g.pick([0, 2]), (row % 3) - g.pick([0, 3])]);
    return g.scatterND(data, g.feed('int64', tuples, [2, count / 2, 2]), g.variable([2, count / 2, 'n']), reduction);
  };
};

export const indexingGradients = {
  Gather: {
    programs: {
      rows: (g) => g.gather(g.variable(['n', 3]), g.index(g.pick(['int32', 'int64']), ['m', 2], 'n')),
      'rows of numbers': (g) => g.gather(g.variable([4, 'k', 2]), g.index(g.pick(['int32', 'int64']), [7], 4), -3),
      elements: (g) => g.gather(g.variable(['n']), g.index('int64', ['m'], 'n')),
      'one row': (g) => g.gather(g.variable(['n', 2]), g.index('int32', [], 'n')),
      'another axis': (g) => g.gather(g.variable([2, 'n', 3]), g.index('int32', [2, 'm'], 'n'), g.pick([1, -2])),
      'the last axis': (g) => g.gather(g.variable(['n', 4]), g.index('int64', ['m'], 4), -1),
    },
  },
  GatherElements: {
    programs: {
      'any axis': (g) => {
        const axis = g.integer(0, 2);
        const index = g.index(g.pick(['int32', 'int64']), ['n', 2, 3].with(axis, 5), 4);
        return g.gatherElements(g.variable(['n', 2, 3].with(axis, 4)), index, g.spelled(axis, 3));
      },
    },
  },
  GatherND: {
    programs: {
      rows: (g) => g.gatherND(g.variable(['n', 3]), g.index('int64', ['m', 2, 1], 'n')),
      'rows of matrices': (g) => g.gatherND(g.variable(['n', 'n', 3]), g.index('int64', ['m', 2], 'n')),
      elements: (g) => g.gatherND(g.variable([3, 3, 3]), g.index('int64', ['m', 3], 3)),
    },
  },
  ScatterElements: { programs: { none: scatterElements('none'), add: scatterElements('add') } },
  ScatterND: { programs: { none: scatterND('none', 8), 'none, few': scatterND('none', 2), add: scatterND('add', 4) } },
  TopK: {
    programs: {
      'values by any axis': (g) => {
        const axis = g.integer(0, 1);
        const x = g.apart(['n', 3].with(axis, 5));
        const how = { axis: g.spelled(axis, 2), largest: g.pick([true, false]), size: 'k' };
        return g.topK(x, g.feed('int64', [g.sizeOf('k')]), how).values;
      },
    },
  },
  NonZero: { none: 'gives places' },
} satisfies Record<string, GradientCase | NoGradient>;
