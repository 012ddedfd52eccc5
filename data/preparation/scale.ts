/** Scaling: scikit-learn's StandardScaler, MinMaxScaler and RobustScaler. */
import type { ColumnStepParameters } from '../../contracts/preparation.ts';
import { nothingThere } from './refusal.ts';
import { narrowed } from './saturation.ts';
import { forEachColumn, isConstant, momentsOf, present, quantileOf, sorted } from './statistics.ts';
import type { NumberStep } from './transformer.ts';

type Parameters = ColumnStepParameters<'scale'>;
type State = {
  /** float64 `[columns]`: (x − center) · factor. */
  center: Float64Array;
  factor: Float64Array;
};

/**
 * A column that is constant in the training rows becomes 0, in rows that come later too: nothing could be learned of
 * what it is otherwise. A column of which half and more is one number has no distance of its quartiles; "robust"
 * subtracts its median only. Missing numbers stay missing.
 */
export const scale: NumberStep<Parameters, State> = {
  from: 'numbers',
  fit(numbers, { method }) {
    const columns = numbers.names.length;
    const state = { center: new Float64Array(columns), factor: new Float64Array(columns) };
    const report: Record<string, Record<string, number>> = {};
    forEachColumn(numbers, (column, all) => {
      const name = numbers.names[column];
      const there = present(all);
      if (there.length === 0) throw nothingThere(name, numbers.rows);
      const [center, width] = rangeOf(there, method);
      state.center[column] = center;
      state.factor[column] = width === 0 ? 0 : 1 / width;
      report[name] = { center, scale: width };
    });
    return { names: numbers.names, state, report };
  },
  lower(g, { center, factor }, x) {
    const centred = g.sub(g.cast(x, 'float64'), g.constant('float64', center));
    return narrowed(g, g.mul(centred, g.constant('float64', factor)));
  },
};

/** What is subtracted, and what it is divided by: 0 for a constant. */
function rangeOf(there: Float32Array, method: Parameters['method']): [center: number, width: number] {
  if (method === 'standard') {
    const moments = momentsOf(there);
    return [moments.mean, isConstant(moments, there.length) ? 0 : Math.sqrt(moments.variance)];
  }
  const ascending = sorted(there);
  const [least, greatest] = [ascending[0], ascending[ascending.length - 1]];
  if (method === 'minMax' || least === greatest) return [least, greatest - least];
  return [quantileOf(ascending, 0.5), quantileOf(ascending, 0.75) - quantileOf(ascending, 0.25) || 1];
}
