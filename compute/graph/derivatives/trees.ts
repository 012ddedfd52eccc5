/** Of decision trees there is no derivative: what they give is constant between their thresholds. */
import { zero } from './definition.ts';

export const trees = { TreeEnsembleRegressor: zero };
