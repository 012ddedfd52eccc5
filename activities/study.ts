/** The study's decisions: how many trials each candidate gets, and what each tries. */
import { algorithms } from '../contracts/algorithms.ts';
import type { BlobRef } from '../contracts/artifacts.ts';
import type {
  StudyPlan,
  StudyPlanRequest,
  SuggestRequest,
  SuggestResult,
  TrialReport,
} from '../contracts/lifecycle.ts';
import { completeParameters } from '../contracts/parameters.ts';
import { Random } from '../contracts/random.ts';
import { allocateTrials } from '../tuning/allocation.ts';
import { samplerOf } from '../tuning/samplers/index.ts';
import { spaceOf } from '../tuning/space.ts';
import type { Dependencies } from './dependencies.ts';

export function studyActivities({ store }: Dependencies) {
  return {
    async planStudy({ candidates, trials }: StudyPlanRequest): Promise<StudyPlan> {
      return { shares: allocateTrials(candidates, trials) };
    },

    async suggest({ candidate, sampler, seed, number, index }: SuggestRequest): Promise<SuggestResult> {
      const space = spaceOf(candidate);
      const own = new Random(seed, number).bits();
      // Neither of today's samplers looks at the history.
      const drawn = Object.keys(space).length === 0 ? {} : samplerOf(sampler)({ space, history: [], seed: own, index });
      if (drawn === null) return { parameters: null };
      const table = algorithms[candidate.algorithm].parameters;
      return { parameters: completeParameters(candidate.algorithm, table, { ...candidate.parameters, ...drawn }) };
    },

    /** A piece of the trial table: one JSON line a trial, in the order they started. Times are left out, so that equal studies give equal bytes. */
    async writeTrials({ trials }: { trials: TrialReport[] }): Promise<BlobRef> {
      const lines = trials.map(({ index, algorithm, parameters, state, value, error }) =>
        JSON.stringify({ index, algorithm, parameters, state, value, error }),
      );
      return store.putBytes(`${lines.join('\n')}\n`, 'trials.ndjson');
    },
  };
}
