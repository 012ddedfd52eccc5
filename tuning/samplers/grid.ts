/** Grid search: a fixed number of values a dimension, every combination once. */
import { Random } from '../../contracts/random.ts';
import { evenly, type Sampler } from '../sampler.ts';
import { axisOf, Combinations } from './combinations.ts';

/** Values of an integer or a number; a choice has all of its own. */
export const pointsPerDimension = 5;

/**
 * Combinations come in strides of the golden section of their number, from a seeded start: a study with fewer trials
 * than combinations sees all corners of the grid and not the first one alone.
 */
export const grid: Sampler = ({ space, seed, index }) => {
  const combinations = new Combinations(space, (dimension) => axisOf(evenly(dimension, pointsPerDimension)));
  const { count } = combinations;
  if (BigInt(index) >= count) return null;
  const start = BigInt(Math.floor(new Random(seed).uniform() * Number(count)));
  return combinations.at((start + BigInt(index) * stride(count)) % count);
};

/** The number next above the golden section of `count` that shares no divisor with it, so that strides miss nothing. */
function stride(count: bigint): bigint {
  let candidate = (count * 618_034n) / 1_000_000n + 1n;
  while (divisor(candidate, count) !== 1n) candidate++;
  return candidate;
}

function divisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : divisor(b, a % b);
}
