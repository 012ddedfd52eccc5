/** Sums, means and extremes along axes. */
import type { DataType } from '../../onnx/datatypes.ts';
import type { Dim, Shape } from '../dimensions.ts';
import { axesOf, axisOf, floats, numbers, operation, refuse, requireType } from './definition.ts';

interface Reduction {
  /** At least one; all of them is the whole tensor. */
  axes: readonly number[];
  /** Whether a reduced axis stays, with the size 1. */
  keepDims: boolean;
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Dim[] {
  return keepDims ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) : shape.filter((_, i) => !axes.includes(i));
}

const reduction = (since: number, allowed: readonly DataType[] = numbers) =>
  operation<Reduction>({
    since,
    arity: 1,
    infer([input], { axes, keepDims }) {
      requireType(input, allowed);
      // An empty list would mean all axes to ONNX, and no axis to who wrote it.
      if (axes.length === 0) refuse('at least one axis must be given');
      return [{ type: input.type, shape: reducedShape(input.shape, axesOf(axes, input.shape.length), keepDims) }];
    },
    onnx: ({ axes, keepDims }) => ({ attributes: { keepdims: { int: Number(keepDims) } }, settings: [axes] }),
  });

const position = operation<{ axis: number; keepDims: boolean }>({
  since: 13,
  arity: 1,
  infer([input], { axis, keepDims }) {
    requireType(input, numbers);
    return [{ type: 'int64', shape: reducedShape(input.shape, [axisOf(axis, input.shape.length)], keepDims) }];
  },
  onnx: ({ axis, keepDims }) => ({ attributes: { axis: { int: axis }, keepdims: { int: Number(keepDims) } } }),
});

export const reductions = {
  ReduceSum: reduction(13),
  ReduceMean: reduction(18),
  ReduceMax: reduction(18),
  ReduceMin: reduction(18),
  ReduceProd: reduction(18),
  ReduceL2: reduction(18, floats),
  ReduceSumSquare: reduction(18),
  ReduceLogSumExp: reduction(18, floats),
  /** Position of the first greatest element. */
  ArgMax: position,
  ArgMin: position,
};
