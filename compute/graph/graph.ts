/**
 * The vocabulary in which tensor programs are written: one method per operation. Shapes are checked while building, so
 * that a wrong program fails where it is wrong; numbers stand for scalars of the other operand's type.
 */
import type { DataType } from '../onnx/datatypes.ts';
import type { ModelProto } from '../onnx/model.ts';
import { product, quotient, sameShape, type Dim, type Shape } from './dimensions.ts';
import type { Derivative } from './derivatives/definition.ts';
import { lowerProgram, type ModelOptions } from './lowering.ts';
import { each, windowOf, type WindowOptions } from './operations/convolution.ts';
import { refuse, requireSizes } from './operations/definition.ts';
import type { Reduction } from './operations/indexing.ts';
import type { AttributesOf, OperationName } from './operations/table.ts';
import type { TreeEnsemble } from './operations/trees.ts';
import { GraphError, type FloatType, type IndexType, type Node, type NumberType, type Tensor } from './program.ts';
import { StringProgram } from './strings.ts';

export type Operand<D extends DataType> = Tensor<D> | number;

/** Operations by the shape of their call; `Graph` adds a method for each. */
type Binary = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Mod' | 'Pow' | 'Min' | 'Max';
type Comparison = 'Equal' | 'Less' | 'LessOrEqual' | 'Greater' | 'GreaterOrEqual';
type Reducing = Extract<OperationName, `Reduce${string}`>;

/** What an iteration of a loop leaves. */
export interface LoopStep<S, C> {
  states: S;
  collected: C;
  proceed?: Tensor<'bool'>;
}

/** Nodes that `gradients` takes as one operation. */
export interface Composite {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly derivative: Derivative<unknown>;
}

export class Graph extends StringProgram {
  /** By the node that computes the output. */
  readonly composites = new Map<Node, Composite>();

  /**
   * Has `gradients` take all that computes a value from the inputs as one operation with a rule of its own, where the
   * way through the nodes would be slower, or would split at a kink what has to go one way.
   * @param output - of a node that has no other.
   */
  composite(name: string, inputs: readonly Tensor[], output: Tensor, rule: Derivative<unknown>): void {
    const { source } = output;
    if (source.kind !== 'node' || source.node.outputs.length > 1) {
      throw new GraphError(`${name}: the output must be the only one of a node.`);
    }
    this.composites.set(source.node, { name, inputs, derivative: rule });
  }

  // ---- elementwise, broadcasting -------------------------------------------------------------------------------
  add = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Add', a, b);
  sub = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Sub', a, b);
  mul = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Mul', a, b);
  div = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Div', a, b);
  /** The remainder, with the divisor's sign. */
  mod = <D extends IndexType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Mod', a, b);
  pow = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Pow', a, b);
  min = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Min', a, b);
  max = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<D> => this.#binary('Max', a, b);
  equal = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<'bool'> => this.#compare('Equal', a, b);
  less = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<'bool'> => this.#compare('Less', a, b);
  lessOrEqual = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<'bool'> =>
    this.#compare('LessOrEqual', a, b);
  greater = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<'bool'> => this.#compare('Greater', a, b);
  greaterOrEqual = <D extends NumberType>(a: Operand<D>, b: Operand<D>): Tensor<'bool'> =>
    this.#compare('GreaterOrEqual', a, b);
  and = (a: Tensor<'bool'>, b: Tensor<'bool'>): Tensor<'bool'> => this.#one('And', [a, b], {});
  or = (a: Tensor<'bool'>, b: Tensor<'bool'>): Tensor<'bool'> => this.#one('Or', [a, b], {});
  xor = (a: Tensor<'bool'>, b: Tensor<'bool'>): Tensor<'bool'> => this.#one('Xor', [a, b], {});
  not = (x: Tensor<'bool'>): Tensor<'bool'> => this.#one('Not', [x], {});
  neg = <D extends NumberType>(x: Tensor<D>): Tensor<D> => this.#one('Neg', [x], {});
  abs = <D extends NumberType>(x: Tensor<D>): Tensor<D> => this.#one('Abs', [x], {});
  sign = <D extends NumberType>(x: Tensor<D>): Tensor<D> => this.#one('Sign', [x], {});
  exp = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Exp', [x], {});
  log = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Log', [x], {});
  sqrt = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Sqrt', [x], {});
  reciprocal = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Reciprocal', [x], {});
  floor = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Floor', [x], {});
  ceil = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Ceil', [x], {});
  /** To the nearest integer, halves to the even one. */
  round = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Round', [x], {});
  sin = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Sin', [x], {});
  cos = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Cos', [x], {});
  relu = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Relu', [x], {});
  sigmoid = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Sigmoid', [x], {});
  tanh = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Tanh', [x], {});
  softplus = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Softplus', [x], {});
  erf = <D extends FloatType>(x: Tensor<D>): Tensor<D> => this.#one('Erf', [x], {});
  isNaN = (x: Tensor<FloatType>): Tensor<'bool'> => this.#one('IsNaN', [x], {});
  cast = <D extends DataType>(x: Tensor, to: D): Tensor<D> => this.#one('Cast', [x], { to });

  /** `a` where the condition holds, else `b`; what the other branch computes there, even NaN, leaves no trace. */
  where<D extends NumberType>(condition: Tensor<'bool'>, a: Operand<D>, b: Operand<D>): Tensor<D> {
    return this.#one('Where', [condition, ...this.#operands('Where', a, b)], {});
  }

  // ---- linear algebra ------------------------------------------------------------------------------------------
  /** `[…, m, n] × […, n, p] → […, m, p]`. */
  matmul = <D extends FloatType>(a: Tensor<D>, b: Tensor<D>): Tensor<D> => this.#one('MatMul', [a, b], {});
  /** `alpha · op(a) op(b) + beta · c`, for matrices; without `c`, the product alone. */
  gemm<D extends FloatType>(
    a: Tensor<D>,
    b: Tensor<D>,
    c: Tensor<D> | undefined,
    { transA = false, transB = false, alpha = 1, beta = 1 }: Partial<AttributesOf<'Gemm'>> = {},
  ): Tensor<D> {
    return this.#one('Gemm', c === undefined ? [a, b] : [a, b, c], { transA, transB, alpha, beta });
  }
  softmax = <D extends FloatType>(x: Tensor<D>, axis = -1): Tensor<D> => this.#one('Softmax', [x], { axis });
  logSoftmax = <D extends FloatType>(x: Tensor<D>, axis = -1): Tensor<D> => this.#one('LogSoftmax', [x], { axis });
  /** `yᵢ = x₀ + … + xᵢ` along an axis; from its end where `reverse` says so. */
  cumulativeSum<D extends NumberType>(x: Tensor<D>, axis: number, { reverse = false } = {}): Tensor<D> {
    return this.#one('CumSum', [x], { axis, reverse });
  }

  /**
   * Over the axes from `axis` on: `(x − mean) · deviation⁻¹ · scale + shift`, where `deviation² = variance + epsilon`.
   * J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer Normalization", 2016.
   * @param scale - of the normalised axes' shape, as `shift`, which may be left out.
   */
  layerNorm<D extends FloatType>(
    x: Tensor<D>,
    scale: Tensor<D>,
    shift?: Tensor<D>,
    { axis = -1, epsilon = 1e-5 }: Partial<AttributesOf<'LayerNormalization'>> = {},
  ): Tensor<D> {
    return this.#one('LayerNormalization', shift ? [x, scale, shift] : [x, scale], { axis, epsilon });
  }

  // ---- convolution and pooling of `[batch, channels, …space]` ---------------------------------------------------
  /** @param weight - `[outer, inner / groups, …window]`. @param bias - `[outer]`. */
  conv<D extends FloatType>(
    x: Tensor<D>,
    weight: Tensor<D>,
    bias?: Tensor<D>,
    { groups = 1, ...window }: WindowOptions & { groups?: number } = {},
  ): Tensor<D> {
    return this.#one('Conv', bias ? [x, weight, bias] : [x, weight], { ...windowOf(x, window), groups });
  }
  /** The transpose of `conv`. @param weight - `[inner, outer / groups, …window]`. @param bias - `[outer]`. */
  convTranspose<D extends FloatType>(
    x: Tensor<D>,
    weight: Tensor<D>,
    bias?: Tensor<D>,
    { groups = 1, extra = 0, ...window }: WindowOptions & { groups?: number; extra?: number | readonly number[] } = {},
  ): Tensor<D> {
    const how = { ...windowOf(x, window), groups, extra: each(extra, x.shape.length - 2) };
    return this.#one('ConvTranspose', bias ? [x, weight, bias] : [x, weight], how);
  }
  /** The greatest of each window. The strides are the window's sizes when left out. */
  maxPool<D extends FloatType>(x: Tensor<D>, size: number | readonly number[], window: WindowOptions = {}): Tensor<D> {
    const kernel = each(size, x.shape.length - 2);
    return this.#one('MaxPool', [x], { ...windowOf(x, { strides: kernel, ...window }), kernel });
  }
  /** The mean of each window; padding counts as zeros where `countPads` says so, else not at all. */
  averagePool<D extends FloatType>(
    x: Tensor<D>,
    size: number | readonly number[],
    { countPads = false, ...window }: Omit<WindowOptions, 'dilations'> & { countPads?: boolean } = {},
  ): Tensor<D> {
    const kernel = each(size, x.shape.length - 2);
    return this.#one('AveragePool', [x], { ...windowOf(x, { strides: kernel, ...window }), kernel, countPads });
  }

  // ---- reductions; over all axes when none is named -----------------------------------------------------------
  sum = <D extends NumberType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceSum', x, axes, keepDims);
  mean = <D extends NumberType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceMean', x, axes, keepDims);
  largest = <D extends NumberType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceMax', x, axes, keepDims);
  least = <D extends NumberType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceMin', x, axes, keepDims);
  prod = <D extends NumberType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceProd', x, axes, keepDims);
  norm = <D extends FloatType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceL2', x, axes, keepDims);
  sumOfSquares = <D extends NumberType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceSumSquare', x, axes, keepDims);
  logSumExp = <D extends FloatType>(x: Tensor<D>, axes?: readonly number[], keepDims = false): Tensor<D> =>
    this.#reduce('ReduceLogSumExp', x, axes, keepDims);
  argMax = (x: Tensor<NumberType>, axis: number, keepDims = false): Tensor<'int64'> =>
    this.#one('ArgMax', [x], { axis, keepDims });
  argMin = (x: Tensor<NumberType>, axis: number, keepDims = false): Tensor<'int64'> =>
    this.#one('ArgMin', [x], { axis, keepDims });

  // ---- layout ---------------------------------------------------------------------------------------------------
  /** @param shape - one size may be −1: what is left. */
  reshape<D extends DataType>(x: Tensor<D>, shape: Shape): Tensor<D> {
    const target = this.checked('Reshape', [x], { shape }, () => completed(x.shape, shape));
    if (sameShape(x.shape, target)) return x;
    // A 0 in Reshape's shape would mean the size of before. What is empty is empty in any order.
    if (target.includes(0) && x.shape.includes(0) && x.type !== 'string') {
      return this.#one('ConstantOfShape', [this.shapeTensor(target)], { shape: target, value: 0, type: x.type });
    }
    return this.#one('Reshape', [x, this.#reshaping(x.shape, target)], { shape: target });
  }
  /** Repeats axes of the size 1, and adds axes in front. */
  expand<D extends DataType>(x: Tensor<D>, shape: Shape): Tensor<D> {
    if (sameShape(x.shape, shape)) return x;
    return this.#one('Expand', [x, this.#sizes('Expand', [x], { shape }, shape)], { shape });
  }
  /** A tensor of one number throughout. */
  full<D extends NumberType>(type: D, shape: Shape, value: number): Tensor<D> {
    const how = { shape, value, type };
    return this.#one('ConstantOfShape', [this.#sizes('ConstantOfShape', [], how, shape)], how);
  }
  /** Reverses the axes when no permutation is given. */
  transpose<D extends DataType>(x: Tensor<D>, permutation: readonly number[] = axes(x).reverse()): Tensor<D> {
    const fromStart = permutation.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
    return this.#one('Transpose', [x], { permutation: fromStart });
  }
  squeeze = <D extends DataType>(x: Tensor<D>, at: readonly number[]): Tensor<D> =>
    this.#one('Squeeze', [x], { axes: at });
  unsqueeze = <D extends DataType>(x: Tensor<D>, at: readonly number[]): Tensor<D> =>
    this.#one('Unsqueeze', [x], { axes: at });
  concat = <D extends DataType>(parts: readonly Tensor<D>[], axis: number): Tensor<D> =>
    this.#one('Concat', parts, { axis });
  /** Consecutive pieces of an axis. @param sizes - of each; together the axis' size. */
  split<D extends DataType>(x: Tensor<D>, axis: number, sizes: Shape): Tensor<D>[] {
    const how = { axis, sizes };
    return this.apply('Split', [x, this.#sizes('Split', [x], how, sizes)], how) as Tensor<D>[];
  }
  /** A value around a tensor. @param before - how much to add before each axis. @param after - after each axis. */
  pad<D extends NumberType>(x: Tensor<D>, before: Shape, after: Shape, value: Operand<D> = 0): Tensor<D> {
    const around = typeof value === 'number' ? this.literal(x.type, value) : value;
    const how = { before, after };
    return this.#one('Pad', [x, this.#sizes('Pad', [x, around], how, [...before, ...after]), around], how);
  }
  slice = <D extends DataType>(x: Tensor<D>, axis: number, start: number, end: number, step = 1): Tensor<D> =>
    this.#one('Slice', [x], { axis, start, end, step });
  /** `start, start + delta, …` below `limit`. @param size - how many that is, where it is known. */
  range<D extends NumberType>(type: D, start: Operand<D>, limit: Operand<D>, delta: Operand<D>, size?: Dim): Tensor<D> {
    const scalars = [start, limit, delta].map((x) => (typeof x === 'number' ? this.literal(type, x) : x));
    return this.#one('Range', scalars, { size });
  }
  /** Sizes of all axes, int64. */
  shapeOf = (x: Tensor): Tensor<'int64'> => this.#one('Shape', [x], { start: 0, end: x.shape.length });

  // ---- indexing -------------------------------------------------------------------------------------------------
  gather = <D extends DataType>(data: Tensor<D>, index: Tensor<IndexType>, axis = 0): Tensor<D> =>
    this.#one('Gather', [data, index], { axis });
  gatherElements = <D extends DataType>(data: Tensor<D>, index: Tensor<IndexType>, axis: number): Tensor<D> =>
    this.#one('GatherElements', [data, index], { axis });
  gatherND = <D extends DataType>(data: Tensor<D>, index: Tensor<'int64'>): Tensor<D> =>
    this.#one('GatherND', [data, index], {});
  /**
   * Where indices repeat, the last update stays, and only it has a gradient.
   * On a GPU the order of additions to one element is not fixed, so sums may differ in their last bits there,
   * nor is which update is the last.
   */
  scatterElements<D extends DataType>(
    data: Tensor<D>,
    index: Tensor<IndexType>,
    updates: Tensor<D>,
    { axis, reduction = 'none' }: { axis: number; reduction?: Reduction },
  ): Tensor<D> {
    return this.#one('ScatterElements', [data, index, updates], { axis, reduction });
  }
  /**
   * Where tuples of indices repeat, the last update stays, and only it has a gradient; in a session of several threads
   * it is not fixed which is the last, and a gradient may go to another than the one that stayed.
   * With a reduction, tuples of indices that repeat are only right in a session of one thread: onnxruntime 1.30 shares
   * the updates among its threads, and loses some where two of them meet. `scatterElements` adds them one by one.
   */
  scatterND = <D extends DataType>(
    data: Tensor<D>,
    index: Tensor<'int64'>,
    updates: Tensor<D>,
    reduction: Reduction = 'none',
  ): Tensor<D> => this.#one('ScatterND', [data, index, updates], { reduction });
  /** @param k - int64 `[1]`. @param size - what to call it in shapes. Equal values rank by ascending index. */
  topK<D extends NumberType>(
    x: Tensor<D>,
    k: Tensor<'int64'>,
    { axis = -1, largest = true, size }: { axis?: number; largest?: boolean; size: Dim },
  ): { values: Tensor<D>; indices: Tensor<'int64'> } {
    const [values, indices] = this.apply('TopK', [x, k], { axis, largest, size });
    return { values: values as Tensor<D>, indices: indices as Tensor<'int64'> };
  }
  /** Where elements are not 0 or false: int64 `[rank, count]`. */
  nonZero = (x: Tensor<NumberType | 'bool'>): Tensor<'int64'> => this.#one('NonZero', [x], {});

  // ---- trees ----------------------------------------------------------------------------------------------------
  /** Sums over trees of what the leaf of each row adds: `[batch, features] → [batch, targets]`. */
  treeSums = (x: Tensor<'float32'>, trees: TreeEnsemble): Tensor<'float32'> =>
    this.#one('TreeEnsembleRegressor', [x], trees);

  // ---- repetition -----------------------------------------------------------------------------------------------
  /**
   * Repeats a body at most `trips` times, on the states that the iteration before it left.
   * @param write - writes the body; values of this program are brought in by `body.capture`. States keep their types
   * and shapes. Where `proceed` is false, no further iteration is made.
   * @param size - what to call the number of iterations made, the first size of all that is collected.
   */
  loop<S extends Readonly<Record<string, Tensor>>, C extends Readonly<Record<string, Tensor>>>(
    { trips, states, size }: { trips: Tensor<'int64'>; states: S; size: Dim },
    write: (body: Graph, now: { iteration: Tensor<'int64'>; states: S }) => LoopStep<S, C>,
  ): { states: S; collected: C } {
    const body = new Graph();
    const iteration = body.input('iteration', 'int64', []);
    const condition = body.input('condition', 'bool', []);
    const names = Object.keys(states);
    const before = names.map((name) => [name, body.input(`${name}/before`, states[name].type, states[name].shape)]);
    const after = write(body, { iteration, states: Object.fromEntries(before) as S });
    body.output('proceed', after.proceed ?? condition);
    for (const name of names) body.output(name, after.states[name]);
    const collected = Object.entries(after.collected);
    for (const [name, tensor] of collected) body.output(`${name}/collected`, tensor);
    const inputs = [trips, this.literal('bool', 1), ...names.map((name) => states[name]), ...body.captured.keys()];
    const outputs = this.apply('Loop', inputs, { body, states: names.length, size });
    return {
      states: Object.fromEntries(names.map((name, i) => [name, outputs[i]])) as S,
      collected: Object.fromEntries(collected.map(([name], i) => [name, outputs[names.length + i]])) as C,
    };
  }

  /** The ONNX model, to be written by `encodeModel`; only what outputs depend on is in it. */
  toModel(options: ModelOptions = {}): ModelProto {
    return lowerProgram(this, options);
  }

  /** `never` lets each method say the element type that its operation's rule gives. */
  #one<N extends OperationName>(name: N, inputs: readonly Tensor[], attributes: AttributesOf<N>): Tensor<never> {
    return this.apply(name, inputs, attributes)[0] as Tensor<never>;
  }

  #binary<D extends NumberType>(name: Binary, a: Operand<D>, b: Operand<D>): Tensor<D> {
    return this.#one(name, this.#operands(name, a, b), {});
  }

  #compare<D extends NumberType>(name: Comparison, a: Operand<D>, b: Operand<D>): Tensor<'bool'> {
    return this.#one(name, this.#operands(name, a, b), {});
  }

  #reduce<D extends NumberType>(
    name: Reducing,
    x: Tensor<D>,
    at: readonly number[] = axes(x),
    keepDims = false,
  ): Tensor<D> {
    // All axes of a scalar are none: what the operation makes of one element, since its row refuses an empty list.
    if (x.shape.length === 0 && at.length === 0) return ofOne(this, name, x);
    return this.#one(name, [x], { axes: at, keepDims });
  }

  #operands<D extends NumberType>(name: OperationName, a: Operand<D>, b: Operand<D>): Tensor<D>[] {
    const type = typeof a !== 'number' ? a.type : typeof b !== 'number' ? b.type : undefined;
    if (type === undefined) throw new GraphError(`${name}: one operand must be a tensor. Got two numbers.`);
    return [a, b].map((x) => (typeof x === 'number' ? this.literal(type, x) : x));
  }

  /** Sizes as the input by which an operation takes them. */
  #sizes<N extends OperationName>(name: N, inputs: readonly Tensor[], how: AttributesOf<N>, sizes: Shape) {
    this.checked(name, inputs, how, () => requireSizes(sizes, 'the sizes'));
    return this.shapeTensor(sizes);
  }

  /** Reshape's own shorthand where it will do (0: as before, −1: what is left), so that no sizes need to be read. */
  #reshaping(from: Shape, to: Shape): Tensor<'int64'> {
    const short = to.map((dim, i) => (typeof dim === 'number' ? dim : dim === from[i] ? 0 : -1));
    const expressible = short.filter((dim) => dim === -1).length <= 1 && !to.includes(0);
    return expressible ? this.literal('int64', short) : this.shapeTensor(to);
  }
}

/** The shape with what is left in the place of its −1. */
function completed(from: Shape, shape: Shape): Shape {
  const given = shape.filter((dim) => dim !== -1);
  requireSizes(given, 'the sizes, but for one that is -1,');
  if (given.length === shape.length) return shape;
  if (given.length < shape.length - 1) refuse('one size at most may be -1');
  const rest = quotient(product(from), product(given));
  if (rest === undefined) refuse(`the ${product(from)} elements must divide by the sizes beside -1`);
  return shape.map((dim) => (dim === -1 ? rest : dim));
}

function axes(x: Tensor): number[] {
  return Array.from(x.shape.keys());
}

/** What a reduction makes of a single element. */
function ofOne<D extends NumberType>(g: Graph, name: Reducing, x: Tensor<D>): Tensor<D> {
  switch (name) {
    case 'ReduceSumSquare':
      return g.mul(x, x);
    case 'ReduceL2':
      return g.abs(x);
    default:
      return x;
  }
}
