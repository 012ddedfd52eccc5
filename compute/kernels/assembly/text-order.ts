/**
 * Terms in the order of their bytes, by merging runs (von Neumann, 1945), shared source of `text.ts`.
 *
 * Formula: a before b where a's first byte that differs is smaller, or where a ends before that.
 *
 * Layout: records side by side. A record is 24 bytes: the term's first 8 bytes as a big-endian `uint64`, behind its end
 * zeros, so that most comparisons read nothing else; `uint32` address; `uint32` bytes; `uint32` slot; unused.
 * Accumulator: none. Exact: integers only.
 */

/** Bytes of a record. */
const RECORD: usize = 24;

/** Fills in the record of the term of a slot. */
export function describeTerm(slots: usize, slot: u32, record: usize): void {
  const held = load<u64>(slots + ((<usize>slot) << 3));
  const at = <usize>(held >> 32);
  let end = at;
  for (let left = (<i32>held) & 15; left > 0; end++) left -= <i32>(load<u8>(end) <= 0x20);
  const length = end - 1 - at;
  let first: u64 = 0;
  for (let o: usize = 0; o < 8; o++) first = (first << 8) | (o < length ? <u64>load<u8>(at + o) : 0);
  store<u64>(record, first);
  store<u32>(record, <u32>at, 8);
  store<u32>(record, <u32>length, 12);
  store<u32>(record, slot, 16);
}

/** Whether the term of `b` comes before that of `a`. */
function before(b: usize, a: usize): bool {
  const x = load<u64>(b);
  const y = load<u64>(a);
  if (x !== y) return x < y;
  const lengthB = load<u32>(b, 12);
  const lengthA = load<u32>(a, 12);
  const stop = <usize>min(lengthA, lengthB);
  const atB = <usize>load<u32>(b, 8);
  const atA = <usize>load<u32>(a, 8);
  for (let o: usize = 8; o < stop; o++) {
    const difference = <i32>load<u8>(atB + o) - <i32>load<u8>(atA + o);
    if (difference) return difference < 0;
  }
  return lengthB < lengthA;
}

function copy(from: usize, to: usize): void {
  v128.store(to, v128.load(from));
  store<u64>(to, load<u64>(from, 16), 16);
}

/** Merges the ordered records [first, middle) and [middle, last) to the same places of `into`. */
export function mergeRuns(records: usize, first: i32, middle: i32, last: i32, into: usize): void {
  let a = records + <usize>first * RECORD;
  const endA = records + <usize>middle * RECORD;
  let b = endA;
  const endB = records + <usize>last * RECORD;
  let out = into + <usize>first * RECORD;
  for (; a < endA && b < endB; out += RECORD) {
    if (before(b, a)) {
      copy(b, out);
      b += RECORD;
    } else {
      copy(a, out);
      a += RECORD;
    }
  }
  memory.copy(out, a, endA - a);
  memory.copy(out + (endA - a), b, endB - b);
}

/** Orders the records [from, to), in runs of 1, 2, 4, ..., to and fro between the two places; they end in `records`. */
export function sortRun(records: usize, spare: usize, from: i32, to: i32): void {
  let source = records;
  let target = spare;
  for (let width = 1; width < to - from; width <<= 1) {
    for (let first = from; first < to; first += width << 1) {
      mergeRuns(source, first, min(first + width, to), min(first + (width << 1), to), target);
    }
    const swapped = source;
    source = target;
    target = swapped;
  }
  if (source !== records) memory.copy(records + <usize>from * RECORD, source + <usize>from * RECORD, <usize>(to - from) * RECORD); // prettier-ignore
}
