/** Every algorithm by its name. */
import type { AlgorithmName } from '../contracts/algorithms.ts';
import type { ParameterValues } from '../contracts/parameters.ts';
import type { ArrayFile } from '../compute/arrays/safetensors.ts';
import type { Interactions } from '../data/interactions.ts';
import { als } from './als.ts';
import { ease } from './ease.ts';
import type { FitContext, FittedRecommender } from './estimator.ts';
import { itemKnn } from './item-knn.ts';
import { personalFrequency } from './personal-frequency.ts';
import { popularity } from './popularity.ts';
import { rp3beta } from './rp3beta.ts';
import { userKnn } from './user-knn.ts';

/** A `RecommenderEstimator` whose name is known at run time only: it fills in defaults and checks every value itself. */
export interface AnyRecommenderEstimator {
  readonly algorithm: AlgorithmName;
  /** @throws TradewindError `PARAMETER_INVALID`, `TRAINING_DIVERGED`. */
  fit(train: Interactions, parameters: Readonly<ParameterValues>, context: FitContext): Promise<FittedRecommender>;
  /** @throws TradewindError `ARTIFACT_CORRUPT`. */
  load(state: ArrayFile, context: { threads: number }): Promise<FittedRecommender>;
}

const estimators: { [A in AlgorithmName]: AnyRecommenderEstimator } = {
  popularity,
  'item-knn': itemKnn,
  als,
  'user-knn': userKnn,
  rp3beta,
  ease,
  'personal-frequency': personalFrequency,
};

export function estimatorOf(name: AlgorithmName): AnyRecommenderEstimator {
  return estimators[name];
}
