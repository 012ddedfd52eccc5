import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { letterCases, wordsOf } from '../../../compute/graph/layers/words.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { Random } from '../../../contracts/random.ts';
import { frequentTerms, type WordLists } from '../../../data/preparation/terms.ts';
import { firstRows, fitted, rowsOf, stringColumn, tableOf, through } from './tables.ts';

interface Recorded {
  fitted: number;
  texts: string[];
  cases: {
    parameters: Record<string, number | string>;
    terms: string[];
    rows: Record<string, number>[];
  }[];
}
const recorded = JSON.parse(readFileSync(new URL('./fixtures/texts.json', import.meta.url), 'utf8')) as Recorded;

async function wordsIn(texts: readonly string[]): Promise<string[][]> {
  const graph = new Graph();
  graph.output('words', wordsOf(graph, graph.input('texts', 'string', ['batch']), letterCases()));
  const session = await openSession(encodeModel(graph.toModel()));
  const { words } = await session.run({ texts: { datatype: 'string', shape: [texts.length], data: texts } });
  await session.close();
  const width = words.shape[1];
  const data = words.data as readonly string[];
  return texts.map((_, i) => data.slice(i * width, (i + 1) * width).filter((word) => word !== ''));
}

describe('words', () => {
  it('are two or more letters, digits and low lines, in lower case', async () => {
    expect(await wordsIn(["Half-and-HALF, 2% (x_1); it's a 12", '', ' -\n', 'a b c'])).toEqual([
      ['half', 'and', 'half', 'x_1', 'it', '12'],
      [],
      [],
      [],
    ]);
  });

  it('are those of Unicode, letter by letter', async () => {
    const texts = ['ÄPFEL Größe', 'ΟΔΟΣ οδος', 'İSTANBUL ısı', 'ШКОЛА', '日本語 ⅧⅨ ǅungla', '𐐀𐐁', 'e\u0301tude', 'ßẞ'];
    expect(await wordsIn(texts)).toEqual([
      ['äpfel', 'größe'],
      ['οδοσ', 'οδοσ'],
      ['istanbul', 'ısı'],
      ['школа'],
      ['日本語', 'ⅷⅸ', 'ǆungla'],
      ['𐐨𐐩'],
      ['tude'],
      ['ßß'],
    ]);
  });

  it('are of the characters that JavaScript finds, but for letters of a Unicode that one of the two does not know', async () => {
    const codes = Array.from({ length: 0x1ffff }, (_, i) => i + 1).filter((code) => code < 0xd800 || code > 0xdfff);
    const { capitals, small } = letterCases();
    const lower = new Map(capitals.map((letter, i) => [letter, small[i]]));
    const lowerOf = (letter: string) => (letter < '\x80' ? letter.toLowerCase() : (lower.get(letter) ?? letter));
    const letters = codes.map((code) => String.fromCodePoint(code));
    const got = await wordsIn(letters.map((letter) => letter + letter));
    const unknown: string[] = [];
    const wrong: string[] = [];
    for (const [i, letter] of letters.entries()) {
      const expected = /^[\p{L}\p{N}_]/u.test(letter) ? [lowerOf(letter) + lowerOf(letter)] : [];
      if (got[i].length === 0 && expected.length === 1) unknown.push(letter);
      else if (got[i].join(' ') !== expected.join(' ')) wrong.push(letter);
    }
    expect(wrong).toEqual([]);
    // RE2 in onnxruntime 1.30 knows Unicode 15, Node 24 knows 17.
    expect(unknown.length).toBeLessThan(6000);
  });

  it('of more than 64 letters have A to Z made small and no others', async () => {
    const [long, fits] = ['ÄB'.repeat(33), 'ÄB'.repeat(32)];
    expect(await wordsIn([`${long} ${fits}`])).toEqual([['Äb'.repeat(33), 'äb'.repeat(32)]]);
  });

  it('are found in a text of a million letters, in one word or in many, next to others', async () => {
    const texts = ['Ж'.repeat(500_000) + ' ' + 'ЖЖ '.repeat(100_000), 'rye'];
    const [many, few] = await wordsIn(texts);
    expect([many.length, many.at(-1), few]).toEqual([100_001, 'жж', ['rye']]);
  });
});

describe('terms', () => {
  /** Without what makes it fast: all sequences of every text. */
  function plainTerms(texts: readonly string[][], ngrams: number, minRows: number): [string, number][] {
    const rows = new Map<string, number>();
    for (const words of texts) {
      const own = new Set<string>();
      for (let n = 1; n <= ngrams; n++) {
        for (let i = 0; i + n <= words.length; i++) own.add(words.slice(i, i + n).join(' '));
      }
      for (const term of own) rows.set(term, (rows.get(term) ?? 0) + 1);
    }
    return [...rows].filter(([, count]) => count >= minRows);
  }

  it('are the sequences that are in enough texts, however many there are', () => {
    const random = new Random(9);
    const texts = Array.from({ length: 3000 }, () =>
      Array.from({ length: random.integer(12) }, () => `w${Math.floor(60 * random.uniform() ** 3)}`),
    );
    const words = [...new Set(texts.flat())];
    const starts = Int32Array.from({ length: texts.length + 1 }, (_, i) =>
      texts.slice(0, i).reduce((sum, list) => sum + list.length, 0),
    );
    const lists: WordLists = {
      words,
      numbers: Int32Array.from(texts.flat(), (word) => words.indexOf(word)),
      starts,
      rows: new Int32Array(texts.length).fill(1),
    };
    for (const minRows of [1, 2, 30]) {
      const found = frequentTerms(lists, { ngrams: 3, minRows, maxTerms: Infinity });
      expect(found.map(({ text, rows }) => [text, rows]).sort()).toEqual(plainTerms(texts, 3, minRows).sort());
    }
  });
});

describe('TF-IDF', () => {
  it.each(recorded.cases)("is scikit-learn's: $parameters", async ({ parameters, terms, rows }) => {
    const table = tableOf({ text: stringColumn(recorded.texts, 'text') });
    const training = firstRows(recorded.fitted);
    const { fitted: preparation } = await fitted(table, through(['text'], ['tfIdf', parameters]), { rows: training });
    const names = preparation.names.map((name) => name.replace('text:', ''));
    expect(names.toSorted()).toEqual(terms);
    const got = rowsOf(await preparation.transform(table));
    const wrong = got.flatMap((row, i) =>
      row.flatMap((weight, j) => {
        const expected = rows[i][names[j]] ?? 0;
        return Math.abs(weight - expected) <= 1e-6 * Math.max(1, expected)
          ? []
          : [`${i} ${names[j]}: ${weight}, not ${expected}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('counts a text as often as there are rows that have it', async () => {
    const texts = ['rye bread', 'rye bread', 'rye bread', 'wheat roll', 'wheat roll', 'wheat bun'];
    const table = tableOf({ text: stringColumn(texts, 'text') });
    const { fitted: preparation } = await fitted(table, through(['text'], ['tfIdf', { minRows: 3 }]));
    expect(preparation.names).toEqual(['text:bread', 'text:rye', 'text:wheat']);
  });

  it('of equally frequent terms keeps the first', async () => {
    const table = tableOf({ text: stringColumn(['delta bravo', 'charlie alpha', 'alpha'], 'text') });
    const steps = through(['text'], ['tfIdf', { minRows: 1, maxTerms: 3 }]);
    expect((await fitted(table, steps)).fitted.names).toEqual(['text:alpha', 'text:bravo', 'text:charlie']);
  });

  it('is sparse where it is wide and mostly zero, and the same numbers', async () => {
    const random = new Random(1);
    const word = () => `word${random.integer(400)}`;
    const texts = Array.from({ length: 500 }, () => Array.from({ length: 8 }, word).join(' '));
    const table = tableOf({ text: stringColumn(texts, 'text') });
    const { features, fitted: preparation } = await fitted(table, through(['text'], ['tfIdf', { minRows: 1 }]));
    expect(features.kind).toBe('sparse');
    expect(features.names.length).toBeGreaterThan(256);
    const lengths = rowsOf(features).map((row) => Math.hypot(...row));
    expect(Math.min(...lengths)).toBeCloseTo(1, 6);
    // A dense row is sparse too, as the training rows were.
    const one = await preparation.transform(tableOf({ text: stringColumn([texts.slice(0, 100).join(' ')], 'text') }));
    expect(one.kind).toBe('sparse');
  });
});
