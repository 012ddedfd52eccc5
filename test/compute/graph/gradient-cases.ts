/** For every operation the programs that its derivative is checked on, or why it has none. */
import type { Shape } from '../../../compute/graph/dimensions.ts';
import type { OperationName } from '../../../compute/graph/operations/table.ts';
import type { FloatType, Tensor } from '../../../compute/graph/program.ts';
import type { CheckedGraph, Differentiable } from './gradient-check.ts';
import { indexingGradients } from './indexing-gradients.ts';
import { layoutGradients } from './layout-gradients.ts';
import { networkGradients } from './network-cases.ts';
import { textGradients } from './text-cases.ts';
import { treeGradients } from './tree-cases.ts';

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

const compares: NoGradient = { none: 'gives truth values' };
const placed: NoGradient = { none: 'gives positions' };

export const gradientCases: Record<OperationName, GradientCase | NoGradient> = {
  ...networkGradients,
  ...textGradients,
  ...treeGradients,
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
  ...layoutGradients,
  ...indexingGradients,
  Loop: { none: 'is refused' },
};
