/** How a study's trials are shared out. */
import type { SearchSpace } from '../contracts/parameters.ts';
import type { TrialPool } from '../contracts/study.ts';

/**
 * Trials of each candidate, in the candidates' order. One that searches nothing is tried exactly once, beside the
 * budget; those that search share the budget evenly, the first ones getting what is left over, and have at least one
 * each even where the budget is smaller than their number.
 * @param trials - over all candidates that search something; at least 1.
 */
export function allocateTrials(spaces: readonly SearchSpace[], trials: number): number[] {
  const searching = spaces.filter(searches).length;
  const share = Math.floor(trials / searching);
  let over = trials % searching;
  return spaces.map((space) => {
    if (!searches(space)) return 1;
    return Math.max(1, over-- > 0 ? share + 1 : share);
  });
}

/**
 * Which candidates draw their trials together, and how many. `joint`: all that search something, from one space; the
 * others are tried once each as ever.
 */
export function poolTrials(spaces: readonly SearchSpace[], trials: number, sharing: 'even' | 'joint'): TrialPool[] {
  if (sharing === 'even') {
    return allocateTrials(spaces, trials).map((share, place) => ({ candidates: [place], share }));
  }
  const places = spaces.map((_, place) => place);
  const fixed = places.filter((place) => !searches(spaces[place]));
  const together = places.filter((place) => searches(spaces[place]));
  const pools = fixed.map((place) => ({ candidates: [place], share: 1 }));
  return together.length === 0 ? pools : [...pools, { candidates: together, share: trials }];
}

function searches(space: SearchSpace): boolean {
  return Object.keys(space).length > 0;
}
