/**
 * Multilayer perceptron for classes and numbers: layers of rectified units (V. Nair and G. Hinton, ICML 2010) that begin
 * as K. He et al. (ICCV 2015) advise, with a normalisation before the rectifier and dropout after it where that is asked
 * for, and a softmax, for two classes one logit, or a value.
 *
 * Features are centred, and those that deviate by more than 1 are scaled to 1. Smaller ones stay small, as a rare word
 * should: what is measured in thousandths but matters wants the preparation's `scale`.
 */
import { networkEstimator } from './network-estimator.ts';

export const mlp = networkEstimator('mlp', ['classes', 'number'], ({ hidden, layers, ...parameters }) => ({
  hidden: Array.from({ length: layers }, () => hidden),
  scale: 'atMostUnit',
  penalty: 'program',
  ...parameters,
}));
