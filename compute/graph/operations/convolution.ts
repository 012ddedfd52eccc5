/**
 * Convolution and pooling over one or more axes of space. Tensors are `[batch, channels, …space]`. Attributes count one
 * number per axis of space; `pads` holds two, all beginnings before all ends, as ONNX has it.
 */
import type { DataType } from '../../onnx/datatypes.ts';
import { product, quotient, sameShape, sum, type Dim, type Shape } from '../dimensions.ts';
import { floats, operation, refuse, requireSameType, requireType, type TensorType } from './definition.ts';

export interface Window {
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
}
export type Convolving = Window & { readonly groups: number };
export type Pooling = Window & { readonly kernel: readonly number[] };

/** As callers write it: one number stands for all axes; the defaults are 1, no padding, and 1. */
export interface WindowOptions {
  readonly strides?: number | readonly number[];
  readonly pads?: number | readonly number[];
  readonly dilations?: number | readonly number[];
}

export function windowOf(x: { shape: Shape }, { strides = 1, pads = 0, dilations = 1 }: WindowOptions): Window {
  const rank = x.shape.length - 2;
  return { strides: each(strides, rank), pads: each(pads, 2 * rank), dilations: each(dilations, rank) };
}

export function each(value: number | readonly number[], count: number): readonly number[] {
  return typeof value === 'number' ? Array.from({ length: Math.max(0, count) }, () => value) : value;
}

/** Positions of a window: `⌊(size + pads − (kernel − 1)·dilation − 1) / stride⌋ + 1`. */
function positions(size: Dim, kernel: Dim, { strides, pads, dilations }: Window, axis: number): Dim {
  const [stride, dilation] = [strides[axis], dilations[axis]];
  const margin = pads[axis] + pads[axis + strides.length];
  // One less than the elements that a window can be moved by.
  const room = sum(size, margin + dilation - 1, product([kernel, -dilation]));
  if (typeof room === 'number') {
    if (room < 0) refuse(`the window reaches beyond the ${sum(size, margin)} elements of its axis`);
    return Math.floor(room / stride) + 1;
  }
  if (stride !== 1) refuse(`an axis of the size "${size}", which is not known while building, takes stride 1`);
  return sum(room, 1);
}

/** How many axes of space the input has. */
function spaceOf(input: TensorType): number {
  const rank = input.shape.length - 2;
  if (rank < 1) refuse('the input must have the axes batch, channels and space');
  return rank;
}

function checkWindow(input: TensorType, { strides, pads, dilations }: Window): void {
  const rank = spaceOf(input);
  const whole = (values: readonly number[], least: number) =>
    values.every((value) => Number.isInteger(value) && value >= least);
  if (strides.length !== rank || !whole(strides, 1)) refuse(`the strides must be ${rank} positive integers`);
  if (dilations.length !== rank || !whole(dilations, 1)) refuse(`the dilations must be ${rank} positive integers`);
  if (pads.length !== 2 * rank || !whole(pads, 0)) refuse(`the pads must be ${2 * rank} integers from 0`);
}

/** onnxruntime's CPU provider convolves no other type. */
const convolved: readonly DataType[] = ['float32'];

function checkFactors(inputs: readonly TensorType[], how: Convolving, channels: Dim, outer: Dim): void {
  requireSameType(inputs);
  requireType(inputs[0], convolved);
  const [x, weight, bias] = inputs;
  checkWindow(x, how);
  if (weight.shape.length !== x.shape.length) refuse('input and weight must have equally many axes');
  if (x.shape[1] !== channels) refuse(`the input must have ${channels} channels, not ${x.shape[1]}`);
  if (bias !== undefined && !sameShape(bias.shape, [outer])) refuse(`the bias must have the shape [${outer}]`);
}

function checkGroups(channels: Dim, { groups }: Convolving): void {
  if (!Number.isInteger(groups) || groups < 1) refuse(`the groups must be a positive integer, not ${groups}`);
  if (quotient(channels, groups) === undefined) refuse(`${channels} channels do not make ${groups} groups`);
}

const poolingAttributes = ({ kernel, strides, pads }: Pooling) => ({
  kernel_shape: { ints: kernel },
  strides: { ints: strides },
  pads: { ints: pads },
});

function pooled(input: TensorType, how: Pooling): Dim[] {
  const rank = spaceOf(input);
  const { kernel, pads } = how;
  if (kernel.length !== rank || !kernel.every((size) => Number.isInteger(size) && size >= 1)) {
    refuse(`the window must be ${rank} positive integers`);
  }
  // After the window, whose sizes the strides are when they are left out.
  checkWindow(input, how);
  // A window that lies in the padding would have no greatest element and no mean.
  if (!pads.every((pad, i) => pad < kernel[i % rank])) refuse('the pads must be smaller than the window');
  return [...input.shape.slice(0, 2), ...kernel.map((size, i) => positions(input.shape[2 + i], size, how, i))];
}

export const convolution = {
  /**
   * `y[n, m, p] = b[m] + Σ_{c,k} w[m, c, k] · x[n, c, p·stride + k·dilation − pad]` of x `[n, c, …]`, w
   * `[m, c / groups, …]` and, where given, b `[m]`. Channels of one group see those of the same group alone.
   */
  Conv: operation<Convolving>({
    since: 11,
    arity: { atLeast: 2, atMost: 3 },
    shown: ['strides', 'pads', 'dilations', 'groups'],
    infer(inputs, how) {
      const [x, { shape: weight }] = inputs;
      const [outer, inner, ...window] = weight;
      checkFactors(inputs, how, product([inner, how.groups]), outer);
      checkGroups(outer, how);
      const space = window.map((size, i) => positions(x.shape[2 + i], size, how, i));
      return [{ type: x.type, shape: [x.shape[0], outer, ...space] }];
    },
    onnx: ({ strides, pads, dilations, groups }) => ({
      attributes: {
        strides: { ints: strides },
        pads: { ints: pads },
        dilations: { ints: dilations },
        group: { int: groups },
      },
    }),
  }),
  /**
   * The transpose of `Conv` by its input, with the weight `[c, m / groups, …]`: spreads each element over its window.
   * `extra` elements at the end of each axis tell apart the sizes that a stride makes equal.
   */
  ConvTranspose: operation<Convolving & { readonly extra: readonly number[] }>({
    since: 11,
    arity: { atLeast: 2, atMost: 3 },
    shown: ['strides', 'pads', 'dilations', 'groups', 'extra'],
    infer(inputs, how) {
      const [x, { shape: weight }] = inputs;
      const [inner, outer, ...window] = weight;
      checkFactors(inputs, how, inner, product([outer, how.groups]));
      checkGroups(inner, how);
      const { strides, pads, dilations, extra } = how;
      const rank = strides.length;
      if (extra.length !== rank || !extra.every((size, i) => size >= 0 && size < strides[i])) {
        refuse(`extra must be ${rank} integers from 0 that are smaller than the strides`);
      }
      const space = window.map((kernel, i) => {
        // (from − 1)·stride + (kernel − 1)·dilation + 1 + extra − pads
        const constant = 1 - strides[i] - dilations[i] + extra[i] - pads[i] - pads[i + rank];
        const size = sum(product([x.shape[2 + i], strides[i]]), product([kernel, dilations[i]]), constant);
        if (typeof size === 'number' && size < 1) refuse('the pads leave nothing of the output');
        return size;
      });
      return [{ type: x.type, shape: [x.shape[0], product([outer, how.groups]), ...space] }];
    },
    onnx: ({ strides, pads, dilations, groups, extra }) => ({
      attributes: {
        strides: { ints: strides },
        pads: { ints: pads },
        dilations: { ints: dilations },
        group: { int: groups },
        output_padding: { ints: extra },
      },
    }),
  }),
  /** The greatest of each window, and where it is: an index into the flattened input, of the first one among equals. */
  MaxPool: operation<Pooling>({
    since: 12,
    arity: 1,
    shown: ['kernel', 'strides', 'pads', 'dilations'],
    needed: 1,
    infer([input], how) {
      requireType(input, floats);
      const shape = pooled(input, how);
      return [
        { type: input.type, shape },
        { type: 'int64', shape },
      ];
    },
    onnx: (how) => ({ attributes: { ...poolingAttributes(how), dilations: { ints: how.dilations } } }),
  }),
  /** The mean of each window: of what lies within the input, or with `countPads` of all, padding counting as zeros. */
  AveragePool: operation<Pooling & { readonly countPads: boolean }>({
    since: 11,
    arity: 1,
    shown: ['kernel', 'strides', 'pads'],
    infer([input], how) {
      requireType(input, convolved);
      if (how.dilations.some((size) => size !== 1)) refuse('the window of a mean has no dilations');
      return [{ type: input.type, shape: pooled(input, how) }];
    },
    onnx: (how) => ({ attributes: { ...poolingAttributes(how), count_include_pad: { int: Number(how.countPads) } } }),
  }),
};
