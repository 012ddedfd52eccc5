/**
 * Rows of kernel values by the order in which they were last used.
 *
 * Formula: least recently used first out; a row that is not held takes the slot at the ring's end.
 *
 * Layout: a record, fields as they stand in `RowCache`; lines `float32 [slots × stride / 4]`, each with the values of a
 * row against the variables at positions [0, length of the slot). `slotOf int32 [rows]` is −1 for rows that are not
 * held. The slots are a ring in the order of their use, `next` and `previous int32 [slots + 1]`, the last being its
 * head: the most recent one follows it.
 * Accumulator: none. Exact: integers only; the values are moved as their bits.
 */
@unmanaged
export class RowCache {
  lines: usize;
  stride: usize;
  slots: i32;
  rows: i32;
  slotOf: usize;
  rowOf: usize;
  lengths: usize;
  next: usize;
  previous: usize;
}

export function clearCache(cache: RowCache): void {
  for (let row = 0; row < cache.rows; row++) put(cache.slotOf, row, -1);
  for (let slot = 0; slot <= cache.slots; slot++) {
    const before = slot === 0 ? cache.slots : slot - 1;
    put(cache.previous, slot, before);
    put(cache.next, before, slot);
    if (slot < cache.slots) put(cache.rowOf, slot, -1);
    if (slot < cache.slots) put(cache.lengths, slot, 0);
  }
}

/** The slot of a row, now the most recent; of length 0 where the least recent one had to make place for it. */
export function slotFor(cache: RowCache, row: i32): i32 {
  let slot = get(cache.slotOf, row);
  if (slot < 0) {
    slot = get(cache.previous, cache.slots);
    const held = get(cache.rowOf, slot);
    if (held >= 0) put(cache.slotOf, held, -1);
    put(cache.rowOf, slot, row);
    put(cache.slotOf, row, slot);
    put(cache.lengths, slot, 0);
  }
  const head = cache.slots;
  link(cache, get(cache.previous, slot), get(cache.next, slot));
  link(cache, slot, get(cache.next, head));
  link(cache, head, slot);
  return slot;
}

export function lineOf(cache: RowCache, slot: i32): usize {
  return cache.lines + <usize>slot * cache.stride;
}

export function lengthOf(cache: RowCache, slot: i32): i32 {
  return get(cache.lengths, slot);
}

export function setLength(cache: RowCache, slot: i32, length: i32): void {
  put(cache.lengths, slot, length);
}

/** The line of a row that is held whole, else 0 (null); nothing counts as used. */
export function wholeLine(cache: RowCache, row: i32): usize {
  const slot = get(cache.slotOf, row);
  return slot >= 0 && get(cache.lengths, slot) === cache.rows ? lineOf(cache, slot) : 0;
}

/** The variables at positions p < q have changed places. A row that knows p alone is cut off there. */
export function swapPositions(cache: RowCache, p: i32, q: i32): void {
  for (let slot = 0; slot < cache.slots; slot++) {
    const length = get(cache.lengths, slot);
    if (length <= p) continue;
    if (length <= q) {
      put(cache.lengths, slot, p);
      continue;
    }
    const line = lineOf(cache, slot);
    const held = get(line, p);
    put(line, p, get(line, q));
    put(line, q, held);
  }
}

function link(cache: RowCache, before: i32, after: i32): void {
  put(cache.next, before, after);
  put(cache.previous, after, before);
}

function get(array: usize, at: i32): i32 {
  return i32.load(array + ((<usize>at) << 2));
}

function put(array: usize, at: i32, value: i32): void {
  i32.store(array + ((<usize>at) << 2), value);
}
