/** Algorithms of all tasks, as people read them. */
import { algorithms, type AlgorithmName } from './algorithms.ts';
import type { ParameterTable } from './parameters.ts';
import { tableAlgorithms, type TableAlgorithmName } from './table-algorithms.ts';

export type AnyAlgorithmName = AlgorithmName | TableAlgorithmName;

const all: Readonly<Record<string, { title: string; parameters: ParameterTable }>> = {
  ...algorithms,
  ...tableAlgorithms,
};

export function titleOf(algorithm: string): string {
  return Object.hasOwn(all, algorithm) ? all[algorithm].title : algorithm;
}

/** Empty for one that is not there. */
export function parametersOf(algorithm: string): ParameterTable {
  return Object.hasOwn(all, algorithm) ? all[algorithm].parameters : {};
}
