/** Trials as points that a regression can compare. */
import type { ParameterValue, ParameterValues, SearchDimension, SearchSpace } from '../../contracts/parameters.ts';
import { assemble, placeOf, valueAt } from '../sampler.ts';

/** Coordinates of a dimension that is not searched: no nearer to one of its values than to another. */
const absentPlace = 0.5;
const absentChoice = -1;

/** `valueAt` takes places below 1. */
const largestPlace = 1 - 2 ** -53;

/**
 * A number or an integer is the place of its value, a choice is its number in the list. Two trials differ in a
 * dimension that one of them lacks, but not by which value the other has, where it is a choice; where it is a range, by
 * as little as can be.
 */
export class Encoding {
  readonly names: readonly string[];
  readonly dimensions: readonly SearchDimension[];
  /** `[dimensions]`: 1 where it is a choice. */
  readonly categorical: Uint8Array;
  readonly #space: SearchSpace;

  constructor(space: SearchSpace) {
    this.#space = space;
    this.names = Object.keys(space);
    this.dimensions = Object.values(space);
    this.categorical = Uint8Array.from(this.dimensions, ({ kind }) => (kind === 'choice' ? 1 : 0));
  }

  /** `[dimensions]`, of parameters of the space. */
  encode(parameters: Readonly<ParameterValues>): Float64Array {
    return Float64Array.from(this.dimensions, (dimension, d) => {
      const name = this.names[d];
      return Object.hasOwn(parameters, name) ? coordinate(dimension, parameters[name]) : absent(dimension);
    });
  }

  /** The parameters at a place of each dimension, `[dimensions]` in [0, 1]. */
  decode(places: ArrayLike<number>): ParameterValues {
    let d = 0;
    const values = new Map(this.names.map((name) => [name, this.#valueAt(d, places[d++])]));
    return assemble(this.#space, (name) => values.get(name)!);
  }

  /** Places with these coordinates; what is absent has the middle one. */
  placesOf(x: Float64Array): Float64Array {
    return x.map((value, d) => {
      const dimension = this.dimensions[d];
      if (dimension.kind !== 'choice') return value;
      return value === absentChoice ? absentPlace : (value + 0.5) / dimension.choices.length;
    });
  }

  /** What `encode` makes of the parameters there, but that numbers are not rounded. */
  at(places: ArrayLike<number>): Float64Array {
    const searched = this.#searchedAt(places);
    return Float64Array.from(this.dimensions, (dimension, d) => {
      if (searched[d] === 0) return absent(dimension);
      return dimension.kind === 'number' ? places[d] : coordinate(dimension, this.#valueAt(d, places[d]));
    });
  }

  /** By dimension, whether its condition holds there. */
  searchedAt(places: ArrayLike<number>): boolean[] {
    return Array.from(this.#searchedAt(places), (flag) => flag === 1);
  }

  #searchedAt(places: ArrayLike<number>): Uint8Array {
    const searched = new Uint8Array(this.dimensions.length).fill(1);
    for (const [d, { when }] of this.dimensions.entries()) {
      if (when === undefined) continue;
      const parent = this.names.indexOf(when.dimension);
      const holds = searched[parent] === 1 && when.in.includes(this.#valueAt(parent, places[parent]));
      searched[d] = holds ? 1 : 0;
    }
    return searched;
  }

  #valueAt(d: number, place: number): ParameterValue {
    return valueAt(this.dimensions[d], Math.min(place, largestPlace));
  }
}

function coordinate(dimension: SearchDimension, value: ParameterValue): number {
  return dimension.kind === 'choice' ? dimension.choices.indexOf(value) : placeOf(dimension, value);
}

function absent({ kind }: SearchDimension): number {
  return kind === 'choice' ? absentChoice : absentPlace;
}
