/**
 * Linear support vector machine for classes and numbers: the minimum of ½ ‖w‖² + C Σ ξ (hinge, ε-insensitive) or
 * C Σ ξ² (squared), the bias being the weight of a further feature 1, as LIBLINEAR has it (C.-J. Hsieh et al., ICML 2008;
 * C.-H. Ho and C.-J. Lin, JMLR 13, 2012). Several classes are learned one against the others.
 *
 * Features are learned from as `svm/scaling.ts` says, and a target that is a number with mean 0 and deviation 1; the
 * weights are then written in their own units. Probabilities come from decision values out of fold
 * (`sigmoid-calibration.ts`), so that they are those of the training rows, whatever classes weigh.
 */
import { TradewindError } from '../../contracts/errors.ts';
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { FeatureRows } from '../../compute/kernels/feature-rows.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { fingerprintOf } from './svm/checkpoints.ts';
import { FittedLinearSvm, loadLinearSvm } from './svm/fitted-linear.ts';
import { solveLinear } from './svm/fit-linear.ts';
import { scaledRows, scalingOf } from './svm/scaling.ts';
import { trainingSetOf, type SvmTrainingSet } from './svm/training-set.ts';

export const linearSvm: TableEstimator<'linear-svm'> = {
  algorithm: 'linear-svm',

  async fit(x, y, given, context) {
    const table = tableAlgorithms['linear-svm'].parameters;
    const parameters = completeParameters('linear-svm', table, given) as TableParametersOf<'linear-svm'>;
    const set = trainingSetOf('linear-svm', x, y, parameters, context);
    const { shift, scale, deviation } = scalingOf(x, set.weights);
    const rows = scaledRows(x, { shift, scale });
    const fingerprint = fingerprintOf(x, y, parameters, context);
    const solutions = await solveLinear(rows, x.rows, set, parameters, { context, fingerprint });

    const calibration = set.calibrate((decision) => outOfFold(rows, x.rows, set, solutions, decision));
    const { decisions, mean, scale: unit } = set;
    const weights = new Float32Array(x.names.length * decisions);
    const intercept = new Float32Array(decisions);
    for (let k = 0; k < decisions; k++) {
      // w = s w′ t
      for (let j = 0; j < x.names.length; j++) weights[j * decisions + k] = solutions[k][j] * scale[j] * unit;
      intercept[k] = solutions[k][rows.columns] * unit + mean;
    }
    if (![weights, intercept].every((values) => values.every(Number.isFinite))) throw diverged();
    context.progress?.(1, 'probabilities');
    const { task, outputs } = set;
    return new FittedLinearSvm({ task, outputs, shift, deviation, weights, intercept, calibration });
  },

  load: async (state) => loadLinearSvm(state),
};

/** Decision values of each row by the model that has not learned from it. */
function outOfFold(
  rows: FeatureRows,
  count: number,
  { tasks, folds }: SvmTrainingSet,
  solutions: readonly Float64Array[],
  decision: number,
): Float64Array {
  const byFold = new Map(
    tasks.flatMap((task, k): [number, Float64Array][] =>
      task.decision === decision ? [[task.fold, solutions[k]]] : [],
    ),
  );
  const { columns, values } = rows;
  return Float64Array.from({ length: count }, (_, i) => {
    const w = byFold.get(folds!.of[i]) ?? byFold.get(-1)!;
    let sum = w[columns];
    if ('indptr' in rows) {
      for (let k = rows.indptr[i]; k < rows.indptr[i + 1]; k++) sum += values[k] * w[rows.indices[k]];
    } else {
      for (let j = 0; j < columns; j++) sum += values[i * columns + j] * w[j];
    }
    return sum;
  });
}

function diverged(): TradewindError {
  return new TradewindError('TRAINING_DIVERGED', {
    subject: 'The weights of linear-svm',
    rule: 'be finite in the units of features and target',
    value: 'infinity or NaN',
    remedy: 'Scale the features and the target, or lower "c".',
  });
}
