/** Algorithms of all tasks, as people read them. */
import { algorithms, type AlgorithmName } from './algorithms.ts';
import type { ParameterTable, ParameterValues } from './parameters.ts';
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

/** What differs from the algorithm's defaults, `factors=64 weighting=log`; a number to four digits. */
export function settingsOf(algorithm: string, parameters: Readonly<ParameterValues>): string {
  return settingsText(parametersOf(algorithm), parameters);
}

/** As `settingsOf`, of anything that has a parameter table. */
export function settingsText(table: ParameterTable, parameters: Readonly<ParameterValues>): string {
  return Object.entries(parameters)
    .filter(([name, value]) => table[name]?.default !== value)
    .map(([name, value]) => `${name}=${shortValue(value)}`)
    .join(' ');
}

/** A parameter's value for people: four digits of a number, whole numbers whole. Scripts take the value itself. */
export function shortValue(value: number | string): string {
  return typeof value === 'string' || Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
