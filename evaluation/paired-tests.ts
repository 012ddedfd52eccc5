/**
 * Tests whether two models differ, judged on the same rows, users or folds. All p-values are two-sided; differences are
 * `b − a`, above 0 where `b` is higher. For areas under ROC curves see `delong.ts`, for means over users
 * `pairedBootstrap` of `significance.ts`.
 */
import { Random } from '../contracts/random.ts';
import {
  binomialLowerTail,
  chiSquaredUpperTail,
  normalUpperTail,
  studentQuantile,
  studentUpperTail,
} from './distributions.ts';
import { midranks, requireRows, type Numbers } from './rows.ts';

export interface McNemar {
  /** Rows that `a` alone gets right, and `b` alone. */
  onlyA: number;
  onlyB: number;
  /** Exact: binomial with ½. */
  pValue: number;
  /** By χ² with one degree of freedom: (max(0, |onlyA − onlyB| − 1))² ÷ (onlyA + onlyB). */
  corrected: { statistic: number; pValue: number };
}

/**
 * Whether two classifiers are right equally often (Q. McNemar, Psychometrika 12, 1947; continuity correction:
 * A. L. Edwards, Psychometrika 13, 1948). Rows must be independent. No difference at all has p-values of 1.
 */
export function mcNemar(truth: Int32Array, a: Int32Array, b: Int32Array): McNemar {
  requireRows(truth.length, a, b);
  let [onlyA, onlyB] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    if (a[i] === truth[i] && b[i] !== truth[i]) onlyA++;
    else if (a[i] !== truth[i] && b[i] === truth[i]) onlyB++;
  }
  const n = onlyA + onlyB;
  if (n === 0) return { onlyA, onlyB, pValue: 1, corrected: { statistic: 0, pValue: 1 } };
  const statistic = Math.max(0, Math.abs(onlyA - onlyB) - 1) ** 2 / n;
  return {
    onlyA,
    onlyB,
    pValue: Math.min(1, 2 * binomialLowerTail(Math.min(onlyA, onlyB), n, 0.5)),
    corrected: { statistic, pValue: chiSquaredUpperTail(statistic, 1) },
  };
}

export interface PairedT {
  /** Mean of `b − a`. */
  difference: number;
  standardError: number;
  /** null where all differences are the same. */
  t: number | null;
  freedom: number;
  /** Where all differences are the same: 1 if they are 0, else 0. */
  pValue: number;
  /** Of the difference, at the asked confidence. */
  interval: [low: number, high: number];
}

/**
 * Student's paired t test. Over folds of one cross-validation it finds differences too often, since their training
 * rows overlap: use `correctedPairedT` there.
 * @throws RangeError with fewer than two pairs.
 */
export function pairedT(a: Numbers, b: Numbers, confidence = 0.95): PairedT {
  return studentTest(a, b, 1 / a.length, confidence);
}

/**
 * Corrected resampled t test over folds or repeated splits (C. Nadeau and Y. Bengio, "Inference for the generalization
 * error", Machine Learning 52, 2003): variance · (1/n + test rows ÷ training rows).
 * @param testShare - test rows ÷ training rows of a fold: 1 ÷ (k − 1) for k folds.
 * @throws RangeError with fewer than two pairs.
 */
export function correctedPairedT(a: Numbers, b: Numbers, testShare: number, confidence = 0.95): PairedT {
  return studentTest(a, b, 1 / a.length + testShare, confidence);
}

function studentTest(a: Numbers, b: Numbers, factor: number, confidence: number): PairedT {
  const differences = subtract(a, b);
  const n = differences.length;
  if (n < 2) throw new RangeError(`A t test needs at least two pairs. Got ${n}.`);
  const difference = differences.reduce((sum, d) => sum + d, 0) / n;
  const squares = differences.reduce((sum, d) => sum + (d - difference) ** 2, 0);
  const constant = differences.every((d) => d === differences[0]);
  const standardError = constant ? 0 : Math.sqrt((squares / (n - 1)) * factor);
  const t = constant ? null : difference / standardError;
  const half = studentQuantile((1 + confidence) / 2, n - 1) * standardError;
  return {
    difference,
    standardError,
    t,
    freedom: n - 1,
    pValue: t === null ? (difference === 0 ? 1 : 0) : 2 * studentUpperTail(Math.abs(t), n - 1),
    interval: [difference - half, difference + half],
  };
}

export interface SignedRank {
  /** Pairs that differ; equal ones are left out (Wilcoxon's own way). */
  pairs: number;
  /** Sum of the ranks of |difference| where `b` is higher, and where `a` is. */
  higherB: number;
  higherA: number;
  pValue: number;
  /** Up to 50 pairs the p-value is exact, ties included; beyond it is the normal one, corrected for ties. */
  exact: boolean;
}

const exactPairs = 50;

/** Wilcoxon's signed-rank test (F. Wilcoxon, Biometrics Bulletin 1, 1945). Without pairs that differ, p is 1. */
export function signedRank(a: Numbers, b: Numbers): SignedRank {
  const differences = subtract(a, b).filter((d) => d !== 0);
  const n = differences.length;
  if (n === 0) return { pairs: 0, higherB: 0, higherA: 0, pValue: 1, exact: true };
  const ranks = midranks(differences.map(Math.abs));
  const higherB = ranks.reduce((sum, rank, i) => (differences[i] > 0 ? sum + rank : sum), 0);
  const higherA = (n * (n + 1)) / 2 - higherB;
  const least = Math.min(higherA, higherB);
  const exact = n <= exactPairs;
  return { pairs: n, higherB, higherA, pValue: exact ? exactSignedRank(ranks, least) : normalSignedRank(ranks, least), exact }; // prettier-ignore
}

/** 2 · P(W ≤ least), every sign being as likely: counted by sums of doubled ranks, which are whole. */
function exactSignedRank(ranks: Float64Array, least: number): number {
  const n = ranks.length;
  let ways = Float64Array.of(1);
  for (const rank of ranks) {
    const doubled = 2 * rank;
    const next = new Float64Array(ways.length + doubled);
    for (let sum = 0; sum < ways.length; sum++) {
      next[sum] += ways[sum];
      next[sum + doubled] += ways[sum];
    }
    ways = next;
  }
  let count = 0;
  for (let sum = 0; sum <= 2 * least; sum++) count += ways[sum];
  return Math.min(1, (2 * count) / 2 ** n);
}

/** W has the mean n(n + 1) ÷ 4 and the variance Σ rank² ÷ 4, which is n(n + 1)(2n + 1) ÷ 24 less that of ties. */
function normalSignedRank(ranks: Float64Array, least: number): number {
  const n = ranks.length;
  const variance = ranks.reduce((sum, rank) => sum + rank * rank, 0) / 4;
  return Math.min(1, 2 * normalUpperTail(((n * (n + 1)) / 4 - least) / Math.sqrt(variance)));
}

export interface PermutationOptions {
  seed: number;
  stream?: number;
  /** 10,000 by default. All are gone through instead where there are no more. */
  permutations?: number;
}
export interface PermutationTest {
  difference: number;
  /** Share of permutations that differ at least as much, drawn ones counting the observed one (never 0). */
  pValue: number;
  /** All permutations were gone through. */
  exact: boolean;
  permutations: number;
}

/**
 * Whether a mean of paired differences is 0, by exchanging the two models pair by pair (R. A. Fisher, "The Design of
 * Experiments", 1935; p-value of drawn permutations: B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010).
 * @throws RangeError without pairs.
 */
export function permutationTest(a: Numbers, b: Numbers, options: PermutationOptions): PermutationTest {
  const differences = subtract(a, b);
  const mean = (swapped: Uint8Array) => {
    let sum = 0;
    for (let i = 0; i < differences.length; i++) sum += swapped[i] === 1 ? -differences[i] : differences[i];
    return sum / differences.length;
  };
  return swapTest(differences.length, mean, options);
}

/**
 * The same for any difference of two models' metrics, e.g. of F1.
 * @param units - pairs that are exchanged or not: rows, users, groups.
 * @param difference - of the metrics when the models are exchanged on the units that have 1, `[units]`. Null, where it
 * is undefined, counts as an extreme one.
 * @throws RangeError without units, or where the observed difference is undefined.
 */
export function swapTest(
  units: number,
  difference: (swapped: Uint8Array) => number | null,
  { seed, stream = 0, permutations = 10_000 }: PermutationOptions,
): PermutationTest {
  if (units === 0) throw new RangeError('A permutation test needs at least one pair. Got none.');
  const swapped = new Uint8Array(units);
  const observed = difference(swapped);
  if (observed === null) throw new RangeError('The difference of the models as they are is undefined.');
  // Sums in another order round otherwise: equal ones must count as such.
  const least = Math.abs(observed) * (1 - 1e-12);
  const isExtreme = () => {
    const value = difference(swapped);
    return value === null || Math.abs(value) >= least;
  };
  const all = 2 ** units;
  let extreme = 0;
  if (all <= permutations) {
    for (let subset = 0; subset < all; subset++) {
      for (let i = 0; i < units; i++) swapped[i] = (subset >>> i) & 1;
      if (isExtreme()) extreme++;
    }
    return { difference: observed, pValue: extreme / all, exact: true, permutations: all };
  }
  const random = new Random(seed, stream);
  for (let p = 0; p < permutations; p++) {
    for (let begin = 0; begin < units; begin += 32) {
      const bits = random.bits();
      for (let i = begin; i < Math.min(begin + 32, units); i++) swapped[i] = (bits >>> (i - begin)) & 1;
    }
    if (isExtreme()) extreme++;
  }
  return { difference: observed, pValue: (extreme + 1) / (permutations + 1), exact: false, permutations };
}

function subtract(a: Numbers, b: Numbers): Float64Array {
  requireRows(a.length, b);
  return Float64Array.from(a, (value, i) => b[i] - value);
}
