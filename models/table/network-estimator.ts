/** What the estimators of networks have in common: parameters in, a design of the network, training, loading. */
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableAlgorithmName, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { Features } from '../../data/features.ts';
import type { Target } from '../../data/table.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { fitNetwork, type NetworkDesign } from './fit-network.ts';
import { loadNetwork } from './fitted-network.ts';

/** @param kinds - of targets that it learns. */
export function networkEstimator<A extends TableAlgorithmName>(
  algorithm: A,
  kinds: readonly Target['kind'][],
  designOf: (parameters: TableParametersOf<A>, x: Features) => Omit<NetworkDesign, 'algorithm'>,
): TableEstimator<A> {
  return {
    algorithm,
    async fit(x, y, given, context) {
      const parameters = completeParameters(algorithm, tableAlgorithms[algorithm].parameters, given);
      if (!kinds.includes(y.kind)) {
        throw new RangeError(`The target of ${algorithm} must be ${kinds.join(' or ')}. Got ${y.kind}.`);
      }
      return await fitNetwork({ algorithm, ...designOf(parameters as TableParametersOf<A>, x) }, x, y, context);
    },
    load: async (state) => loadNetwork(algorithm, state),
  };
}
