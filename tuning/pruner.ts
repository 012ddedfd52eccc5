/** What a pruner is: the values below which a trial ends early, told before it begins. */
import type { FinishedTrial } from './sampler.ts';

export interface PruneRequest {
  /** As a sampler's: what the trial may be compared with is settled when it starts, so its fate is not a matter of timing. */
  readonly history: readonly FinishedTrial[];
  /** Rungs at which the trial will tell its value, ascending, e.g. epochs 1, 3, 9. */
  readonly rungs: readonly number[];
}

/**
 * A pure function.
 * @returns for each rung the least value, higher being better, with which the trial goes on; null: it goes on with any.
 */
export type Pruner = (request: PruneRequest) => (number | null)[];
