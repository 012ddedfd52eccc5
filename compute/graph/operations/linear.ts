/** Matrix products and what is normalised along an axis. */
import { broadcastShapes, type Dim } from '../dimensions.ts';
import { axisOf, floats, operation, refuse, requireSameType, requireType } from './definition.ts';

const alongAxis = (since: number) =>
  operation<{ axis: number }>({
    since,
    arity: 1,
    infer([input], { axis }) {
      requireType(input, floats);
      axisOf(axis, input.shape.length);
      return [input];
    },
    onnx: ({ axis }) => ({ attributes: { axis: { int: axis } } }),
  });

export const linear = {
  /** `[…, m, n] × […, n, p] → […, m, p]`, leading dimensions broadcast. */
  MatMul: operation({
    since: 13,
    arity: 2,
    infer([a, b]) {
      const type = requireSameType([a, b]);
      requireType(a, floats);
      if (a.shape.length < 2 || b.shape.length < 2) refuse('both inputs must have at least two dimensions');
      if (a.shape.at(-1) !== b.shape.at(-2)) {
        refuse(`the inner sizes must be equal, not ${a.shape.at(-1)} and ${b.shape.at(-2)}`);
      }
      const leading = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
      if (leading === undefined) refuse('the leading dimensions must broadcast to each other');
      return [{ type, shape: [...leading, a.shape.at(-2)!, b.shape.at(-1)!] }];
    },
  }),
  /** `alpha · a b + beta · c`, `c` left out where there is none, with `a` and `b` transposed where asked for. */
  Gemm: operation<{ transA: boolean; transB: boolean; alpha: number; beta: number }>({
    since: 13,
    arity: { atLeast: 2, atMost: 3 },
    infer([a, b, c], { transA, transB }) {
      const type = requireSameType(c === undefined ? [a, b] : [a, b, c]);
      requireType(a, floats);
      if (a.shape.length !== 2 || b.shape.length !== 2) refuse('the factors must be matrices');
      const [m, n] = transA ? a.shape.toReversed() : a.shape;
      const [inner, p] = transB ? b.shape.toReversed() : b.shape;
      if (n !== inner) refuse(`the inner sizes must be equal, not ${n} and ${inner}`);
      const shape: Dim[] = [m, p];
      const sum = c === undefined ? shape : broadcastShapes([shape, c.shape]);
      if (sum === undefined || sum.some((dim, i) => dim !== shape[i]) || sum.length !== 2) {
        refuse(`the summand must broadcast to [${shape.join(', ')}]`);
      }
      return [{ type, shape }];
    },
    onnx: ({ transA, transB, alpha, beta }) => ({
      attributes: {
        alpha: { float: alpha },
        beta: { float: beta },
        transA: { int: Number(transA) },
        transB: { int: Number(transB) },
      },
    }),
  }),
  Softmax: alongAxis(13),
  LogSoftmax: alongAxis(13),
  /** `yᵢ = x₀ + … + xᵢ`; from the axis' end where it is reversed. */
  CumSum: operation<{ axis: number; reverse: boolean }>({
    since: 14,
    arity: 1,
    infer([input], { axis }) {
      requireType(input, [...floats, 'int32', 'int64']);
      axisOf(axis, input.shape.length);
      return [input];
    },
    onnx: ({ axis, reverse }) => ({ attributes: { reverse: { int: Number(reverse) } }, settings: [axis] }),
  }),
};
