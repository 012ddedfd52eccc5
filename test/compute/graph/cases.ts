/** One small program for every operation, with what it must give. */
import { sum } from '../../../compute/graph/dimensions.ts';
import type { OperationName } from '../../../compute/graph/operations/table.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import { networkCases } from './network-cases.ts';
import type { FedGraph } from './running.ts';
import { textCases } from './text-cases.ts';
import { treeCases } from './tree-cases.ts';

export interface Case {
  /** Values are spelled out or computed in plain TypeScript, never by another graph. */
  build: (g: FedGraph) => Tensor;
  expected: readonly (number | string | boolean)[];
  shape?: readonly number[];
}

const a = [-2.5, -1, 0.5, 2, 3, 0.25];
const b = [2, -1, 0.5, 1.5, -3, 4];
const positive = [0.5, 1, 2, 3, 4.5, 10];
const x23 = (g: FedGraph) => g.feed('float32', a, ['n', 3], [2, 3]);
const y23 = (g: FedGraph) => g.feed('float32', b, ['n', 3], [2, 3]);
const yes = [true, false, true, false];
const no = [true, true, false, false];
const zip = (f: (x: number, y: number) => number | boolean) => a.map((x, i) => f(x, b[i]));
const binary = (
  method: (g: FedGraph, x: Tensor<'float32'>, y: Tensor<'float32'>) => Tensor,
  f: Parameters<typeof zip>[0],
) => ({
  build: (g: FedGraph) => method(g, x23(g), y23(g)),
  expected: zip(f),
  shape: [2, 3],
});
const unary = (method: (g: FedGraph, x: Tensor<'float32'>) => Tensor, f: (x: number) => number, values = a) => ({
  build: (g: FedGraph) => method(g, g.feed('float32', values)),
  expected: values.map(f),
});
const logic = (
  method: (g: FedGraph, x: Tensor<'bool'>, y: Tensor<'bool'>) => Tensor,
  f: (x: boolean, y: boolean) => boolean,
) => ({
  build: (g: FedGraph) => method(g, g.feed('bool', yes), g.feed('bool', no)),
  expected: yes.map((x, i) => f(x, no[i])),
});
/** Over the rows of `a` as a 2 × 3 matrix. */
const reduction = (method: (g: FedGraph, x: Tensor<'float32'>) => Tensor, f: (row: number[]) => number) => ({
  build: (g: FedGraph) => method(g, x23(g)),
  expected: [f(a.slice(0, 3)), f(a.slice(3))],
  shape: [2],
});
const total = (values: number[]) => values.reduce((s, x) => s + x, 0);
const softmax = (row: number[]) => row.map((x) => Math.exp(x) / total(row.map(Math.exp)));
/** Abramowitz and Stegun 7.1.26, to 1.5e-7. */
const erf = (x: number) => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - p * Math.exp(-x * x));
};

export const cases: Record<OperationName, Case> = {
  ...networkCases,
  ...textCases,
  ...treeCases,
  Add: binary(
    (g, x, y) => g.add(x, y),
    (x, y) => x + y,
  ),
  Sub: binary(
    (g, x, y) => g.sub(x, y),
    (x, y) => x - y,
  ),
  Mul: binary(
    (g, x, y) => g.mul(x, y),
    (x, y) => x * y,
  ),
  Div: binary(
    (g, x, y) => g.div(x, y),
    (x, y) => x / y,
  ),
  Pow: {
    build: (g) => g.pow(g.feed('float32', positive), 1.5),
    expected: positive.map((x) => x ** 1.5),
  },
  Min: binary((g, x, y) => g.min(x, y), Math.min),
  Max: binary((g, x, y) => g.max(x, y), Math.max),
  Equal: binary(
    (g, x, y) => g.equal(x, y),
    (x, y) => x === y,
  ),
  Less: binary(
    (g, x, y) => g.less(x, y),
    (x, y) => x < y,
  ),
  LessOrEqual: binary(
    (g, x, y) => g.lessOrEqual(x, y),
    (x, y) => x <= y,
  ),
  Greater: binary(
    (g, x, y) => g.greater(x, y),
    (x, y) => x > y,
  ),
  GreaterOrEqual: binary(
    (g, x, y) => g.greaterOrEqual(x, y),
    (x, y) => x >= y,
  ),
  And: logic(
    (g, x, y) => g.and(x, y),
    (x, y) => x && y,
  ),
  Or: logic(
    (g, x, y) => g.or(x, y),
    (x, y) => x || y,
  ),
  Xor: logic(
    (g, x, y) => g.xor(x, y),
    (x, y) => x !== y,
  ),
  Not: { build: (g) => g.not(g.feed('bool', yes)), expected: yes.map((x) => !x) },
  Neg: unary(
    (g, x) => g.neg(x),
    (x) => -x,
  ),
  Abs: unary((g, x) => g.abs(x), Math.abs),
  Sign: unary((g, x) => g.sign(x), Math.sign),
  Exp: unary((g, x) => g.exp(x), Math.exp),
  Log: unary((g, x) => g.log(x), Math.log, positive),
  Sqrt: unary((g, x) => g.sqrt(x), Math.sqrt, positive),
  Reciprocal: unary(
    (g, x) => g.reciprocal(x),
    (x) => 1 / x,
  ),
  Floor: unary((g, x) => g.floor(x), Math.floor),
  Ceil: unary((g, x) => g.ceil(x), Math.ceil),
  Round: { build: (g) => g.round(g.feed('float32', [0.5, 1.5, -2.5, 1.2])), expected: [0, 2, -2, 1] },
  Sin: unary((g, x) => g.sin(x), Math.sin),
  Cos: unary((g, x) => g.cos(x), Math.cos),
  Relu: unary(
    (g, x) => g.relu(x),
    (x) => Math.max(0, x),
  ),
  Sigmoid: unary(
    (g, x) => g.sigmoid(x),
    (x) => 1 / (1 + Math.exp(-x)),
  ),
  Tanh: unary((g, x) => g.tanh(x), Math.tanh),
  Softplus: unary(
    (g, x) => g.softplus(x),
    (x) => Math.log1p(Math.exp(x)),
  ),
  Erf: unary((g, x) => g.erf(x), erf),
  IsNaN: { build: (g) => g.isNaN(g.feed('float32', [1, Number.NaN, -Infinity])), expected: [false, true, false] },
  // Reached by lowering alone: an output that is an input.
  Identity: { build: (g) => g.feed('float32', a), expected: a },
  Where: {
    build: (g) => g.where(g.feed('bool', yes), g.feed('float32', [1, 2, 3, 4]), Number.NEGATIVE_INFINITY),
    expected: [1, -Infinity, 3, -Infinity],
  },
  Cast: { build: (g) => g.cast(g.feed('float32', a), 'int64'), expected: a.map(Math.trunc) },
  MatMul: {
    build: (g) => g.matmul(x23(g), g.feed('float32', [1, 0, 0, 1, 2, -1], [3, 2])),
    expected: [-2.5 + 2 * 0.5, -1 - 0.5, 2 + 2 * 0.25, 3 - 0.25],
    shape: [2, 2],
  },
  Gemm: {
    build: (g) =>
      g.gemm(
        g.feed('float32', [1, 2, 3, 4], [2, 2]),
        g.feed('float32', [1, 0, 1, 1], [2, 2]),
        g.feed('float32', [10, 20]),
        {
          transA: true,
          alpha: 2,
          beta: 0.5,
        },
      ),
    // Aᵀ = [1 3; 2 4]; Aᵀ B = [4 3; 6 4]
    expected: [8 + 5, 6 + 10, 12 + 5, 8 + 10],
    shape: [2, 2],
  },
  Softmax: {
    build: (g) => g.softmax(x23(g)),
    expected: [...softmax(a.slice(0, 3)), ...softmax(a.slice(3))],
  },
  LogSoftmax: {
    build: (g) => g.logSoftmax(x23(g)),
    expected: [...softmax(a.slice(0, 3)), ...softmax(a.slice(3))].map(Math.log),
  },
  CumSum: {
    build: (g) => {
      const x = g.feed('float32', [1, 2, 3, 4, 5, 6], ['n', 3], [2, 3]);
      return g.concat([g.cumulativeSum(x, 1), g.cumulativeSum(x, -1, { reverse: true })], 1);
    },
    expected: [1, 3, 6, 6, 5, 3, 4, 9, 15, 15, 11, 6],
    shape: [2, 6],
  },
  ReduceSum: reduction((g, x) => g.sum(x, [1]), total),
  ReduceMean: reduction(
    (g, x) => g.mean(x, [1]),
    (row) => total(row) / 3,
  ),
  ReduceMax: reduction(
    (g, x) => g.largest(x, [1]),
    (row) => Math.max(...row),
  ),
  ReduceMin: reduction(
    (g, x) => g.least(x, [-1]),
    (row) => Math.min(...row),
  ),
  ReduceProd: reduction(
    (g, x) => g.prod(x, [1]),
    (row) => row.reduce((p, x) => p * x),
  ),
  ReduceL2: reduction(
    (g, x) => g.norm(x, [1]),
    (row) => Math.hypot(...row),
  ),
  ReduceSumSquare: reduction(
    (g, x) => g.sumOfSquares(x, [1]),
    (row) => total(row.map((x) => x * x)),
  ),
  ReduceLogSumExp: reduction(
    (g, x) => g.logSumExp(x, [1]),
    (row) => Math.log(total(row.map(Math.exp))),
  ),
  ArgMax: { build: (g) => g.argMax(g.feed('float32', [1, 5, 5, 4, 2, 0], [2, 3]), 1), expected: [1, 0], shape: [2] },
  ArgMin: { build: (g) => g.argMin(x23(g), 0, true), expected: [0, 0, 1], shape: [1, 3] },
  Reshape: { build: (g) => g.reshape(x23(g), [3, -1]), expected: a, shape: [3, 2] },
  Expand: { build: (g) => g.expand(g.feed('float32', [1, 2]), [2, 2]), expected: [1, 2, 1, 2], shape: [2, 2] },
  ConstantOfShape: { build: (g) => g.full('int32', [2, 2], 7), expected: [7, 7, 7, 7], shape: [2, 2] },
  Shape: { build: (g) => g.shapeOf(x23(g)), expected: [2, 3] },
  Transpose: { build: (g) => g.transpose(x23(g)), expected: [-2.5, 2, -1, 3, 0.5, 0.25], shape: [3, 2] },
  Squeeze: { build: (g) => g.squeeze(g.feed('float32', [1, 2], [1, 2, 1]), [0, -1]), expected: [1, 2], shape: [2] },
  Unsqueeze: { build: (g) => g.unsqueeze(g.feed('float32', [1, 2]), [0, 2]), expected: [1, 2], shape: [1, 2, 1] },
  Concat: {
    build: (g) => g.concat([x23(g), g.feed('float32', [7, 8], ['n', 1], [2, 1])], 1),
    expected: [-2.5, -1, 0.5, 7, 2, 3, 0.25, 8],
    shape: [2, 4],
  },
  Slice: { build: (g) => g.slice(g.feed('float32', [0, 1, 2, 3, 4, 5]), 0, 1, -1, 2), expected: [1, 3], shape: [2] },
  // The pieces, in another order.
  Split: {
    build: (g) => {
      const [head, one, tail] = g.split(g.concat([x23(g), y23(g)], 0), -2, [1, 'n', sum('n', -1)]);
      return g.concat([tail, head, one], 0);
    },
    expected: [1.5, -3, 4, -2.5, -1, 0.5, 2, 3, 0.25, 2, -1, 0.5],
    shape: [4, 3],
  },
  Pad: {
    build: (g) => g.pad(x23(g), [0, 1], ['n', 0], 9),
    expected: [9, -2.5, -1, 0.5, 9, 2, 3, 0.25, 9, 9, 9, 9, 9, 9, 9, 9],
    shape: [4, 4],
  },
  Range: { build: (g) => g.range('int64', 2, g.feed('int64', [11], []), 3), expected: [2, 5, 8] },
  Gather: {
    build: (g) => g.gather(g.feed('float32', a, [3, 2]), g.feed('int32', [2, 0, 2])),
    expected: [3, 0.25, -2.5, -1, 3, 0.25],
    shape: [3, 2],
  },
  GatherElements: {
    build: (g) => g.gatherElements(x23(g), g.feed('int64', [2, 0, 1, 1], ['n', 2], [2, 2]), 1),
    expected: [0.5, -2.5, 3, 3],
    shape: [2, 2],
  },
  ScatterElements: {
    build: (g) => {
      const index = g.feed('int32', [2, 2, 0, 1], ['n', 2], [2, 2]);
      const updates = g.feed('float32', [5, 6, 7, 8], ['n', 2], [2, 2]);
      return g.scatterElements(g.full('float32', ['n', 3], 1), index, updates, { axis: 1, reduction: 'add' });
    },
    expected: [1, 1, 12, 8, 9, 1],
    shape: [2, 3],
  },
  GatherND: {
    build: (g) => g.gatherND(g.feed('float32', a, [2, 3]), g.feed('int64', [1, 0, 0, 2], [2, 2])),
    expected: [2, 0.5],
  },
  ScatterND: {
    build: (g) =>
      g.scatterND(g.feed('float32', [1, 2, 3]), g.feed('int64', [2, 0], [2, 1]), g.feed('float32', [10, 20]), 'max'),
    expected: [20, 2, 10],
  },
  TopK: {
    build: (g) => g.topK(g.feed('float32', [1, 3, 3, 2, 3]), g.feed('int64', [4]), { size: 4 }).indices,
    expected: [1, 2, 4, 3],
  },
  NonZero: {
    build: (g) => g.nonZero(g.feed('bool', [false, true, true, false, false, true], ['n', 3], [2, 3])),
    expected: [0, 0, 1, 1, 2, 2],
    shape: [2, 3],
  },
  // x ← 2x + step while x < 20: 1, 5, 13, 29; collected before each step.
  Loop: {
    build: (g) => {
      const step = g.feed('float32', [3], []);
      const trips = g.feed('int64', [10], []);
      const { states, collected } = g.loop(
        { trips, states: { x: g.feed('float32', [1], []) }, size: 'steps' },
        (body, now) => {
          const x = body.add(body.mul(now.states.x, 2), body.capture(step));
          return { states: { x }, collected: { x: now.states.x }, proceed: body.less(x, 20) };
        },
      );
      return g.concat([collected.x, g.unsqueeze(states.x, [0])], 0);
    },
    expected: [1, 5, 13, 29],
    shape: [4],
  },
};
