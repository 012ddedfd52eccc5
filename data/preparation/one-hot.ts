/** One-hot: a feature for each value, 1 in the rows that have it. */
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { requireValues, valuesOf } from './values.ts';
import type { ColumnStep } from './transformer.ts';

type State = {
  /** Those with a feature, ascending. */
  values: readonly string[];
  /** Whether a last feature stands for all others. */
  other: 'yes' | 'no';
};

/**
 * The values with a feature, `<column>=<value>`, are the most frequent of those in enough rows; a missing value, `""`,
 * is one like others. Where that leaves values over, they share the feature `<column>:other` with all that is not in
 * the training rows; else that has no feature, and the row is all zero.
 */
export const oneHot: ColumnStep<ColumnStepParameters<'oneHot'>, State> = {
  from: 'strings',
  fit(name, column, { minRows, maxValues }) {
    const all = valuesOf(column);
    requireValues(name, all);
    const kept = all.filter(({ rows }) => rows >= minRows).slice(0, maxValues);
    const values = kept.map(({ value }) => value).sort();
    const other = kept.length < all.length ? 'yes' : 'no';
    return {
      names: [...values.map((value) => `${name}=${value}`), ...(other === 'yes' ? [`${name}:other`] : [])],
      state: { values, other },
      report: { [name]: { values: all.length, features: values.length, other } },
    };
  },
  lower(g, { values, other }, input) {
    const missing = other === 'yes' ? values.length : -1;
    const features = values.length + (other === 'yes' ? 1 : 0);
    // Where all values are rare, there is none to look up, and the column is 1 throughout.
    if (values.length === 0) return g.full('float32', [...input.shape, 1], 1);
    const place = g.unsqueeze(g.labelEncode(input, values, missing), [1]);
    return g.cast(g.equal(place, g.range('int64', 0, features, 1, features)), 'float32');
  },
};
