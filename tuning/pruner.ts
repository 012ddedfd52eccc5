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

export interface RungRule {
  /** Of the first rung; at least 1. */
  readonly minResource: number;
  /** At least 2. */
  readonly reductionFactor: number;
  /** No rung is above it. */
  readonly maxResource: number;
}

/** `minResource · reductionFactor^k` up to `maxResource`, ascending. */
export function rungsOf({ minResource, reductionFactor, maxResource }: RungRule): number[] {
  const rungs: number[] = [];
  for (let rung = minResource; rung <= maxResource; rung *= reductionFactor) rungs.push(rung);
  return rungs;
}

/** What the trials of a history had at a rung; those that did not come so far are left out. */
export function valuesAt(history: readonly FinishedTrial[], rung: number): number[] {
  return history.flatMap(({ rungs = [] }) =>
    rungs.filter((reached) => reached.rung === rung).map(({ value }) => value),
  );
}
