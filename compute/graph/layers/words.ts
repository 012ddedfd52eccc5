/** Texts to words, in lower case whatever the machine's language. */
import { product } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import type { Tensor } from '../program.ts';

/** Letters beyond A to Z and what they are in lower case, one for one: `capitals[i]` becomes `small[i]`. */
export interface LetterCases {
  readonly capitals: readonly string[];
  readonly small: readonly string[];
}

/** Words with letters that `StringNormalizer` leaves: capitals, titles, Roman numbers, and the final sigma. */
const folded = String.raw`(?s).*[\p{Lu}\p{Lt}\p{Nl}ς].*`;
/** Longer words are no words of a language; what is done to them for each letter would need as much memory for all. */
const mostLetters = 64;

const blockSize = 128;
/** Letters with cases are all in the first two planes of Unicode. */
const lastLetter = 0x20000;

/**
 * Of the Unicode that this JavaScript engine knows. Lower case is letter by letter: İ is i, and a sigma is σ also at
 * the end of a word.
 */
export function letterCases(): LetterCases {
  const capitals = ['ς'];
  const small = ['σ'];
  for (let first = 0x80; first < lastLetter; first += blockSize) {
    const block = Array.from({ length: blockSize }, (_, k) => String.fromCodePoint(first + k));
    const text = block.join('');
    // Most blocks have no letter that has cases.
    if (text.toLowerCase() === text) continue;
    for (const letter of block) {
      const [lower] = letter.toLowerCase();
      if (lower === letter || !/^[\p{Lu}\p{Lt}\p{Nl}]/u.test(letter)) continue;
      capitals.push(letter);
      small.push(lower);
    }
  }
  return { capitals, small };
}

/**
 * The words of texts: two or more letters, digits or low lines of Unicode, one behind the other; on ASCII what
 * scikit-learn's `(?u)\b\w\w+\b` finds in the lower-cased text. Of a word of more than 64 letters only A to Z are made
 * small.
 * @param texts - `[batch]`, one at least.
 * @returns `[batch, words]`, filled up with `""`, of which each row has one at least.
 */
export function wordsOf(g: Graph, texts: Tensor<'string'>, cases: LetterCases): Tensor<'string'> {
  const found = g.tokens(g.lowerCaseAscii(texts), String.raw`[\pL\pN_]{2,}`);
  const [batch] = found.shape;
  const ends = g.expand(g.constant('string', [''], [1, 1]), [batch, 1]);
  const words = g.concat([found, ends], 1);
  // A last word that matches, so that there is one.
  const count = product(words.shape);
  const all = g.concat([g.reshape(words, [count]), g.constant('string', ['ς'])], 0);
  const matched = g.and(g.matches(all, folded), g.matches(all, `(?s).{1,${mostLetters}}`));
  const places = g.transpose(g.nonZero(matched));
  const small = lowerCase(g, g.gatherND(all, places), cases);
  const [result] = g.split(g.scatterND(all, places, small), 0, [count, 1]);
  return g.reshape(result, words.shape);
}

/** Letter by letter, and put together again. @param words - a vector. */
function lowerCase(g: Graph, words: Tensor<'string'>, { capitals, small }: LetterCases): Tensor<'string'> {
  const letters = g.characters(words);
  const place = g.labelEncode(letters, capitals, -1);
  const lowered = g.gather(g.constant('string', small), g.max(place, 0));
  const columns = g.whereStrings(g.less(place, 0), letters, lowered);
  const at = (body: Graph, index: Tensor<'int64'>) => body.gather(body.capture(columns), index, 1);
  const first = g.gather(columns, g.literal('int64', 0), 1);
  const rest = g.sub(g.sizeTensor(columns.shape[1]), 1);
  const { states } = g.loop(
    { trips: g.reshape(rest, []), states: { word: first }, size: 'letters' },
    (body, { iteration, states: { word } }) => ({
      states: { word: body.append(word, at(body, body.add(iteration, 1))) },
      collected: {},
    }),
  );
  return states.word;
}
