import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { characterTable } from '../../../compute/kernels/characters.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { countTerms, encodeDocuments, fitVocabulary, termsOf } from '../../../compute/kernels/text.ts';
import type { Documents, Ngrams, VocabularyOptions } from '../../../compute/kernels/text.ts';
import * as scalar from '../../../compute/kernels/scalar/text.ts';
import { lengths } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['text']);
const three = new KernelThreads(3, ['text']);
afterAll(async () => {
  await Promise.all([kernels.close(), three.close()]);
});

/** Documents of bytes as they are. */
function documentsOf(rows: readonly (readonly number[] | Uint8Array)[]): Documents {
  const offsets = new Uint32Array(rows.length + 1);
  for (const [d, row] of rows.entries()) offsets[d + 1] = offsets[d] + row.length;
  return { bytes: Uint8Array.from(rows.flatMap((row) => [...row])), offsets };
}

/** The vocabulary and the counts of the kernel, and of plain loops. */
async function bothWays(documents: Documents, options: VocabularyOptions = {}, threads = kernels) {
  const fitted = await fitVocabulary(threads, documents, options);
  const documentCount = documents.offsets.length - 1;
  const limit = (of: VocabularyOptions['minDf'], otherwise: number) =>
    of === undefined ? otherwise : 'share' in of ? of.share * documentCount : of.documents;
  const ngrams = options.ngrams ?? [1, 1];
  const expected = scalar.fitTerms(documents, ngrams, {
    fewest: limit(options.minDf, 1),
    most: limit(options.maxDf, documentCount),
    maxFeatures: options.maxFeatures ?? Infinity,
  });
  const { vocabulary, counts, unknown } = fitted;
  return {
    fitted,
    actual: { terms: termsOf(vocabulary), documentFrequencies: [...vocabulary.documentFrequencies], counts, unknown },
    expected: { ...expected, ...scalar.countTerms(documents, expected.terms, ngrams) },
  };
}

/** Distinct tokens of one document, as the kernel and as plain JavaScript finds them. */
async function tokensOf(document: Uint8Array): Promise<{ actual: Set<string>; expected: Set<string> }> {
  const { vocabulary } = await fitVocabulary(kernels, documentsOf([document]));
  return { actual: new Set(termsOf(vocabulary)), expected: new Set(scalar.tokensOf(document)) };
}

describe('tokens', () => {
  it.each<[string, string, string[]]>([
    ['words of two characters and more', 'a bb ccc d_ _ 42 7', ['42', 'bb', 'ccc', 'd_']],
    ['lower case of German and French', 'GRÖSSE Straße ÉTÉ', ['grösse', 'straße', 'été']],
    ['a sigma at the end of a word and inside one', 'ΟΔΟΣ ΣΟΦΌΣ ΟΔΟΣ.ΜΟΥ ΣΣ Σ', ['οδος', 'οδοσ', 'σοφός', 'σς', 'μου']],
    // The dot of the lower-cased İ is a combining mark, so that it ends the i before it.
    ['İ as an i and a dot', 'İSTANBUL SİVAS DİYARBAKIR', ['di', 'si', 'stanbul', 'vas', 'yarbakir']],
    ['ı and I as they are without a language', 'ILIK ılık', ['ilik', 'ılık']],
    ['no emoji, also not in sequences', 'ok👍🏽ok 👩‍👩‍👧 ab❤️cd', ['ab', 'cd', 'ok']],
    ['ended by combining marks', 'cafe\u0301s na\u0308hen', ['cafe', 'hen', 'na']],
    ['letters and digits of other scripts', 'Привет 東京都 ٣٤ x² ½½ Ⅷa', ['½½', 'x²', '東京都', 'привет', '٣٤', 'ⅷa']],
    ['characters above the first plane, one each', '𝒳𝒴 𐐀𐐁 𐐀', ['𐐨𐐩', '𝒳𝒴']],
    ['characters whose lower case is longer or shorter', 'ȺȺ ȾȾȾ ẞẞ \u212a\u212a', ['kk', 'ßß', 'ⱥⱥ', 'ⱦⱦⱦ']],
    ['nothing of an empty text', '', []],
    ['nothing of single characters', 'a b ß 東', []],
  ])('are %s', async (_, text, words) => {
    const { actual, expected } = await tokensOf(Buffer.from(text));
    expect(actual).toEqual(new Set(words));
    expect(expected).toEqual(new Set(words));
  });

  it.each([
    ['a byte that begins nothing', [0xff]],
    ['a byte that goes on with nothing', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong letter', [0xc1, 0x81]],
    ['an overlong letter of three bytes', [0xe0, 0x81, 0x81]],
    ['an overlong letter of four bytes', [0xf0, 0x80, 0x81, 0x81]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a character above 10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['the beginning of a long one', [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ['a character of two bytes without its end', [0xc3]],
    ['a character of three bytes without its end', [0xe6, 0x9d]],
    ['a character of four bytes without its end', [0xf0, 0x90, 0x90]],
  ])('are separated by %s', async (_, bytes) => {
    const document = Uint8Array.of(0x61, 0x62, ...bytes, 0x63, 0x64, 0x20, 0x65, 0x66, ...bytes);
    const { actual, expected } = await tokensOf(document);
    expect(actual).toEqual(new Set(['ab', 'cd', 'ef']));
    expect(expected).toEqual(actual);
  });

  it('never reach into the next document', async () => {
    // Each ends within a character that the next one would complete.
    const documents = documentsOf([[0x61, 0x62, 0xc3], [0xa9, 0x63, 0x64, 0xe6, 0x9d], [0xb1, 0x65, 0x66]]); // prettier-ignore
    expect(termsOf((await fitVocabulary(kernels, documents)).vocabulary)).toEqual(['ab', 'cd', 'ef']);
  });

  it('are those of JavaScript for every character, alone, in a word and around a sigma', async () => {
    const parts: string[] = [];
    for (let code = 0; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      // Ideographs, Hangul and what lies above the second plane have no case: some of them will do.
      if (
        ((code >= 0x3400 && code < 0xa000) || (code >= 0xac00 && code < 0xd7a0) || code >= 0x20000) &&
        code % 97 !== 0
      )
        continue;
      const c = String.fromCodePoint(code);
      parts.push(`x${c}Y ${c}${c} aΣ${c}b ${c}Σ aΣ${c}`);
    }
    for (let first = 0; first < parts.length; first += 20_000) {
      const { actual, expected } = await tokensOf(Buffer.from(parts.slice(first, first + 20_000).join(' ')));
      expect(actual).toEqual(expected);
    }
  });

  it('are those of JavaScript for random bytes', async () => {
    const random = new Random(1);
    const bytes = [0x41, 0x62, 0x20, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xc3, 0xce, 0xa3, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5]; // prettier-ignore
    for (let round = 0; round < 300; round++) {
      const document = Uint8Array.from({ length: 200 }, () => bytes[random.integer(bytes.length)]);
      const { actual, expected } = await tokensOf(document);
      expect(actual).toEqual(expected);
    }
  });
});

describe('characterTable', () => {
  it('leaves one character to the kernel whose lower case is two, and none that grows by more than half', () => {
    const table = characterTable();
    for (let code = 0; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const character = String.fromCodePoint(code);
      const lower = character.toLowerCase();
      const first = String.fromCodePoint(lower.codePointAt(0)!);
      if (first !== lower) expect([code, lower]).toEqual([0x130, 'i\u0307']);
      if (lower === character) continue;
      if (first.length === lower.length)
        expect(Buffer.byteLength(lower)).toBeLessThanOrEqual(1.5 * Buffer.byteLength(character));
      expect(code + (table[table[code >> 8] + (code & 255)] >> 4)).toBe(first.codePointAt(0));
    }
  });
});

const words = ['ab', 'AB', 'Σοφός', 'ΣΟΦΌΣ', 'İzmir', 'größe', '東京', 'x', '👍', 'cafe\u0301', 'a1', 'long'.repeat(20), 'longer'.repeat(9), 'ab_c']; // prettier-ignore

function randomDocuments(random: Random, tokens: readonly number[]): Documents {
  const texts = tokens.map((length) =>
    Array.from({ length }, () => words[random.integer(words.length)]).join([' ', ', ', '\n'][random.integer(3)]),
  );
  return encodeDocuments(texts);
}

describe('fitVocabulary', () => {
  const ngrams: Ngrams[] = [[1, 1], [1, 2], [2, 2], [2, 5], [1, 15]]; // prettier-ignore

  it.each([...lengths, 120])('counts as plain loops do, in %i documents of all lengths', async (count) => {
    for (const [least, most] of ngrams) {
      const random = new Random(count, most);
      const documents = randomDocuments(
        random,
        Array.from({ length: count }, () => [...lengths, 40][random.integer(9)]),
      );
      const { actual, expected } = await bothWays(documents, { ngrams: [least, most] });
      expect(actual).toEqual(expected);
    }
  });

  it.each<[string, VocabularyOptions]>([
    ['in few documents', { minDf: { documents: 5 } }],
    ['in a small share of them', { minDf: { share: 0.1 } }],
    ['in many documents', { maxDf: { documents: 12 } }],
    ['in a large share of them', { maxDf: { share: 0.3 } }],
    ['out of two bounds', { minDf: { documents: 2 }, maxDf: { share: 0.5 } }],
    ['beyond the most frequent', { maxFeatures: 7 }],
    ['beyond the most frequent of those within bounds', { minDf: { documents: 2 }, maxDf: { documents: 20 }, maxFeatures: 10 }], // prettier-ignore
    ['all, where bounds leave nothing', { minDf: { documents: 9 }, maxDf: { documents: 3 } }],
  ])('leaves out what is %s', async (_, options) => {
    const random = new Random(3);
    const documents = randomDocuments(
      random,
      Array.from({ length: 60 }, () => random.integer(20)),
    );
    for (const of of ngrams) {
      const { actual, expected } = await bothWays(documents, { ...options, ngrams: of });
      expect(actual).toEqual(expected);
    }
  });

  it('orders terms by their bytes, also where these part late or one begins the other', async () => {
    const texts = ['abcdefghij abcdefgh abcdefghi abcdefghia', '\u{10400}\u{10400} \uffda\uffda zz éé', 'ab abc abcd'];
    const { actual, expected } = await bothWays(encodeDocuments(texts), { ngrams: [1, 2] });
    expect(actual).toEqual(expected);
    expect(actual.terms.filter((term) => term.startsWith('abcdefgh') && !term.includes(' '))).toEqual(['abcdefgh', 'abcdefghi', 'abcdefghia', 'abcdefghij']); // prettier-ignore
    // By code units, as JavaScript sorts, the one above the first plane would come first.
    expect(actual.terms.filter((term) => /^[^a-z]+$/.test(term))).toEqual(['éé', '\uffda\uffda', '\u{10428}\u{10428}', '\u{10428}\u{10428} \uffda\uffda']); // prettier-ignore
  });

  it('gives the same on any number of threads, for far more words than the table begins with', async () => {
    const random = new Random(5);
    const word = () => `w${random.integer(2 ** 31).toString(36)}`;
    const texts = Array.from({ length: 200 }, (_, d) => Array.from({ length: 300 }, (_unused, k) => (k % 3 === 0 ? `common${(d + k) % 50}` : word())).join(' ')); // prettier-ignore
    const documents = encodeDocuments(texts);
    const { actual, expected, fitted } = await bothWays(documents);
    expect(actual.terms.length).toBeGreaterThan(2 ** 15);
    expect(actual).toEqual(expected);
    expect((await fitVocabulary(three, documents)).vocabulary).toEqual(fitted.vocabulary);
  });

  it('finds each term once where the table grows again and again', async () => {
    const rows = Array.from({ length: 200 }, (_, d) => Array.from({ length: 300 }, (_unused, k) => `w${d}x${k}`));
    const documents = encodeDocuments(rows.map((row) => row.join(' ')));
    const fits = [kernels, three].map((threads) => fitVocabulary(threads, documents, { ngrams: [1, 4] }));
    const [one, other] = await Promise.all(fits);
    expect(one.vocabulary.size).toBe(200 * (300 + 299 + 298 + 297));
    expect(one.counts.values.every((count) => count === 1)).toBe(true);
    expect(Buffer.from(other.vocabulary.bytes).equals(one.vocabulary.bytes)).toBe(true);
    expect(Buffer.from(other.counts.indices.buffer).equals(Buffer.from(one.counts.indices.buffer))).toBe(true);
  });

  it('takes one document that is larger than a chunk and the first table', async () => {
    const text = Array.from({ length: 60_000 }, (_, k) => `w${(k * 7919) % 50_000}`).join(' ');
    const { actual, expected } = await bothWays(encodeDocuments(['first', text, 'last']));
    expect(actual).toEqual(expected);
  });

  it('takes documents from the middle of their bytes, and gives back its memory', async () => {
    const { bytes, offsets } = encodeDocuments(['left out', 'one two', 'two three']);
    const mark = kernels.mark();
    const { actual } = await bothWays({ bytes, offsets: offsets.subarray(1) });
    expect(actual.terms).toEqual(['one', 'three', 'two']);
    expect(kernels.mark()).toBe(mark);
  });

  it.each<[string, Documents, VocabularyOptions]>([
    ['documents without an end', { bytes: new Uint8Array(3), offsets: new Uint32Array(0) }, {}],
    ['a document that ends before it begins', { bytes: new Uint8Array(3), offsets: Uint32Array.of(0, 2, 1) }, {}],
    ['documents beyond their bytes', { bytes: new Uint8Array(3), offsets: Uint32Array.of(0, 4) }, {}],
    ['terms of no token', encodeDocuments(['ab']), { ngrams: [0, 1] }],
    ['terms of more than 15 tokens', encodeDocuments(['ab']), { ngrams: [1, 16] }],
    ['n-grams the wrong way round', encodeDocuments(['ab']), { ngrams: [2, 1] }],
    ['a share above 1', encodeDocuments(['ab']), { maxDf: { share: 1.5 } }],
    ['half a document', encodeDocuments(['ab']), { minDf: { documents: 0.5 } }],
    ['no features', encodeDocuments(['ab']), { maxFeatures: 0 }],
  ])('refuses %s', async (_, documents, options) => {
    await expect(fitVocabulary(kernels, documents, options)).rejects.toThrow(RangeError);
  });
});

describe('countTerms', () => {
  it.each([1, 3])(
    'counts in new documents what the vocabulary holds, and how much it does not, on %i threads',
    async (threads) => {
      const group = threads === 1 ? kernels : three;
      const random = new Random(8);
      const options = { ngrams: [1, 3], minDf: { documents: 2 } } as const;
      const { vocabulary } = await fitVocabulary(group, randomDocuments(random, [...lengths, 50, 60]), options);
      for (const count of [...lengths, 300]) {
        const others = randomDocuments(
          random,
          Array.from({ length: count }, () => random.integer(60)),
        );
        const expected = scalar.countTerms(others, termsOf(vocabulary), [1, 3]);
        expect(await countTerms(group, others, vocabulary)).toEqual(expected);
      }
    },
  );

  it('gives what the fit gave for its own documents', async () => {
    const random = new Random(9);
    const documents = randomDocuments(
      random,
      Array.from({ length: 50 }, () => random.integer(30)),
    );
    const { vocabulary, counts, unknown } = await fitVocabulary(kernels, documents, {
      ngrams: [1, 2],
      maxFeatures: 30,
    });
    expect(await countTerms(kernels, documents, vocabulary)).toEqual({ counts, unknown });
    expect(unknown.some((missed) => missed > 0)).toBe(true);
  });

  it('knows nothing with an empty vocabulary', async () => {
    const { vocabulary } = await fitVocabulary(kernels, encodeDocuments(['a b', '']));
    expect(vocabulary.size).toBe(0);
    const { counts, unknown } = await countTerms(kernels, encodeDocuments(['one two', '']), vocabulary);
    expect([...counts.indptr]).toEqual([0, 0, 0]);
    expect([...unknown]).toEqual([2, 0]);
  });

  it('tells apart terms of which one begins the other', async () => {
    const { vocabulary } = await fitVocabulary(kernels, encodeDocuments(['big data', 'big bigger']), {
      ngrams: [1, 2],
    });
    const { counts, unknown } = await countTerms(kernels, encodeDocuments(['big', 'big dat', 'data']), vocabulary);
    expect(termsOf(vocabulary)).toEqual(['big', 'big bigger', 'big data', 'bigger', 'data']);
    expect([...counts.indices]).toEqual([0, 0, 4]);
    expect([...unknown]).toEqual([0, 2, 0]);
  });
});
