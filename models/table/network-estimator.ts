/** What the estimators of networks have in common: parameters in, a design of the network, training, loading. */
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableAlgorithmName, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { Target } from '../../data/table.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { fitNetwork, type NetworkDesign } from './fit-network.ts';
import { loadNetwork } from './fitted-network.ts';

export function networkEstimator<A extends TableAlgorithmName>(
  algorithm: A,
  kind: Target['kind'],
  designOf: (parameters: TableParametersOf<A>) => Omit<NetworkDesign, 'algorithm'>,
): TableEstimator<A> {
  return {
    algorithm,
    async fit(x, y, given, context) {
      const parameters = completeParameters(algorithm, tableAlgorithms[algorithm].parameters, given);
      if (y.kind !== kind) throw new RangeError(`The target of ${algorithm} must be ${kind}. Got ${y.kind}.`);
      return await fitNetwork({ algorithm, ...designOf(parameters as TableParametersOf<A>) }, x, y, context);
    },
    load: async (state) => loadNetwork(algorithm, state),
  };
}
