/** Text: to lower case, to words, to numbers. Strings are UTF-8; what is no UTF-8 fails the run. */
import { broadcastShapes } from '../dimensions.ts';
import { operation, refuse, requireType } from './definition.ts';

export const text = {
  /** Position of each string in `keys`; `missing` for what is not among them. */
  LabelEncoder: operation<{ keys: readonly string[]; missing: number }>({
    domain: 'ai.onnx.ml',
    since: 2,
    arity: 1,
    infer([input], { keys }) {
      requireType(input, ['string']);
      if (new Set(keys).size !== keys.length) refuse('the keys must differ');
      return [{ type: 'int64', shape: input.shape }];
    },
    onnx: ({ keys, missing }) => ({
      attributes: {
        keys_strings: { strings: keys },
        values_int64s: { ints: keys.map((_, i) => i) },
        default_int64: { int: missing },
      },
    }),
  }),
  /**
   * A to Z in lower case. Other letters stay, as the locale "C" wants it: what another locale makes of them depends on
   * the machine, on which it may not be installed.
   */
  StringNormalizer: operation({
    since: 10,
    arity: 1,
    infer([input]) {
      requireType(input, ['string']);
      if (input.shape.length !== 1) refuse('the input must be a vector');
      return [input];
    },
    onnx: () => ({
      attributes: { case_change_action: { string: 'LOWER' }, is_case_sensitive: { int: 1 }, locale: { string: 'C' } },
    }),
  }),
  /**
   * What a regular expression (RE2) matches in each string, from its start; or its characters, without an expression.
   * A new last axis is as long as the most matches; `""` fills it up.
   */
  Tokenizer: operation<{ expression?: string }>({
    domain: 'com.microsoft',
    since: 1,
    arity: 1,
    infer([input], _, fresh) {
      requireType(input, ['string']);
      if (input.shape.length !== 1 && input.shape.length !== 2) refuse('the input must be a vector or a matrix');
      return [{ type: 'string', shape: [...input.shape, fresh()] }];
    },
    onnx: ({ expression }) => ({
      attributes: {
        mark: { int: 0 },
        mincharnum: { int: 1 },
        pad_value: { string: '' },
        ...(expression === undefined ? { separators: { strings: [''] } } : { tokenexp: { string: expression } }),
      },
    }),
  }),
  /** Whether a regular expression (RE2) matches all of a string. */
  RegexFullMatch: operation<{ pattern: string }>({
    since: 20,
    arity: 1,
    infer([input]) {
      requireType(input, ['string']);
      return [{ type: 'bool', shape: input.shape }];
    },
    onnx: ({ pattern }) => ({ attributes: { pattern: { string: pattern } } }),
  }),
  /** One string behind the other. */
  StringConcat: operation({
    since: 20,
    arity: 2,
    infer(inputs) {
      for (const input of inputs) requireType(input, ['string']);
      const shape = broadcastShapes(inputs.map((input) => input.shape));
      if (shape === undefined) refuse('the shapes must broadcast to each other');
      return [{ type: 'string', shape }];
    },
  }),
  /**
   * How often each sequence of words occurs in each row of a matrix of words' numbers: one column a sequence.
   * `sequences[n − 1]` has those of n words, one behind the other.
   */
  TfIdfVectorizer: operation<{ sequences: readonly (readonly number[])[] }>({
    since: 9,
    arity: 1,
    infer([input], { sequences }) {
      requireType(input, ['int64']);
      if (input.shape.length !== 2) refuse('the input must be a matrix');
      if (sequences.some((list, i) => list.length % (i + 1) !== 0)) refuse('the sequences must be of 1, 2, … words');
      const columns = sequences.reduce((sum, list, i) => sum + list.length / (i + 1), 0);
      if (columns === 0) refuse('there must be a sequence');
      return [{ type: 'float32', shape: [input.shape[0], columns] }];
    },
    onnx({ sequences }) {
      const starts = sequences.map((_, i) => sequences.slice(0, i).reduce((sum, list) => sum + list.length, 0));
      const columns = sequences.flatMap((list, i) => Array.from({ length: list.length / (i + 1) }, () => 0));
      return {
        attributes: {
          mode: { string: 'TF' },
          min_gram_length: { int: 1 },
          max_gram_length: { int: sequences.length },
          max_skip_count: { int: 0 },
          ngram_counts: { ints: starts },
          ngram_indexes: { ints: columns.map((_, column) => column) },
          pool_int64s: { ints: sequences.flat() },
        },
      };
    },
  }),
};
