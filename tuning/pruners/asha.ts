/**
 * Asynchronous successive halving (L. Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020)
 * in the form that stops trials instead of promoting them, as Optuna's `SuccessiveHalvingPruner`: at each rung a trial
 * goes on if it is in the best 1/η of those that have reached the rung, itself included. Of the first η − 1 there, the
 * best goes on.
 */
import { valuesAt, type Pruner } from '../pruner.ts';

export interface AshaSettings {
  /** η, an integer of at least 2. */
  readonly reductionFactor: number;
}

export function ashaPruner({ reductionFactor }: AshaSettings): Pruner {
  return ({ history, rungs }) =>
    rungs.map((rung) => {
      const others = valuesAt(history, rung).toSorted((a, b) => b - a);
      // ⌊(n + 1) / η⌋ go on, at least one. A trial is among the best m of n + 1 if it reaches the m-th of the n others.
      const goOn = Math.max(1, Math.floor((others.length + 1) / reductionFactor));
      return others[goOn - 1] ?? null;
    });
}
