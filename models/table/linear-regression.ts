/**
 * Linear regression with an L2 penalty: the minimum of half the mean squared error + λ/2 ‖w‖², which scikit-learn's
 * `Ridge(alpha=λ rows)` has, by Adam. Features and target are centred and scaled within the program, and the penalty is
 * on weights in their own units, as for logistic regression.
 */
import { networkEstimator } from './network-estimator.ts';

export const linearRegression = networkEstimator('linear-regression', ['number'], (parameters) => ({
  hidden: [],
  dropout: 0,
  scale: 'unit',
  penalty: 'own',
  ...parameters,
}));
