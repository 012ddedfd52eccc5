import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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
      const told = found.map(({ text, rows }) => `${text}: ${rows}`);
      expect(told.sort()).toEqual(
        plainTerms(texts, 3, minRows)
          .map((term) => term.join(': '))
          .sort(),
      );
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
