/**
 * Bootstrap intervals of any metric, over rows or over groups of rows (B. Efron and R. J. Tibshirani, "An Introduction
 * to the Bootstrap", 1993). A resample is told by how often it holds each row, so that a metric with weights needs no
 * rows copied and no scores sorted anew.
 */
import { Random } from '../contracts/random.ts';
import { normalQuantile, normalUpperTail } from './distributions.ts';
import type { Numbers } from './rows.ts';

export interface ResamplingOptions {
  seed: number;
  /** Stream of the seed; 0 by default. */
  stream?: number;
  /** 1,000 by default. */
  resamples?: number;
  /** In (0, 1); 0.95 by default. */
  confidence?: number;
  /**
   * `percentile` (default), or `bca`, bias-corrected and accelerated: right to the second order, but it takes the
   * metric once more for each of up to `jackknifeBlocks` parts.
   */
  method?: 'percentile' | 'bca';
  /** `[rows]`, any integers: rows of a group are drawn together (cluster bootstrap). Each row for itself by default. */
  groups?: Int32Array;
  /** `[rows]`, any integers: of each stratum as many units are drawn as it has. A group must lie within one stratum. */
  strata?: Int32Array;
}

export interface Interval {
  low: number;
  high: number;
}

export interface Bootstrap {
  /** Of each metric; null where it is undefined on the rows themselves or on more than half of the resamples. */
  intervals: (Interval | null)[];
  /** Of each metric: standard deviation over the resamples; null likewise. */
  standardErrors: (number | null)[];
  /** Of each metric: resamples on which it is undefined and which count for nothing. */
  undefinedResamples: number[];
  resamples: number;
  /** What was drawn: groups, or rows. */
  units: number;
}

/**
 * Values of some metrics, always as many; null where one is undefined.
 * @param weights - float64 `[rows]`: how often each row is in the resample; only valid during the call.
 */
export type WeightedMetrics = (weights: Float64Array) => readonly (number | null)[];

/** The jackknife, which acceleration is estimated by, leaves out at most so many blocks of units one by one. */
export const jackknifeBlocks = 1000;

/** Intervals of metrics over the same resamples. The same arguments give the same intervals. */
export function bootstrap(rows: number, metrics: WeightedMetrics, options: ResamplingOptions): Bootstrap {
  const { seed, stream = 0, resamples = 1000, confidence = 0.95, method = 'percentile' } = options;
  if (rows === 0) throw new RangeError('A bootstrap needs at least one row. Got none.');
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`confidence must be in (0, 1). Got ${confidence}.`);
  const units = unitsOf(rows, options.groups, options.strata);
  const weights = new Float64Array(rows).fill(1);
  const estimates = metrics(weights);
  const random = new Random(seed, stream);
  const drawn = new Float64Array(units.count);
  const values = estimates.map(() => new Float64Array(resamples));
  for (let r = 0; r < resamples; r++) {
    draw(units, random, drawn);
    spread(units, drawn, weights);
    for (const [m, value] of metrics(weights).entries()) values[m][r] = value ?? Number.NaN;
  }
  const defined = values.map((all) => all.filter((value) => !Number.isNaN(value)).sort());
  const usable = estimates.map((estimate, m) => estimate !== null && defined[m].length > 0 && 2 * defined[m].length >= resamples); // prettier-ignore
  const accelerations = method === 'bca' ? jackknife(units, metrics, estimates.length, weights) : [];
  return {
    intervals: estimates.map((estimate, m) => {
      if (!usable[m]) return null;
      if (method === 'percentile') return percentileInterval(defined[m], confidence);
      return bcaInterval(defined[m], estimate!, accelerations[m], confidence);
    }),
    standardErrors: defined.map((all, m) => (usable[m] ? deviation(all) : null)),
    undefinedResamples: defined.map((all) => resamples - all.length),
    resamples,
    units: units.count,
  };
}

/** The central share of values, ascending, ends interpolated linearly. */
export function percentileInterval(sorted: Float64Array, confidence: number): Interval {
  return { low: percentile(sorted, (1 - confidence) / 2), high: percentile(sorted, (1 + confidence) / 2) };
}

/**
 * Bias-corrected and accelerated interval (B. Efron, "Better bootstrap confidence intervals", JASA 82, 1987).
 * @param sorted - values of the resamples, ascending.
 * @param acceleration - a sixth of the skewness of the metric's influences; null where it cannot be told: it is taken
 * for 0 then.
 */
export function bcaInterval(
  sorted: Float64Array,
  estimate: number,
  acceleration: number | null,
  confidence: number,
): Interval {
  const n = sorted.length;
  let [below, notAbove] = [0, 0];
  for (const value of sorted) {
    if (value < estimate) below++;
    if (value <= estimate) notAbove++;
  }
  const share = (below + notAbove) / (2 * n);
  // All resamples on one side: no shift of the ends could be told.
  if (share === 0 || share === 1) return percentileInterval(sorted, confidence);
  const bias = normalQuantile(share);
  const end = (tail: number) => {
    const z = bias + normalQuantile(tail);
    // Φ(z₀ + (z₀ + z) ÷ (1 − a (z₀ + z)))
    return percentile(sorted, normalUpperTail(-(bias + z / (1 - (acceleration ?? 0) * z))));
  };
  return { low: end((1 - confidence) / 2), high: end((1 + confidence) / 2) };
}

function percentile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}

/** What is drawn: rows or groups, those of a stratum side by side. */
interface Units {
  count: number;
  /** `[rows]`: place of the row's unit. Undefined where each row is its own. */
  of: Int32Array | undefined;
  /** `[strata + 1]`: units of the s-th stratum are `members` [starts[s], starts[s + 1]). */
  starts: Int32Array;
  /** `[count]`; undefined where there is one stratum. */
  members: Int32Array | undefined;
}

function unitsOf(rows: number, groups: Int32Array | undefined, strata: Int32Array | undefined): Units {
  for (const codes of [groups, strata]) {
    if (codes && codes.length !== rows) throw new RangeError(`Groups and strata must have ${rows} rows. Got ${codes.length}.`); // prettier-ignore
  }
  const of = groups && numbered(groups).codes;
  const count = of ? maximum(of) + 1 : rows;
  if (strata === undefined) return { count, of, starts: Int32Array.of(0, count), members: undefined };
  const stratumOf = new Int32Array(count).fill(-1);
  const { codes, sizes } = numbered(strata);
  for (let row = 0; row < rows; row++) {
    const unit = of ? of[row] : row;
    if (stratumOf[unit] !== -1 && stratumOf[unit] !== codes[row]) {
      throw new RangeError(`A group must lie within one stratum. That of row ${row} is in two.`);
    }
    stratumOf[unit] = codes[row];
  }
  const starts = new Int32Array(sizes + 1);
  for (const stratum of stratumOf) starts[stratum + 1]++;
  for (let s = 0; s < sizes; s++) starts[s + 1] += starts[s];
  const next = starts.slice();
  const members = new Int32Array(count);
  for (let unit = 0; unit < count; unit++) members[next[stratumOf[unit]]++] = unit;
  return { count, of, starts, members };
}

/** Numbers from 0 in the order of first sight. */
function numbered(labels: Int32Array): { codes: Int32Array; sizes: number } {
  const codeOf = new Map<number, number>();
  const codes = labels.map((label) => {
    const code = codeOf.get(label) ?? codeOf.size;
    codeOf.set(label, code);
    return code;
  });
  return { codes, sizes: codeOf.size };
}

function maximum(values: Int32Array): number {
  let most = values[0];
  for (const value of values) if (value > most) most = value;
  return most;
}

function draw({ starts, members }: Units, random: Random, drawn: Float64Array): void {
  drawn.fill(0);
  for (let s = 0; s + 1 < starts.length; s++) {
    const size = starts[s + 1] - starts[s];
    for (let i = 0; i < size; i++) {
      const place = starts[s] + random.integer(size);
      drawn[members ? members[place] : place]++;
    }
  }
}

function spread({ of }: Units, perUnit: Float64Array, weights: Float64Array): void {
  if (of === undefined) weights.set(perUnit);
  else for (let row = 0; row < weights.length; row++) weights[row] = perUnit[of[row]];
}

/**
 * â of each metric over several samples, the strata: Σ_s Σ U³ ÷ n_s³ ÷ (6 (Σ_s Σ U² ÷ n_s²)^1.5) with
 * U = (n_s − 1)(mean of θ₍ᵢ₎ − θ₍ᵢ₎), where θ₍ᵢ₎ leaves out the i-th of n_s units, or blocks of units: the skewness of a
 * block's influence is less by the root of its size, and so is the root of their number. Null where the metric is
 * undefined without a unit, or the same without any of them.
 */
function jackknife(units: Units, metrics: WeightedMetrics, count: number, weights: Float64Array): (number | null)[] {
  const [cubes, squares] = [new Float64Array(count), new Float64Array(count)];
  const kept = new Float64Array(units.count);
  for (let s = 0; s + 1 < units.starts.length; s++) {
    const [begin, end] = [units.starts[s], units.starts[s + 1]];
    const blocks = Math.min(end - begin, jackknifeBlocks);
    if (blocks < 2) continue;
    const without = Array.from({ length: count }, () => new Float64Array(blocks));
    for (let block = 0; block < blocks; block++) {
      kept.fill(1);
      // Every so many-th unit, so that an order of the rows does not make blocks of alike ones.
      for (let i = begin + block; i < end; i += blocks) kept[units.members ? units.members[i] : i] = 0;
      spread(units, kept, weights);
      for (const [m, value] of metrics(weights).entries()) without[m][block] = value ?? Number.NaN;
    }
    for (const [m, values] of without.entries()) {
      const mean = values.reduce((sum, value) => sum + value, 0) / blocks;
      for (const value of values) {
        const influence = ((blocks - 1) * (mean - value)) / blocks;
        cubes[m] += influence ** 3;
        squares[m] += influence ** 2;
      }
    }
  }
  return Array.from(squares, (square, m) => (square > 0 ? cubes[m] / (6 * square ** 1.5) : null));
}

function deviation(values: Numbers): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1));
}
