/** For every operation the programs that its derivative is checked on, or why it has none. */
import { sum, type Dim, type Shape } from '../../../compute/graph/dimensions.ts';
import type { Reduction } from '../../../compute/graph/operations/indexing.ts';
import type { OperationName } from '../../../compute/graph/operations/table.ts';
import type { FloatType, Tensor } from '../../../compute/graph/program.ts';
import type { CheckedGraph, Differentiable } from './gradient-check.ts';
import { networkGradients } from './network-cases.ts';

type X = Tensor<FloatType>;

export interface GradientCase {
  /** By what is special about each; all are drawn several times. */
  readonly programs: Readonly<Record<string, Differentiable>>;
  /** For operations that onnxruntime does not compute in float64 on a CPU. */
  readonly type?: 'float32';
}
/** Why there is no gradient: the operation's rule is `zero`, or it is refused. */
export interface NoGradient {
  readonly none: string;
}

/** Shapes that broadcast, as one of each kind that can meet. */
const broadcasts: Readonly<Record<string, readonly [Shape, Shape]>> = {
  'one shape': [
    ['n', 3],
    ['n', 3],
  ],
  'a scalar on the left': [[], ['n', 2]],
  'a scalar on the right': [['n', 2], []],
  'a row': [['n', 3], [3]],
  'a column': [
    ['n', 1],
    ['n', 4],
  ],
  'both ways': [
    ['n', 1, 2],
    ['m', 1],
  ],
  'first and last axes': [
    [1, 'n', 1],
    [2, 'n', 3],
  ],
  'more axes on the right': [['n'], [2, 3, 'n']],
};

const binary = (
  f: (g: CheckedGraph, a: X, b: X) => X,
  draw: (g: CheckedGraph, shape: Shape, side: 'a' | 'b') => X = (g, shape) => g.variable(shape),
): GradientCase => ({
  programs: {
    ...Object.fromEntries(
      Object.entries(broadcasts).map(([name, [a, b]]): [string, Differentiable] => [
        name,
        (g) => f(g, draw(g, a, 'a'), draw(g, b, 'b')),
      ]),
    ),
    // The gradient of a sum is one number for all elements.
    'a row, within a sum': (g) => g.sum(f(g, draw(g, ['n', 3], 'a'), draw(g, [3], 'b'))),
    'one tensor twice': (g) => {
      const x = g.variable(['n', 2], [0.5, 2]);
      return f(g, x, x);
    },
  },
});

const unary = (f: (g: CheckedGraph, x: X) => X, range?: readonly [number, number]): GradientCase => ({
  programs: {
    'any shape': (g) => f(g, g.variable(['n', ...g.sizes(g.integer(0, 2))], range)),
    'a scalar': (g) => f(g, g.variable([], range)),
    'within a sum': (g) => g.sum(f(g, g.variable(['n', 2], range)), [0]),
  },
});
const kinked = (f: (g: CheckedGraph, x: X) => X): GradientCase => ({
  programs: {
    'any shape': (g) => f(g, g.apart(['n', ...g.sizes(g.integer(0, 2))])),
    'within a sum': (g) => g.sum(f(g, g.apart(['n', 2])), [0]),
  },
});

type Reduce = (x: X, axes?: readonly number[], keepDims?: boolean) => X;
const reduction = (
  reduce: (g: CheckedGraph) => Reduce,
  draw: (g: CheckedGraph, shape: Shape) => X = (g, shape) => g.variable(shape),
): GradientCase => ({
  programs: {
    'one axis': (g) => {
      const axis = g.integer(0, 2);
      return reduce(g)(draw(g, ['n', 3, 2]), [g.spelled(axis, 3)], g.pick([true, false]));
    },
    'several axes': (g) => reduce(g)(draw(g, [2, 'n', 3]), g.pick([[0, 2], [-1, -2], [1, -3]]), g.pick([true, false])), // prettier-ignore
    'all axes': (g) => reduce(g)(draw(g, ['n', 3]), undefined, g.pick([true, false])),
  },
});

const alongAxis = (f: (g: CheckedGraph, x: X, axis: number) => X): GradientCase => ({
  programs: {
    'any axis': (g) => {
      const shape = ['n', ...g.sizes(g.integer(0, 2))];
      return f(g, g.variable(shape), g.spelled(g.integer(0, shape.length - 1), shape.length));
    },
    'within a sum': (g) => g.sum(f(g, g.variable(['n', 3]), 1), [1]),
  },
});

/** Indices without a repetition, which would leave open what is written last. */
const permuted = (g: CheckedGraph, size: number) => {
  const order = Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = g.integer(0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
};
const along = (shape: Shape, axis: number, size: Dim) => shape.map((dim, i) => (i === axis ? size : dim));

const scatterElements = (reduction: Reduction): Differentiable => {
  return (g) => {
    const axis = g.integer(0, 2);
    const data = g.variable(along(['n', 2, 3], axis, 4));
    const shape = along(['n', 2, 3], axis, 3);
    const places = permuted(g, 4).slice(0, 3);
    const flat = [1, 1, 1].with(axis, 3);
    const index = reduction === 'none' ? g.expand(g.feed('int64', places, flat), shape) : g.index('int64', shape, 4);
    return g.scatterElements(data, index, g.variable(shape), { axis: g.spelled(axis, 3), reduction });
  };
};
const scatterND = (reduction: Reduction): Differentiable => {
  return (g) => {
    const data = g.variable([2, 3, 'n']);
    // Rows [i, j] by their number 3 i + j.
    const rows = permuted(g, 6).slice(0, 4);
    const repeated = reduction === 'none' ? rows : rows.map(() => g.integer(0, 5));
    const tuples = repeated.flatMap((row) => [Math.floor(row / 3), row % 3]);
    return g.scatterND(data, g.feed('int64', tuples, [2, 2, 2]), g.variable([2, 2, 'n']), reduction);
  };
};

const compares: NoGradient = { none: 'gives truth values' };
const placed: NoGradient = { none: 'gives positions' };

export const gradientCases: Record<OperationName, GradientCase | NoGradient> = {
  ...networkGradients,
  Add: binary((g, a, b) => g.add(a, b)),
  Sub: binary((g, a, b) => g.sub(a, b)),
  Mul: binary((g, a, b) => g.mul(a, b)),
  Div: binary(
    (g, a, b) => g.div(a, b),
    (g, shape, side) => g.variable(shape, side === 'a' ? [-2, 2] : g.pick([[0.7, 2], [-2, -0.7]])), // prettier-ignore
  ),
  Pow: {
    programs: {
      ...binary(
        (g, a, b) => g.pow(a, b),
        (g, shape, side) => g.variable(shape, side === 'a' ? [0.3, 2] : [-2, 2]),
      ).programs,
      ...Object.fromEntries(
        [0, 1, 2, 3, -1, 0.5].map((exponent): [string, Differentiable] => [
          `the exponent ${exponent}`,
          (g) => g.pow(g.variable(['n', 2], [0.3, 2]), exponent),
        ]),
      ),
      'whole exponents of any base': (g) => {
        const exponents = g.fed(g.type, [4], () => g.integer(0, 3));
        return g.pow(g.apart(['n', 4], [-2, 2]), exponents);
      },
      'a base of zero': (g) => g.pow(g.given([3], [0, 0, 0]), g.feed(g.type, [3, 2, 0])),
      'a number as base': (g) => g.pow(g.pick([0.5, 2]), g.variable(['n'])),
    },
  },
  Min: binary(
    (g, a, b) => g.min(a, b),
    (g, shape) => g.apart(shape),
  ),
  Max: binary(
    (g, a, b) => g.max(a, b),
    (g, shape) => g.apart(shape),
  ),
  Equal: compares,
  Less: compares,
  LessOrEqual: compares,
  Greater: compares,
  GreaterOrEqual: compares,
  And: compares,
  Or: compares,
  Xor: compares,
  Not: compares,
  IsNaN: compares,
  Neg: unary((g, x) => g.neg(x)),
  Abs: kinked((g, x) => g.abs(x)),
  Sign: kinked((g, x) => g.sign(x)),
  Exp: unary((g, x) => g.exp(x)),
  Log: unary((g, x) => g.log(x), [0.5, 3]),
  Sqrt: unary((g, x) => g.sqrt(x), [0.5, 3]),
  Reciprocal: unary((g, x) => g.reciprocal(x), [0.6, 3]),
  Floor: kinked((g, x) => g.floor(x)),
  Ceil: kinked((g, x) => g.ceil(x)),
  Round: kinked((g, x) => g.round(x)),
  Sin: unary((g, x) => g.sin(x)),
  Cos: unary((g, x) => g.cos(x)),
  Relu: kinked((g, x) => g.relu(x)),
  Sigmoid: unary((g, x) => g.sigmoid(x)),
  Tanh: unary((g, x) => g.tanh(x)),
  Softplus: unary((g, x) => g.softplus(x)),
  Erf: { ...unary((g, x) => g.erf(x)), type: 'float32' },
  Identity: unary((g, x) => g.apply('Identity', [x], {})[0] as X),
  Where: {
    programs: Object.fromEntries(
      Object.entries(broadcasts).flatMap(([name, [a, b]]): [string, Differentiable][] => {
        const truth = (g: CheckedGraph, shape: Shape) => g.fed('bool', shape, () => g.integer(0, 1));
        return [
          [name, (g) => g.where(truth(g, b), g.variable(a), g.variable(b))],
          [`${name}, condition`, (g) => g.where(truth(g, a), g.variable(b), g.pick([7, g.variable([])]))],
        ];
      }),
    ),
  },
  Cast: { ...unary((g, x) => g.cast(x, 'float64')), type: 'float32' },
  MatMul: {
    programs: {
      matrices: (g) => g.matmul(g.variable(['m', 'n']), g.variable(['n', 3])),
      'rows of a batch with one matrix': (g) => g.matmul(g.variable(['b', 3, 'm', 2]), g.variable([2, 'p'])),
      'one matrix with a batch': (g) => g.matmul(g.variable([2, 'n']), g.variable(['b', 'n', 3])),
      batches: (g) => g.matmul(g.variable(['b', 2, 'm', 'n']), g.variable(['b', 2, 'n', 3])),
      'batches that broadcast': (g) => g.matmul(g.variable(['b', 1, 2, 'n']), g.variable([3, 'n', 2])),
      'a batch of one': (g) => g.matmul(g.variable(['b', 2, 'n']), g.variable([1, 'n', 2])),
    },
  },
  Gemm: {
    programs: Object.fromEntries(
      [false, true].flatMap((transA) =>
        [false, true].map((transB): [string, Differentiable] => [
          `A${transA ? 'ᵀ' : ''} B${transB ? 'ᵀ' : ''}`,
          (g) => {
            const a = g.variable(transA ? ['n', 'm'] : ['m', 'n']);
            const b = g.variable(transB ? [3, 'n'] : ['n', 3]);
            const shape = g.pick<Shape | undefined>([undefined, ['m', 3], [3], [1, 3], ['m', 1], [1], []]);
            const [alpha, beta] = [g.pick([1, 0.5, -2]), g.pick([1, 0.25, 3])];
            return g.gemm(a, b, shape && g.variable(shape), { transA, transB, alpha, beta });
          },
        ]),
      ),
    ),
  },
  Softmax: alongAxis((g, x, axis) => g.softmax(x, axis)),
  LogSoftmax: alongAxis((g, x, axis) => g.logSoftmax(x, axis)),
  CumSum: alongAxis((g, x, axis) => g.cumulativeSum(x, axis, { reverse: g.pick([false, true]) })),
  ReduceSum: reduction((g) => g.sum),
  ReduceMean: reduction((g) => g.mean),
  ReduceMax: reduction(
    (g) => g.largest,
    (g, shape) => g.apart(shape),
  ),
  ReduceMin: reduction(
    (g) => g.least,
    (g, shape) => g.apart(shape),
  ),
  ReduceProd: {
    programs: {
      ...reduction((g) => g.prod).programs,
      'a zero': (g) => g.prod(g.given([2, 3], [0, 2, 3, 0.5, -2, 1]), [1]),
      'more zeros than one': (g) => g.prod(g.given([2, 3], [0, 2, 3, 0.5, 0, 0]), [g.pick([0, 1])]),
    },
  },
  ReduceL2: reduction(
    (g) => g.norm,
    (g, shape) => g.variable(shape, [0.3, 2]),
  ),
  ReduceSumSquare: reduction((g) => g.sumOfSquares),
  ReduceLogSumExp: reduction((g) => g.logSumExp),
  ArgMax: placed,
  ArgMin: placed,
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
        const order = permuted(g, 3).map((axis) => g.spelled(axis, 3));
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
      'with steps': (g) => {
        const axis = g.integer(0, 2);
        const x = g.variable(along(['n', 2, 1], axis, g.integer(3, 7)));
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
        const index = g.index(g.pick(['int32', 'int64']), along(['n', 2, 3], axis, 5), 4);
        return g.gatherElements(g.variable(along(['n', 2, 3], axis, 4)), index, g.spelled(axis, 3));
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
  ScatterND: { programs: { none: scatterND('none'), add: scatterND('add') } },
  TopK: {
    programs: {
      'values by any axis': (g) => {
        const axis = g.integer(0, 1);
        const x = g.apart(along(['n', 3], axis, 5));
        const how = { axis: g.spelled(axis, 2), largest: g.pick([true, false]), size: 'k' };
        return g.topK(x, g.feed('int64', [g.sizeOf('k')]), how).values;
      },
    },
  },
  LabelEncoder: { none: 'takes text' },
  Loop: { none: 'is refused' },
};
