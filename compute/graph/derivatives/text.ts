/** Of what reads text, there are no derivatives. */
import { zero } from './definition.ts';

export const text = {
  LabelEncoder: zero,
  StringNormalizer: zero,
  Tokenizer: zero,
  RegexFullMatch: zero,
  StringConcat: zero,
  TfIdfVectorizer: zero,
};
