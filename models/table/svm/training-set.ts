/** What linear and kernel support vector machines are given to learn from: checked rows, problems of two sides, folds. */
import type { SvmProblem } from '../../../compute/kernels/svm-problem.ts';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';
import type { TableFitContext } from '../../table-estimator.ts';
import { calibrationFolds, type CalibrationFolds } from '../calibration-folds.ts';
import { requireFinite } from '../finite-features.ts';
import { momentsOf } from '../moments.ts';
import { checkedWeights } from '../row-weights.ts';
import {
  calibrationOf,
  decisionsOf,
  fitSigmoid,
  uncalibrated,
  type SigmoidCalibration,
} from '../sigmoid-calibration.ts';

export interface SvmParameters {
  readonly c: number;
  readonly classWeight: 'none' | 'balanced';
  /** In deviations of the target. */
  readonly epsilon: number;
  readonly tolerance: number;
  readonly folds: number;
}

/** One decision function that is to be learned from some of the rows. */
export interface SvmTask {
  readonly problem: SvmProblem;
  /** Which decision value, and the part of the rows that it must not learn from; −1 for none. */
  readonly decision: number;
  readonly fold: number;
}

export interface SvmTrainingSet {
  readonly task: 'classify' | 'regress';
  readonly outputs: number;
  /** Decision values of a row. */
  readonly decisions: number;
  /** `[rows]` with mean 1, where rows have weights. */
  readonly weights: Float32Array | undefined;
  /** What a target that is a number was divided by, after its mean was taken from it. */
  readonly mean: number;
  readonly scale: number;
  /** Those of all rows come first, by decision; then fold by fold. A regression has no folds. */
  readonly tasks: readonly SvmTask[];
  readonly folds: CalibrationFolds | undefined;
  /** Learns the probabilities. @param decisionsOf - `[rows]`: values of one decision, out of fold where it has folds. */
  calibrate(decisionsOf: (decision: number) => Float64Array): SigmoidCalibration;
}

/**
 * One-vs-rest: of two classes one problem, of more a problem each.
 * @throws RangeError where features, target and weights do not belong together.
 * @throws TradewindError `TRAINING_DIVERGED` where a feature is no finite number.
 */
export function trainingSetOf(
  algorithm: string,
  x: Features,
  y: Target,
  parameters: SvmParameters,
  context: TableFitContext,
): SvmTrainingSet {
  const weights = checkedWeights(x, y, context.weights);
  requireFinite(algorithm, x);
  return y.kind === 'number'
    ? regression(y.values, weights, parameters)
    : classification(x, y.codes, y.classes.length, weights, parameters, context.seed);
}

function regression(
  values: Float32Array,
  weights: Float32Array | undefined,
  { c, epsilon }: SvmParameters,
): SvmTrainingSet {
  const column: Features = { kind: 'dense', rows: values.length, names: ['target'], values };
  const moments = momentsOf(column, weights);
  const [mean, scale] = [moments.mean[0], moments.deviation[0] || 1];
  const targets = Float64Array.from(values, (value) => (value - mean) / scale);
  return {
    task: 'regress',
    outputs: 1,
    decisions: 1,
    weights,
    mean,
    scale,
    tasks: [{ problem: { kind: 'regression', targets, cost: c, epsilon }, decision: 0, fold: -1 }],
    folds: undefined,
    calibrate: () => uncalibrated,
  };
}

function classification(
  x: Features,
  codes: Int32Array,
  classes: number,
  weights: Float32Array | undefined,
  { c, classWeight, folds: count }: SvmParameters,
  seed: number,
): SvmTrainingSet {
  const folds = calibrationFolds(x, codes, classes, { folds: count, seed, weights });
  const decisions = decisionsOf(classes);
  const classOf = (decision: number) => (decisions === 1 ? classes - 1 : decision);
  const hasFolds = (decision: number) => folds.possible[classOf(decision)];
  const problems = Array.from({ length: decisions }, (_, decision): SvmProblem => {
    const targets = Float64Array.from(codes, (code) => (code === classOf(decision) ? 1 : -1));
    let [positive, negative] = [0, 0];
    for (let i = 0; i < targets.length; i++) {
      if (targets[i] > 0) positive += weights?.[i] ?? 1;
      else negative += weights?.[i] ?? 1;
    }
    const balance = (side: number) => (classWeight === 'balanced' && side > 0 ? (positive + negative) / (2 * side) : 1);
    const costs = { positiveCost: c * balance(positive), negativeCost: c * balance(negative) };
    return { kind: 'classification', targets, ...costs };
  });
  const used = [...new Set(folds.of)].filter((fold) => fold >= 0).sort((a, b) => a - b);
  const taskOf = (fold: number) => (problem: SvmProblem, decision: number) => ({ problem, decision, fold });
  return {
    task: 'classify',
    outputs: classes,
    decisions,
    weights,
    mean: 0,
    scale: 1,
    tasks: [
      ...problems.map(taskOf(-1)),
      ...used.flatMap((fold) => problems.map(taskOf(fold)).filter(({ decision }) => hasFolds(decision))),
    ],
    folds,
    calibrate: (valuesOf) =>
      calibrationOf(
        problems.map((_, decision) =>
          fitSigmoid(valuesOf(decision), (row) => codes[row] === classOf(decision), weights),
        ),
      ),
  };
}

/** Factors of the rows' costs in a task. */
export function taskWeights({ weights, folds }: SvmTrainingSet, fold: number, rows: number): Float32Array {
  return Float32Array.from({ length: rows }, (_, i) => (fold >= 0 && folds?.of[i] === fold ? 0 : (weights?.[i] ?? 1)));
}
