/**
 * Multilayer perceptron for classes: layers of rectified units (V. Nair and G. Hinton, ICML 2010) that begin as K. He et
 * al. (ICCV 2015) advise, with dropout between them, and a softmax, or for two classes one logit.
 *
 * Features are centred, and those that deviate by more than 1 are scaled to 1. Smaller ones stay small, as a rare word
 * should: what is measured in thousandths but matters wants the preparation's `scale`.
 */
import { networkEstimator } from './network-estimator.ts';

export const mlp = networkEstimator('mlp', 'classes', ({ hidden, layers, ...parameters }) => ({
  hidden: Array.from({ length: layers }, () => hidden),
  scale: 'atMostUnit',
  penalty: 'program',
  ...parameters,
}));
