/**
 * How far one sample is from another: pure functions of counts in the same bins, and of values. For validation, where
 * the reference is what the champion has learned from, and for monitoring, where it is that against live requests.
 *
 * - Population stability index: N. Siddiqi, Credit Risk Scorecards, Wiley 2006, p. 136; its distribution without any drift
 *   after B. Yurdakul and J. Naranjo, Statistical properties of the population stability index, Journal of Risk Model
 *   Validation 14(4), 2020.
 * - Kolmogorov-Smirnov distance: N. Smirnov, Table for estimating the goodness of fit of empirical distributions, Annals
 *   of Mathematical Statistics 19(2), 1948.
 */

/** Ascending edges and counts of values x: bin i is (edges[i−1], edges[i]], the first from −∞, the last to ∞. */
export interface BinCounts {
  /** Ascending. */
  readonly edges: readonly number[];
  /** `[edges + 1]` */
  readonly counts: readonly number[];
}

/** What a statistic would stay below in 95 of 100 samples of this size, if nothing had changed. */
export interface Distance {
  found: number;
  noise: number;
}

/** Values by bin; NaN is missing, and in none. Edges of a profile are float32: compare float32 with them. */
export function binCounts(values: ArrayLike<number>, edges: readonly number[]): { counts: number[]; missing: number } {
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  let missing = 0;
  for (let r = 0; r < values.length; r++) {
    const x = values[r];
    if (Number.isNaN(x)) missing++;
    else counts[binOf(x, edges)]++;
  }
  return { counts, missing };
}

/** Number of edges below x: the bin whose upper edge is the first that is not below it. */
function binOf(x: number, edges: readonly number[]): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * PSI = Σ (qᵢ − pᵢ) · ln(qᵢ / pᵢ) with pᵢ = (nᵢ + ½) / (n + B/2): half a row more in each of B bins, so that an empty
 * one does not make it infinite. Bins that are empty in both do not count. 0 where they are alike; not negative.
 *
 * The noise is (1/n + 1/m) · χ²₀.₉₅ with B − 1 degrees of freedom.
 */
export function stabilityIndex(reference: readonly number[], current: readonly number[]): Distance {
  sameLength(reference, current);
  const pairs = reference.map((n, i) => [n, current[i]] as const).filter(([n, m]) => n + m > 0);
  const bins = pairs.length;
  const [n, m] = [sum(reference), sum(current)];
  if (n === 0 || m === 0 || bins < 2) return { found: 0, noise: 0 };
  let found = 0;
  for (const [a, b] of pairs) {
    const p = (a + 0.5) / (n + bins / 2);
    const q = (b + 0.5) / (m + bins / 2);
    // PSI ← PSI + (q − p) · ln(q / p)
    found += (q - p) * Math.log(q / p);
  }
  return { found, noise: (1 / n + 1 / m) * chiSquared95(bins - 1) };
}

/**
 * D = max |F(x) − G(x)| over the edges of the bins. Less than the distance over all x by no more than the largest share
 * that either sample has inside one bin.
 */
export function binnedKolmogorovSmirnov(reference: readonly number[], current: readonly number[]): Distance {
  sameLength(reference, current);
  const [n, m] = [sum(reference), sum(current)];
  if (n === 0 || m === 0) return { found: 0, noise: 0 };
  let [found, f, g] = [0, 0, 0];
  for (let i = 0; i < reference.length; i++) {
    f += reference[i] / n;
    g += current[i] / m;
    // D ← max(D, |F − G|)
    found = Math.max(found, Math.abs(f - g));
  }
  return { found, noise: smirnov95(n, m) };
}

/** D = max |F(x) − G(x)| of two samples of values, NaN left out; exact, ties included. */
export function kolmogorovSmirnov(reference: ArrayLike<number>, current: ArrayLike<number>): Distance {
  const [a, b] = [sorted(reference), sorted(current)];
  if (a.length === 0 || b.length === 0) return { found: 0, noise: 0 };
  let [found, i, j] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const x = Math.min(a[i], b[j]);
    while (i < a.length && a[i] === x) i++;
    while (j < b.length && b[j] === x) j++;
    found = Math.max(found, Math.abs(i / a.length - j / b.length));
  }
  return { found, noise: smirnov95(a.length, b.length) };
}

/**
 * Neighbouring bins put together, as the index is used: each group has about a tenth of the reference, and a bin with
 * that much, a value that is often there, stays alone.
 * @returns the first bin of each group, ascending.
 */
export function coarseBins(reference: readonly number[], groups = 10): number[] {
  const enough = sum(reference) / groups;
  const starts = [0];
  let within = 0;
  for (let i = 0; i + 1 < reference.length; i++) {
    within += reference[i];
    const rest = sum(reference.slice(i + 1));
    if (rest > 0 && (within >= enough || (within > 0 && reference[i + 1] >= enough))) {
      starts.push(i + 1);
      within = 0;
    }
  }
  return starts;
}

/** Counts of groups of neighbouring bins. */
export function groupedCounts(counts: readonly number[], starts: readonly number[]): number[] {
  return starts.map((start, g) => sum(counts.slice(start, starts[g + 1])));
}

function sorted(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values)
    .filter((v) => !Number.isNaN(v))
    .sort();
}

/** √(−½ · ln(α/2)) · √((n + m) / nm) with α = 0.05. */
function smirnov95(n: number, m: number): number {
  return Math.sqrt(-0.5 * Math.log(0.025)) * Math.sqrt((n + m) / (n * m));
}

/** k · (1 − 2/9k + 1.6449 · √(2/9k))³, within 3 % from one degree of freedom on (Wilson and Hilferty, PNAS 17, 1931). */
function chiSquared95(k: number): number {
  const a = 2 / (9 * k);
  return k * (1 - a + 1.6448536269514722 * Math.sqrt(a)) ** 3;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, n) => total + n, 0);
}

function sameLength(a: readonly number[], b: readonly number[]): void {
  if (a.length !== b.length) throw new RangeError(`Both must have the same bins. Got ${a.length} and ${b.length}.`);
}
