/** Operations on each element, with NumPy's broadcasting. */
import { toOnnxType, type DataType } from '../../onnx/datatypes.ts';
import { broadcastShapes } from '../dimensions.ts';
import {
  floats,
  indices,
  numbers,
  operation,
  refuse,
  requireSameType,
  requireType,
  type TensorType,
} from './definition.ts';

function broadcast(inputs: readonly TensorType[], type: DataType): TensorType[] {
  const shape = broadcastShapes(inputs.map((input) => input.shape));
  if (shape === undefined) refuse('the shapes must broadcast to each other');
  return [{ type, shape }];
}

const arithmetic = (since: number) =>
  operation({
    since,
    arity: 2,
    infer(inputs) {
      for (const input of inputs) requireType(input, numbers);
      return broadcast(inputs, requireSameType(inputs));
    },
  });

const comparison = (since: number, allowed: readonly DataType[] = numbers) =>
  operation({
    since,
    arity: 2,
    infer(inputs) {
      for (const input of inputs) requireType(input, allowed);
      requireSameType(inputs);
      return broadcast(inputs, 'bool');
    },
  });

const logical = operation({
  since: 7,
  arity: 2,
  infer(inputs) {
    for (const input of inputs) requireType(input, ['bool']);
    return broadcast(inputs, 'bool');
  },
});

const unary = (since: number, allowed: readonly DataType[] = floats, result?: DataType) =>
  operation({
    since,
    arity: 1,
    infer([input]) {
      requireType(input, allowed);
      return [{ type: result ?? input.type, shape: input.shape }];
    },
  });

export const elementwise = {
  Add: arithmetic(14),
  Sub: arithmetic(14),
  Mul: arithmetic(14),
  Div: arithmetic(14),
  Pow: arithmetic(15),
  /** The remainder, with the divisor's sign. */
  Mod: operation({
    since: 13,
    arity: 2,
    infer(inputs) {
      for (const input of inputs) requireType(input, indices);
      return broadcast(inputs, requireSameType(inputs));
    },
  }),
  Min: arithmetic(13),
  Max: arithmetic(13),
  Equal: comparison(13, [...numbers, 'bool']),
  Less: comparison(13),
  LessOrEqual: comparison(16),
  Greater: comparison(13),
  GreaterOrEqual: comparison(16),
  And: logical,
  Or: logical,
  Xor: logical,
  Not: unary(1, ['bool']),
  Neg: unary(13, numbers),
  Abs: unary(13, numbers),
  Sign: unary(13, numbers),
  Exp: unary(13),
  Log: unary(13),
  Sqrt: unary(13),
  Reciprocal: unary(13),
  Floor: unary(13),
  Ceil: unary(13),
  Round: unary(11),
  Sin: unary(7),
  Cos: unary(7),
  Relu: unary(14),
  Sigmoid: unary(13),
  Tanh: unary(13),
  Softplus: unary(1),
  Erf: unary(13),
  IsNaN: unary(13, floats, 'bool'),
  Identity: operation({ since: 16, arity: 1, infer: ([input]) => [input] }),
  Where: operation({
    since: 16,
    arity: 3,
    infer([condition, ...branches]) {
      requireType(condition, ['bool'], 'the condition');
      return broadcast([condition, ...branches], requireSameType(branches));
    },
  }),
  Cast: operation<{ to: DataType }>({
    since: 13,
    arity: 1,
    infer: ([input], { to }) => [{ type: to, shape: input.shape }],
    onnx: ({ to }) => ({ attributes: { to: { int: toOnnxType(to) } } }),
  }),
};
