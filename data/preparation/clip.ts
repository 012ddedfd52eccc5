/** Outliers: numbers beyond two limits become the limit. */
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { nothingThere } from './refusal.ts';
import { largest } from './saturation.ts';
import { forEachColumn, momentsOf, present, quantileOf, sorted } from './statistics.ts';
import type { NumberStep } from './transformer.ts';

type Parameters = ColumnStepParameters<'clip'>;
type State = {
  /** float32 `[columns]` */
  lower: Float32Array;
  upper: Float32Array;
};

/** Where both quartiles are one number, "iqr" clips nothing: all others would become it. Missing numbers stay missing. */
export const clip: NumberStep<Parameters, State> = {
  from: 'numbers',
  fit(numbers, parameters) {
    const columns = numbers.names.length;
    const state = { lower: new Float32Array(columns), upper: new Float32Array(columns) };
    const report: Record<string, Record<string, number>> = {};
    forEachColumn(numbers, (column, all) => {
      const name = numbers.names[column];
      const there = present(all);
      if (there.length === 0) throw nothingThere(name, numbers.rows);
      const [least, greatest] = limitsOf(there, parameters);
      const [lower, upper] = [Math.fround(Math.max(least, -largest)), Math.fround(Math.min(greatest, largest))];
      [state.lower[column], state.upper[column]] = [lower, upper];
      const clipped = there.reduce((sum, x) => sum + Number(x < lower || x > upper), 0);
      report[name] = { lower, upper, clipped };
    });
    return { names: numbers.names, state, report };
  },
  lower(g, state, x) {
    const [lower, upper] = [g.constant('float32', state.lower), g.constant('float32', state.upper)];
    const raised = g.where(g.less(x, lower), lower, x);
    return g.where(g.greater(raised, upper), upper, raised);
  },
};

function limitsOf(there: Float32Array, { method, factor, tail }: Parameters): [number, number] {
  if (method === 'zScore') {
    const { mean, variance } = momentsOf(there);
    const width = factor * Math.sqrt(variance);
    return [mean - width, mean + width];
  }
  const ascending = sorted(there);
  if (method === 'quantile') return [quantileOf(ascending, tail), quantileOf(ascending, 1 - tail)];
  const [first, third] = [quantileOf(ascending, 0.25), quantileOf(ascending, 0.75)];
  const width = third > first ? factor * (third - first) : Infinity;
  return [first - width, third + width];
}
