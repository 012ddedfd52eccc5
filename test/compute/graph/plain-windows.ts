/** Convolution and pooling as their formulas read, one element at a time: what the operations are held against. */

export interface PlainArray {
  values: readonly number[];
  shape: readonly number[];
}
export interface PlainWindow {
  strides: readonly number[];
  pads: readonly number[];
  dilations: readonly number[];
}

const count = (shape: readonly number[]) => shape.reduce((total, size) => total * size, 1);

/** All positions of a shape, in row-major order. */
function positionsOf(shape: readonly number[]): number[][] {
  return Array.from({ length: count(shape) }, (_, at) => {
    const position: number[] = [];
    for (const size of shape.toReversed()) {
      position.unshift(at % size);
      at = Math.floor(at / size);
    }
    return position;
  });
}

const offset = (position: readonly number[], shape: readonly number[]) =>
  position.reduce((at, index, axis) => at * shape[axis] + index, 0);

const outputSpace = (space: readonly number[], kernel: readonly number[], { strides, pads, dilations }: PlainWindow) =>
  space.map((size, i) => {
    const reach = (kernel[i] - 1) * dilations[i] + 1;
    return Math.floor((size + pads[i] + pads[i + space.length] - reach) / strides[i]) + 1;
  });

/** The place in the input that an element of the window of an output covers; `undefined` in the padding. */
function covered(p: readonly number[], k: readonly number[], space: readonly number[], how: PlainWindow) {
  const at = p.map((index, i) => index * how.strides[i] + k[i] * how.dilations[i] - how.pads[i]);
  return at.every((index, i) => index >= 0 && index < space[i]) ? at : undefined;
}

export function plainConv(
  x: PlainArray,
  w: PlainArray,
  how: PlainWindow & { groups: number },
  bias?: readonly number[],
) {
  const [batch, , ...space] = x.shape;
  const [outer, inner, ...kernel] = w.shape;
  const shape = [batch, outer, ...outputSpace(space, kernel, how)];
  const values = positionsOf(shape).map(([n, m, ...p]) => {
    let sum = bias?.[m] ?? 0;
    for (const [c, ...k] of positionsOf([inner, ...kernel])) {
      const at = covered(p, k, space, how);
      const channel = Math.floor(m / (outer / how.groups)) * inner + c;
      if (at) sum += w.values[offset([m, c, ...k], w.shape)] * x.values[offset([n, channel, ...at], x.shape)];
    }
    return sum;
  });
  return { values, shape };
}

/** @param shape - of the output, in which strides may leave a choice. */
export function plainConvTranspose(
  x: PlainArray,
  w: PlainArray,
  shape: readonly number[],
  how: PlainWindow & { groups: number },
) {
  const [, outer, ...kernel] = w.shape;
  const inner = w.shape[0] / how.groups;
  const values = Array.from({ length: count(shape) }, () => 0);
  for (const [n, c, ...p] of positionsOf(x.shape)) {
    for (const [m, ...k] of positionsOf([outer, ...kernel])) {
      const at = covered(p, k, shape.slice(2), how);
      const channel = Math.floor(c / inner) * outer + m;
      if (!at) continue;
      values[offset([n, channel, ...at], shape)] +=
        w.values[offset([c, m, ...k], w.shape)] * x.values[offset([n, c, ...p], x.shape)];
    }
  }
  return { values, shape };
}

/** What lies within each window: the values, and where they are in the flattened input. */
export function plainWindows(x: PlainArray, kernel: readonly number[], how: PlainWindow) {
  const [batch, channels, ...space] = x.shape;
  const shape = [batch, channels, ...outputSpace(space, kernel, how)];
  const windows = positionsOf(shape).map(([n, c, ...p]) =>
    positionsOf(kernel).flatMap((k) => {
      const at = covered(p, k, space, how);
      if (!at) return [];
      const index = offset([n, c, ...at], x.shape);
      return [{ index, value: x.values[index] }];
    }),
  );
  return { windows, shape };
}
