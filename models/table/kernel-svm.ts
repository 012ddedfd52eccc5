/**
 * Support vector machine with a kernel, of radial basis functions exp(−γ ‖u − v‖²) or polynomial (γ u · v + coef0)^degree,
 * for classes (C-SVC) and numbers (ε-SVR), by sequential minimal optimization (J. Platt, 1998; R.-E. Fan, P.-H. Chen and
 * C.-J. Lin, JMLR 6, 2005), as LIBSVM minimises. Several classes are learned one against the others.
 *
 * Features are learned from as `svm/scaling.ts` says, and a target that is a number with mean 0 and deviation 1.
 * Probabilities come from decision values out of fold (`sigmoid-calibration.ts`).
 */
import { TradewindError } from '../../contracts/errors.ts';
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { FeatureRows } from '../../compute/kernels/feature-rows.ts';
import { KernelThreads } from '../../compute/kernels/threads.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { fingerprintOf } from './svm/checkpoints.ts';
import { FittedKernelSvm, loadKernelSvm, type ModelKernel } from './svm/fitted-kernel.ts';
import { decisionsOutOfFold, solveKernel, supportOf } from './svm/fit-kernel.ts';
import { scaledRows, scalingOf, takeRows } from './svm/scaling.ts';
import { trainingSetOf } from './svm/training-set.ts';

/** Time grows with the square of the rows or faster, and a model keeps many of them. */
export const mostKernelRows = 50_000;

export const kernelSvm: TableEstimator<'kernel-svm'> = {
  algorithm: 'kernel-svm',

  async fit(x, y, given, context) {
    const table = tableAlgorithms['kernel-svm'].parameters;
    const parameters = completeParameters('kernel-svm', table, given) as TableParametersOf<'kernel-svm'>;
    if (x.rows > mostKernelRows) throw tooMany(x.rows);
    const set = trainingSetOf('kernel-svm', x, y, parameters, context);
    const { shift, scale } = scalingOf(x, set.weights);
    const rows = scaledRows(x, { shift, scale });
    const kernel = kernelOf(parameters, rows, x.rows, set.weights);
    const fingerprint = fingerprintOf(x, y, parameters, context);
    const threads = new KernelThreads(context.threads, ['kernel-svm']);
    try {
      const { tolerance } = parameters;
      const solutions = await solveKernel(threads, rows, x.rows, set, { kernel, tolerance, context, fingerprint });
      const values =
        set.task === 'classify' ? await decisionsOutOfFold(threads, rows, x.rows, set, solutions, kernel) : [];
      const calibration = set.calibrate((decision) => values[decision]);
      const functions = solutions.slice(0, set.decisions);
      const chosen = supportOf(functions, x.rows);
      const { task, outputs, scale: unit, mean } = set;
      const model = new FittedKernelSvm({
        task,
        outputs,
        kernel,
        scaling: { shift, scale },
        support: takeRows(rows, chosen),
        coefficients: Float32Array.from(
          functions.flatMap(({ coefficients }) => Array.from(chosen, (i) => coefficients[i] * unit)),
        ),
        bias: Float32Array.from(functions, ({ bias }) => bias * unit + mean),
        calibration,
      });
      context.progress?.(1, `${chosen.length} support vectors`);
      return model;
    } finally {
      await threads.close();
    }
  },

  load: async (state) => loadKernelSvm(state),
};

function kernelOf(
  { kernel, gamma, degree, coef0 }: TableParametersOf<'kernel-svm'>,
  rows: FeatureRows,
  count: number,
  weights: Float32Array | undefined,
): ModelKernel {
  const width = gamma > 0 ? gamma : scaleGamma(rows, count, weights);
  // What the kernels compute with, so that a graph has the same.
  const g = Math.fround(width);
  return kernel === 'rbf'
    ? { kind: 'rbf', gamma: g }
    : { kind: 'polynomial', degree, gamma: g, offset: Math.fround(coef0) };
}

/** 1 / (features · variance of all their values), as scikit-learn's `gamma="scale"`; 1 where they do not vary. */
function scaleGamma(rows: FeatureRows, count: number, weights: Float32Array | undefined): number {
  const { columns, values } = rows;
  let [sum, squares] = [0, 0];
  for (let i = 0; i < count; i++) {
    const [from, to] = 'indptr' in rows ? rows.indptr.subarray(i, i + 2) : [i * columns, (i + 1) * columns];
    const w = weights?.[i] ?? 1;
    for (let k = from; k < to; k++) {
      sum += w * values[k];
      squares += w * values[k] * values[k];
    }
  }
  const cells = count * columns;
  const variance = squares / cells - (sum / cells) ** 2;
  return variance > 0 ? 1 / (columns * variance) : 1;
}

function tooMany(rows: number): TradewindError {
  return new TradewindError('PARAMETER_INVALID', {
    subject: 'The training rows of kernel-svm',
    rule: `be at most ${mostKernelRows}`,
    value: String(rows),
    remedy: 'Learn with linear-svm or boosted trees instead, or sample the rows.',
  });
}
