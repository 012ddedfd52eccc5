/** What an operation is: data that shape checking, lowering and differentiation read. */
import type { DataType } from '../../onnx/datatypes.ts';
import { formatShape, symbolPattern, termsOf, type Shape } from '../dimensions.ts';
import type { Program, TensorSource } from '../program.ts';

export interface TensorType {
  readonly type: DataType;
  readonly shape: Shape;
  /** Of inputs: where their values come from, for rules on those of constants. */
  readonly source?: TensorSource;
}

/** An attribute as ONNX wants it; plain numbers would leave open whether 1 is an integer or a float. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: ArrayLike<number> }
  | { readonly floats: Float32Array }
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
  /** Attributes that say sizes, strides and the like: what a complaint prints beside the inputs. */
  readonly shown?: readonly (keyof A & string)[];
  /** The input that only spells out attributes that are shown, and which a complaint leaves out therefore. */
  readonly spelled?: number;
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

/** The one number that a constant holds; `undefined` for what is only known when the program runs. */
export function constantOf({ source, shape }: TensorType): number | undefined {
  return source?.kind === 'constant' && shape.every((dim) => dim === 1) ? Number(source.data[0]) : undefined;
}

/** Sizes are integers of at least 0, or symbols and what sums and products of them give. */
export function requireSizes(sizes: Shape, what: string): void {
  const wrong = sizes.find((dim) =>
    typeof dim === 'number'
      ? !(Number.isSafeInteger(dim) && dim >= 0)
      : termsOf(dim).some(([, symbols]) => symbols.some((symbol) => !symbolPattern.test(symbol))),
  );
  if (wrong !== undefined) refuse(`${what} must be integers of at least 0 or symbols, not ${wrong}`);
}

/** What a complaint says it got: `float32 [6] with shape [4, -1]`. */
export function formatGot<A>(inputs: readonly TensorType[], attributes: A, shown: readonly (keyof A & string)[] = []) {
  const settings = shown.flatMap((name) => {
    const value = attributes[name];
    return value === undefined ? [] : [`${name} ${Array.isArray(value) ? formatShape(value as Shape) : String(value)}`];
  });
  return [inputs.map(formatType).join(' and '), settings.join(', ')].filter(Boolean).join(' with ') || 'nothing';
}

export function formatType({ type, shape }: TensorType): string {
  return `${type} ${formatShape(shape)}`;
}
