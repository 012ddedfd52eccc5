/** What a sampler is, and how every sampler turns a place on a dimension into a value. */
import type { ParameterValue, ParameterValues, SearchDimension, SearchSpace } from '../contracts/parameters.ts';

export interface FinishedTrial {
  /** Of the trial within its study, from 0. */
  readonly index: number;
  /** Those of the space that were searched, no others. */
  readonly parameters: Readonly<ParameterValues>;
  /** `done`: it has a value. `pruned`: `value` is what it had at its last rung. `failed`: it has none. */
  readonly state: 'done' | 'pruned' | 'failed';
  /** The objective, turned so that higher is better; finite. */
  readonly value?: number;
  /** Its values on the way, by rung, ascending. */
  readonly rungs?: readonly { readonly rung: number; readonly value: number }[];
}

export interface SampleRequest {
  readonly space: SearchSpace;
  /**
   * Finished trials of this space that the trial may look at, by index (law 8: with W in flight, those before i − W + 1,
   * however trials were timed).
   */
  readonly history: readonly FinishedTrial[];
  /** Parameters of the trials in flight, by index: known, but without a value. */
  readonly pending?: readonly Readonly<ParameterValues>[];
  readonly seed: number;
  /** Of the trial within its study, from 0. */
  readonly index: number;
}

/**
 * A pure function: the same request gives the same values, whatever was asked before, so that a trial can be repeated
 * alone. Values lie within the space, integers are whole, and keys are those of the space in its order; a dimension
 * whose condition does not hold is absent.
 * @returns null when there is nothing left to try, for this index and all above.
 */
export type Sampler = (request: SampleRequest) => ParameterValues | null;

/** So that digests name parameters that people can read and type: 0.00316228, not 0.0031622776601683794. */
const significantDigits = 6;

/**
 * The value at a place of a dimension, all values of which get equal room, on the logarithmic scale where it is one.
 * @param place - in [0, 1).
 */
export function valueAt(dimension: SearchDimension, place: number): ParameterValue {
  if (dimension.kind === 'choice') return dimension.choices[Math.floor(place * dimension.choices.length)];
  const { kind, min, max, log } = dimension;
  if (kind === 'number') return shorten(dimension, between(min, max, log, place));
  // Half a step beyond each end, so that the ends get as much room as the integers between them.
  return clamp(dimension, Math.round(between(min - 0.5, max + 0.5, log, place)));
}

/**
 * Where a value lies on its dimension: what `valueAt` turns into it again, but for rounding.
 * @returns in [0, 1]; of a value outside of the dimension, the nearer end; NaN of one that a choice does not have.
 */
export function placeOf(dimension: SearchDimension, value: ParameterValue): number {
  if (dimension.kind === 'choice') {
    const at = dimension.choices.indexOf(value);
    return at < 0 ? Number.NaN : (at + 0.5) / dimension.choices.length;
  }
  const half = dimension.kind === 'integer' ? 0.5 : 0;
  return placeBetween(dimension.min - half, dimension.max + half, dimension.log, Number(value));
}

/** The room of an integer on its dimension: all places that `valueAt` turns into it, as `[from, to]` within [0, 1]. */
export function roomOf({ min, max, log }: Range, value: number): [number, number] {
  const at = (x: number) => placeBetween(min - 0.5, max + 0.5, log, x);
  return [at(value - 0.5), at(value + 0.5)];
}

/** Whether a dimension is searched beside these values of those before it. */
export function isSearched({ when }: SearchDimension, before: Readonly<ParameterValues>): boolean {
  return when === undefined || (Object.hasOwn(before, when.dimension) && when.in.includes(before[when.dimension]));
}

/** The values of a trial, one dimension after another; those whose condition does not hold are left out. */
export function assemble(
  space: SearchSpace,
  choose: (name: string, dimension: SearchDimension) => ParameterValue,
): ParameterValues {
  const values: ParameterValues = {};
  for (const [name, dimension] of Object.entries(space)) {
    if (isSearched(dimension, values)) values[name] = choose(name, dimension);
  }
  return values;
}

/** `points` values from end to end of a dimension, evenly spaced on its scale; fewer where it has not so many. */
export function evenly(dimension: SearchDimension, points: number): ParameterValue[] {
  if (dimension.kind === 'choice') return [...dimension.choices];
  const { kind, min, max, log } = dimension;
  const places = Array.from({ length: points }, (_, i) => between(min, max, log, i / (points - 1)));
  const values = places.map((x) => (kind === 'integer' ? clamp(dimension, Math.round(x)) : shorten(dimension, x)));
  return [...new Set(values)];
}

export type Range = Exclude<SearchDimension, { kind: 'choice' }>;

function between(min: number, max: number, log: boolean, place: number): number {
  return log ? Math.exp(Math.log(min) + place * (Math.log(max) - Math.log(min))) : min + place * (max - min);
}

function placeBetween(min: number, max: number, log: boolean, value: number): number {
  if (!(value > min)) return 0;
  if (!(value < max)) return 1;
  return log ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min);
}

/** Rounding may lead past an end that has more digits. */
function shorten(range: Range, value: number): number {
  return clamp(range, Number(value.toPrecision(significantDigits)));
}

function clamp({ min, max }: Range, value: number): number {
  return Math.min(max, Math.max(min, value));
}
