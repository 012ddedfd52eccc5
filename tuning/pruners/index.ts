/** Every pruner by the name that a study gives it. A new one is a file beside this and a line here. */
import type { Pruning } from '../../contracts/study.ts';
import type { Pruner } from '../pruner.ts';
import { ashaPruner } from './asha.ts';
import { medianPruner } from './median.ts';

export interface ChosenPruner {
  readonly prune: Pruner;
  /** What of a trial is compared with the thresholds: its best value so far, or that at the rung. */
  readonly judges: 'best' | 'latest';
}

/** Those of Optuna: 5 trials before any is pruned, at every rung. */
const byDefault = { startupTrials: 5, warmupRungs: 0 };

export function prunerOf(pruning: Pruning): ChosenPruner {
  const { pruner, reductionFactor, startupTrials, warmupRungs } = pruning;
  switch (pruner) {
    case 'median':
      return {
        judges: 'best',
        prune: medianPruner({
          startupTrials: startupTrials ?? byDefault.startupTrials,
          warmupRungs: warmupRungs ?? byDefault.warmupRungs,
        }),
      };
    case 'asha':
      return { judges: 'latest', prune: ashaPruner({ reductionFactor }) };
  }
}
