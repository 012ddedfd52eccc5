/**
 * Logistic regression, of two classes by one logit and of more by a softmax, with an L2 penalty: the minimum of
 * mean log loss + λ/2 ‖w‖², which scikit-learn's `LogisticRegression(C=1 / (λ rows))` has, by Adam. It has one minimum;
 * how near a training ends to it is a matter of epochs and learning rate.
 *
 * The penalty is on weights in the features' own units, but the way to the minimum is the same in all units: features
 * are centred and scaled within the program.
 */
import { networkEstimator } from './network-estimator.ts';

export const logisticRegression = networkEstimator('logistic-regression', ['classes'], (parameters) => ({
  hidden: [],
  dropout: 0,
  scale: 'unit',
  penalty: 'own',
  ...parameters,
}));
