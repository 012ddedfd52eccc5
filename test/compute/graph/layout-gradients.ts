/** The programs that the derivatives of operations on the layout are checked on. */
import { sum } from '../../../compute/graph/dimensions.ts';
import type { GradientCase, NoGradient } from './gradient-cases.ts';
import type { Differentiable } from './gradient-check.ts';

export const layoutGradients = {
  Reshape: {
    programs: {
      'free sizes': (g) => g.exp(g.reshape(g.variable(['n', 2, 'm']), ['m', -1])),
      numbers: (g) => g.exp(g.reshape(g.variable([2, 6]), [3, -1])),
      'a scalar': (g) => g.exp(g.reshape(g.variable([1, 1]), [])),
    },
  },
  Expand: {
    programs: {
      rows: (g) => {
        const n = g.fed('float64', ['n'], () => 0).shape[0];
        return g.expand(g.variable([3]), [n, 2, 3]);
      },
      'a scalar': (g) => g.expand(g.variable([]), g.sizes(2)),
      'sizes of one': (g) => {
        const n = g.fed('float64', ['n'], () => 0).shape[0];
        return g.expand(g.variable([2, 1, 3, 1]), [2, n, 3, 4]);
      },
    },
  },
  ConstantOfShape: { none: 'takes sizes' },
  Shape: { none: 'gives sizes' },
  Transpose: {
    programs: {
      'any order': (g) => {
        const order = g.permuted(3).map((axis) => g.spelled(axis, 3));
        return g.transpose(g.variable(['n', 2, 'm']), order);
      },
      reversed: (g) => g.transpose(g.variable(['n', ...g.sizes(2)])),
    },
  },
  Squeeze: { programs: { 'some axes': (g) => g.squeeze(g.variable([1, 'n', 1, 2]), g.pick([[0], [-2], [2, 0]])) } },
  Unsqueeze: { programs: { 'some axes': (g) => g.unsqueeze(g.variable(['n', 2]), g.pick([[0], [-1], [3, 0]])) } },
  Concat: {
    programs: {
      'free sizes': (g) => g.concat([g.variable(['n', 2]), g.variable(['m', 2]), g.variable([1, 2])], 0),
      'numbers, from the end': (g) => g.concat([g.variable(['n', 2]), g.variable(['n', 1])], -1),
      'one part of it': (g) => {
        const parts = [['n', 2], ['m', 2], [3, 2]].map((shape) => g.fed(g.type, shape, () => 1)); // prettier-ignore
        return g.concat(parts.with(g.integer(0, 2), g.variable(['k', 2])), -2);
      },
      'one of numbers': (g) => {
        const parts = [1, 2, 3].map((size) => g.fed(g.type, ['n', size], () => 1));
        return g.concat(parts.with(g.integer(0, 2), g.variable(['n', 2])), 1);
      },
      'one tensor twice': (g) => {
        const x = g.variable(['n', 2]);
        return g.concat([x, x], 0);
      },
    },
  },
  Split: {
    programs: {
      'all pieces': (g) => {
        const x = g.concat([g.variable(['n', 3]), g.variable(['m', 3])], 0);
        const [a, b] = g.split(g.exp(x), g.pick([0, -2]), ['m', 'n']);
        return g.add(g.sum(a, [0]), g.sum(g.mul(b, b), [0]));
      },
      'one piece': (g) => g.split(g.variable(['n', 6]), -1, [1, 2, 3])[g.integer(0, 2)],
      'some of free sizes': (g) => {
        const x = g.concat([g.variable(['n', 1]), g.variable(['m', 1]), g.variable([2, 1])], 0);
        const pieces = g.split(x, 0, ['m', 1, sum('n', 1)]);
        return g.exp(pieces[g.integer(0, 2)]);
      },
      'two of three pieces': (g) => {
        const pieces = g.split(g.variable(['n', 6]), 1, [1, 2, 3]);
        return g.mul(g.sum(g.exp(pieces[0])), g.sum(g.exp(pieces[2])));
      },
    },
  },
  Pad: {
    programs: {
      numbers: (g) => g.pad(g.variable(['n', 2]), g.sizes(2), g.sizes(2), g.pick([0, 5])),
      'free sizes': (g) => {
        g.fed('float64', ['m'], () => 0);
        return g.pad(g.variable(['n', 2, 'k']), ['m', 0, 0], [1, 0, 'n'], g.variable([]));
      },
    },
  },
  Slice: {
    programs: {
      'one by one': (g) => g.slice(g.variable(['n', 5]), 1, g.integer(-4, 1), g.pick([4, 5, 9, -1])),
      'any bounds, between which may be nothing': (g) => {
        const x = g.variable(['n', 4]);
        const piece = g.slice(x, 1, g.integer(-5, 5), g.integer(-5, 5), g.integer(1, 3));
        return g.add(g.sum(g.mul(x, x)), g.sum(piece));
      },
      ...Object.fromEntries(
        ['3 to 3', '2 to 2', '3 to 1'].map((bounds): [string, Differentiable] => [
          `nothing, from ${bounds}`,
          (g) => {
            const [start, end] = bounds.split(' to ').map(Number);
            const x = g.variable([4]);
            return g.add(g.sum(x), g.sum(g.slice(x, 0, start, end, g.integer(1, 3))));
          },
        ]),
      ),
      'with steps': (g) => {
        const axis = g.integer(0, 2);
        const x = g.variable(['n', 2, 1].with(axis, g.integer(3, 7)));
        return g.slice(x, g.spelled(axis, 3), g.pick([0, 1, -3]), g.pick([3, 99, -1]), g.integer(2, 4));
      },
    },
  },
  Range: {
    programs: {
      'start and step': (g) => g.range(g.type, g.variable([], [0.1, 0.2]), 4, g.variable([], [0.6, 0.7])),
      'of a free size': (g) => {
        const count = g.sum(g.fed('float64', ['n'], () => 1));
        const start = g.variable([], [0.1, 0.2]);
        const limit = g.add(start, g.sub(g.cast(count, g.type), 0.5));
        return g.range(g.type, start, limit, g.variable([], [0.95, 1]), 'n');
      },
    },
  },
} satisfies Record<string, GradientCase | NoGradient>;
