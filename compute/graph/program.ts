/** A tensor program as data: inputs, constants and the nodes between them, checked as they are added. */
import type { DataType } from '../onnx/datatypes.ts';
import { formatShape, product, symbolPattern, termsOf, type Dim, type Shape } from './dimensions.ts';
import { formatGot, Refusal, type TensorType } from './operations/definition.ts';
import { operationOf, type AttributesOf, type OperationName } from './operations/table.ts';

/** Element types that constants can have, and the arrays that hold them. `bool` is a byte of 0 or 1. */
export interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  bool: Uint8Array;
  string: readonly string[];
}
export type ConstantType = keyof ArrayOf;
export type NumberType = 'float32' | 'float64' | 'int32' | 'int64';
export type FloatType = 'float32' | 'float64';
export type IndexType = 'int32' | 'int64';

const arrays: Record<Exclude<ConstantType, 'string'>, (values: readonly number[]) => ArrayOf[ConstantType]> = {
  float32: (values) => Float32Array.from(values),
  float64: (values) => Float64Array.from(values),
  int32: (values) => Int32Array.from(values),
  int64: (values) => BigInt64Array.from(values, BigInt),
  uint8: (values) => Uint8Array.from(values),
  bool: (values) => Uint8Array.from(values),
};

/** A value of a program. It belongs to the program that made it. */
export interface Tensor<D extends DataType = DataType> {
  readonly type: D;
  readonly shape: Shape;
  readonly source: TensorSource;
}
export type TensorSource =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: ArrayOf[ConstantType]; readonly name?: string }
  /** A value of the program around this one, which is a loop's body. */
  | { readonly kind: 'captured'; readonly outer: Tensor }
  | { readonly kind: 'node'; readonly node: Node; readonly output: number };

export interface Node {
  readonly operation: OperationName;
  readonly attributes: unknown;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** A program that cannot be right: the message names the operation, the rule and all shapes. */
export class GraphError extends RangeError {
  override readonly name = 'GraphError';
}

export class Program {
  readonly inputs: (Tensor & { source: { kind: 'input' } })[] = [];
  /** In the order in which they were added: each after those that compute its inputs. */
  readonly nodes: Node[] = [];
  readonly outputs: { name: string; tensor: Tensor }[] = [];
  /** By the value of the program around this one. */
  readonly captured = new Map<Tensor, Tensor>();
  readonly #own = new WeakSet<Tensor>();
  readonly #small = new Map<string, Tensor>();
  /** Where the size that a symbol stands for can be read. */
  readonly #bindings = new Map<string, { tensor: Tensor; axis: number }>();
  readonly #sizes = new Map<string, Tensor<'int64'>>();
  #fresh = 0;

  /** @param shape - numbers, and symbols for sizes that are free, e.g. `['batch', 64]`; one symbol is one size. */
  input<D extends DataType>(name: string, type: D, shape: Shape): Tensor<D> {
    if (this.inputs.some((input) => input.source.name === name))
      throw new GraphError(`Two inputs are called "${name}".`);
    for (const dim of shape) {
      const legal = typeof dim === 'number' ? Number.isInteger(dim) && dim >= 0 : symbolPattern.test(dim);
      if (!legal) throw new GraphError(`Input "${name}": "${dim}" is no size and no symbol of ${formatShape(shape)}.`);
    }
    const tensor = this.#add(type, shape, { kind: 'input', name });
    this.inputs.push(tensor as Program['inputs'][number]);
    return tensor;
  }

  /** Brings a value of the program around this one in, once however often it is asked for. For bodies of loops. */
  capture<D extends DataType>(outer: Tensor<D>): Tensor<D> {
    let tensor = this.captured.get(outer);
    if (tensor === undefined) {
      if (this.#own.has(outer)) throw new GraphError('A captured value must belong to the program around this one.');
      tensor = this.#add(outer.type, outer.shape, { kind: 'captured', outer });
      this.captured.set(outer, tensor);
    }
    return tensor as Tensor<D>;
  }

  /**
   * @param data - row-major; not copied, and not to be changed until the model is made.
   * @param shape - a vector when left out.
   * @param name - what to call it in the ONNX file.
   */
  constant<D extends ConstantType>(type: D, data: ArrayOf[D], shape: Shape = [data.length], name?: string): Tensor<D> {
    if (product(shape) !== data.length) {
      throw new GraphError(`A constant of the shape ${formatShape(shape)} cannot be made of ${data.length} elements.`);
    }
    return this.#add(type, shape, { kind: 'constant', data, name });
  }

  /** A small constant of numbers, kept once however often it is asked for; a scalar when `values` is a number. */
  literal<D extends Exclude<ConstantType, 'string'>>(type: D, values: number | readonly number[]): Tensor<D> {
    const key = `${type} ${typeof values === 'number' ? spell(values) : `[${values.map(spell).join()}]`}`;
    const known = this.#small.get(key);
    if (known !== undefined) return known as Tensor<D>;
    const whole = type === 'int32' || type === 'int64';
    const wrong = [values].flat().find((value) => whole && !Number.isSafeInteger(value));
    if (wrong !== undefined) throw new GraphError(`A constant of ${type} must be of integers. Got ${wrong}.`);
    const [list, shape] = typeof values === 'number' ? [[values], []] : [values, [values.length]];
    const tensor = this.constant(type, arrays[type](list) as ArrayOf[D], shape);
    this.#small.set(key, tensor);
    return tensor;
  }

  /** Adds a node and gives its outputs. @throws GraphError when the inputs break the operation's rule. */
  apply<N extends OperationName>(operation: N, inputs: readonly Tensor[], attributes: AttributesOf<N>): Tensor[] {
    const row = operationOf(operation);
    const { arity } = row;
    const complain = (rule: string) =>
      new GraphError(`${operation}: ${rule}. Got ${formatGot(inputs, attributes as unknown as object)}.`);
    if (inputs.some((input) => !this.#own.has(input)))
      throw complain('the inputs must belong to this program; a body captures those of the program around it');
    const { atLeast, atMost = Infinity } = typeof arity === 'number' ? { atLeast: arity, atMost: arity } : arity;
    if (inputs.length < atLeast || inputs.length > atMost) {
      const count =
        atLeast === atMost ? atLeast : atMost === Infinity ? `at least ${atLeast}` : `${atLeast} to ${atMost}`;
      throw complain(`it takes ${count} inputs`);
    }
    const printed = inputs.filter((_, i) => i !== row.spelled);
    const types: TensorType[] = this.checked(operation, printed, attributes, () =>
      row.infer(inputs, attributes, () => `unknown_${this.#fresh++}`),
    );
    const outputs: Tensor[] = [];
    const node: Node = { operation, attributes, inputs: [...inputs], outputs };
    for (const [output, { type, shape }] of types.entries()) {
      outputs.push(this.#add(type, shape, { kind: 'node', node, output }));
    }
    this.nodes.push(node);
    return outputs;
  }

  /** Has what is refused say which operation refuses it, and what it got. */
  protected checked<N extends OperationName, T>(
    operation: N,
    inputs: readonly Tensor[],
    attributes: AttributesOf<N>,
    check: () => T,
  ): T {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const got = formatGot<unknown>(inputs, attributes, operationOf(operation).shown as readonly never[] | undefined);
      throw new GraphError(`${operation}: ${error.message}. Got ${got}.`);
    }
  }

  /** Names a result of the program. */
  output(name: string, tensor: Tensor): void {
    if (!this.#own.has(tensor)) throw new GraphError(`Output "${name}" must belong to this program.`);
    const taken = [...this.inputs.map((input) => input.source.name), ...this.outputs.map((output) => output.name)];
    if (taken.includes(name)) throw new GraphError(`Output "${name}" must have a name of its own.`);
    this.outputs.push({ name, tensor });
  }

  /** A shape as int64 `[rank]`, for operations that take one; free sizes are read from the tensors that have them. */
  shapeTensor(shape: Shape): Tensor<'int64'> {
    if (shape.every((dim) => typeof dim === 'number')) return this.literal('int64', shape);
    const sizes = shape.map((dim) => this.sizeTensor(dim));
    return sizes.length === 1 ? sizes[0] : (this.apply('Concat', sizes, { axis: 0 })[0] as Tensor<'int64'>);
  }

  /** One size as int64 `[1]`. */
  sizeTensor(dim: Dim): Tensor<'int64'> {
    if (typeof dim === 'number') return this.literal('int64', [dim]);
    let size = this.#sizes.get(dim);
    if (size === undefined) {
      const terms = termsOf(dim).map(([coefficient, symbols]) => {
        const factors = symbols.map((symbol) => this.#symbol(symbol));
        if (coefficient !== 1 || factors.length === 0) factors.push(this.literal('int64', [coefficient]));
        return factors.reduce((a, b) => this.apply('Mul', [a, b], {})[0] as Tensor<'int64'>);
      });
      size = terms.reduce((a, b) => this.apply('Add', [a, b], {})[0] as Tensor<'int64'>);
      this.#sizes.set(dim, size);
    }
    return size;
  }

  #symbol(symbol: string): Tensor<'int64'> {
    const known = this.#sizes.get(symbol);
    if (known !== undefined) return known;
    const binding = this.#bindings.get(symbol);
    if (binding === undefined) throw new GraphError(`No tensor of this program has the size "${symbol}".`);
    const { tensor, axis } = binding;
    const size = this.apply('Shape', [tensor], { start: axis, end: axis + 1 })[0] as Tensor<'int64'>;
    this.#sizes.set(symbol, size);
    return size;
  }

  #add<D extends DataType>(type: D, shape: Shape, source: TensorSource): Tensor<D> {
    const tensor: Tensor<D> = { type, shape: [...shape], source };
    this.#own.add(tensor);
    for (const [axis, dim] of shape.entries()) {
      if (typeof dim === 'string' && !this.#bindings.has(dim)) this.#bindings.set(dim, { tensor, axis });
    }
    return tensor;
  }
}

/** Tells −0 from 0, which are other bytes. */
function spell(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
