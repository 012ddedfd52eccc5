/** What the text kernel asks of a character, from the Unicode that this JavaScript engine knows. */

const blockSize = 256;
const blocks = 0x110000 / blockSize;

/** Bits of an entry; above them is what to add to the character for its lower case. */
const [word, cased, ignorable, bits] = [1, 2, 4, 4];

const wordCharacter = /^[\p{L}\p{N}_]/u;
/** A block of ideographs or Hangul, which have no case. */
const lettersWithoutCase = /^\p{Lo}{256}$/u;
const anyOf = /[\p{L}\p{N}_\p{Cased}\p{Case_Ignorable}]/u;

let made: Int32Array | undefined;

/**
 * `int32`: 4,352 places of blocks of 256 characters, then the blocks, equal ones once (`assembly/text.ts`). A word
 * character is a letter or number of Unicode's categories L and N, or the low line: Python's `\w`.
 */
export function characterTable(): Int32Array {
  return (made ??= makeTable());
}

function makeTable(): Int32Array {
  const places = new Int32Array(blocks);
  const distinct = new Map<string, number>();
  const entries: number[] = [];
  for (let block = 0; block < blocks; block++) {
    const own = blockEntries(block * blockSize);
    const key = own.join();
    let place = distinct.get(key);
    if (place === undefined) {
      place = blocks + entries.length;
      distinct.set(key, place);
      entries.push(...own);
    }
    places[block] = place;
  }
  return Int32Array.of(...places, ...entries);
}

function blockEntries(first: number): number[] {
  const characters = Array.from({ length: blockSize }, (_, k) => String.fromCodePoint(first + k));
  const text = characters.join('');
  if (!anyOf.test(text)) return characters.map(() => 0);
  if (lettersWithoutCase.test(text) && text.toLowerCase() === text && !/[\p{Cased}\p{Case_Ignorable}]/u.test(text)) {
    return characters.map(() => word);
  }
  return characters.map((character, k) => {
    const lower = character.toLowerCase();
    // Of İ, whose lower case is two characters, the first: the kernel knows that the second is in no word.
    return (
      ((lower.codePointAt(0)! - first - k) << bits) |
      (wordCharacter.test(lower) ? word : 0) |
      (/^\p{Cased}/u.test(character) ? cased : 0) |
      (/^\p{Case_Ignorable}/u.test(character) ? ignorable : 0)
    );
  });
}
