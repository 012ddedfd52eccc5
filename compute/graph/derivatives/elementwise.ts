/** Derivatives of the operations on each element. */
import type { AttributesOf } from '../operations/table.ts';
import { ofOutput, sumTo, unary, zero, type FloatTensor } from './definition.ts';

/** Each side's own gradient, added up over what was broadcast. */
const binary = (
  rule: (
    g: FloatTensor,
    a: FloatTensor,
    b: FloatTensor,
    graph: Parameters<Parameters<typeof unary>[0]>[3],
    y: FloatTensor,
  ) => readonly [() => FloatTensor, () => FloatTensor],
) =>
  ofOutput<object>((g, { graph, inputs, outputs, wanted }) => {
    const [a, b] = inputs;
    const sides = rule(g, a, b, graph, outputs[0]);
    return inputs.map((input, i) => (wanted[i] ? sumTo(graph, sides[i](), input.shape) : undefined));
  });

/** √π / 2, for the derivative of erf. */
const twoOverRootPi = 2 / Math.sqrt(Math.PI);

export const elementwise = {
  Add: binary((g) => [() => g, () => g]),
  Sub: binary((g, _a, _b, graph) => [() => g, () => graph.neg(g)]),
  Mul: binary((g, a, b, graph) => [() => graph.mul(g, b), () => graph.mul(g, a)]),
  Div: binary((g, _a, b, graph, y) => [() => graph.div(g, b), () => graph.neg(graph.div(graph.mul(g, y), b))]),
  Neg: unary((g, _x, _y, graph) => graph.neg(g)),
  Exp: unary((g, _x, y, graph) => graph.mul(g, y)),
  Log: unary((g, x, _y, graph) => graph.div(g, x)),
  Sqrt: unary((g, _x, y, graph) => graph.div(graph.mul(g, 0.5), y)),
  Relu: unary((g, _x, y, graph) => graph.mul(g, graph.sign(y))),
  Sigmoid: unary((g, _x, y, graph) => graph.mul(g, graph.mul(y, graph.sub(1, y)))),
  Tanh: unary((g, _x, y, graph) => graph.mul(g, graph.sub(1, graph.mul(y, y)))),
  Erf: unary((g, x, _y, graph) => graph.mul(graph.mul(g, twoOverRootPi), graph.exp(graph.neg(graph.mul(x, x))))),
  Identity: unary((g) => g),
  Cast: unary<AttributesOf<'Cast'>>((g, x, _y, graph) => graph.cast(g, x.type)),
  Equal: zero,
  Less: zero,
  LessOrEqual: zero,
  Greater: zero,
  GreaterOrEqual: zero,
};
