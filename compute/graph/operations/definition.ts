/** What an operation is: data that shape checking, lowering and differentiation read. */
import type { DataType } from '../../onnx/datatypes.ts';
import { formatShape, type Shape } from '../dimensions.ts';
import type { Program } from '../program.ts';

export interface TensorType {
  readonly type: DataType;
  readonly shape: Shape;
}

/** An attribute as ONNX wants it; plain numbers would leave open whether 1 is an integer or a float. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly strings: readonly string[] }
  /** One element, as `ConstantOfShape` takes its value. */
  | { readonly scalar: number; readonly type: DataType }
  /** A program that the node runs. */
  | { readonly body: Program };

/** How a node reads in ONNX, where that is more than its inputs. */
export interface OnnxForm {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Settings that ONNX takes as int64 inputs after the tensors: vectors, or a scalar where a number is given. */
  readonly settings?: readonly (readonly number[] | number)[];
  /** How many of the node's inputs are written; the others are those that a body captures. All when left out. */
  readonly inputs?: number;
}

/**
 * One row of the operations' table; its key there is the ONNX name. Attributes are plain data (`{ axis: 1 }`), so that
 * a rule of differentiation can read them off a node.
 */
export interface Operation<A> {
  /** ONNX domain; the default one when left out. */
  readonly domain?: string;
  /** The first operator set of its domain that has this form. */
  readonly since: number;
  /** Number of input tensors, or its bounds. */
  readonly arity: number | { readonly atLeast: number; readonly atMost?: number };
  /** How many outputs every node has in ONNX; those after them are left out where nothing needs them. All by default. */
  readonly needed?: number;
  /**
   * Types and shapes of the outputs.
   * @param fresh - a new symbol for a size that only the run can tell.
   * @throws Refusal (by `refuse`) with the rule that the inputs break.
   */
  infer(inputs: readonly TensorType[], attributes: A, fresh: () => string): TensorType[];
  onnx?(attributes: A): OnnxForm;
}

/** Gives `A` a place to be inferred from; the table's rows then differ in it. */
export function operation<A = object>(definition: Operation<A>): Operation<A> {
  return definition;
}

/** The rule that an operation's inputs break; whoever builds the graph adds the operation's name and the shapes. */
export class Refusal extends Error {}

export function refuse(rule: string): never {
  throw new Refusal(rule);
}

export const floats: readonly DataType[] = ['float32', 'float64'];
export const numbers: readonly DataType[] = [...floats, 'int32', 'int64'];
export const indices: readonly DataType[] = ['int32', 'int64'];

export function requireType(input: TensorType, allowed: readonly DataType[], what = 'the input'): void {
  if (!allowed.includes(input.type)) refuse(`${what} must be ${allowed.join(' or ')}`);
}

export function requireSameType(inputs: readonly TensorType[]): DataType {
  if (inputs.some((input) => input.type !== inputs[0].type)) refuse('the inputs must have one element type');
  return inputs[0].type;
}

/** Axis counted from the start; negative ones count from the end. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    refuse(`the axis must be an integer in [${-rank}, ${rank - 1}], not ${axis}`);
  }
  return at;
}

export function axesOf(axes: readonly number[], rank: number): number[] {
  const at = axes.map((axis) => axisOf(axis, rank));
  if (new Set(at).size !== at.length) refuse(`the axes must differ, not [${axes.join(', ')}]`);
  return at;
}

export function formatType({ type, shape }: TensorType): string {
  return `${type} ${formatShape(shape)}`;
}
