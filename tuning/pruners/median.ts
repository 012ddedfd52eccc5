/**
 * The median stopping rule (D. Golovin et al., "Google Vizier", KDD 2017) as Optuna's `MedianPruner` has it: a trial
 * whose best value so far is below the median of what completed trials had at the same rung ends there.
 */
import { valuesAt, type Pruner } from '../pruner.ts';

export interface MedianSettings {
  /** Trials that must have ended with a value before any is pruned. */
  readonly startupTrials: number;
  /** First rungs at which none is pruned. */
  readonly warmupRungs: number;
}

export function medianPruner({ startupTrials, warmupRungs }: MedianSettings): Pruner {
  return ({ history, rungs }) => {
    // Pruned ones left out: their values at low rungs would pull the median down to what was given up.
    const completed = history.filter(({ state }) => state === 'done');
    return rungs.map((rung, place) => {
      if (completed.length < startupTrials || place < warmupRungs) return null;
      return median(valuesAt(completed, rung));
    });
  };
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
