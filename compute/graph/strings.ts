/** The part of the vocabulary that is about text. */
import type { AttributesOf, OperationName } from './operations/table.ts';
import { Program, type Tensor } from './program.ts';

export class StringProgram extends Program {
  /** Position of each string among `keys`, which must differ; `missing` for all others. */
  labelEncode = (x: Tensor<'string'>, keys: readonly string[], missing: number): Tensor<'int64'> =>
    this.#one('LabelEncoder', [x], { keys, missing });
  /** A to Z become a to z. Of a vector. */
  lowerCaseAscii = (x: Tensor<'string'>): Tensor<'string'> => this.#one('StringNormalizer', [x], {});
  /** What a regular expression (RE2) matches, along a new last axis that `""` fills up. Of a vector or a matrix. */
  tokens = (x: Tensor<'string'>, expression: string): Tensor<'string'> => this.#one('Tokenizer', [x], { expression });
  /** Characters, along a new last axis that `""` fills up. Of a vector or a matrix. */
  characters = (x: Tensor<'string'>): Tensor<'string'> => this.#one('Tokenizer', [x], {});
  /** Whether a regular expression (RE2) matches all of a string. */
  matches = (x: Tensor<'string'>, pattern: string): Tensor<'bool'> => this.#one('RegexFullMatch', [x], { pattern });
  append = (a: Tensor<'string'>, b: Tensor<'string'>): Tensor<'string'> => this.#one('StringConcat', [a, b], {});
  /** `a` where the condition holds, else `b`. */
  whereStrings = (condition: Tensor<'bool'>, a: Tensor<'string'>, b: Tensor<'string'>): Tensor<'string'> =>
    this.#one('Where', [condition, a, b], {});
  /**
   * How often sequences of words occur in each row: float32 `[rows, sequences]`.
   * @param words - `[rows, words]`: numbers of words, at least 0; what is below 0 is in no sequence.
   * @param sequences - at n − 1, those of n words, one behind the other.
   */
  countSequences = (words: Tensor<'int64'>, sequences: readonly (readonly number[])[]): Tensor<'float32'> =>
    this.#one('TfIdfVectorizer', [words], { sequences });

  #one<N extends OperationName>(name: N, inputs: readonly Tensor[], attributes: AttributesOf<N>): Tensor<never> {
    return this.apply(name, inputs, attributes)[0] as Tensor<never>;
  }
}
