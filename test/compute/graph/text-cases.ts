/** For every operation on text a small program with what it must give; there are no gradients. */
import type { Case } from './cases.ts';
import type { NoGradient } from './gradient-cases.ts';

export const textCases = {
  LabelEncoder: {
    build: (g) => g.labelEncode(g.feed('string', ['b', '', 'ä', 'c']), ['ä', 'b'], -1),
    expected: [1, -1, 0, -1],
  },
  StringNormalizer: {
    build: (g) => g.lowerCaseAscii(g.feed('string', ['Rye Bread', '', 'ÄPFEL', 'İ日本Z'])),
    expected: ['rye bread', '', 'Äpfel', 'İ日本z'],
  },
  // Of one row more than of the other; a matrix gets a third axis.
  Tokenizer: {
    build: (g) => g.tokens(g.feed('string', ['rye - bread', 'é1, x_y z', '', '?'], [2, 2]), String.raw`[\pL\pN_]{2,}`),
    expected: ['rye', 'bread', 'é1', 'x_y', '', '', '', ''],
    shape: [2, 2, 2],
  },
  RegexFullMatch: {
    build: (g) => g.matches(g.feed('string', ['aÄb', 'ab', '', 'Ä\n'], [2, 2]), String.raw`(?s).*\p{Lu}.*`),
    expected: [1, 0, 0, 1],
    shape: [2, 2],
  },
  StringConcat: {
    build: (g) => g.append(g.feed('string', ['a', 'ü', ''], [3, 1]), g.feed('string', ['1', ''], [2])),
    expected: ['a1', 'a', 'ü1', 'ü', '1', ''],
    shape: [3, 2],
  },
  // 7 and 5 alone, then "5 7" and "7 7"; −1 is no word, and what stands beside it is in no sequence.
  TfIdfVectorizer: {
    build: (g) =>
      g.countSequences(g.feed('int64', [5, 7, 7, 5, -1, 7, 7, 7], [2, 4]), [
        [7, 5],
        [5, 7, 7, 7],
      ]),
    expected: [2, 2, 1, 1, 3, 0, 0, 2],
    shape: [2, 4],
  },
} satisfies Record<string, Case>;

export const textGradients = {
  LabelEncoder: { none: 'takes text' },
  StringNormalizer: { none: 'takes text' },
  Tokenizer: { none: 'takes text' },
  RegexFullMatch: { none: 'takes text' },
  StringConcat: { none: 'takes text' },
  TfIdfVectorizer: { none: 'takes numbers of words' },
} satisfies Record<string, NoGradient>;
