/**
 * Terms in an open-addressing table (Knuth, 1973, 6.4, linear probing) that all threads fill at once, shared source of
 * `text.ts`.
 *
 * Formula: slot = first of (h + i) mod slots, i = 0, 1, …, that is empty or holds the term, h of multiplication and
 * xor-shift over 8 bytes at a time; count(document, term) = how often it occurs.
 *
 * Layout: slots, a power of two of them. A slot is one `uint64`, 0 when empty: the address of a place where the term
 * stands in the upper half, 28 bits of its hash and the number of its tokens in the lower. It is written by one
 * compare-and-swap, so that a term gets one slot whoever comes first; which of its places that is, nobody asks.
 * Accumulator: counts int32. Exact: integers only; terms of one hash are told apart by their bytes.
 */

/** Inlined static methods, because a call costs as much as a short term. */
class bytes {
  /** The first separator, a space or a line feed, from `at` on. */
  @inline static separator(at: usize): usize {
    while (true) {
      const found = i8x16.bitmask(i8x16.le_u(v128.load(at), i8x16.splat(0x20)));
      if (found) return at + <usize>ctz(found);
      at += 16;
    }
  }

  /** 8 bytes from `at` on, of which those from `length` on are zero. */
  @inline static some(at: usize, length: usize): u64 {
    return load<u64>(at) & (0xffffffffffffffff >> ((8 - <u64>length) << 3));
  }

  /** Whether the bytes [at, end) stand at `held` as well, and a separator behind them. */
  @inline static same(held: usize, at: usize, end: usize): bool {
    for (; at + 8 <= end; at += 8, held += 8) if (load<u64>(at) !== load<u64>(held)) return false;
    if (at < end && bytes.some(at, end - at) !== bytes.some(held, end - at)) return false;
    return load<u8>(held + (end - at)) <= 0x20;
  }
}

/** What a slot holds of a term besides its address: 28 bits of hash, 4 of its tokens. */
function tagOf(at: usize, end: usize, tokens: i32): u32 {
  let hash: u64 = <u64>(end - at);
  for (; at + 8 <= end; at += 8) {
    hash = (hash ^ load<u64>(at)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  if (at < end) {
    hash = (hash ^ bytes.some(at, end - at)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  hash *= 0xd6e8feb86659fd93;
  return ((<u32>(hash >> 32)) & 0xfffffff0) | (<u32>tokens);
}

/** The slot of a term, or −1. */
function find(slots: usize, mask: u32, tag: u32, at: usize, end: usize): i32 {
  let slot = (tag >> 4) & mask;
  while (true) {
    const held = load<u64>(slots + ((<usize>slot) << 3));
    if (!held) return -1;
    if (<u32>held === tag && bytes.same(<usize>(held >> 32), at, end)) return <i32>slot;
    slot = (slot + 1) & mask;
  }
}

/** Puts a term into the table, where there is room: at most half of the slots are taken. Returns its slot. */
function insert(slots: usize, mask: u32, tag: u32, at: usize, end: usize, taken: usize): i32 {
  const own = ((<u64>at) << 32) | (<u64>tag);
  let slot = (tag >> 4) & mask;
  while (true) {
    const address = slots + ((<usize>slot) << 3);
    let held = atomic.load<u64>(address);
    if (!held) {
      held = atomic.cmpxchg<u64>(address, 0, own);
      if (!held) {
        atomic.add<i32>(taken, 1);
        return <i32>slot;
      }
    }
    if (<u32>held === tag && bytes.same(<usize>(held >> 32), at, end)) return <i32>slot;
    slot = (slot + 1) & mask;
  }
}

/** Puts the terms of a document's tokens, `least` to `most` of them in a row, into the table. */
export function insertTerms(
  slots: usize,
  mask: u32,
  taken: usize,
  text: usize,
  tokens: i32,
  least: i32,
  most: i32,
  starts: usize,
): void {
  for (let token = 0; token < tokens; token++) {
    i32.store(starts + ((<usize>(token & 15)) << 2), <i32>text);
    const end = bytes.separator(text);
    for (let n = least; n <= most && n <= token + 1; n++) {
      const at = <usize>i32.load(starts + ((<usize>((token + 1 - n) & 15)) << 2));
      insert(slots, mask, tagOf(at, end, n), at, end, taken);
    }
    text = end + 1;
  }
}

/** Puts one term, which stands by itself, into the table; returns its slot. */
export function insertOne(slots: usize, mask: u32, taken: usize, at: usize, end: usize): i32 {
  let tokens = 1;
  for (let o = at; o < end; o++) tokens += <i32>(load<u8>(o) === 0x20);
  return insert(slots, mask, tagOf(at, end, tokens), at, end, taken);
}

/** Moves the slots [from, to) of a table to a larger one. */
export function moveSlots(old: usize, from: i32, to: i32, slots: usize, mask: u32): void {
  for (let at = old + ((<usize>from) << 3), end = old + ((<usize>to) << 3); at < end; at += 8) {
    const own = load<u64>(at);
    if (!own) continue;
    // No two are of the same term, so that only an empty slot is looked for.
    for (let slot = ((<u32>own) >> 4) & mask; ; slot = (slot + 1) & mask) {
      if (!atomic.cmpxchg<u64>(slots + ((<usize>slot) << 3), 0, own)) break;
    }
  }
}

/**
 * Counts a document's terms: entries `uint64` of a term's number in the upper half and its count in the lower, in the
 * order in which the terms first occur.
 * @param ids - `int32 [slots]`: the number of a slot's term, below 0 where it has none; 0 to number terms by their slots.
 * @param entries - room for as many as there are terms in a row.
 * @param unknown - where to add how many of the terms are not in the table or have no number.
 * @param places - `int32` by number, of the calling thread's own: where among the entries a term may be. What stands
 * there is looked up before it is believed, so that nobody clears it (Briggs and Torczon, 1993).
 * @returns how many distinct ones there are.
 */
export function countTerms(
  slots: usize,
  mask: u32,
  ids: usize,
  text: usize,
  tokens: i32,
  least: i32,
  most: i32,
  entries: usize,
  unknown: usize,
  starts: usize,
  places: usize,
): i32 {
  let size: u32 = 0;
  let missed = 0;
  for (let token = 0; token < tokens; token++) {
    i32.store(starts + ((<usize>(token & 15)) << 2), <i32>text);
    const stop = bytes.separator(text);
    for (let n = least; n <= most && n <= token + 1; n++) {
      const at = <usize>i32.load(starts + ((<usize>((token + 1 - n) & 15)) << 2));
      let id = find(slots, mask, tagOf(at, stop, n), at, stop);
      if (ids && id >= 0) id = i32.load(ids + ((<usize>id) << 2));
      if (id < 0) {
        missed++;
        continue;
      }
      const place = load<u32>(places + ((<usize>id) << 2));
      const entry = entries + ((<usize>place) << 3);
      if (place < size && load<u32>(entry, 4) === <u32>id) {
        store<u32>(entry, load<u32>(entry) + 1);
      } else {
        store<u32>(places + ((<usize>id) << 2), size);
        store<u64>(entries + ((<usize>size) << 3), ((<u64>(<u32>id)) << 32) | 1);
        size++;
      }
    }
    text = stop + 1;
  }
  i32.store(unknown, i32.load(unknown) + missed);
  return <i32>size;
}

/** Gives entries by slot the numbers of their terms; drops those without, and adds their counts to `unknown`. */
export function renumber(ids: usize, entries: usize, count: i32, unknown: usize): i32 {
  let out = entries;
  let missed = 0;
  for (let at = entries, end = entries + ((<usize>count) << 3); at < end; at += 8) {
    const entry = load<u64>(at);
    const id = i32.load(ids + ((<usize>(<u32>(entry >> 32))) << 2));
    if (id < 0) {
      missed += <i32>entry;
      continue;
    }
    store<u64>(out, ((<u64>(<u32>id)) << 32) | (entry & 0xffffffff));
    out += 8;
  }
  i32.store(unknown, i32.load(unknown) + missed);
  return <i32>((out - entries) >> 3);
}

/** Rows that are shorter than this are ordered by insertion. */
const SHORT: i32 = 32;

/**
 * Orders entries by their numbers, which are below `numbers`: long rows digit by digit of 8 bits, the lowest first.
 * @param spare - of the calling thread's own: 256 int32, and room for the entries.
 */
export function order(entries: usize, count: i32, numbers: i32, spare: usize): void {
  const end = entries + ((<usize>count) << 3);
  if (count < SHORT) {
    for (let at = entries + 8; at < end; at += 8) {
      const entry = load<u64>(at);
      let hole = at;
      for (; hole > entries && load<u64>(hole - 8) > entry; hole -= 8) store<u64>(hole, load<u64>(hole - 8));
      store<u64>(hole, entry);
    }
    return;
  }
  let source = entries;
  let target = spare + 1024;
  for (let shift: u64 = 32; numbers > 0; shift += 8, numbers >>= 8) {
    // First how many entries have each digit, then where those with a digit begin.
    memory.fill(spare, 0, 1024);
    const stop = source + ((<usize>count) << 3);
    for (let at = source; at < stop; at += 8) {
      const cell = spare + ((<usize>((load<u64>(at) >> shift) & 255)) << 2);
      i32.store(cell, i32.load(cell) + 1);
    }
    let before = 0;
    for (let cell = spare; cell < spare + 1024; cell += 4) {
      const own = i32.load(cell);
      i32.store(cell, before);
      before += own;
    }
    for (let at = source; at < stop; at += 8) {
      const entry = load<u64>(at);
      const cell = spare + ((<usize>((entry >> shift) & 255)) << 2);
      const place = i32.load(cell);
      i32.store(cell, place + 1);
      store<u64>(target + ((<usize>place) << 3), entry);
    }
    const swapped = source;
    source = target;
    target = swapped;
  }
  if (source !== entries) memory.copy(entries, source, end - entries);
}
