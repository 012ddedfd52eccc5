/**
 * The k largest of scores that come a stretch at a time: candidates above a threshold are gathered, and whenever their
 * room is full, the k best are kept and the worst of them is the next threshold.
 *
 * Order: score descending, then index ascending; −0 equals 0; −∞ and NaN are no candidates.
 *
 * Layout: a selection is 16 bytes of state (`int32` gathered, `float32` threshold, `int32` ties, unused) and behind it
 * `uint64 [capacity]` entries, capacity = 2k + 256. An entry is the score's bits, made to be ordered as an unsigned
 * integer, in the upper half and the complement of the index in the lower: the larger entry is the better candidate,
 * and no two are equal.
 * Accumulator: none; scores are compared and kept, never added. Error: none, the result is exact.
 */

/** Bytes of a selection's state, before its entries. */
const STATE: usize = 16;
/** Scores that are compared before it is seen whether there is room for as many. */
const STEP: i32 = 16;
/** Rounds of a partition that halves as seldom as this come from scores made to defeat it. */
const ROUNDS: i32 = 48;

/** Entries that a selection has room for. */
function capacity(k: i32): i32 {
  return 2 * k + 256;
}

/** Bytes of a selection, a multiple of 16. */
export function selectionBytes(k: i32): usize {
  return STATE + ((<usize>capacity(k)) << 3);
}

export function begin(selection: usize): void {
  i32.store(selection, 0);
  f32.store(selection, -Infinity, 4);
  i32.store(selection, 0, 8);
}

/** An integer that is ordered as the scores are, 0 and −0 alike. */
function ordered(score: f32): u32 {
  const bits = reinterpret<i32>(score + 0);
  return <u32>(bits ^ ((bits >> 31) | 0x80000000));
}

function scoreOf(entry: u64): f32 {
  const order = <i32>(entry >> 32);
  return reinterpret<f32>(order < 0 ? order ^ 0x80000000 : ~order);
}

function gather(entries: usize, count: i32, score: f32, index: i32): void {
  store<u64>(entries + ((<usize>count) << 3), ((<u64>ordered(score)) << 32) | (<u64>~(<u32>index)));
}

/** Candidates of n scores, whose indices begin at `first` and are above all that were offered before. */
export function offer(selection: usize, k: i32, scores: usize, n: i32, first: i32): void {
  const entries = selection + STATE;
  const room = capacity(k) - STEP;
  let count = i32.load(selection);
  let level = f32x4.splat(f32.load(selection, 4));
  // A comparison that holds is −1.
  let equal = i32x4.splat(0);
  const whole = n & ~(STEP - 1);
  for (let i = 0; i < whole; i += STEP) {
    const at = scores + ((<usize>i) << 2);
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    equal = i32x4.add(
      equal,
      i32x4.add(i32x4.add(f32x4.eq(a, level), f32x4.eq(b, level)), i32x4.add(f32x4.eq(c, level), f32x4.eq(d, level))),
    );
    const over0 = f32x4.gt(a, level);
    const over1 = f32x4.gt(b, level);
    const over2 = f32x4.gt(c, level);
    const over3 = f32x4.gt(d, level);
    if (!v128.any_true(v128.or(v128.or(over0, over1), v128.or(over2, over3)))) continue;
    let over =
      i32x4.bitmask(over0) | (i32x4.bitmask(over1) << 4) | (i32x4.bitmask(over2) << 8) | (i32x4.bitmask(over3) << 12);
    for (; over; over &= over - 1) {
      const lane = ctz(over);
      gather(entries, count++, f32.load(at + ((<usize>lane) << 2)), first + i + lane);
    }
    if (count > room) {
      i32.store(selection, count);
      i32.store(selection, i32.load(selection, 8) - sumOf(equal), 8);
      cut(selection, k);
      count = k;
      level = f32x4.splat(f32.load(selection, 4));
      equal = i32x4.splat(0);
    }
  }
  const threshold = f32x4.extract_lane(level, 0);
  let ties = i32.load(selection, 8) - sumOf(equal);
  for (let i = whole; i < n; i++) {
    const score = f32.load(scores + ((<usize>i) << 2));
    if (score > threshold) gather(entries, count++, score, first + i);
    ties += <i32>(score === threshold);
  }
  i32.store(selection, count);
  i32.store(selection, ties, 8);
  if (count > room) cut(selection, k);
}

function sumOf(a: v128): i32 {
  return i32x4.extract_lane(a, 0) + i32x4.extract_lane(a, 1) + i32x4.extract_lane(a, 2) + i32x4.extract_lane(a, 3);
}

/** Of at least k candidates the k best; the last of them is the threshold, and its equals among the rest are ties. */
function cut(selection: usize, k: i32): void {
  const entries = selection + STATE;
  const count = i32.load(selection);
  const last = entries + ((<usize>(k - 1)) << 3);
  place(entries, entries + ((<usize>(count - 1)) << 3), last);
  const worst = load<u64>(last) >> 32;
  let dropped = 0;
  for (let at = last + 8, end = entries + ((<usize>count) << 3); at < end; at += 8) {
    dropped += <i32>(load<u64>(at) >> 32 === worst);
  }
  const threshold = scoreOf(worst << 32);
  // Those that were counted are equals of the former threshold.
  const ties = threshold === f32.load(selection, 4) ? i32.load(selection, 8) : 0;
  i32.store(selection, k);
  f32.store(selection, threshold, 4);
  i32.store(selection, ties + dropped, 8);
}

/**
 * Writes the list, best first.
 * @param ties - where to put how many candidates outside a full list score as its last one; 0 for a shorter list.
 * @returns its length, at most k.
 */
export function finish(selection: usize, k: i32, columns: usize, scores: usize, ties: usize): i32 {
  const entries = selection + STATE;
  if (i32.load(selection) >= k) cut(selection, k);
  else i32.store(selection, 0, 8);
  const count = i32.load(selection);
  sort(entries, entries + ((<usize>count) << 3));
  for (let o: usize = 0, end = (<usize>count) << 2; o < end; o += 4) {
    const entry = load<u64>(entries + (o << 1));
    i32.store(columns + o, ~(<i32>entry));
    f32.store(scores + o, scoreOf(entry));
  }
  i32.store(ties, i32.load(selection, 8));
  return count;
}

function swap(a: usize, b: usize): void {
  const entry = load<u64>(a);
  store<u64>(a, load<u64>(b));
  store<u64>(b, entry);
}

/** Brings the entry to `at` that belongs there in descending order of [low, high], no smaller ones before it (Hoare, 1961). */
function place(low: usize, high: usize, at: usize): void {
  for (let round = 0; low < high; round++) {
    if (round === ROUNDS) return sort(low, high + 8);
    // The median of three goes to the end.
    const middle = low + (((high - low) >> 4) << 3);
    if (load<u64>(low) < load<u64>(high)) swap(low, high);
    if (load<u64>(middle) > load<u64>(low)) swap(middle, low);
    if (load<u64>(middle) > load<u64>(high)) swap(middle, high);
    const pivot = load<u64>(high);
    let end = low;
    for (let o = low; o < high; o += 8) {
      const entry = load<u64>(o);
      store<u64>(o, load<u64>(end));
      store<u64>(end, entry);
      end += (<usize>(entry > pivot)) << 3;
    }
    swap(end, high);
    if (end === at) return;
    if (end < at) low = end + 8;
    else high = end - 8;
  }
}

/** Sorts [begin, end) descending, in place (Williams, 1964): the smallest is the root, and goes to the end. */
function sort(start: usize, end: usize): void {
  const bytes = end - start;
  for (let root = (bytes >> 4) << 3; root > 0;) {
    root -= 8;
    sift(start, bytes, root, load<u64>(start + root));
  }
  for (let size = bytes; size > 8;) {
    size -= 8;
    const entry = load<u64>(start + size);
    store<u64>(start + size, load<u64>(start));
    sift(start, size, 0, entry);
  }
}

/** Puts an entry into the heap of `size` bytes, from `hole` down; offsets are in bytes. */
function sift(heap: usize, size: usize, hole: usize, entry: u64): void {
  for (;;) {
    let child = (hole << 1) + 8;
    if (child >= size) break;
    if (child + 8 < size) child += (<usize>(load<u64>(heap + child, 8) < load<u64>(heap + child))) << 3;
    const least = load<u64>(heap + child);
    if (entry <= least) break;
    store<u64>(heap + hole, least);
    hole = child;
  }
  store<u64>(heap + hole, entry);
}
