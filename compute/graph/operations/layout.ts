/** Operations that move elements without computing with them. */
import type { DataType } from '../../onnx/datatypes.ts';
import { broadcastShapes, product, sameShape, sum, type Dim, type Shape } from '../dimensions.ts';
import {
  axesOf,
  axisOf,
  constantOf,
  formatType,
  numbers,
  operation,
  refuse,
  requireSameType,
  requireSizes,
  requireType,
  type TensorType,
} from './definition.ts';

/** Inputs of the operations that take sizes: int64 `[rank]`, computed by `Program.shapeTensor`. */
const requireShapeInput = (input: TensorType, rank: number, what = 'the shape') => {
  if (input.type === 'int64' && sameShape(input.shape, [rank])) return;
  refuse(`${what} must be an int64 vector of ${rank}, not ${formatType(input)}`);
};

export const layout = {
  Reshape: operation<{ shape: Shape }>({
    since: 14,
    arity: 2,
    shown: ['shape'],
    spelled: 1,
    infer([input, target], { shape }) {
      requireShapeInput(target, shape.length);
      requireSizes(shape, 'the sizes');
      const [before, after] = [product(input.shape), product(shape)];
      if (before !== after) refuse(`the number of elements must stay ${before}, not become ${after}`);
      return [{ type: input.type, shape }];
    },
  }),
  Expand: operation<{ shape: Shape }>({
    since: 13,
    arity: 2,
    shown: ['shape'],
    spelled: 1,
    infer([input, target], { shape }) {
      requireShapeInput(target, shape.length);
      requireSizes(shape, 'the sizes');
      const broadcast = broadcastShapes([input.shape, shape]);
      if (broadcast === undefined || !sameShape(broadcast, shape)) {
        refuse(`the input must broadcast to [${shape.join(', ')}]`);
      }
      return [{ type: input.type, shape }];
    },
  }),
  ConstantOfShape: operation<{ shape: Shape; value: number; type: DataType }>({
    since: 9,
    arity: 1,
    shown: ['shape'],
    spelled: 0,
    infer([target], { shape, type }) {
      requireShapeInput(target, shape.length);
      requireSizes(shape, 'the sizes');
      return [{ type, shape }];
    },
    onnx: ({ value, type }) => ({ attributes: { value: { scalar: value, type } } }),
  }),
  /** Sizes of the axes [start, end). */
  Shape: operation<{ start: number; end: number }>({
    since: 15,
    arity: 1,
    infer([input], { start, end }) {
      if (!(0 <= start && start <= end && end <= input.shape.length)) refuse('start and end must be axes of the input');
      return [{ type: 'int64', shape: [end - start] }];
    },
    onnx: ({ start, end }) => ({ attributes: { start: { int: start }, end: { int: end } } }),
  }),
  Transpose: operation<{ permutation: readonly number[] }>({
    since: 13,
    arity: 1,
    shown: ['permutation'],
    infer([input], { permutation }) {
      const axes = axesOf(permutation, input.shape.length);
      if (axes.length !== input.shape.length) refuse(`the permutation must name all ${input.shape.length} axes`);
      // ONNX takes none that count from the end.
      if (axes.some((axis, i) => axis !== permutation[i])) refuse('the permutation must count axes from the start');
      return [{ type: input.type, shape: axes.map((axis) => input.shape[axis]) }];
    },
    onnx: ({ permutation }) => ({ attributes: { perm: { ints: permutation } } }),
  }),
  Squeeze: operation<{ axes: readonly number[] }>({
    since: 13,
    arity: 1,
    shown: ['axes'],
    infer([input], { axes }) {
      const gone = axesOf(axes, input.shape.length);
      if (gone.some((axis) => input.shape[axis] !== 1)) refuse('the axes to squeeze must have the size 1');
      return [{ type: input.type, shape: input.shape.filter((_, i) => !gone.includes(i)) }];
    },
    onnx: ({ axes }) => ({ settings: [axes] }),
  }),
  Unsqueeze: operation<{ axes: readonly number[] }>({
    since: 13,
    arity: 1,
    shown: ['axes'],
    infer([input], { axes }) {
      const added = axesOf(axes, input.shape.length + axes.length);
      const rest = input.shape.values();
      const shape = Array.from({ length: input.shape.length + axes.length }, (_, i): Dim =>
        added.includes(i) ? 1 : rest.next().value!,
      );
      return [{ type: input.type, shape }];
    },
    onnx: ({ axes }) => ({ settings: [axes] }),
  }),
  Concat: operation<{ axis: number }>({
    since: 13,
    arity: { atLeast: 1 },
    shown: ['axis'],
    infer(inputs, { axis }) {
      const type = requireSameType(inputs);
      const [first, ...others] = inputs.map((input) => input.shape);
      const at = axisOf(axis, first.length);
      const fits = (shape: Shape) => shape.length === first.length && shape.every((d, i) => i === at || d === first[i]);
      if (!others.every(fits)) refuse('all sizes but that of the axis must be equal');
      const size = sum(...inputs.map((input) => input.shape[at]));
      return [{ type, shape: first.map((dim, i) => (i === at ? size : dim)) }];
    },
    onnx: ({ axis }) => ({ attributes: { axis: { int: axis } } }),
  }),
  /** Consecutive pieces of an axis; the second input has their sizes. */
  Split: operation<{ axis: number; sizes: Shape }>({
    since: 13,
    arity: 2,
    shown: ['axis', 'sizes'],
    spelled: 1,
    infer([input, target], { axis, sizes }) {
      requireShapeInput(target, sizes.length, 'the sizes');
      requireSizes(sizes, 'the sizes');
      const at = axisOf(axis, input.shape.length);
      const total = sum(...sizes);
      if (total !== input.shape[at]) refuse(`the sizes must add up to ${input.shape[at]}, not ${total}`);
      return sizes.map((size) => ({ type: input.type, shape: input.shape.with(at, size) }));
    },
    onnx: ({ axis }) => ({ attributes: { axis: { int: axis } } }),
  }),
  /** A value around the input; the second input has what is added before each axis, then what is added after each. */
  Pad: operation<{ before: Shape; after: Shape }>({
    since: 13,
    arity: 3,
    shown: ['before', 'after'],
    spelled: 1,
    infer([input, target, value], { before, after }) {
      const type = requireSameType([input, value]);
      requireType(input, numbers);
      const rank = input.shape.length;
      if (before.length !== rank || after.length !== rank) refuse(`the padding must name all ${rank} axes`);
      requireShapeInput(target, 2 * rank, 'the padding');
      requireSizes([...before, ...after], 'the padding');
      if (value.shape.length > 0) refuse('the value must be a scalar');
      return [{ type, shape: input.shape.map((dim, i) => sum(before[i], dim, after[i])) }];
    },
  }),
  /** Elements [start, end) of an axis whose size is a number; negative bounds count from its end. */
  Slice: operation<{ axis: number; start: number; end: number; step: number }>({
    since: 13,
    arity: 1,
    shown: ['axis', 'start', 'end', 'step'],
    infer([input], { axis, start, end, step }) {
      const at = axisOf(axis, input.shape.length);
      const size = input.shape[at];
      if (typeof size !== 'number') refuse('the sliced axis must have a size that is known while building');
      if (!Number.isInteger(step) || step < 1) refuse(`the step must be a positive integer, not ${step}`);
      const wrong = [start, end].find((index) => !Number.isInteger(index));
      if (wrong !== undefined) refuse(`start and end must be integers, not ${wrong}`);
      const bound = (index: number) => Math.min(size, Math.max(0, index < 0 ? index + size : index));
      const length = Math.max(0, Math.ceil((bound(end) - bound(start)) / step));
      return [{ type: input.type, shape: input.shape.map((dim, i) => (i === at ? length : dim)) }];
    },
    onnx: ({ axis, start, end, step }) => ({ settings: [[start], [end], [axis], [step]] }),
  }),
  /** `start, start + delta, …` below `limit`, from three scalars. */
  Range: operation<{ size?: Dim }>({
    since: 11,
    arity: 3,
    shown: ['size'],
    infer(inputs, { size }, fresh) {
      const type = requireSameType(inputs);
      requireType(inputs[0], numbers);
      if (inputs.some((input) => input.shape.length > 0)) refuse('start, limit and delta must be scalars');
      if (constantOf(inputs[2]) === 0) refuse('the delta must not be 0');
      if (size !== undefined) requireSizes([size], 'the size');
      return [{ type, shape: [size ?? fresh()] }];
    },
  }),
};
