/** Derivatives of the operations that move elements: each is undone. */
import { sum, type Dim } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import type { AttributesOf } from '../operations/table.ts';
import { ofOutput, sizeAs, sumTo, unary, zero, type Backward, type FloatTensor } from './definition.ts';

const fromStart = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** Elements [start, start + size) of an axis. */
function piece(graph: Graph, x: FloatTensor, axis: number, start: Dim, size: Dim, rest: Dim): FloatTensor {
  if (start === 0 && rest === 0) return x;
  if (typeof start === 'number' && typeof size === 'number' && typeof x.shape[axis] === 'number') {
    return graph.slice(x, axis, start, start + size);
  }
  return graph.split(x, axis, [start, size, rest])[1];
}

/** Zeros around an axis. */
function padded(graph: Graph, x: FloatTensor, axis: number, before: Dim, after: Dim): FloatTensor {
  const at = (dim: Dim) => x.shape.map((_, i) => (i === axis ? dim : 0));
  return graph.pad(x, at(before), at(after));
}

export const layout = {
  Reshape: unary((g, x, _y, graph) => graph.reshape(g, x.shape)),
  Expand: unary((g, x, _y, graph) => sumTo(graph, g, x.shape)),
  ConstantOfShape: zero,
  Shape: zero,
  Transpose: unary<AttributesOf<'Transpose'>>((g, _x, _y, graph, { permutation }) => {
    return graph.transpose(
      g,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    );
  }),
  Squeeze: unary((g, x, _y, graph) => graph.reshape(g, x.shape)),
  Unsqueeze: unary((g, x, _y, graph) => graph.reshape(g, x.shape)),
  Concat: ofOutput<AttributesOf<'Concat'>>((g, { graph, inputs, attributes, wanted }) => {
    const axis = fromStart(attributes.axis, g.shape.length);
    const sizes = inputs.map((input) => input.shape[axis]);
    if (wanted.filter(Boolean).length > 1) return graph.split(g, axis, sizes);
    return inputs.map((_, i) =>
      wanted[i] ? piece(graph, g, axis, sum(...sizes.slice(0, i)), sizes[i], sum(...sizes.slice(i + 1))) : undefined,
    );
  }),
  Split: ({ graph, inputs: [x], outputs, gradients, attributes }: Backward<AttributesOf<'Split'>>) => {
    const axis = fromStart(attributes.axis, x.shape.length);
    const { sizes } = attributes;
    const used = gradients.flatMap((gradient, i) => (gradient === undefined ? [] : [i]));
    if (used.length === 1) {
      const [i] = used;
      return [padded(graph, gradients[i]!, axis, sum(...sizes.slice(0, i)), sum(...sizes.slice(i + 1)))];
    }
    return [
      graph.concat(
        gradients.map((g, i) => g ?? graph.full(x.type, outputs[i].shape, 0)),
        axis,
      ),
    ];
  },
  Slice: ofOutput<AttributesOf<'Slice'>>((g, { graph, inputs: [x], attributes: { axis, start, step } }) => {
    const at = fromStart(axis, x.shape.length);
    // The operation takes no axis whose size is not a number.
    const [size, taken] = [x.shape[at] as number, g.shape[at] as number];
    if (taken === 0) return [undefined];
    const first = Math.min(size, Math.max(0, fromStart(start, size)));
    // Each element with the zeros that stand for those between it and the next, in which the last may be too long.
    let spread = g;
    if (step > 1) {
      const apart = padded(graph, graph.unsqueeze(g, [at + 1]), at + 1, 0, step - 1);
      spread = graph.reshape(apart, x.shape.with(at, taken * step));
    }
    const reached = first + taken * step;
    const whole = padded(graph, spread, at, first, Math.max(0, size - reached));
    return [piece(graph, whole, at, 0, size, Math.max(0, reached - size))];
  }),
  Pad: ofOutput<AttributesOf<'Pad'>>((g, { graph, inputs: [x], attributes: { before, after }, wanted }) => {
    let inner = g;
    for (const [axis, size] of x.shape.entries()) inner = piece(graph, inner, axis, before[axis], size, after[axis]);
    // The value went to all that is not the input.
    const toValue = () => graph.sub(graph.sum(g), graph.sum(inner));
    return [inner, undefined, wanted[2] ? toValue() : undefined];
  }),
  // yᵢ = start + i delta
  Range: ofOutput<object>((g, { graph, wanted }) => {
    const count = sizeAs(graph, g.type, g.shape[0]);
    const steps = () => graph.range(g.type, 0, count, 1, g.shape[0]);
    return [wanted[0] ? graph.sum(g) : undefined, undefined, wanted[2] ? graph.sum(graph.mul(g, steps())) : undefined];
  }),
};
