/** Every classifier and regressor by its name. */
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { ParameterValues } from '../contracts/parameters.ts';
import type { TableAlgorithmName } from '../contracts/table-algorithms.ts';
import type { Features } from '../data/features.ts';
import type { Target } from '../data/table.ts';
import type { FittedTableModel, TableFitContext } from './table-estimator.ts';
import { requireTaken } from './special-features.ts';
import { boostedTrees } from './table/boosted-trees.ts';
import { cnn } from './table/cnn.ts';
import { decisionTree } from './table/decision-tree.ts';
import { kernelSvm } from './table/kernel-svm.ts';
import { knn } from './table/knn.ts';
import { linearRegression } from './table/linear-regression.ts';
import { linearSvm } from './table/linear-svm.ts';
import { logisticRegression } from './table/logistic-regression.ts';
import { mlp } from './table/mlp.ts';
import { complementNaiveBayes, gaussianNaiveBayes, multinomialNaiveBayes } from './table/naive-bayes.ts';
import { randomForest } from './table/random-forest.ts';

/** A `TableEstimator` whose name is known at run time only: it fills in defaults and checks every value itself. */
export interface AnyTableEstimator {
  readonly algorithm: TableAlgorithmName;
  /** @throws TradewindError `PARAMETER_INVALID`, `PREPARATION_FAILED`, `TRAINING_DIVERGED`. */
  fit(
    x: Features,
    y: Target,
    parameters: Readonly<ParameterValues>,
    context: TableFitContext,
  ): Promise<FittedTableModel>;
  /** @throws TradewindError `ARTIFACT_CORRUPT`. */
  load(state: ArrayFile, context: { threads: number }): Promise<FittedTableModel>;
}

const estimators: { [A in TableAlgorithmName]: AnyTableEstimator } = {
  'logistic-regression': logisticRegression,
  'linear-regression': linearRegression,
  mlp,
  cnn,
  'linear-svm': linearSvm,
  'kernel-svm': kernelSvm,
  'decision-tree': decisionTree,
  'random-forest': randomForest,
  'boosted-trees': boostedTrees,
  'gaussian-naive-bayes': gaussianNaiveBayes,
  'multinomial-naive-bayes': multinomialNaiveBayes,
  'complement-naive-bayes': complementNaiveBayes,
  knn,
};

export function tableEstimatorOf(name: TableAlgorithmName): AnyTableEstimator {
  const estimator = estimators[name];
  return {
    ...estimator,
    async fit(x, y, parameters, context) {
      requireTaken(name, x);
      return estimator.fit(x, y, parameters, context);
    },
  };
}
