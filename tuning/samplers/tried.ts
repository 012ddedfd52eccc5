/** What of a space has been tried, so that no trial repeats another: with the same seed it would end the same. */
import type { ParameterValues, SearchSpace } from '../../contracts/parameters.ts';
import { Random } from '../../contracts/random.ts';
import { isSearched, type SampleRequest } from '../sampler.ts';
import { allValues, Combinations } from './combinations.ts';

/** Dimensions on which others depend are enumerated: where one has more values, the space counts as infinite. */
const mostConditions = 1000;

export class Tried {
  readonly #space: SearchSpace;
  readonly #seed: number;
  readonly #keys: ReadonlySet<string>;

  constructor({ space, history, pending = [], seed }: SampleRequest) {
    this.#space = space;
    this.#seed = seed;
    this.#keys = new Set([...history.map(({ parameters }) => parameters), ...pending].map((p) => this.#key(p)));
  }

  has(parameters: Readonly<ParameterValues>): boolean {
    return this.#keys.has(this.#key(parameters));
  }

  /**
   * @param proposed - what is taken unless it has been tried.
   * @returns another combination where it has; null where the space has no other. A space of numbers has always
   * another, but none that is known to be better: there a repetition is what is proposed.
   */
  unless(proposed: ParameterValues): ParameterValues | null {
    if (!this.has(proposed)) return proposed;
    const combinations = this.#combinations();
    if (combinations === undefined) return proposed;
    const { count } = combinations;
    const start = BigInt(Math.floor(new Random(this.#seed).uniform() * Number(count)));
    // Among one more than have been tried there is one that has not.
    for (let step = 0n; step < count && step <= BigInt(this.#keys.size); step++) {
      const other = combinations.at((start + step) % count);
      if (!this.has(other)) return other;
    }
    return null;
  }

  #combinations(): Combinations | undefined {
    const dimensions = Object.values(this.#space);
    const parents = new Set(dimensions.map(({ when }) => when?.dimension));
    for (const [name, dimension] of Object.entries(this.#space)) {
      const values = allValues(dimension);
      if (values === undefined || (parents.has(name) && values.length > mostConditions)) return undefined;
    }
    return new Combinations(this.#space, (dimension) => allValues(dimension)!);
  }

  #key(parameters: Readonly<ParameterValues>): string {
    const before: ParameterValues = {};
    for (const [name, dimension] of Object.entries(this.#space)) {
      if (Object.hasOwn(parameters, name) && isSearched(dimension, before)) before[name] = parameters[name];
    }
    return JSON.stringify(before);
  }
}
