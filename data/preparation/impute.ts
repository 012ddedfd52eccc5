/** Missing numbers: one number of the training rows takes their place. */
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { nothingThere } from './refusal.ts';
import { forEachColumn, momentsOf, mostFrequentOf, present, quantileOf, sorted } from './statistics.ts';
import type { NumberStep } from './transformer.ts';

type Parameters = ColumnStepParameters<'impute'>;
type State = {
  /** float32 `[columns]` */
  values: Float32Array;
  indicator: Parameters['indicator'];
};

/** Of several most frequent numbers the least is taken. The indicators, `<column>_missing`, come after all columns. */
export const impute: NumberStep<Parameters, State> = {
  from: 'numbers',
  fit(numbers, { strategy, value, indicator }) {
    const values = new Float32Array(numbers.names.length);
    const report: Record<string, Record<string, number>> = {};
    forEachColumn(numbers, (column, all) => {
      const there = present(all);
      const name = numbers.names[column];
      if (there.length === 0 && strategy !== 'constant') throw nothingThere(name, numbers.rows);
      values[column] = strategy === 'constant' ? value : valueOf(there, strategy);
      report[name] = { [strategy]: values[column], missing: all.length - there.length };
    });
    const indicators = indicator === 'yes' ? numbers.names.map((name) => `${name}_missing`) : [];
    return { names: [...numbers.names, ...indicators], state: { values, indicator }, report };
  },
  lower(g, { values, indicator }, x) {
    const missing = g.isNaN(x);
    const filled = g.where(missing, g.constant('float32', values), x);
    return indicator === 'yes' ? g.concat([filled, g.cast(missing, 'float32')], 1) : filled;
  },
};

function valueOf(there: Float32Array, strategy: Exclude<Parameters['strategy'], 'constant'>): number {
  switch (strategy) {
    case 'mean':
      return momentsOf(there).mean;
    case 'median':
      return quantileOf(sorted(there), 0.5);
    case 'mostFrequent':
      return mostFrequentOf(sorted(there));
  }
}
