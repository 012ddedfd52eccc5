/** Reading and writing by index, and ranking. Indices outside of a tensor fail the run. */
import { sameShape, type Dim } from '../dimensions.ts';
import {
  axisOf,
  constantOf,
  indices,
  numbers,
  operation,
  refuse,
  requireSameType,
  requireSizes,
  requireType,
} from './definition.ts';

/** What becomes of an element that is written more than once, or that has a value already. */
export type Reduction = 'none' | 'add' | 'mul' | 'max' | 'min';

export const indexing = {
  /** Rows of `data` along an axis: the indices' shape takes the axis' place. */
  Gather: operation<{ axis: number }>({
    since: 13,
    arity: 2,
    infer([data, index], { axis }) {
      requireType(index, indices, 'the indices');
      const at = axisOf(axis, data.shape.length);
      return [{ type: data.type, shape: [...data.shape.slice(0, at), ...index.shape, ...data.shape.slice(at + 1)] }];
    },
    onnx: ({ axis }) => ({ attributes: { axis: { int: axis } } }),
  }),
  /** One element per index, along an axis: `out[i][j] = data[i][index[i][j]]`. */
  GatherElements: operation<{ axis: number }>({
    since: 13,
    arity: 2,
    infer([data, index], { axis }) {
      requireType(index, indices, 'the indices');
      const at = axisOf(axis, data.shape.length);
      const others = (shape: readonly Dim[]) => shape.filter((_, i) => i !== at);
      if (index.shape.length !== data.shape.length || !sameShape(others(index.shape), others(data.shape))) {
        refuse('data and indices must agree in all sizes but that of the axis');
      }
      return [{ type: data.type, shape: index.shape }];
    },
    onnx: ({ axis }) => ({ attributes: { axis: { int: axis } } }),
  }),
  /** The reverse of GatherElements: `out[i][index[i][j]] ⊕= updates[i][j]`, by default into a copy of `data`. */
  ScatterElements: operation<{ axis: number; reduction: Reduction }>({
    since: 18,
    arity: 3,
    infer([data, index, updates], { axis }) {
      requireType(index, indices, 'the indices');
      requireSameType([data, updates]);
      const at = axisOf(axis, data.shape.length);
      const others = (shape: readonly Dim[]) => shape.filter((_, i) => i !== at);
      if (!sameShape(index.shape, updates.shape)) refuse('indices and updates must have one shape');
      if (index.shape.length !== data.shape.length || !sameShape(others(index.shape), others(data.shape))) {
        refuse('data and indices must agree in all sizes but that of the axis');
      }
      return [data];
    },
    onnx: ({ axis, reduction }) => ({ attributes: { axis: { int: axis }, reduction: { string: reduction } } }),
  }),
  /** Slices by index tuples: the indices' last dimension addresses the data's first ones. */
  GatherND: operation({
    since: 13,
    arity: 2,
    infer([data, index]) {
      requireType(index, ['int64'], 'the indices');
      const depth = index.shape.at(-1);
      if (typeof depth !== 'number' || depth < 1 || depth > data.shape.length) {
        refuse("the indices' last size must be a number of axes of the data");
      }
      return [{ type: data.type, shape: [...index.shape.slice(0, -1), ...data.shape.slice(depth)] }];
    },
  }),
  ScatterND: operation<{ reduction: Reduction }>({
    since: 18,
    arity: 3,
    infer([data, index, updates]) {
      requireType(index, ['int64'], 'the indices');
      requireSameType([data, updates]);
      const depth = index.shape.at(-1);
      if (typeof depth !== 'number' || depth < 1 || depth > data.shape.length) {
        refuse("the indices' last size must be a number of axes of the data");
      }
      const expected = [...index.shape.slice(0, -1), ...data.shape.slice(depth)];
      if (!sameShape(updates.shape, expected)) refuse(`the updates must have the shape [${expected.join(', ')}]`);
      return [data];
    },
    onnx: ({ reduction }) => ({ attributes: { reduction: { string: reduction } } }),
  }),
  /** The k greatest (or least) along an axis, in order; equal ones by ascending index. Outputs values and indices. */
  TopK: operation<{ axis: number; largest: boolean; size: Dim }>({
    since: 11,
    arity: 2,
    shown: ['axis', 'size'],
    infer([input, k], { axis, size }) {
      requireType(input, numbers);
      requireType(k, ['int64'], 'k');
      if (!sameShape(k.shape, [1])) refuse('k must be a vector of 1');
      const at = axisOf(axis, input.shape.length);
      requireSizes([size], 'the size');
      const [given, of] = [constantOf(k) ?? size, input.shape[at]];
      if (typeof given === 'number' && typeof size === 'number' && given !== size) {
        refuse(`the size must be k, ${given}, not ${size}`);
      }
      if (typeof given === 'number' && (given < 0 || (typeof of === 'number' && given > of))) {
        refuse(`k must be from 0 to the ${of} elements of the axis, not ${given}`);
      }
      const shape = input.shape.map((dim, i) => (i === at ? size : dim));
      return [
        { type: input.type, shape },
        { type: 'int64', shape },
      ];
    },
    onnx: ({ axis, largest }) => ({
      attributes: { axis: { int: axis }, largest: { int: Number(largest) }, sorted: { int: 1 } },
    }),
  }),
  /** Where the elements are that are not 0 or false: `[rank, count]`, in row-major order. */
  NonZero: operation({
    since: 13,
    arity: 1,
    infer([input], _, fresh) {
      requireType(input, [...numbers, 'bool']);
      return [{ type: 'int64', shape: [input.shape.length, fresh()] }];
    },
  }),
};
