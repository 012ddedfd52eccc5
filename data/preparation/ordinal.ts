/** Ordinal: values as whole numbers. */
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import type { ColumnStep } from './transformer.ts';
import { requireValues, valuesOf } from './values.ts';

type State = {
  /** In the order of their numbers. */
  values: readonly string[];
};

/** 0 is the most frequent value, or the first by UTF-16 code units; −1 what is missing or not in the training rows. */
export const ordinal: ColumnStep<ColumnStepParameters<'ordinal'>, State> = {
  from: 'strings',
  fit(name, column, { order }) {
    const all = valuesOf(column);
    requireValues(name, all);
    const values = all.map(({ value }) => value).filter((value) => value !== '');
    if (order === 'alphabetical') values.sort();
    return { names: [name], state: { values }, report: { [name]: { values: values.length } } };
  },
  lower: (g, { values }, input) => g.cast(g.unsqueeze(g.labelEncode(input, values, -1), [1]), 'float32'),
};
