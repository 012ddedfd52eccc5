/** Selection by variance, without a look at the target: scikit-learn's `VarianceThreshold`. */
import type { SelectionStepParameters } from '../../../contracts/preparation.ts';
import { unfit } from '../refusal.ts';
import type { SelectionStep } from '../transformer.ts';
import { eachFeature, momentsOf } from './columns.ts';

/** The variance is that of the rows (divided by their number), in the features' own units. */
export const variance: SelectionStep<SelectionStepParameters<'variance'>> = async (features, { threshold }) => {
  const scores = new Float64Array(features.names.length);
  eachFeature(features, (feature, column) => (scores[feature] = momentsOf(column, features.rows).variance));
  const kept = Int32Array.from(scores.keys()).filter((feature) => scores[feature] > threshold);
  if (kept.length > 0) return { kept, scores };
  throw unfit({
    subject: 'The selection by variance',
    rule: `leave a feature whose variance is above ${threshold}`,
    value: `none of ${scores.length}; the largest is ${scores.reduce((a, b) => Math.max(a, b), 0).toPrecision(3)}`,
    remedy: 'Lower the threshold, or put the selection before the scaling.',
  });
};
