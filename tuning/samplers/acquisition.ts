/** Where a trial is expected to improve most on the best one known. */
import type { Random } from '../../contracts/random.ts';
import type { SearchDimension } from '../../contracts/parameters.ts';
import { placeOf, valueAt } from '../sampler.ts';
import type { Encoding } from './encoding.ts';
import type { GaussianProcess } from './gaussian-process.ts';
import { logCumulative, logDensity, logImprovement } from './normal.ts';
import { minimize } from './quasi-newton.ts';
import { SobolSequence } from './sobol-sequence.ts';

/** Keeps the improvement at what is known exactly above 0, as its logarithm needs. */
const leastVariance = 1e-12;

/** Points of the space that are looked at, and the best of them from which a local search goes on. */
const scanned = 1024;
const starts = 8;
/** Points around the best trial that are looked at besides. */
const around = 128;
/** Discrete values of a dimension of which all are tried by a local search; of more, its neighbourhood. */
const fewValues = 16;
const rounds = 4;

/** log E[max(0, f − best)], f being normal. */
export class LogExpectedImprovement {
  readonly #process: GaussianProcess;
  readonly #best: number;
  readonly #meanSlope: Float64Array;
  readonly #varianceSlope: Float64Array;

  constructor(process: GaussianProcess, best: number, dimensions: number) {
    this.#process = process;
    this.#best = best;
    [this.#meanSlope, this.#varianceSlope] = [new Float64Array(dimensions), new Float64Array(dimensions)];
  }

  at(x: Float64Array): number {
    const { mean, variance } = this.#process.posterior(x);
    const deviation = Math.sqrt(variance + leastVariance);
    // log EI = log σ + log(φ(z) + z Φ(z)), z = (μ − best) / σ
    return Math.log(deviation) + logImprovement((mean - this.#best) / deviation);
  }

  /** Also writes its derivatives by x. */
  withSlope(x: Float64Array, slope: Float64Array): number {
    const [meanSlope, varianceSlope] = [this.#meanSlope, this.#varianceSlope];
    const { mean, variance } = this.#process.posteriorWithSlopes(x, meanSlope, varianceSlope);
    const deviation = Math.sqrt(variance + leastVariance);
    const z = (mean - this.#best) / deviation;
    const improvement = logImprovement(z);
    // ∂ log EI = (Φ(z) ∂μ + φ(z) ∂σ) / (σ (φ(z) + z Φ(z)))
    const byMean = Math.exp(logCumulative(z) - improvement) / deviation;
    const byVariance = Math.exp(logDensity(z) - improvement) / (2 * deviation * deviation);
    for (let d = 0; d < slope.length; d++) slope[d] = byMean * meanSlope[d] + byVariance * varianceSlope[d];
    return Math.log(deviation) + improvement;
  }
}

export interface Candidate {
  /** Of each dimension, in [0, 1]. */
  places: Float64Array;
  value: number;
}

/**
 * Local maxima, the best first: of starts from all over the space, from around the best trial, and from it.
 * @param best - places of the best trial.
 */
export function maxima(
  acquisition: LogExpectedImprovement,
  encoding: Encoding,
  best: Float64Array,
  random: Random,
): Candidate[] {
  const valued = (places: Float64Array): Candidate => ({ places, value: acquisition.at(encoding.at(places)) });
  const sequence = new SobolSequence(best.length, random.bits());
  const everywhere = Array.from({ length: scanned }, (_, i) => valued(sequence.point(i)));
  const near = Array.from({ length: around }, (_, i) => valued(jittered(best, 10 ** (-1 - (3 * i) / around), random)));
  const highest = (among: Candidate[], count: number) => among.toSorted((a, b) => b.value - a.value).slice(0, count);
  const from = [...highest(everywhere, starts), ...highest(near, 2), valued(best)];
  return highest(
    from.map((start) => climb(acquisition, encoding, start)),
    from.length,
  );
}

/** With another place in about one dimension out of two. */
function jittered(places: Float64Array, width: number, random: Random): Float64Array {
  return places.map((place) => {
    const [moves, step] = [random.uniform() < 0.5, width * random.normal()];
    return moves ? Math.min(1, Math.max(0, place + step)) : place;
  });
}

/** Along the slope in the numbers, then step by step in what is discrete, until neither gains. */
function climb(acquisition: LogExpectedImprovement, encoding: Encoding, start: Candidate): Candidate {
  let best = start;
  for (let round = 0; round < rounds; round++) {
    best = better(best, alongSlope(acquisition, encoding, best, round === 0));
    const stepped = discreteSteps(acquisition, encoding, best);
    if (stepped.value <= best.value) break;
    best = stepped;
  }
  return best;
}

const better = (a: Candidate, b: Candidate) => (b.value > a.value ? b : a);

/** @param relaxed - whether integers of many values move like numbers, and are rounded after that. */
function alongSlope(
  acquisition: LogExpectedImprovement,
  encoding: Encoding,
  { places }: Candidate,
  relaxed: boolean,
): Candidate {
  const searched = encoding.searchedAt(places);
  const moving = encoding.dimensions.flatMap((dimension, d) => {
    const moves =
      dimension.kind === 'number' || (relaxed && dimension.kind === 'integer' && sizeOf(dimension) > fewValues);
    return searched[d] && moves ? [d] : [];
  });
  if (moving.length === 0) return { places, value: -Infinity };
  const x = encoding.at(places);
  const slope = new Float64Array(x.length);
  const f = (moved: Float64Array, gradient: Float64Array) => {
    for (const [i, d] of moving.entries()) x[d] = moved[i];
    const value = acquisition.withSlope(x, slope);
    for (const [i, d] of moving.entries()) gradient[i] = -slope[d];
    return -value;
  };
  const limits = { lower: moving.map(() => 0), upper: moving.map(() => 1), steps: 50, slope: 1e-2, gain: 1e-6 };
  const found = minimize(
    f,
    moving.map((d) => places[d]),
    limits,
  ).x;
  const there = places.slice();
  for (const [i, d] of moving.entries()) there[d] = found[i];
  return { places: there, value: acquisition.at(encoding.at(there)) };
}

/** The best single change of a choice or an integer, one dimension after another. */
function discreteSteps(acquisition: LogExpectedImprovement, encoding: Encoding, start: Candidate): Candidate {
  let best = start;
  for (const [d, dimension] of encoding.dimensions.entries()) {
    if (dimension.kind === 'number' || !encoding.searchedAt(best.places)[d]) continue;
    const { places } = best;
    for (const place of otherPlaces(dimension, places[d])) {
      const there = places.slice();
      there[d] = place;
      best = better(best, { places: there, value: acquisition.at(encoding.at(there)) });
    }
  }
  return best;
}

function otherPlaces(dimension: SearchDimension, place: number): number[] {
  const size = sizeOf(dimension);
  if (dimension.kind === 'choice') {
    const current = Math.min(size - 1, Math.floor(place * size));
    return Array.from({ length: size }, (_, i) => (i + 0.5) / size).filter((_, i) => i !== current);
  }
  const { min, max } = dimension;
  const current = Number(valueAt(dimension, place));
  const values: number[] = [];
  if (size <= fewValues) for (let value = min; value <= max; value++) values.push(value);
  else for (let step = 1; step < size; step *= 2) values.push(current - step, current + step);
  return values
    .filter((value) => value >= min && value <= max && value !== current)
    .map((value) => placeOf(dimension, value));
}

function sizeOf(dimension: SearchDimension): number {
  if (dimension.kind === 'choice') return dimension.choices.length;
  return dimension.kind === 'integer' ? dimension.max - dimension.min + 1 : Infinity;
}
