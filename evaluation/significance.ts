/**
 * How far a mean over users can be trusted: the bootstrap (B. Efron and R. J. Tibshirani, "An Introduction to the
 * Bootstrap", 1993), with users as the unit, since rows of one user are not independent.
 */
import { Random } from '../contracts/random.ts';

export interface BootstrapOptions {
  seed: number;
  /** Stream of the seed, so that two intervals of one run are not drawn alike. */
  stream?: number;
  /** 1,000 by default: the ends of the interval are then known to about a twentieth of its width. */
  resamples?: number;
  /** In (0, 1); 0.95 by default. */
  confidence?: number;
}

export interface PairedComparison {
  /** Mean of `b − a`: above 0 where `b` is better. */
  difference: number;
  /** Percentile interval of the difference. */
  interval: [number, number];
  /**
   * Two-sided: the share of resamples, drawn as if there were no difference, that differ at least as much; in
   * (0, 1], and never below 1 / (resamples + 1).
   */
  pValue: number;
}

/**
 * Percentile interval of the mean of `values`. The same values and seed give the same interval.
 * @throws RangeError where there are no values.
 */
export function bootstrapInterval(values: Float32Array | Float64Array, options: BootstrapOptions): [number, number] {
  return percentiles(resampledMeans(values, options), options.confidence ?? 0.95);
}

/**
 * Compares two models on the same users (paired bootstrap by shifting: T. Sakai, "Evaluating evaluation metrics based
 * on the bootstrap", SIGIR 2006).
 * @param a - `[users]`, per-user metric of one model.
 * @param b - `[users]`, that of the other, in the same order of users.
 * @throws RangeError where the lengths differ or are 0.
 */
export function pairedBootstrap(
  a: Float32Array | Float64Array,
  b: Float32Array | Float64Array,
  options: BootstrapOptions,
): PairedComparison {
  if (a.length !== b.length) {
    throw new RangeError(`Two models must be compared on the same users. Got ${a.length} and ${b.length}.`);
  }
  const differences = Float64Array.from(a, (value, user) => b[user] - value);
  const means = resampledMeans(differences, options);
  const difference = mean(differences);
  // Means of resamples scatter around `difference` as they would around 0 if there were none.
  let extreme = 0;
  for (const resampled of means) if (Math.abs(resampled - difference) >= Math.abs(difference)) extreme++;
  return {
    difference,
    interval: percentiles(means, options.confidence ?? 0.95),
    pValue: (extreme + 1) / (means.length + 1),
  };
}

export function mean(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

function resampledMeans(values: Float32Array | Float64Array, options: BootstrapOptions): Float64Array {
  const { seed, stream = 0, resamples = 1000 } = options;
  const n = values.length;
  if (n === 0) throw new RangeError('A bootstrap needs at least one user. Got none.');
  const random = new Random(seed, stream);
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[random.integer(n)];
    means[r] = sum / n;
  }
  return means;
}

/** The central share of the values, ends interpolated linearly. Sorts in place. */
function percentiles(values: Float64Array, confidence: number): [number, number] {
  values.sort();
  const at = (share: number) => {
    const position = share * (values.length - 1);
    const below = Math.floor(position);
    const above = Math.min(below + 1, values.length - 1);
    return values[below] + (position - below) * (values[above] - values[below]);
  };
  return [at((1 - confidence) / 2), at((1 + confidence) / 2)];
}
