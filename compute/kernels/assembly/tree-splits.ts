/**
 * The best split of a node by one feature's histogram, shared source of `trees.ts`.
 *
 * Formula: gain = s(left) + s(right) − s(node), where s is
 *   of gradients  T(G)² / (H + λ), T(G) = max(|G| − α, 0)   (Chen and Guestrin, 2016; without their factor ½)
 *   Gini          Σ w_c² / W                                 (gain = W · decrease of the impurity 1 − Σ (w_c / W)²)
 *   entropy       Σ w_c log₂ w_c − W log₂ W                  (gain = W · decrease of the entropy in bits)
 * Squared error is the first with g = −w y, h = w, λ = α = 0: the gain is the decrease of Σ w (y − ȳ)².
 *
 * A split must leave each side `minRows` rows and `minWeight` of H, or W, and gain more than `minGain`; when that is
 * not negative, also more than 2⁻⁴⁶ |s(node)|, which rounding alone may reach. Missing values are tried on both sides.
 * Of equal gains the lowest feature wins, then the fewest bins to the left, then missing values to the right.
 *
 * Categories are scanned in the order of G / (H + smoothing) (Fisher, 1958; Ke et al., 2017), of several classes in the
 * order of their class shares' first principal component (Coppersmith, Hong and Hosking, 1999), which for two classes
 * is the order of the shares and finds the best of all sets. At most `maxCategories` of them, from either end, go left;
 * s of the two sides has λ + categoryL2.
 *
 * What the node has not seen (missing values, categories) goes where more rows go, to the left where both are equal.
 *
 * Accumulator: float64, left sums added in the order of the scan, right = node − left.
 * Error: a sum of a side is within b ε Σ|its bins| of the exact one of its b bins, ε = 2⁻⁵³; from such sums a gain is
 * within (classes + 8) ε (|s(left)| + |s(right)| + |s(node)|), of entropy within as much of Σ w |log₂ w| besides.
 */
import { orderCategories } from './tree-categories';
import { Plan, Scratch, Split } from './tree-layout';
import { xlog2x } from './tree-logarithm';

/** 2⁻⁴⁶ */
const ROUNDING: f64 = 1.4210854715202004e-14;

/** The best split of one feature so far: the first `prefix` bins of the list go left. */
@unmanaged
class Candidate {
  gain: f64;
  leftRows: f64;
  prefix: i32;
  missingLeft: i32;
  /** 1: of the list in descending order. */
  reversed: i32;
}

/** What is known of the node from the feature's histogram. */
@unmanaged
class Sums {
  /** `float64 [2]`, (G, H), or `float64 [classes]` */
  total: usize;
  rows: f64;
  missingRows: f64;
  /** s(node) */
  score: f64;
}

/** Makes `best` the split that everything with a gain above `minGain` beats. */
export function clearSplit(plan: Plan, best: Split): void {
  best.gain = plan.minGain;
  best.feature = -1;
}

/** best ← the feature's best split where that comes before it; `histogram` is the feature's own. */
export function searchFeature(plan: Plan, feature: i32, histogram: usize, scratch: usize, best: Split): void {
  const stride = plan.width() << 3;
  const last = stride - 8;
  const missingBin = plan.missingBin(feature);
  const missing = histogram + <usize>missingBin * stride;
  const missingRows = load<f64>(missing + last);
  const list = Scratch.list(scratch);
  // The bins that have rows, and how many rows that is.
  let count = 0;
  let rows = missingRows;
  for (let bin = 0, at = histogram + last; bin < missingBin; bin++, at += stride) {
    const n = load<f64>(at);
    store<i32>(list + ((<usize>count) << 2), bin);
    rows += n;
    count += <i32>(n !== 0);
  }
  if (count + <i32>(missingRows > 0) < 2 || rows < 2 * plan.minRows) return;

  const categorical = plan.isCategorical(feature);
  const node = changetype<Sums>(Scratch.sums(scratch));
  node.rows = rows;
  node.missingRows = missingRows;
  if (plan.classes) sumClasses(plan, node, histogram, missing, list, count, scratch);
  else sumGradients(plan, node, histogram, missing, list, count, scratch);
  const candidate = changetype<Candidate>(Scratch.candidate(scratch));
  candidate.prefix = 0;
  candidate.reversed = 0;
  candidate.gain = plan.minGain >= 0 ? max(plan.minGain, ROUNDING * abs(node.score)) : plan.minGain;
  let limit = count;
  let l2 = plan.l2;
  if (categorical) {
    orderCategories(plan, histogram, list, count, scratch);
    limit = min(count, plan.maxCategories);
    l2 += plan.categoryL2;
  }
  if (plan.classes) scanClasses(plan, node, histogram, missing, list, limit, candidate, 0);
  else scanGradients(plan, node, histogram, missing, list, limit, l2, candidate, 0);
  if (limit < count) {
    reverse(list, count);
    if (plan.classes) scanClasses(plan, node, histogram, missing, list, limit, candidate, 1);
    else scanGradients(plan, node, histogram, missing, list, limit, l2, candidate, 1);
    if (!candidate.reversed) reverse(list, count);
  }

  const prefix = candidate.prefix;
  if (prefix === 0 || !best.isBeatenBy(candidate.gain, feature)) return;
  const moreLeft = candidate.leftRows * 2 >= rows;
  best.gain = candidate.gain;
  best.feature = feature;
  best.missingLeft = missingRows > 0 ? candidate.missingLeft : <i32>moreLeft;
  best.categorical = <i32>categorical;
  best.bin = categorical ? -1 : load<i32>(list + ((<usize>(prefix - 1)) << 2));
  if (categorical) fillSet(best, histogram, stride, missingBin, list, prefix, moreLeft);
}

function fillSet(
  best: Split,
  histogram: usize,
  stride: usize,
  missingBin: i32,
  list: usize,
  prefix: i32,
  moreLeft: bool,
): void {
  memory.fill(best.word(0), 0, 32);
  for (let k = 0; k < prefix; k++) best.put(load<i32>(list + ((<usize>k) << 2)));
  if (moreLeft) {
    for (let bin = 0; bin < missingBin; bin++) {
      if (load<f64>(histogram + (<usize>bin + 1) * stride - 8) === 0) best.put(bin);
    }
  }
  if (best.missingLeft) best.put(missingBin);
}

function reverse(list: usize, count: i32): void {
  for (let a = list, b = list + ((<usize>count - 1) << 2); a < b; a += 4, b -= 4) {
    const swapped = load<i32>(a);
    store<i32>(a, load<i32>(b));
    store<i32>(b, swapped);
  }
}

function sumGradients(
  plan: Plan,
  node: Sums,
  histogram: usize,
  missing: usize,
  list: usize,
  count: i32,
  scratch: usize,
): void {
  let total = f64x2.splat(0);
  for (const end = list + ((<usize>count) << 2); list < end; list += 4) {
    total = f64x2.add(total, v128.load(histogram + 24 * <usize>load<i32>(list)));
  }
  total = f64x2.add(total, v128.load(missing));
  node.total = Scratch.pair(scratch);
  v128.store(node.total, total);
  node.score = f64x2.extract_lane(sides.scores(total, total, f64x2.splat(plan.l1), f64x2.splat(plan.l2)), 0);
}

function sumClasses(
  plan: Plan,
  node: Sums,
  histogram: usize,
  missing: usize,
  list: usize,
  count: i32,
  scratch: usize,
): void {
  const bytes = (<usize>plan.classes) << 3;
  const total = Scratch.vectors(plan, scratch);
  memory.fill(total, 0, bytes);
  for (const end = list + ((<usize>count) << 2); list < end; list += 4) {
    addTo(total, histogram + (bytes + 8) * <usize>load<i32>(list), bytes);
  }
  addTo(total, missing, bytes);
  let weight: f64 = 0;
  let sum: f64 = 0;
  for (let o: usize = 0; o < bytes; o += 8) {
    const w = load<f64>(total + o);
    weight += w;
    sum += plan.entropy ? xlog2x(w) : w * w;
  }
  node.total = total;
  node.score = plan.entropy ? sum - xlog2x(weight) : weight > 0 ? sum / weight : 0;
}

/** a ← a + b */
function addTo(a: usize, b: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 8) store<f64>(a + o, load<f64>(a + o) + load<f64>(b + o));
}

/** The two sides of a split by gradients; inlined static methods, because a call costs as much. */
class sides {
  /** T(G)² / (H + λ) of two sides (G, H) as two lanes, zero where H + λ is not positive. */
  @inline static scores(a: v128, b: v128, l1: v128, l2: v128): v128 {
    const T = f64x2.max(f64x2.sub(f64x2.abs(i64x2.shuffle(a, b, 0, 2)), l1), f64x2.splat(0));
    const D = f64x2.add(i64x2.shuffle(a, b, 1, 3), l2);
    return v128.and(f64x2.div(f64x2.mul(T, T), D), f64x2.gt(D, f64x2.splat(0)));
  }

  /** s(left) + s(right); −∞ where a side has too little weight. */
  @inline static gain(left: v128, total: v128, minWeight: v128, l1: v128, l2: v128): f64 {
    const right = f64x2.sub(total, left);
    if (v128.any_true(f64x2.lt(i64x2.shuffle(left, right, 1, 3), minWeight))) return -Infinity;
    const both = sides.scores(left, right, l1, l2);
    return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  }
}

/** candidate ← the best of the splits after each of the first `limit` bins of the list, where it gains more. */
function scanGradients(
  plan: Plan,
  node: Sums,
  histogram: usize,
  missing: usize,
  list: usize,
  limit: i32,
  l2: f64,
  candidate: Candidate,
  reversed: i32,
): void {
  const minRows = plan.minRows;
  const minWeight = f64x2.splat(plan.minWeight);
  const l1 = f64x2.splat(plan.l1);
  const lambda = f64x2.splat(l2);
  const rows = node.rows;
  const parent = node.score;
  const missingRows = node.missingRows;
  const total = v128.load(node.total);
  const missed = v128.load(missing);
  let gain = candidate.gain;
  let left = f64x2.splat(0);
  let n: f64 = 0;
  for (let k = 0; k < limit; k++) {
    const bin = histogram + 24 * <usize>load<i32>(list + ((<usize>k) << 2));
    // left ← left + bin
    left = f64x2.add(left, v128.load(bin));
    n += load<f64>(bin, 16);
    if (rows - n < minRows) break;
    if (n >= minRows) {
      const gained = sides.gain(left, total, minWeight, l1, lambda) - parent;
      if (gained > gain) {
        gain = gained;
        take(candidate, gain, n, k + 1, 0, reversed);
      }
    }
    const m = n + missingRows;
    if (missingRows > 0 && m >= minRows && rows - m >= minRows) {
      const gained = sides.gain(f64x2.add(left, missed), total, minWeight, l1, lambda) - parent;
      if (gained > gain) {
        gain = gained;
        take(candidate, gain, m, k + 1, 1, reversed);
      }
    }
  }
}

/** The same with the weights of classes; the left sums are kept behind the node's. */
function scanClasses(
  plan: Plan,
  node: Sums,
  histogram: usize,
  missing: usize,
  list: usize,
  limit: i32,
  candidate: Candidate,
  reversed: i32,
): void {
  const minRows = plan.minRows;
  const bytes = (<usize>plan.classes) << 3;
  const left = node.total + bytes;
  let n: f64 = 0;
  memory.fill(left, 0, bytes);
  for (let k = 0; k < limit; k++) {
    const bin = histogram + <usize>load<i32>(list + ((<usize>k) << 2)) * (bytes + 8);
    // left ← left + bin
    addTo(left, bin, bytes);
    n += load<f64>(bin + bytes);
    if (node.rows - n < minRows) break;
    if (n >= minRows) {
      const gain = gainOfClasses(plan, left, 0, node.total) - node.score;
      if (gain > candidate.gain) take(candidate, gain, n, k + 1, 0, reversed);
    }
    const m = n + node.missingRows;
    if (node.missingRows > 0 && m >= minRows && node.rows - m >= minRows) {
      const gain = gainOfClasses(plan, left, missing, node.total) - node.score;
      if (gain > candidate.gain) take(candidate, gain, m, k + 1, 1, reversed);
    }
  }
}

function take(candidate: Candidate, gain: f64, leftRows: f64, prefix: i32, missingLeft: i32, reversed: i32): void {
  candidate.gain = gain;
  candidate.leftRows = leftRows;
  candidate.prefix = prefix;
  candidate.missingLeft = missingLeft;
  candidate.reversed = reversed;
}

/** s(left) + s(right), the sums at `extra`, if any, joining the left; −∞ where a side has too little weight. */
function gainOfClasses(plan: Plan, left: usize, extra: usize, total: usize): f64 {
  const bytes = (<usize>plan.classes) << 3;
  const entropy = plan.entropy;
  let weightLeft: f64 = 0;
  let weightRight: f64 = 0;
  let sumLeft: f64 = 0;
  let sumRight: f64 = 0;
  for (let o: usize = 0; o < bytes; o += 8) {
    let l = load<f64>(left + o);
    if (extra) l += load<f64>(extra + o);
    const r = load<f64>(total + o) - l;
    weightLeft += l;
    weightRight += r;
    sumLeft += entropy ? xlog2x(l) : l * l;
    sumRight += entropy ? xlog2x(r) : r * r;
  }
  if (weightLeft < plan.minWeight || weightRight < plan.minWeight) return -Infinity;
  if (weightLeft <= 0 || weightRight <= 0) return -Infinity;
  return entropy
    ? sumLeft - xlog2x(weightLeft) + (sumRight - xlog2x(weightRight))
    : sumLeft / weightLeft + sumRight / weightRight;
}
