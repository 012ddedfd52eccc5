/**
 * Random numbers inside a program, from a counted generator: a number is a function of seed, step, place in the program
 * and element, and of nothing that was drawn before. So a resumed training draws what an undisturbed one draws, and so
 * does another execution provider. Not for cryptography.
 *
 * Only additions, products and remainders of int64 are used, as onnxruntime has them on the CPU and on GPUs: numbers of
 * the field of p = 2³¹ − 1 elements, whose products stay below 2⁶². Counters of rows and columns are mixed by two rounds
 * of x ← (x + c)⁵ mod p, a bijection as 5 has no divisor in common with p − 1 (the rounds of MiMC, M. Albrecht et al.,
 * ASIACRYPT 2016); an element is x³ + k x + l of x = row + column, so that it costs two remainders.
 */
import { Random } from '../../../contracts/random.ts';
import { product, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import { GraphError, type FloatType, type Tensor } from '../program.ts';

const prime = 2 ** 31 - 1;
type Int = Tensor<'int64'>;

export class CountedRandom {
  readonly #graph: Graph;
  readonly #key: Int;
  #places = 0;

  /**
   * @param seed - int64 scalar in [0, 2³¹ − 1).
   * @param step - int64 scalar of at least 0; the same for all draws of a step.
   */
  constructor(graph: Graph, seed: Int, step: Int) {
    this.#graph = graph;
    const constants = new Random(0);
    this.#key = this.#mixed(this.#mixed(seed, constants), constants, step);
  }

  /** float32, uniform over multiples of 1 / (2³¹ − 1) in [0, 1), rounded. @param shape - of at least one axis. */
  uniform(shape: Shape): Tensor<'float32'> {
    const g = this.#graph;
    const scaled = g.mul(g.cast(this.#draw(shape), 'float32'), 1 / prime);
    // The last 64 of the 2³¹ numbers round to 1.
    return g.min(scaled, 1 - 2 ** -24);
  }

  /** float32, 1 with the chance `1 − rate` and 0 else. @param rate - in [0, 1). */
  keepMask(rate: number, shape: Shape): Tensor<'float32'> {
    requireRate(rate);
    const g = this.#graph;
    return g.cast(g.greaterOrEqual(this.#draw(shape), Math.round(rate * prime)), 'float32');
  }

  /** int64 in [0, n); some are more likely than others by at most n / 2³¹. @param n - an integer in [1, 2³¹ − 1]. */
  integers(n: number, shape: Shape): Int {
    if (!Number.isInteger(n) || n < 1 || n > prime) {
      throw new GraphError(`The bound of random integers must be an integer in [1, ${prime}]. Got ${n}.`);
    }
    const g = this.#graph;
    return g.div(g.mul(this.#draw(shape), n), prime);
  }

  /** float32, mean 0, variance 1 (G. E. P. Box and M. E. Muller, 1958). */
  normal(shape: Shape): Tensor<'float32'> {
    const g = this.#graph;
    // In (0, 1], as the logarithm wants it.
    const u = g.sub(1, this.uniform(shape));
    const radius = g.sqrt(g.mul(g.log(u), -2));
    return g.mul(radius, g.cos(g.mul(this.uniform(shape), 2 * Math.PI)));
  }

  /** int64 in [0, 2³¹ − 1). */
  #draw(shape: Shape): Int {
    if (shape.length === 0) throw new GraphError('Random numbers must have a shape of at least one axis. Got [].');
    const g = this.#graph;
    // Each place of a program has constants of its own, by the order in which it is written.
    const constants = new Random(1, this.#places++);
    const columns = shape.at(-1)!;
    const rows = product(shape.slice(0, -1));
    const count = (size: typeof rows, from: number): Int => {
      const end = g.add(g.reshape(g.sizeTensor(size), []), from);
      return g.range('int64', g.literal('int64', from), end, 1, size);
    };
    // Rows count from 0 and columns from 2³⁰, so that no row has a column's number.
    const own = this.#mixed(this.#key, constants);
    const mixed = (counters: Int): Int => {
      const twice = this.#mixed(this.#mixed(counters, constants, own), constants);
      // Half, so that the sum of two is below p.
      return g.div(twice, 2);
    };
    const first = mixed(count(rows, 0));
    const second = mixed(count(columns, 2 ** 30));
    const x = g.add(g.reshape(first, [rows, 1]), second);
    // x³ + k x + l, as (x² mod p + k) x + l, below 3 · 2⁶¹.
    const square = g.mod(g.mul(x, x), prime);
    const cube = g.mul(g.add(square, constants.integer(2 ** 30)), x);
    return g.reshape(g.mod(g.add(cube, constants.integer(prime)), prime), shape);
  }

  /** (x + c + other)⁵ mod p */
  #mixed(x: Int, constants: Random, other?: Int): Int {
    const g = this.#graph;
    const shifted = g.add(x, constants.integer(prime));
    const base = g.mod(other === undefined ? shifted : g.add(shifted, other), prime);
    const square = g.mod(g.mul(base, base), prime);
    return g.mod(g.mul(g.mod(g.mul(square, square), prime), base), prime);
  }
}

/**
 * Sets a share of the elements to 0 and scales the others so that the mean stays (N. Srivastava et al., JMLR 2014). For
 * training only: a program that predicts has no dropout.
 * @param rate - in [0, 1): the share that is dropped; with 0, nothing is added.
 */
export function dropout<D extends FloatType>(g: Graph, x: Tensor<D>, rate: number, random: CountedRandom): Tensor<D> {
  requireRate(rate);
  if (rate === 0) return x;
  const kept = g.mul(random.keepMask(rate, x.shape), 1 / (1 - rate));
  return g.mul(x, g.cast(kept, x.type));
}

function requireRate(rate: number): void {
  if (!(rate >= 0 && rate < 1)) throw new GraphError(`The rate of a dropout must be in [0, 1). Got ${rate}.`);
}
