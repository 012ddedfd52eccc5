/**
 * Parzen estimators over a group of dimensions (J. Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS
 * 2011, section 4; S. Watanabe, "Tree-structured Parzen estimator", arXiv 2304.11127): a kernel on each observation and
 * a wide one on all of the space, the prior. A kernel is a product over the dimensions, so that what goes together in an
 * observation goes together in what is drawn.
 */
import type { ParameterValue, SearchDimension } from '../../contracts/parameters.ts';
import type { Random } from '../../contracts/random.ts';
import { placeOf, roomOf, valueAt } from '../sampler.ts';
import { logDensity, mass } from './normal.ts';

/** What one dimension makes of the kernels, the prior's being the last. */
interface Kernels {
  draw(kernel: number, random: Random): ParameterValue;
  /** Adds log p_k(value) of each kernel k to `logs`. */
  addLogs(value: ParameterValue, logs: Float64Array): void;
}

export class ParzenEstimator {
  readonly #dimensions: readonly Kernels[];
  /** Of all kernels: sum up to and with each; their logarithms. */
  readonly #cumulated: Float64Array;
  readonly #logWeights: Float64Array;

  /**
   * @param observations - one row an observation, in the dimensions' order.
   * @param weights - one an observation; the prior's is 1.
   */
  constructor(
    dimensions: readonly SearchDimension[],
    observations: readonly (readonly ParameterValue[])[],
    weights: readonly number[],
  ) {
    const all = Float64Array.of(...weights, 1);
    const total = all.reduce((sum, weight) => sum + weight, 0);
    this.#logWeights = all.map((weight) => Math.log(weight / total));
    let sum = 0;
    this.#cumulated = all.map((weight) => (sum += weight / total));
    this.#dimensions = dimensions.map((dimension, d) => {
      const values = observations.map((row) => row[d]);
      return dimension.kind === 'choice' ? choiceKernels(dimension, values) : normalKernels(dimension, values);
    });
  }

  /** One value a dimension, from one of the kernels. */
  draw(random: Random): ParameterValue[] {
    const u = random.uniform();
    let kernel = 0;
    while (kernel < this.#cumulated.length - 1 && u >= this.#cumulated[kernel]) kernel++;
    return this.#dimensions.map((kernels) => kernels.draw(kernel, random));
  }

  /** log Σ_k w_k Π_d p_{k,d}(value_d): densities for numbers, probabilities for integers and choices. */
  logDensity(values: readonly ParameterValue[]): number {
    const logs = this.#logWeights.slice();
    for (const [d, kernels] of this.#dimensions.entries()) kernels.addLogs(values[d], logs);
    const largest = logs.reduce((a, b) => Math.max(a, b));
    return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
  }
}

/** A kernel has an observation's choice with the weight 1, and every one with 1 / kernels besides. */
function choiceKernels(
  { choices }: SearchDimension & { kind: 'choice' },
  observed: readonly ParameterValue[],
): Kernels {
  const places = observed.map((value) => choices.indexOf(value));
  const share = 1 / (observed.length + 1);
  const total = 1 + share * choices.length;
  const [own, other, prior] = [(1 + share) / total, share / total, 1 / choices.length].map(Math.log);
  const priorKernel = observed.length;
  return {
    draw(kernel, random) {
      const u = random.uniform() * total;
      // The rest of [0, total) belongs to all alike.
      if (kernel !== priorKernel && u < 1) return choices[places[kernel]];
      return choices[random.integer(choices.length)];
    },
    addLogs(value, logs) {
      for (let k = 0; k < priorKernel; k++) logs[k] += choices[places[k]] === value ? own : other;
      logs[priorKernel] += prior;
    },
  };
}

/** Normal distributions cut off at the ends of the dimension, on the scale of its places. */
function normalKernels(dimension: Exclude<SearchDimension, { kind: 'choice' }>, observed: readonly ParameterValue[]) {
  const means = Float64Array.of(...observed.map((value) => placeOf(dimension, value)), 0.5);
  const widths = widthsOf(means.subarray(0, observed.length));
  // log σ + log(Φ((1 − μ) / σ) − Φ(−μ / σ))
  const logScales = means.map((mean, k) => Math.log(widths[k] * mass(-mean / widths[k], (1 - mean) / widths[k])));
  const kernels: Kernels = {
    draw(kernel, random) {
      // A mean lies within the ends, and no kernel is wider than the dimension: one in three at least is accepted.
      for (;;) {
        const place = means[kernel] + widths[kernel] * random.normal();
        if (place >= 0 && place < 1) return valueAt(dimension, place);
      }
    },
    addLogs(value, logs) {
      if (dimension.kind === 'number') {
        const place = placeOf(dimension, value);
        for (let k = 0; k < logs.length; k++) logs[k] += logDensity((place - means[k]) / widths[k]) - logScales[k];
        return;
      }
      const [from, to] = roomOf(dimension, Number(value));
      for (let k = 0; k < logs.length; k++) {
        const share = mass((from - means[k]) / widths[k], (to - means[k]) / widths[k]);
        logs[k] += Math.log(widths[k] * share) - logScales[k];
      }
    },
  };
  return kernels;
}

/**
 * The larger of the gaps to the neighbours on both sides; at the outermost, the gap to the only one. None is narrower
 * than a share of the dimension that shrinks with their number, down to a hundredth (the "magic clip").
 * @returns one more than observations: the prior is as wide as the dimension.
 */
function widthsOf(places: Float64Array): Float64Array {
  const n = places.length;
  const least = 1 / Math.min(100, n + 2);
  const widths = new Float64Array(n + 1).fill(1);
  const order = Array.from(places.keys()).toSorted((a, b) => places[a] - places[b] || a - b);
  for (const [rank, at] of order.entries()) {
    const below = rank > 0 ? places[at] - places[order[rank - 1]] : n === 1 ? places[at] : 0;
    const above = rank < n - 1 ? places[order[rank + 1]] - places[at] : n === 1 ? 1 - places[at] : 0;
    widths[at] = Math.min(1, Math.max(below, above, least));
  }
  return widths;
}
