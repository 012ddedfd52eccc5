/** Compares the gradients of small programs with central differences, on random shapes and values. */
import { expect } from 'vitest';
import { formatShape, product, termsOf, type Dim, type Shape } from '../../../compute/graph/dimensions.ts';
import { gradients } from '../../../compute/graph/gradients.ts';
import type { FloatType, IndexType, Tensor } from '../../../compute/graph/program.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession, type TensorValue } from '../../../compute/onnx/session.ts';
import { arrayOf, FedGraph, plain } from './running.ts';

/** A program whose gradients are checked: it takes its variables and everything random from the graph it is given. */
export type Differentiable = (g: CheckedGraph) => Tensor<FloatType>;

/** Mulberry32. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A graph that draws its inputs, and the sizes that symbols have. */
export class CheckedGraph extends FedGraph {
  readonly type: FloatType;
  readonly variables: Tensor<FloatType>[] = [];
  readonly #next: () => number;
  readonly #symbols = new Map<string, number>();
  readonly #taken = new Set<number>();

  constructor(type: FloatType, seed: number) {
    super();
    this.type = type;
    this.#next = generator(seed);
  }

  /** An integer in [least, greatest]. */
  integer(least: number, greatest: number): number {
    return least + Math.floor(this.#next() * (greatest - least + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.integer(0, list.length - 1)];
  }

  /** The integers of [0, size) in any order. */
  permuted(size: number): number[] {
    const order = Array.from({ length: size }, (_, i) => i);
    for (let i = size - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  /** Sizes from 1 to 4. */
  sizes(rank: number): number[] {
    return Array.from({ length: rank }, () => this.integer(1, 4));
  }

  /** The axis, counted from the start or from the end. */
  spelled(axis: number, rank: number): number {
    return this.pick([axis, axis - rank]);
  }

  /** What a size is in the run; a symbol is drawn when it is first met. */
  sizeOf(dim: Dim): number {
    let total = 0;
    for (const [coefficient, symbols] of termsOf(dim)) {
      total += symbols.reduce((value, symbol) => value * this.#symbolSize(symbol), coefficient);
    }
    return total;
  }

  #symbolSize(symbol: string): number {
    let size = this.#symbols.get(symbol);
    if (size === undefined) this.#symbols.set(symbol, (size = this.integer(1, 4)));
    return size;
  }

  /** A float input that the output is differentiated by. */
  variable(shape: Shape, [least, greatest]: readonly [number, number] = [-2, 2]): Tensor<FloatType> {
    const next = () => least + (greatest - least) * this.#next();
    return this.#variable(shape, next);
  }

  /**
   * A variable whose elements keep a distance of at least 0.05 from each other, from those of the program's other
   * such variables, from 0 and from all halves: more than the steps of the differences.
   */
  apart(shape: Shape, [least, greatest]: readonly [number, number] = [-8, 8]): Tensor<FloatType> {
    return this.#variable(shape, () => {
      for (let tries = 0; ; tries++) {
        if (tries > 10_000) throw new Error(`no ${formatShape(shape)} values of [${least}, ${greatest}] are apart`);
        const step = this.integer(Math.ceil(least * 10), Math.floor(greatest * 10));
        if (step % 5 === 0 || this.#taken.has(step)) continue;
        this.#taken.add(step);
        return step / 10 + (this.#next() - 0.5) * 0.05;
      }
    });
  }

  given(shape: Shape, values: readonly number[]): Tensor<FloatType> {
    let at = 0;
    return this.#variable(shape, () => values[at++ % values.length]);
  }

  /** Indices in [−size, size), or in [0, size) where they must not count from the end. */
  index<D extends IndexType>(type: D, shape: Shape, size: Dim, fromEnd = true): Tensor<D> {
    const bound = this.sizeOf(size);
    return this.fed(type, shape, () => this.integer(fromEnd ? -bound : 0, bound - 1));
  }

  fed<D extends 'bool' | FloatType | IndexType>(type: D, shape: Shape, next: () => number): Tensor<D> {
    const sizes = shape.map((dim) => this.sizeOf(dim));
    const count = Number(product(sizes));
    return this.feed(type, Array.from({ length: count }, next), shape, sizes);
  }

  #variable(shape: Shape, next: () => number): Tensor<FloatType> {
    const tensor = this.fed(this.type, shape, next);
    this.variables.push(tensor);
    return tensor;
  }

  nameOf({ source }: Tensor): string {
    if (source.kind !== 'input') throw new Error('not an input');
    return source.name;
  }
}

/** Step, and what the differences may be off by: in all, and in proportion to the gradient. */
const precision = {
  // Truncation ∼ h² and rounding ∼ 1e-16 / h: both some 1e-10.
  float64: { step: 1e-5, tolerance: 2e-7 },
  // Rounding ∼ 1e-7 / h. The loss is added up in float64, so that only the operation itself is rounded.
  float32: { step: 1e-2, tolerance: 3e-3 },
};

/** A weighted sum of a program's output, so that no two elements of it are alike. */
export function weighted(g: CheckedGraph, y: Tensor<FloatType>): Tensor<'float64'> {
  const count = product(y.shape);
  const limit = g.cast(g.reshape(g.sizeTensor(count), []), 'float64');
  const positions = g.reshape(g.range('float64', 0, limit, 1, count), y.shape);
  const weights = g.add(g.sin(g.mul(positions, 1.7)), 1.5);
  const terms = g.mul(y.type === 'float64' ? (y as Tensor<'float64'>) : g.cast(y, 'float64'), weights);
  return g.sum(terms);
}

/** @throws when a gradient is further from the central difference than rounding explains. */
export async function checkGradients(build: Differentiable, type: FloatType, seed: number): Promise<void> {
  const g = new CheckedGraph(type, seed);
  const loss = weighted(g, build(g));
  const { variables } = g;
  const found = gradients(g, loss, variables as Tensor<'float64'>[]);
  g.output('loss', loss);
  for (const [i, gradient] of found.entries()) g.output(`gradient_${i}`, gradient);
  // One at a time, a rule must not count on what the others would have computed.
  const alone = variables.map((x) => gradients(g, loss, [x as Tensor<'float64'>])[0]);
  for (const [i, gradient] of alone.entries()) g.output(`alone_${i}`, gradient);

  const session = await openSession(encodeModel(g.toModel()));
  try {
    const results = await session.run(g.feeds);
    const { step, tolerance } = precision[type];
    for (const [i, x] of variables.entries()) {
      const name = g.nameOf(x);
      const feed = g.feeds[name];
      expect(results[`gradient_${i}`].shape).toEqual(feed.shape);
      const gradient = plain(results[`gradient_${i}`]) as number[];
      expect(plain(results[`alone_${i}`])).toEqual(gradient);
      const values = plain(feed) as number[];
      const lossAt = async (at: number, value: number) => {
        const moved: TensorValue = { ...feed, data: arrayOf(type, values.with(at, value)) };
        const { loss } = await session.run({ ...g.feeds, [name]: moved }, ['loss']);
        return { loss: plain(loss)[0] as number, value: Number(moved.data[at]) };
      };
      for (const [at, value] of values.entries()) {
        const [above, below] = [await lossAt(at, value + step), await lossAt(at, value - step)];
        const difference = (above.loss - below.loss) / (above.value - below.value);
        const error = Math.abs(gradient[at] - difference);
        // Written so that NaN fails as well.
        if (!(error <= tolerance * (1 + Math.abs(difference)))) {
          throw new Error(
            `Seed ${seed}, variable ${i} of the shape [${feed.shape.join(', ')}], element ${at} (${value}): ` +
              `the gradient is ${gradient[at]}, the difference quotient ${difference}.`,
          );
        }
      }
    }
  } finally {
    await session.close();
  }
}
