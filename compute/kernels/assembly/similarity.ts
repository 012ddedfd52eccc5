/**
 * The K most similar items of each item: a sparse matrix product row by row (Gustavson, 1978) and a selection.
 *
 * Formula: s_ij = Σ_u a_iu b_uj; of each row i the K largest s_ij > 0, ties to the lower j, stored in ascending j.
 * `shrunkNeighbours` takes s_ij · n_ij / (n_ij + h) for s_ij, n_ij the number of u in both sums (Bell and Koren, 2007).
 *
 * Layout: A items × users and B users × items, both CSR (`indptr int32`, `indices int32`, `values float32`, those of A
 * `float64` for `shrunkNeighbours`, the columns of a row distinct, all values finite); out `columns int32 [items × K]`,
 * `values float32 [items × K]`, of which row i uses the first `counts[i]`, `counts int32 [items]`.
 * Accumulator: one float32 per item, added in ascending u: equal users give equal sums, so ties are true ties. Of
 * `shrunkNeighbours` one float64, rounded once: it chooses as a graph does that adds in float64 in another order.
 * Error: s_ij is within (m + 1) ε Σ|a_iu b_uj| of the exact sum over its m common users, ε = 2⁻²⁴; of
 * `shrunkNeighbours` within ε |s_ij| + (m + 4) 2⁻⁵³ Σ|a_iu b_uj|.
 */

/** Columns that are looked at, or marked as touched, together. */
const BLOCK: usize = 64;
/** Of the sums of a dense row, every so many are sampled for a first threshold. */
const STRIDE: usize = 16;

/**
 * Rows [from, to).
 * @param scratch - 4 P floats of the calling thread's own, P = `items` rounded up to a multiple of 64.
 */
export function neighbours(
  aPtr: usize,
  aIndex: usize,
  aValue: usize,
  bPtr: usize,
  bIndex: usize,
  bValue: usize,
  items: i32,
  K: i32,
  from: i32,
  to: i32,
  counts: usize,
  columns: usize,
  values: usize,
  scratch: usize,
): void {
  const bytes = ((<usize>items + BLOCK - 1) & ~(BLOCK - 1)) << 2;
  const sums = scratch;
  const foundColumns = scratch + bytes;
  const foundValues = scratch + bytes * 2;
  const spare = scratch + bytes * 3;
  memory.fill(sums, 0, bytes);
  for (let i = from; i < to; i++) {
    const begin = (<usize>i32.load(aPtr + ((<usize>i) << 2))) << 2;
    const end = (<usize>i32.load(aPtr + ((<usize>i) << 2), 4)) << 2;
    let products: u64 = 0;
    for (let k = begin; k < end; k += 4) {
      const user = bPtr + ((<usize>i32.load(aIndex + k)) << 2);
      const first = (<usize>i32.load(user)) << 2;
      const last = (<usize>i32.load(user, 4)) << 2;
      products += <u64>((last - first) >> 2);
      scatter(bIndex + first, bIndex + last, bValue + first, f32.load(aValue + k), sums);
    }
    const few = products < <u64>(items >> 3);
    if (few) markRow(aIndex, bPtr, bIndex, begin, end, spare, bytes);
    const found = gatherLargest(sums, bytes, few, K, foundColumns, foundValues, spare);
    const row = (<usize>i * <usize>K) << 2;
    i32.store(counts + ((<usize>i) << 2), keep(foundColumns, foundValues, found, K, columns + row, values + row));
  }
}

/**
 * Rows [from, to), shrunk.
 * @param h - at least 0.
 * @param scratch - 8 P floats of the calling thread's own, P = `items` rounded up to a multiple of 64.
 */
export function shrunkNeighbours(
  aPtr: usize,
  aIndex: usize,
  aValue: usize,
  bPtr: usize,
  bIndex: usize,
  bValue: usize,
  items: i32,
  K: i32,
  h: f64,
  from: i32,
  to: i32,
  counts: usize,
  columns: usize,
  values: usize,
  scratch: usize,
): void {
  const bytes = ((<usize>items + BLOCK - 1) & ~(BLOCK - 1)) << 2;
  const sums = scratch;
  const foundColumns = scratch + bytes;
  const foundValues = scratch + bytes * 2;
  const spare = scratch + bytes * 3;
  // Of each item a sum and the number of its terms, side by side.
  const pairs = scratch + bytes * 4;
  memory.fill(sums, 0, bytes);
  memory.fill(pairs, 0, bytes << 2);
  for (let i = from; i < to; i++) {
    const begin = (<usize>i32.load(aPtr + ((<usize>i) << 2))) << 2;
    const end = (<usize>i32.load(aPtr + ((<usize>i) << 2), 4)) << 2;
    let products: u64 = 0;
    for (let k = begin; k < end; k += 4) {
      const user = bPtr + ((<usize>i32.load(aIndex + k)) << 2);
      const first = (<usize>i32.load(user)) << 2;
      const last = (<usize>i32.load(user, 4)) << 2;
      products += <u64>((last - first) >> 2);
      scatterPairs(bIndex + first, bIndex + last, bValue + first, f64.load(aValue + (k << 1)), pairs);
    }
    const few = products < <u64>(items >> 3);
    if (few) {
      markRow(aIndex, bPtr, bIndex, begin, end, spare, bytes);
      for (let block: usize = 0; block < bytes / (BLOCK << 2); block++) {
        if (load<u8>(spare + block)) shrink(pairs, sums, block * (BLOCK << 2), (block + 1) * (BLOCK << 2), h);
      }
    } else {
      shrink(pairs, sums, 0, bytes, h);
    }
    const found = gatherLargest(sums, bytes, few, K, foundColumns, foundValues, spare);
    const row = (<usize>i * <usize>K) << 2;
    i32.store(counts + ((<usize>i) << 2), keep(foundColumns, foundValues, found, K, columns + row, values + row));
  }
}

/** Adds a b_j to a pair's sum and 1 to its number, over one row of B. */
function scatterPairs(index: usize, indexEnd: usize, value: usize, a: f64, pairs: usize): void {
  for (; index < indexEnd; index += 4, value += 4) {
    const pair = pairs + ((<usize>i32.load(index)) << 4);
    const term = f64x2.replace_lane(f64x2.splat(1), 0, a * <f64>f32.load(value));
    v128.store(pair, f64x2.add(v128.load(pair), term));
  }
}

/** sums[j] ← s_j · n_j / (n_j + h), for [start, end) in bytes of the sums; leaves the pairs zero. */
function shrink(pairs: usize, sums: usize, start: usize, end: usize, h: f64): void {
  for (let o = start; o < end; o += 4) {
    const pair = pairs + (o << 2);
    const n = f64.load(pair, 8);
    if (n === 0) continue;
    f32.store(sums + o, <f32>((f64.load(pair) * n) / (n + h)));
    v128.store(pair, i64x2.splat(0));
  }
}

/** Marks the blocks that a row of A touches. */
function markRow(
  aIndex: usize,
  bPtr: usize,
  bIndex: usize,
  begin: usize,
  end: usize,
  marks: usize,
  bytes: usize,
): void {
  memory.fill(marks, 0, bytes / (BLOCK << 2));
  for (let k = begin; k < end; k += 4) {
    const user = bPtr + ((<usize>i32.load(aIndex + k)) << 2);
    mark(bIndex + ((<usize>i32.load(user)) << 2), bIndex + ((<usize>i32.load(user, 4)) << 2), marks);
  }
}

/**
 * At least all of the K largest sums, in ascending columns; leaves the sums zero. Few products: only the blocks that are
 * marked in `spare`. Many: all of them, from a threshold that a sample suggests.
 */
function gatherLargest(
  sums: usize,
  bytes: usize,
  few: bool,
  K: i32,
  foundColumns: usize,
  foundValues: usize,
  spare: usize,
): i32 {
  let found = 0;
  if (few) {
    for (let block: usize = 0; block < bytes / (BLOCK << 2); block++) {
      if (!load<u8>(spare + block)) continue;
      const start = block * (BLOCK << 2);
      found = gather(sums, start, start + (BLOCK << 2), 1, foundColumns, foundValues, found);
      memory.fill(sums + start, 0, BLOCK << 2);
    }
    return found;
  }
  const threshold = sampledThreshold(sums, bytes, K, spare);
  found = gather(sums, 0, bytes, threshold, foundColumns, foundValues, 0);
  if (found < K && threshold > 1) found = gather(sums, 0, bytes, 1, foundColumns, foundValues, 0);
  memory.fill(sums, 0, bytes);
  return found;
}

/** sums[j] ← sums[j] + a b_j over one row of B. */
function scatter(index: usize, indexEnd: usize, value: usize, a: f32, sums: usize): void {
  for (; index + 16 <= indexEnd; index += 16, value += 16) {
    const j0 = sums + ((<usize>i32.load(index)) << 2);
    const j1 = sums + ((<usize>i32.load(index, 4)) << 2);
    const j2 = sums + ((<usize>i32.load(index, 8)) << 2);
    const j3 = sums + ((<usize>i32.load(index, 12)) << 2);
    f32.store(j0, f32.load(j0) + a * f32.load(value));
    f32.store(j1, f32.load(j1) + a * f32.load(value, 4));
    f32.store(j2, f32.load(j2) + a * f32.load(value, 8));
    f32.store(j3, f32.load(j3) + a * f32.load(value, 12));
  }
  for (; index < indexEnd; index += 4, value += 4) {
    const j = sums + ((<usize>i32.load(index)) << 2);
    f32.store(j, f32.load(j) + a * f32.load(value));
  }
}

/** marks[j / 64] ← 1 over one row of B. */
function mark(index: usize, indexEnd: usize, marks: usize): void {
  for (; index < indexEnd; index += 4) store<u8>(marks + <usize>i32.load(index) / BLOCK, 1);
}

// The bits of positive floats are ordered as integers, negative ones are below 1: thresholds are bits.

/** Appends the sums whose bits are at least `threshold`, in ascending columns; [start, end) in bytes, whole blocks. */
function gather(sums: usize, start: usize, end: usize, threshold: i32, columns: usize, values: usize, found: i32): i32 {
  const least = i32x4.splat(threshold);
  for (let o = start; o < end; o += 32) {
    const any = v128.or(i32x4.ge_s(v128.load(sums + o), least), i32x4.ge_s(v128.load(sums + o, 16), least));
    if (!v128.any_true(any)) continue;
    for (let cell = o; cell < o + 32; cell += 4) {
      const bits = i32.load(sums + cell);
      i32.store(columns + ((<usize>found) << 2), <i32>(cell >> 2));
      i32.store(values + ((<usize>found) << 2), bits);
      found += <i32>(bits >= threshold);
    }
  }
  return found;
}

/** A threshold that most likely somewhat more than K sums reach; 1, which all positive sums reach, for want of sums. */
function sampledThreshold(sums: usize, bytes: usize, K: i32, sample: usize): i32 {
  let taken = 0;
  for (let o: usize = 0; o < bytes; o += STRIDE << 2, taken++) {
    i32.store(sample + ((<usize>taken) << 2), i32.load(sums + o));
  }
  // Expected rank of the K-th largest in the sample, and four standard deviations.
  const expected = <f32>K / <f32>STRIDE;
  const rank = <i32>(expected + 4 * sqrt<f32>(expected)) + 4;
  return rank < taken ? max(1, rankThreshold(sample, taken, rank)) : 1;
}

/** The first K of the found entries that are largest, ties to the lower column, in the order found. */
function keep(foundColumns: usize, foundValues: usize, found: i32, K: i32, columns: usize, values: usize): i32 {
  const threshold = found > K ? rankThreshold(foundValues, found, K) : 1;
  // Of the entries at the threshold itself, those that the larger ones leave room for.
  let ties = found > K ? K - countFrom(foundValues, found, threshold + 1) : 0;
  let kept = 0;
  for (let at = 0; at < found && kept < K; at++) {
    const bits = i32.load(foundValues + ((<usize>at) << 2));
    if (bits < threshold) continue;
    if (bits === threshold && found > K && ties-- <= 0) continue;
    i32.store(columns + ((<usize>kept) << 2), i32.load(foundColumns + ((<usize>at) << 2)));
    i32.store(values + ((<usize>kept) << 2), bits);
    kept++;
  }
  return kept;
}

/**
 * Bits that at least `rank` values reach and that fewer than `rank` exceed, or bits that exactly `rank` reach: by
 * halving the range of the bits. At least 0, the largest of the values when rank is 1.
 */
function rankThreshold(values: usize, n: i32, rank: i32): i32 {
  pad(values, n);
  let most = i32x4.splat(0);
  for (let o: usize = 0; o < (<usize>n) << 2; o += 16) most = i32x4.max_s(most, v128.load(values + o));
  let low = 0;
  let high = max(
    max(i32x4.extract_lane(most, 0), i32x4.extract_lane(most, 1)),
    max(i32x4.extract_lane(most, 2), i32x4.extract_lane(most, 3)),
  );
  while (low < high) {
    const middle = low + ((high - low + 1) >> 1);
    const reached = countFrom(values, n, middle);
    if (reached === rank) return middle;
    if (reached > rank) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** How many of the values, padded, have bits of at least `threshold` ≥ 1. */
function countFrom(values: usize, n: i32, threshold: i32): i32 {
  const least = i32x4.splat(threshold);
  // A comparison that holds is −1.
  let sum = i32x4.splat(0);
  for (let o: usize = 0; o < (<usize>n) << 2; o += 16) {
    sum = i32x4.add(sum, i32x4.ge_s(v128.load(values + o), least));
  }
  return -(
    i32x4.extract_lane(sum, 0) +
    i32x4.extract_lane(sum, 1) +
    i32x4.extract_lane(sum, 2) +
    i32x4.extract_lane(sum, 3)
  );
}

/** Zeros behind the last value, up to a multiple of 16 bytes: they reach no threshold. */
function pad(values: usize, n: i32): void {
  for (let at = n; at & 3; at++) i32.store(values + ((<usize>at) << 2), 0);
}
