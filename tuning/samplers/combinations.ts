/** All combinations of the values of a space's dimensions, by number, however many there are. */
import type { ParameterValue, ParameterValues, SearchDimension, SearchSpace } from '../../contracts/parameters.ts';
import { isSearched } from '../sampler.ts';

/** The values of a dimension that are combined with those of others. */
export interface Axis {
  readonly length: number;
  at(place: number): ParameterValue;
}

export function axisOf(values: readonly ParameterValue[]): Axis {
  return { length: values.length, at: (place) => values[place] };
}

/** @returns undefined for a dimension of numbers: it has more values than can be told apart in any budget. */
export function allValues(dimension: SearchDimension): Axis | undefined {
  if (dimension.kind === 'choice') return axisOf([...new Set(dimension.choices)]);
  if (dimension.kind === 'number') return undefined;
  const { min, max } = dimension;
  return { length: max - min + 1, at: (place) => min + place };
}

/**
 * Combinations are numbered so that a dimension on which no other depends is a digit, the first one the lowest. Numbers
 * are whole numbers of any size: twenty dimensions of five values are more than 2^46.
 */
export class Combinations {
  readonly count: bigint;
  readonly #space: SearchSpace;
  readonly #names: readonly string[];
  readonly #axes: ReadonlyMap<string, Axis>;
  /** For each place, the dimensions before it on which it or a later one depends. */
  readonly #conditions: readonly (readonly string[])[];
  readonly #counts = new Map<string, bigint>();

  constructor(space: SearchSpace, axisFor: (dimension: SearchDimension) => Axis) {
    this.#space = space;
    this.#names = Object.keys(space);
    this.#axes = new Map(Object.entries(space).map(([name, dimension]) => [name, axisFor(dimension)]));
    this.#conditions = this.#names.map((_, place) => {
      const needed = this.#names.slice(place).flatMap((name) => space[name].when?.dimension ?? []);
      return this.#names.slice(0, place).filter((name) => needed.includes(name));
    });
    this.count = this.#countFrom(0, {});
  }

  /** @param number - in [0, count). */
  at(number: bigint): ParameterValues {
    const chosen: ParameterValues = {};
    let rest = number;
    for (const [place, name] of this.#names.entries()) {
      if (!isSearched(this.#space[name], chosen)) continue;
      const axis = this.#axes.get(name)!;
      const after = this.#conditions[place + 1]?.includes(name) ? this.#countsAfter(place, axis, chosen) : undefined;
      if (after === undefined || after.every((count) => count === after[0])) {
        chosen[name] = axis.at(Number(rest % BigInt(axis.length)));
        rest /= BigInt(axis.length);
        continue;
      }
      let at = 0;
      while (rest >= after[at]) rest -= after[at++];
      chosen[name] = axis.at(at);
    }
    return chosen;
  }

  /** By value of the dimension at `place`: combinations of what follows it. */
  #countsAfter(place: number, axis: Axis, chosen: Readonly<ParameterValues>): bigint[] {
    const name = this.#names[place];
    return Array.from({ length: axis.length }, (_, i) => this.#countFrom(place + 1, { ...chosen, [name]: axis.at(i) }));
  }

  #countFrom(place: number, chosen: Readonly<ParameterValues>): bigint {
    if (place === this.#names.length) return 1n;
    const key = JSON.stringify([place, this.#conditions[place].map((name) => chosen[name] ?? null)]);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const count = this.#count(place, chosen);
    this.#counts.set(key, count);
    return count;
  }

  #count(place: number, chosen: Readonly<ParameterValues>): bigint {
    const name = this.#names[place];
    if (!isSearched(this.#space[name], chosen)) return this.#countFrom(place + 1, chosen);
    const axis = this.#axes.get(name)!;
    if (!this.#conditions[place + 1]?.includes(name)) return BigInt(axis.length) * this.#countFrom(place + 1, chosen);
    return this.#countsAfter(place, axis, chosen).reduce((sum, count) => sum + count, 0n);
  }
}
