/** Derivatives of convolution and pooling. ONNX has no operations for them: they are convolutions themselves. */
import { product, sameShape, type Dim, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import type { Convolving, Pooling } from '../operations/convolution.ts';
import type { AttributesOf } from '../operations/table.ts';
import type { Tensor } from '../program.ts';
import { unary, type Backward, type FloatTensor } from './definition.ts';

const spaceOf = (shape: Shape) => shape.slice(2);
const spaceAxes = (shape: Shape) => Array.from(spaceOf(shape).keys(), (axis) => axis + 2);
const isOne = (value: number) => value === 1;

/** `[batch, channels, …]` as `[channels, batch, …]`. */
function exchanged(graph: Graph, x: FloatTensor): FloatTensor {
  return graph.transpose(x, [1, 0, ...spaceAxes(x.shape)]);
}

/** The weight of the transposed convolution: `[m, c / groups, k]` as `[c, m / groups, k]`, with its windows reversed. */
function reversed(graph: Graph, weight: FloatTensor, groups: number): FloatTensor {
  const [outer, inner, ...window] = weight.shape;
  const size = product(window) as number;
  const perGroup = (outer as number) / groups;
  const byGroup = graph.transpose(graph.reshape(weight, [groups, perGroup, inner, size]), [0, 2, 1, 3]);
  const index = Array.from({ length: size }, (_, i) => size - 1 - i);
  const turned = size === 1 ? byGroup : graph.gather(byGroup, graph.literal('int64', index), 3);
  return graph.reshape(turned, [product([groups, inner]), perGroup, ...window]);
}

/** `∂x[n, c, s] = Σ_{m,k} w[m, c, k] · g[n, m, p]` over all p and k with `p·stride + k·dilation − pad = s`. */
function byInput(graph: Graph, g: FloatTensor, weight: FloatTensor, shape: Shape, how: Convolving): FloatTensor {
  const { strides, pads, dilations, groups } = how;
  const rank = strides.length;
  const window = spaceOf(weight.shape);
  const reach = pads.map((_, i) => (Number(window[i % rank]) - 1) * dilations[i % rank]);
  // Windows that go step by step are read backwards by a convolution; in onnxruntime 1.30 on two threads it takes half
  // the time of ConvTranspose, which adds its columns up on one thread (128 × [32, 14, 14] to 16 channels: 2.6 ms, 5.4).
  if (strides.every(isOne) && pads.every((pad, i) => pad <= reach[i]) && typeof weight.shape[0] === 'number') {
    const around = pads.map((pad, i) => reach[i] - pad);
    return graph.conv(g, reversed(graph, weight, groups), undefined, { pads: around, dilations, groups });
  }
  // Elements at the end that no window reached, where the stride does not divide the size.
  const extra = strides.map((stride, i) => {
    if (stride === 1) return 0;
    const spread = (Number(g.shape[2 + i]) - 1) * stride + reach[i] + 1;
    return Number(shape[2 + i]) - (spread - pads[i] - pads[i + rank]);
  });
  return graph.convTranspose(g, weight, undefined, { strides, pads, dilations, groups, extra });
}

/**
 * `∂w[m, c, k] = Σ_{n,p} g[n, m, p] · x[n, c, p·stride + k·dilation − pad]`: a convolution in which the batch is what is
 * added up over, the gradient is the window, and strides and dilations have changed places.
 */
function byWeight(graph: Graph, g: FloatTensor, x: FloatTensor, shape: Shape, how: Convolving): FloatTensor {
  const { strides, pads, dilations, groups } = how;
  const rank = strides.length;
  const batch = x.shape[0];
  const space = spaceOf(x.shape);
  const [outer, inner] = shape;
  const windows = exchanged(graph, g);
  let result: FloatTensor;
  if (rank < 3) {
    // Channels are one more axis of space, so that one product of matrices is as wide as they are: in onnxruntime
    // 1.30, 3.9 ms where windows of 9 for each of 16 channels take 7.8 (128 × 14 × 14, 32 outer channels, two threads).
    const folded: Dim[] = [1, product([groups, batch]), inner, ...space];
    const grouped = graph.reshape(x, [batch, groups, product([inner, ...space])]);
    const images = graph.reshape(groups === 1 ? x : graph.transpose(grouped, [1, 0, 2]), folded);
    const unfolded = graph.reshape(windows, [outer, batch, 1, ...spaceOf(g.shape)]);
    const around = [0, ...pads.slice(0, rank), 0, ...pads.slice(rank)];
    const options = { strides: [1, ...dilations], dilations: [1, ...strides], pads: around, groups };
    const found = graph.conv(images, unfolded, undefined, options);
    result = graph.reshape(found, [outer, inner, ...found.shape.slice(3)]);
  } else {
    const grouped = graph.reshape(x, [batch, groups, inner, product(space)]);
    const images = graph.reshape(graph.transpose(grouped, [2, 1, 0, 3]), [inner, product([groups, batch]), ...space]);
    result = exchanged(
      graph,
      graph.conv(images, windows, undefined, { strides: dilations, dilations: strides, pads, groups }),
    );
  }
  // Where the stride does not divide the size, there is room for the windows to move on.
  for (const axis of spaceAxes(shape)) {
    const size = shape[axis];
    if (result.shape[axis] !== size) result = graph.slice(result, axis, 0, Number(size));
  }
  return result;
}

/** How much of each window lies within the input. */
function coverage(graph: Graph, x: FloatTensor, how: Pooling): FloatTensor {
  const ones = graph.full(x.type, [1, 1, ...spaceOf(x.shape)], 1);
  return graph.averagePool(ones, how.kernel, { ...how, countPads: true });
}

export const convolution = {
  Conv: ({ graph, inputs: [x, weight, bias], gradients, attributes, wanted }: Backward<Convolving>) => {
    const g = gradients[0]!;
    return [
      wanted[0] ? byInput(graph, g, weight, x.shape, attributes) : undefined,
      wanted[1] ? byWeight(graph, g, x, weight.shape, attributes) : undefined,
      bias && wanted[2] ? graph.sum(g, [0, ...spaceAxes(g.shape)]) : undefined,
    ];
  },
  // The transpose of a transpose: input and gradient have changed places.
  ConvTranspose: (backward: Backward<AttributesOf<'ConvTranspose'>>) => {
    const { graph, attributes, wanted } = backward;
    const [x, weight, bias] = backward.inputs;
    const g = backward.gradients[0]!;
    return [
      wanted[0] ? graph.conv(g, weight, undefined, attributes) : undefined,
      wanted[1] ? byWeight(graph, x, g, weight.shape, attributes) : undefined,
      bias && wanted[2] ? graph.sum(g, [0, ...spaceAxes(g.shape)]) : undefined,
    ];
  },
  // Where windows overlap, one element can be the greatest of several.
  MaxPool: ({ graph, inputs: [x], outputs, gradients, attributes }: Backward<AttributesOf<'MaxPool'>>) => {
    const [count, total] = [product(outputs[0].shape), product(x.shape)];
    const apart = attributes.strides.every(
      (stride, i) => stride >= (attributes.kernel[i] - 1) * attributes.dilations[i] + 1,
    );
    const flat = graph.scatterElements(
      graph.full(x.type, [total], 0),
      graph.reshape(outputs[1] as Tensor as Tensor<'int64'>, [count]),
      graph.reshape(gradients[0]!, [count]),
      { axis: 0, reduction: apart ? 'none' : 'add' },
    );
    return [graph.reshape(flat, x.shape)];
  },
  // Each element of a window had an equal share in its mean.
  AveragePool: unary<AttributesOf<'AveragePool'>>((g, x, _y, graph, how) => {
    const { kernel, strides, pads, countPads } = how;
    const size = product(kernel) as number;
    const share = countPads || pads.every((pad) => pad === 0) ? g : graph.div(g, coverage(graph, x, how));
    // One channel at a time, as one window of equal weights.
    const alone = graph.reshape(share, [product(g.shape.slice(0, 2)), 1, ...spaceOf(g.shape)]);
    const weight = graph.full(g.type, [1, 1, ...kernel], 1 / size);
    const window = { strides, pads, dilations: kernel.map(() => 1), groups: 1 };
    const spread = byInput(graph, alone, weight, [alone.shape[0], 1, ...spaceOf(x.shape)], window);
    return sameShape(spread.shape, x.shape) ? spread : graph.reshape(spread, x.shape);
  }),
};
