/**
 * Bags of words: documents to tokens, tokens to terms, terms to weights.
 *
 * Formula: a token is a run of at least two word characters (Unicode's letters L and numbers N, and the low line) of the
 * lower-cased document, which is what scikit-learn's `(?u)\b\w\w+\b` finds; a term is 1 to 15 tokens in a row with a
 * space between two; a document's weights are
 *   w_t = tf(count_t) · idf_t, divided by √Σ w² (l2) or Σ |w| (l1) where asked for and not 0.
 * Lower case is Unicode's full mapping without a language: İ becomes an i and a combining dot, and Σ becomes ς behind a
 * cased letter and before none. Bytes that are no UTF-8 stand for U+FFFD, which is in no word.
 *
 * Layout: documents are UTF-8, one behind the other, `offsets uint32 [documents + 1]`. The table of characters is `int32`:
 * 4,352 places of blocks of 256, then the blocks; an entry is 16 times what to add for the lower case, plus 1 for what
 * is lower-cased to a word character, 2 for what is cased and 4 for what is case-ignorable. Tokens of document d are from
 * `starts uint32 [documents]` on in `text`, a space between two and a line feed at the end, and the text goes on for at
 * least 16 readable bytes. Slots and entries: `text-terms.ts`; records: `text-order.ts`. Results are CSR.
 * Accumulator: counts in int32; weights in float64, rounded to float32 once.
 * Error: counts are exact; a weight over m terms is within ε (1 + m 2⁻²⁸) |w| of the exact one, ε = 2⁻²⁴.
 */
import { describeTerm, mergeRuns, sortRun } from './text-order';
import { countTerms, insertOne, insertTerms, moveSlots, order, renumber } from './text-terms';
import { tokensOf } from './text-tokens';

export { mergeRuns, moveSlots, sortRun };

/** Tokens of documents [from, to), and how many they are. */
export function tokens(
  table: usize,
  bytes: usize,
  offsets: usize,
  text: usize,
  starts: usize,
  counts: usize,
  from: i32,
  to: i32,
): void {
  for (let o = (<usize>from) << 2, end = (<usize>to) << 2; o < end; o += 4) {
    const begin = bytes + <usize>load<u32>(offsets + o);
    const stop = bytes + <usize>load<u32>(offsets + o, 4);
    i32.store(counts + o, tokensOf(table, begin, stop, text + <usize>load<u32>(starts + o)));
  }
}

/** Puts the terms of documents [from, to) into the table. @param scratch - 16 int32 of the calling thread's own. */
export function insert(
  slots: usize,
  mask: u32,
  taken: usize,
  text: usize,
  starts: usize,
  counts: usize,
  least: i32,
  most: i32,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  for (let o = (<usize>from) << 2, end = (<usize>to) << 2; o < end; o += 4) {
    const at = text + <usize>load<u32>(starts + o);
    insertTerms(slots, mask, taken, at, i32.load(counts + o), least, most, scratch);
  }
}

/** Puts terms [from, to), each with a line feed behind it, into the table; `ids[slot]` becomes the term's number. */
export function insertVocabulary(
  slots: usize,
  mask: u32,
  taken: usize,
  text: usize,
  offsets: usize,
  ids: usize,
  from: i32,
  to: i32,
): void {
  for (let term = from; term < to; term++) {
    const o = offsets + ((<usize>term) << 2);
    // The line feed is no part of it.
    const slot = insertOne(slots, mask, taken, text + <usize>load<u32>(o), text + <usize>load<u32>(o, 4) - 1);
    i32.store(ids + ((<usize>slot) << 2), term);
  }
}

/**
 * Counts the terms of documents [from, to).
 * @param bounds - `uint32 [documents + 1]`: where the entries of a document have room. @param held - how many it got.
 * @param documents - `int32 [slots]`, to which is added how many documents hold a slot's term; 0 for not to.
 * @param occurrences - the same of all its occurrences; 0 for not to.
 * @param scratch - of the calling thread's own: 16 int32, and one for each number that a term may have.
 */
export function count(
  slots: usize,
  mask: u32,
  ids: usize,
  text: usize,
  starts: usize,
  counts: usize,
  least: i32,
  most: i32,
  entries: usize,
  bounds: usize,
  held: usize,
  unknown: usize,
  documents: usize,
  occurrences: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const places = scratch + 64;
  for (let o = (<usize>from) << 2, end = (<usize>to) << 2; o < end; o += 4) {
    const at = text + <usize>load<u32>(starts + o);
    const own = entries + ((<usize>load<u32>(bounds + o)) << 3);
    const size = countTerms(slots, mask, ids, at, i32.load(counts + o), least, most, own, unknown + o, scratch, places);
    i32.store(held + o, size);
    if (!documents) continue;
    for (let k = own, stop = own + ((<usize>size) << 3); k < stop; k += 8) {
      const entry = load<u64>(k);
      const slot = (<usize>(<u32>(entry >> 32))) << 2;
      atomic.add<i32>(documents + slot, 1);
      if (occurrences) atomic.add<i32>(occurrences + slot, <i32>entry);
    }
  }
}

/** Entries of documents [from, to) by the numbers of their terms instead of by slots. */
export function number(
  ids: usize,
  entries: usize,
  bounds: usize,
  held: usize,
  unknown: usize,
  from: i32,
  to: i32,
): void {
  for (let o = (<usize>from) << 2, end = (<usize>to) << 2; o < end; o += 4) {
    const own = entries + ((<usize>load<u32>(bounds + o)) << 3);
    i32.store(held + o, renumber(ids, own, i32.load(held + o), unknown + o));
  }
}

/**
 * CSR rows [from, to) of the entries, by ascending number.
 * @param terms - numbers are below it. @param scratch - of the calling thread's own: 1,024 bytes, and room for the
 * entries of a row.
 */
export function pack(
  entries: usize,
  bounds: usize,
  terms: i32,
  indptr: usize,
  indices: usize,
  values: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  for (let o = (<usize>from) << 2, end = (<usize>to) << 2; o < end; o += 4) {
    let own = entries + ((<usize>load<u32>(bounds + o)) << 3);
    const begin = i32.load(indptr + o);
    const stop = i32.load(indptr + o, 4);
    order(own, stop - begin, terms, scratch);
    for (let k = (<usize>begin) << 2, last = (<usize>stop) << 2; k < last; k += 4, own += 8) {
      i32.store(indices + k, <i32>load<u32>(own, 4));
      f32.store(values + k, <f32>load<u32>(own));
    }
  }
}

/** Records of the terms of chosen slots [from, to). */
export function describe(slots: usize, chosen: usize, records: usize, from: i32, to: i32): void {
  for (let k = from; k < to; k++) {
    describeTerm(slots, load<u32>(chosen + ((<usize>k) << 2)), records + <usize>k * 24);
  }
}

/**
 * Weights of rows [from, to).
 * @param tf - `float64 [≥ largest count + 1]` by the count; 0 for the count itself. @param idf - `float64 [terms]`; 0 for 1.
 * @param norm - 0 none, 1 l1, 2 l2.
 */
export function weigh(
  indptr: usize,
  indices: usize,
  counts: usize,
  tf: usize,
  idf: usize,
  norm: i32,
  values: usize,
  from: i32,
  to: i32,
): void {
  for (let o = (<usize>from) << 2, last = (<usize>to) << 2; o < last; o += 4) {
    const begin = (<usize>i32.load(indptr + o)) << 2;
    const end = (<usize>i32.load(indptr + o, 4)) << 2;
    // norm ← Σ |w| or √Σ w²
    let length: f64 = 0;
    if (norm) {
      for (let k = begin; k < end; k += 4) {
        const w = weightOf(counts + k, indices + k, tf, idf);
        length += norm === 1 ? abs<f64>(w) : w * w;
      }
      if (norm === 2) length = sqrt<f64>(length);
    }
    // w ← tf · idf / norm
    const divisor = length > 0 ? length : 1;
    for (let k = begin; k < end; k += 4) {
      f32.store(values + k, <f32>(weightOf(counts + k, indices + k, tf, idf) / divisor));
    }
  }
}

function weightOf(count: usize, index: usize, tf: usize, idf: usize): f64 {
  const c = f32.load(count);
  const weight = tf ? f64.load(tf + ((<usize>c) << 3)) : <f64>c;
  return idf ? weight * f64.load(idf + ((<usize>i32.load(index)) << 3)) : weight;
}
