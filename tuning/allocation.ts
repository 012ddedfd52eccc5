/** How a study's trials are shared out. */
import type { PipelineSpec } from '../contracts/spec.ts';

type Candidate = PipelineSpec['candidates'][number];

/**
 * Trials of each candidate, in the candidates' order. One that searches nothing is tried exactly once, beside the
 * budget; those that search share the budget evenly, the first ones getting what is left over, and have at least one
 * each even where the budget is smaller than their number.
 * @param trials - the spec's `tuning.trials`: over all candidates that search something; at least 1.
 */
export function allocateTrials(candidates: readonly Candidate[], trials: number): number[] {
  const searching = candidates.filter(searches).length;
  const share = Math.floor(trials / searching);
  let over = trials % searching;
  return candidates.map((candidate) => {
    if (!searches(candidate)) return 1;
    return Math.max(1, over-- > 0 ? share + 1 : share);
  });
}

function searches({ search }: Candidate): boolean {
  return Object.values(search ?? {}).some((range) => range !== undefined);
}
