/** The small programs of the operations that networks are made of, and those that their derivatives are checked on. */
import type { OperationName } from '../../../compute/graph/operations/table.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import type { Case } from './cases.ts';
import type { GradientCase, NoGradient } from './gradient-cases.ts';
import type { CheckedGraph } from './gradient-check.ts';
import { plainConv, plainConvTranspose, plainWindows } from './plain-windows.ts';

type NetworkOperation = Extract<
  OperationName,
  'Conv' | 'ConvTranspose' | 'MaxPool' | 'AveragePool' | 'LayerNormalization' | 'Mod'
>;
type X = Tensor<'float32'>;

const wave = (shape: readonly number[], speed: number) => ({
  shape,
  values: Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) => Math.fround(Math.sin(i * speed))),
});
const image = wave([2, 4, 5, 6], 0.7);
const kernel = wave([6, 2, 3, 2], 1.3);
const back = wave([4, 3, 2, 3], 1.1);
const bias = [0.5, -1, 2, 0, 1, -0.5];
const uneven = { strides: [2, 1], pads: [1, 0, 0, 2], dilations: [1, 2] };
const convolved = plainConv(image, kernel, { ...uneven, groups: 2 }, bias);
const spread = plainConvTranspose(image, back, [2, 6, 10, 8], { ...uneven, groups: 2 });
// Two equal elements in each window: the first is the one that counts.
const pairs = { shape: [1, 2, 4, 3], values: Array.from({ length: 24 }, (_, i) => Math.floor((i * 7) % 24) % 5) };
const overlapping = { strides: [1, 2], pads: [1, 1, 0, 1], dilations: [1, 1] };
const windows = plainWindows(pairs, [2, 3], overlapping);
const means = (over: (window: { value: number }[]) => number) =>
  windows.windows.map((window) => window.reduce((sum, { value }) => sum + value, 0) / over(window));
const rows = wave([3, 2, 4], 2.1);

export const networkCases: Record<NetworkOperation, Case> = {
  Mod: {
    build: (g) => g.mod(g.feed('int64', [7, -7, 7, -7, 6]), g.feed('int64', [3, 3, -3, -3, 3])),
    expected: [1, 2, -2, -1, 0],
  },
  Conv: {
    build: (g) => {
      const x = g.feed('float32', image.values, ['n', ...image.shape.slice(1)], image.shape);
      return g.conv(x, g.feed('float32', kernel.values, kernel.shape), g.feed('float32', bias), {
        ...uneven,
        groups: 2,
      });
    },
    expected: convolved.values,
    shape: convolved.shape,
  },
  ConvTranspose: {
    build: (g) => {
      const x = g.feed('float32', image.values, image.shape);
      const how = { ...uneven, groups: 2, extra: [1, 0] };
      return g.convTranspose(x, g.feed('float32', back.values, back.shape), undefined, how);
    },
    expected: spread.values,
    shape: spread.shape,
  },
  MaxPool: {
    build: (g) => {
      const largest = g.maxPool(g.feed('float32', pairs.values, pairs.shape), [2, 3], overlapping);
      const { source } = largest;
      const indices = source.kind === 'node' ? source.node.outputs[1] : largest;
      return g.concat([largest, g.cast(indices, 'float32')], 0);
    },
    expected: [
      ...windows.windows.map((window) => Math.max(...window.map(({ value }) => value))),
      ...windows.windows.map((window) => {
        const largest = Math.max(...window.map(({ value }) => value));
        return window.find(({ value }) => value === largest)!.index;
      }),
    ],
    shape: [2, ...windows.shape.slice(1)],
  },
  AveragePool: {
    build: (g) => {
      const { strides, pads } = overlapping;
      const x = g.feed('float32', pairs.values, pairs.shape);
      const both = [false, true].map((countPads) => g.averagePool(x, [2, 3], { strides, pads, countPads }));
      return g.concat(both, 0);
    },
    expected: [...means((window) => window.length), ...means(() => 6)],
    shape: [2, ...windows.shape.slice(1)],
  },
  LayerNormalization: {
    build: (g) => {
      const x = g.feed('float32', rows.values, ['n', 2, 4], rows.shape);
      const [scale, shift] = [0.5, -0.25].map((from) => wave([2, 4], from));
      return g.layerNorm(x, g.feed('float32', scale.values, [2, 4]), g.feed('float32', shift.values, [2, 4]), {
        axis: 1,
        epsilon: 0.01,
      });
    },
    expected: [0, 1, 2].flatMap((n) => {
      const row = rows.values.slice(8 * n, 8 * n + 8);
      const mean = row.reduce((sum, x) => sum + x, 0) / 8;
      const deviation = Math.sqrt(row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 8 + 0.01);
      return row.map((x, i) => ((x - mean) / deviation) * Math.sin(0.5 * i) + Math.sin(-0.25 * i));
    }),
    shape: [3, 2, 4],
  },
};

/** onnxruntime convolves float32 alone on a CPU; the graphs that are checked say so by `type`. */
const variable = (g: CheckedGraph, shape: readonly (number | string)[]) => g.variable(shape, [-1, 1]) as X;
const apart = (g: CheckedGraph, shape: readonly (number | string)[]) => g.apart(shape, [-20, 20]) as X;

export const networkGradients: Record<NetworkOperation, GradientCase | NoGradient> = {
  Mod: { none: 'of integers' },
  Conv: {
    type: 'float32',
    programs: {
      'a window that stays in place': (g) =>
        g.conv(variable(g, ['n', 2, 4, 3]), variable(g, [3, 2, 3, 3]), variable(g, [3]), { pads: 1 }),
      'a sequence of free length': (g) =>
        g.conv(variable(g, ['n', 2, 'k']), variable(g, [2, 2, 3]), variable(g, [2]), { pads: [2, 1] }),
      'steps that do not divide the size, uneven pads': (g) =>
        g.conv(variable(g, ['n', 1, 6, 5]), variable(g, [2, 1, 2, 3]), undefined, {
          strides: [2, 3],
          pads: [1, 0, 0, 2],
        }),
      'dilations in groups': (g) =>
        g.conv(variable(g, [2, 4, 5, 4]), variable(g, [2, 2, 2, 2]), undefined, {
          dilations: [2, 1],
          groups: 2,
          pads: g.integer(0, 1),
        }),
      'each channel alone, in steps': (g) =>
        g.conv(variable(g, ['n', 3, 5]), variable(g, [6, 1, 2]), variable(g, [6]), { groups: 3, strides: 2 }),
      'more padding than the window reaches': (g) =>
        g.conv(variable(g, ['n', 1, 3]), variable(g, [1, 1, 2]), undefined, { pads: [2, 3] }),
      'a window of one': (g) => g.conv(variable(g, ['n', 3, 2, 2]), variable(g, [2, 3, 1, 1])),
      'three axes of space': (g) =>
        g.conv(variable(g, ['n', 2, 2, 3, 2]), variable(g, [2, 1, 2, 2, 1]), undefined, { pads: 1, groups: 2 }),
    },
  },
  ConvTranspose: {
    type: 'float32',
    programs: {
      'steps and an end that nothing reaches': (g) =>
        g.convTranspose(variable(g, ['n', 2, 2, 3]), variable(g, [2, 3, 3, 2]), variable(g, [3]), {
          strides: [2, 3],
          pads: [1, 0, 0, 1],
          extra: [1, 2],
        }),
      'groups and dilations': (g) =>
        g.convTranspose(variable(g, ['n', 4, 3]), variable(g, [4, 1, 2]), variable(g, [2]), {
          groups: 2,
          dilations: 2,
        }),
    },
  },
  MaxPool: {
    programs: {
      'windows side by side': (g) => g.maxPool(apart(g, ['n', 2, 4, 5]), 2),
      'overlapping windows, which add up': (g) => g.maxPool(apart(g, [2, 1, 4, 4]), [3, 2], { strides: 1, pads: 1 }),
      'a sequence, in wider steps than windows': (g) => g.maxPool(apart(g, ['n', 2, 7]), 2, { strides: 3 }),
      dilations: (g) => g.maxPool(apart(g, ['n', 1, 6]), 2, { strides: 2, dilations: 2 }),
    },
  },
  AveragePool: {
    type: 'float32',
    programs: {
      'windows side by side': (g) => g.averagePool(variable(g, ['n', 2, 4, 5]), 2),
      'padding that does not count': (g) =>
        g.averagePool(variable(g, ['n', 2, 3, 4]), [3, 2], { strides: [2, 1], pads: [1, 0, 2, 1] }),
      'padding that counts': (g) =>
        g.averagePool(variable(g, ['n', 1, 5]), 3, { pads: 1, strides: 2, countPads: true }),
      'a free length': (g) => g.averagePool(variable(g, ['n', 2, 'k']), 3, { pads: 1, strides: 1 }),
    },
  },
  LayerNormalization: {
    type: 'float32',
    programs: {
      'the last axis': (g) => g.layerNorm(variable(g, ['n', 'm', 6]), variable(g, [6]), variable(g, [6])),
      'several axes, no shift': (g) =>
        g.layerNorm(variable(g, ['n', 3, 2]), variable(g, [3, 2]), undefined, { axis: 1, epsilon: 0.1 }),
    },
  },
};
