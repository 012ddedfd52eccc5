/** TF-IDF: the terms of texts, each with a weight by how often it is there and how rare it is; scikit-learn's formulas. */
import { Graph } from '../../compute/graph/graph.ts';
import { rowSums } from '../../compute/graph/layers/row-sums.ts';
import { letterCases, wordsOf, type LetterCases } from '../../compute/graph/layers/words.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import type { StringColumn } from '../table.ts';
import { BlockProgram, rowsOf } from './blocks.ts';
import { unfit } from './refusal.ts';
import { frequentTerms, type WordLists } from './terms.ts';
import type { ColumnStep } from './transformer.ts';

type Parameters = ColumnStepParameters<'tfIdf'>;
type State = {
  /** As `LetterCases`, of the Unicode of the fit. */
  capitals: readonly string[];
  small: readonly string[];
  /** Those that terms are made of. */
  words: readonly string[];
  /** int32: terms as numbers of words, those of one word first; `lengths[term]` words each. */
  terms: Int32Array;
  lengths: Int32Array;
  /** float32 `[terms]`: ln((rows + 1) / (rows with it + 1)) + 1 */
  idf: Float32Array;
  sublinear: Parameters['sublinear'];
  norm: Parameters['norm'];
};

/** Counts up to this have a logarithm of their own; greater ones have its. */
const mostCounted = 2 ** 16 - 1;
/** What a `Map` of JavaScript can hold. */
const mostWords = 2 ** 24 - 1;

/**
 * Words are those of `compute/graph/layers/words.ts`, and the graph itself finds them in the training rows. The
 * features, `<column>:<term>`, come by the number of their words, then by UTF-16 code units. A text without known terms
 * is all zero.
 */
export const tfIdf: ColumnStep<Parameters, State> = {
  from: 'strings',
  async fit(name, column, { ngrams, minRows, maxTerms, sublinear, norm }, _, { threads }) {
    const cases = letterCases();
    const lists = await wordLists(name, column, cases, threads);
    const found = frequentTerms(lists, { ngrams, minRows, maxTerms });
    if (found.length === 0) {
      throw unfit({
        subject: `"${name}"`,
        rule: `have a word of two letters or more that is in ${minRows} training rows`,
        value: `none among ${lists.words.length} words of ${column.codes.length} rows`,
        remedy: 'Lower "minRows" of the step "tfIdf", or leave the column out of the preparation.',
      });
    }
    const used = [...new Set(found.flatMap(({ words }) => words))].sort((a, b) =>
      lists.words[a] < lists.words[b] ? -1 : 1,
    );
    const places = new Map(used.map((word, place) => [word, place]));
    const rows = column.codes.length;
    return {
      names: found.map(({ text }) => `${name}:${text}`),
      state: {
        ...cases,
        words: used.map((word) => lists.words[word]),
        terms: Int32Array.from(found.flatMap(({ words }) => words.map((word) => places.get(word)!))),
        lengths: Int32Array.from(found, ({ words }) => words.length),
        idf: Float32Array.from(found, (term) => Math.log((rows + 1) / (term.rows + 1)) + 1),
        sublinear,
        norm,
      },
      report: { [name]: { words: lists.words.length, terms: found.length } },
    };
  },
  lower(g, state, input) {
    const words = g.labelEncode(wordsOf(g, input, state), state.words, -1);
    const counts = g.countSequences(words, sequencesOf(state));
    const frequencies =
      state.sublinear === 'yes' ? g.gather(logarithms(g), g.cast(g.min(counts, mostCounted), 'int32')) : counts;
    const weights = g.mul(frequencies, g.constant('float32', state.idf));
    return normalised(g, weights, state.norm);
  },
};

function sequencesOf({ terms, lengths }: State): number[][] {
  const sequences = Array.from({ length: Math.max(...lengths) }, (): number[] => []);
  let from = 0;
  for (const length of lengths) {
    sequences[length - 1].push(...terms.subarray(from, from + length));
    from += length;
  }
  return sequences;
}

/** 1 + ln count, 0 of 0, as a table: a runtime's own logarithm may differ by the place in a batch. */
function logarithms(g: Graph): Tensor<'float32'> {
  const table = Float32Array.from({ length: mostCounted + 1 }, (_, count) => (count === 0 ? 0 : 1 + Math.log(count)));
  return g.constant('float32', table);
}

/** √Σ w² or Σ w; no weight is below 0. */
function normalised(g: Graph, weights: Tensor<'float32'>, norm: Parameters['norm']): Tensor<'float32'> {
  if (norm === 'none') return weights;
  const length = norm === 'l2' ? g.sqrt(rowSums(g, g.mul(weights, weights))) : rowSums(g, weights);
  return g.div(weights, g.where(g.greater(length, 0), length, 1));
}

/** The words of each text that is there, as the graph finds them. */
async function wordLists(
  name: string,
  { codes, dictionary }: StringColumn,
  cases: LetterCases,
  threads: number,
): Promise<WordLists> {
  const counts = new Int32Array(dictionary.length);
  for (const code of codes) counts[code]++;
  const texts = dictionary.filter((_, code) => counts[code] > 0);
  const graph = new Graph();
  const program = await BlockProgram.open(
    graph,
    wordsOf(graph, graph.input('text', 'string', ['batch']), cases),
    threads,
  );
  const numbers = new Map<string, number>();
  const starts = new Int32Array(texts.length + 1);
  let found = new Int32Array(1024);
  let end = 0;
  try {
    const column: StringColumn = { kind: 'text', codes: Int32Array.from(texts.keys()), dictionary: texts };
    const rows = rowsOf({ rows: texts.length, columns: { text: column } }, [{ name: 'text', kind: 'text' }]);
    await program.eachBlock(rows, ({ data, shape: [blockRows, width] }, from) => {
      const words = data as readonly string[];
      if (end + words.length > found.length) {
        const more = new Int32Array(Math.max(2 * found.length, end + words.length));
        more.set(found);
        found = more;
      }
      for (let row = 0; row < blockRows; row++) {
        for (let at = row * width; words[at] !== ''; at++) {
          let number = numbers.get(words[at]);
          if (number === undefined) numbers.set(words[at], (number = requireNumber(name, numbers.size)));
          found[end++] = number;
        }
        starts[from + row + 1] = end;
      }
    });
  } finally {
    await program.close();
  }
  return {
    words: [...numbers.keys()],
    numbers: found.subarray(0, end),
    starts,
    rows: counts.filter((count) => count > 0),
  };
}

function requireNumber(name: string, number: number): number {
  if (number < mostWords) return number;
  throw unfit({
    subject: `"${name}"`,
    rule: `have at most ${mostWords} different words`,
    value: 'more',
    remedy: 'Fit the preparation on fewer rows, or leave the column out of it.',
  });
}
