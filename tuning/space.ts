/** What a study searches, from what a spec's candidate says and what the algorithm's table adds. */
import { parametersOf } from '../contracts/algorithm-titles.ts';
import type { SearchSpace } from '../contracts/parameters.ts';
import { dimensionOf, type Range } from '../contracts/search.ts';

export interface SearchingCandidate {
  readonly algorithm: string;
  readonly search?: Readonly<Record<string, Range | undefined>> | undefined;
  /** Fixed ones, which are not searched. */
  readonly parameters?: unknown;
}

/**
 * The search space of a candidate, empty where it searches nothing. Dimensions are in the order of the algorithm's
 * table and not of the file, so that reordering lines of a spec changes no trial.
 */
export function spaceOf({ algorithm, search = {} }: SearchingCandidate): SearchSpace {
  const space: SearchSpace = {};
  for (const [name, parameter] of Object.entries(parametersOf(algorithm))) {
    const range = search[name];
    if (range !== undefined) space[name] = dimensionOf(parameter, range);
  }
  return space;
}
