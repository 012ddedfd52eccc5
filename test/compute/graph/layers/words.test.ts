import { describe, expect, it } from 'vitest';
import { Graph } from '../../../../compute/graph/graph.ts';
import { letterCases, wordsOf } from '../../../../compute/graph/layers/words.ts';
import { encodeModel } from '../../../../compute/onnx/model.ts';
import { openSession } from '../../../../compute/onnx/session.ts';

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
