/**
 * UTF-8 to lower-cased word tokens, shared source of `text.ts`.
 *
 * Formula: a token is a run of at least two characters whose lower case is a letter, a number or the low line; Unicode's
 * full mapping without a language, final sigma included (SpecialCasing, Unicode 16). Bytes that are no UTF-8 are taken as
 * U+FFFD, as many together as Unicode's table 3-7 says.
 *
 * Layout: text `uint8`; the table `int32 [4352 + 256 × blocks]`, entries as in `text.ts`; tokens go out as UTF-8 with a
 * space between two and a line feed at the end.
 * Accumulator: none. Exact: integers only.
 */

/** Σ, and what it is in lower case at the end of a word and elsewhere. */
const SIGMA: i32 = 0x3a3;
const FINAL_SIGMA: i32 = 0x3c2;
const SMALL_SIGMA: i32 = 0x3c3;
/** İ: the one character whose lower case is two, an i and a combining dot, which is in no word. */
const DOTTED_I: i32 = 0x130;

/** Stands for bytes that are no UTF-8; in no word, in no case. */
const INVALID: i32 = 0xfffd;

// An entry of the table: what to add to a character for its lower case, above four bits of properties.
const WORD: i32 = 1;
const CASED: i32 = 2;
const IGNORABLE: i32 = 4;

/** Inlined static methods, because a call costs as much as a character. */
class utf8 {
  /** The entry of a character: by its upper bits the block's first entry, by its lower 8 the entry in the block. */
  @inline static entryOf(table: usize, character: i32): i32 {
    const block = i32.load(table + ((<usize>(character >> 8)) << 2));
    return i32.load(table + ((<usize>(block + (character & 255))) << 2));
  }

  /** Writes a character; returns the address behind it. */
  @inline static encode(out: usize, character: i32): usize {
    if (character < 0x80) {
      store<u8>(out, <u8>character);
      return out + 1;
    }
    if (character < 0x800) {
      store<u8>(out, <u8>(0xc0 | (character >> 6)));
      store<u8>(out, <u8>(0x80 | (character & 0x3f)), 1);
      return out + 2;
    }
    if (character < 0x10000) {
      store<u8>(out, <u8>(0xe0 | (character >> 12)));
      store<u8>(out, <u8>(0x80 | ((character >> 6) & 0x3f)), 1);
      store<u8>(out, <u8>(0x80 | (character & 0x3f)), 2);
      return out + 3;
    }
    store<u8>(out, <u8>(0xf0 | (character >> 18)));
    store<u8>(out, <u8>(0x80 | ((character >> 12) & 0x3f)), 1);
    store<u8>(out, <u8>(0x80 | ((character >> 6) & 0x3f)), 2);
    store<u8>(out, <u8>(0x80 | (character & 0x3f)), 3);
    return out + 4;
  }
}

/** A character's bits, and in the upper half how many bytes it took: of what is no UTF-8 as many as belong together. */
function decode(at: usize, end: usize): u64 {
  const first = <i32>load<u8>(at);
  if (first < 0x80) return (1 << 32) | (<u64>first);
  let more: i32;
  let character: i32;
  // The second byte's range keeps out what is too long, surrogates, and what is above 10FFFF (Unicode 16, table 3-7).
  let least: i32 = 0x80;
  let most: i32 = 0xbf;
  if (first >= 0xc2 && first < 0xe0) {
    more = 1;
    character = first & 0x1f;
  } else if (first >= 0xe0 && first < 0xf0) {
    more = 2;
    character = first & 0x0f;
    if (first === 0xe0) least = 0xa0;
    if (first === 0xed) most = 0x9f;
  } else if (first >= 0xf0 && first < 0xf5) {
    more = 3;
    character = first & 0x07;
    if (first === 0xf0) least = 0x90;
    if (first === 0xf4) most = 0x8f;
  } else {
    return (1 << 32) | (<u64>INVALID);
  }
  let taken: u64 = 1;
  for (; more > 0; more--, taken++) {
    if (at + <usize>taken >= end) return (taken << 32) | (<u64>INVALID);
    const next = <i32>load<u8>(at + <usize>taken);
    if (next < least || next > most) return (taken << 32) | (<u64>INVALID);
    least = 0x80;
    most = 0xbf;
    character = (character << 6) | (next & 0x3f);
  }
  return (taken << 32) | (<u64>character);
}

/** Whether the next character that is not case-ignorable is cased. */
function casedAfter(table: usize, at: usize, end: usize): bool {
  while (at < end) {
    const decoded = decode(at, end);
    const entry = utf8.entryOf(table, <i32>decoded);
    if (!(entry & IGNORABLE)) return (entry & CASED) !== 0;
    at += <usize>(decoded >> 32);
  }
  return false;
}

/** Writes the tokens of one document, a space between two, and a line feed at the end; returns how many. */
export function tokensOf(table: usize, at: usize, end: usize, out: usize): i32 {
  let count = 0;
  /** Where the present token begins, behind the space before it, and its characters so far. */
  let start = out;
  let length = 0;
  /** Whether the last character that is not case-ignorable was cased: then Σ may be at the end of a word. */
  let cased = false;
  const ascii = table + ((<usize>i32.load(table)) << 2);
  for (;;) {
    let entry: i32 = 0;
    let character: i32 = 0;
    const ended = at >= end;
    if (!ended) {
      character = <i32>load<u8>(at);
      if (character < 0x80) {
        entry = i32.load(ascii + ((<usize>character) << 2));
        at++;
      } else {
        const decoded = decode(at, end);
        character = <i32>decoded;
        at += <usize>(decoded >> 32);
        entry = utf8.entryOf(table, character);
      }
      if (!(entry & IGNORABLE)) {
        const before = cased;
        cased = (entry & CASED) !== 0;
        if (character === SIGMA) {
          out = utf8.encode(out, before && !casedAfter(table, at, end) ? FINAL_SIGMA : SMALL_SIGMA);
          length++;
          continue;
        }
      }
      if (entry & WORD) {
        out = utf8.encode(out, character + (entry >> 4));
        length++;
        if (character !== DOTTED_I) continue;
      }
    }
    // Behind a word, or between two.
    if (length >= 2) {
      store<u8>(out++, 0x20);
      start = out;
      count++;
    } else {
      out = start;
    }
    length = 0;
    if (ended) break;
  }
  // The space behind the last token becomes the end.
  store<u8>(count > 0 ? start - 1 : start, 0x0a);
  return count;
}
