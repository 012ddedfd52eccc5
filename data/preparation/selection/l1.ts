/**
 * Selection by a linear model with an L1 penalty: least squares where the target is a number, the log loss where it is
 * classes. Features that the penalty leaves nothing of go, however many are wanted; of two that say the same, one stays.
 * Coefficients are those of features with deviation 1, so that units do not matter.
 */
import type { SelectionStepParameters } from '../../../contracts/preparation.ts';
import type { Target } from '../../table.ts';
import type { SelectionStep } from '../transformer.ts';
import { bestOf } from './best.ts';
import { columnsOf, drawnRows, momentsOf, storedValues } from './columns.ts';
import { lasso } from './lasso.ts';

/** Of coefficients, whose order alone counts. */
const enough = 1e-3;
/** Numbers of the features, and ten for each row, times logits: above it fewer rows are looked at. Ten seconds of a core. */
const affordable = 1e7;
const leastRows = 1000;

/**
 * `scores`: |β|, of more than two classes the sum over them. Of large tables, as many rows are drawn by the seed as take some
 * ten seconds.
 */
export const l1: SelectionStep<SelectionStepParameters<'l1'>> = async (all, { keep, strength }, ofAll, { seed }) => {
  const logits = ofAll.kind === 'classes' && ofAll.classes.length > 2 ? ofAll.classes.length : 1;
  const share = Math.min(1, affordable / ((storedValues(all) + 10 * all.rows) * logits));
  const { features, target } = drawnRows(all, ofAll, Math.max(leastRows, all.rows * share), seed);
  const { rows } = features;
  const columns = columnsOf(features);
  const { coefficients, gradients } = lasso(
    {
      columns,
      rows,
      deviation: Float64Array.from(columns, (column) => Math.sqrt(momentsOf(column, rows).variance)),
      ...targetsOf(target),
    },
    strength,
    enough,
  );
  const scores = new Float64Array(columns.length);
  for (const beta of coefficients) for (const [j, value] of beta.entries()) scores[j] += Math.abs(value);
  // The whole penalty leaves none: the feature that would be the first stays.
  const none = scores.every((score) => score === 0);
  return { kept: none ? bestOf(gradients, 1) : bestOf(scores, keep), scores };
};

function targetsOf(target: Target): { targets: Float64Array[]; loss: 'squares' | 'classes' } {
  if (target.kind === 'classes') {
    const { codes, classes } = target;
    const logits = classes.length === 2 ? [1] : [...classes.keys()];
    return { targets: logits.map((c) => Float64Array.from(codes, (code) => Number(code === c))), loss: 'classes' };
  }
  const { mean, variance } = momentsOf(target, target.values.length);
  const deviation = Math.sqrt(variance) || 1;
  return { targets: [Float64Array.from(target.values, (value) => (value - mean) / deviation)], loss: 'squares' };
}
