/**
 * `tuneModel`: one study. Trials fan out as activities in a sliding window of W; trial i starts when trial i − W has
 * ended, so what a sampler may look at does not depend on timing (law 8).
 */
import {
  ActivityFailure,
  ApplicationFailure,
  defineQuery,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { algorithms } from '../contracts/algorithms.ts';
import type { LifecycleProgress, StudyInput, StudyResult, TrialReport } from '../contracts/lifecycle.ts';
import type { ParameterValues } from '../contracts/parameters.ts';
import { markStage, markSubject } from './attributes.ts';
import { computeOn, quick } from './options.ts';
import { trialsSignal } from './messages.ts';

export const studyProgress = defineQuery<LifecycleProgress['trials']>('progress');

/** Trials that a progress message shows, newest last. */
const shown = 4;

export async function tuneModel(input: StudyInput): Promise<StudyResult> {
  const { seed, part, objective, candidates, tuning } = input;
  markSubject({ model: input.model, dataset: input.dataset });
  markStage('tune');
  const plan = await quick.planStudy({ candidates, trials: tuning.trials });
  const trials: TrialReport[] = [];
  const progress = (): LifecycleProgress['trials'] => ({
    total: plan.trials.length,
    done: trials.filter((t) => t.state === 'done').length,
    failed: trials.filter((t) => t.state === 'failed').length,
    best: bestOf(trials),
    latest: trials.slice(-shown),
  });
  setHandler(studyProgress, progress);
  const parent = workflowInfo().parent;
  const tell = async () => {
    if (!parent) return;
    // The study's result does not depend on anybody listening.
    await getExternalWorkflowHandle(parent.workflowId, parent.runId)
      .signal(trialsSignal, progress())
      .catch(() => undefined);
  };

  const ends: Promise<void>[] = [];
  for (const [index, { candidate, indexInCandidate }] of plan.trials.entries()) {
    if (index >= tuning.parallel) await ends[index - tuning.parallel];
    const chosen = candidates[candidate];
    const suggested = await quick.suggest({
      candidate: chosen,
      sampler: tuning.sampler,
      seed: seed + candidate,
      index: indexInCandidate,
    });
    // A grid may have fewer points than its share of trials.
    if (suggested.parameters === null) {
      ends.push(Promise.resolve());
      continue;
    }
    const trial: TrialReport = {
      index,
      algorithm: chosen.algorithm,
      parameters: suggested.parameters,
      state: 'running',
    };
    trials.push(trial);
    ends.push(runTrial(input, trial, tell));
  }
  await Promise.all(ends);

  const best = candidates.map((_, c) => bestOf(trials.filter((trial) => plan.trials[trial.index].candidate === c)));
  if (best.every((trial) => trial === undefined)) {
    throw ApplicationFailure.nonRetryable(
      `Every one of the ${trials.length} trials failed. The first said: ${trials[0]?.error ?? 'nothing'}`,
      'STUDY_FAILED',
    );
  }
  const table = await quick.writeTrials({ trials });
  return {
    best: best.filter((trial) => trial !== undefined),
    trials: trials.length,
    failed: trials.filter((t) => t.state === 'failed').length,
    table,
  };

  async function runTrial(study: StudyInput, trial: TrialReport, told: () => Promise<void>): Promise<void> {
    try {
      const result = await computeOn(
        study.compute,
        'trial',
        `trial ${trial.index + 1}: ${algorithms[trial.algorithm].title} ${describe(trial.parameters)}`,
        { algorithm: trial.algorithm, parameters: trial.parameters, seed, part, objective, threads: 1 },
        () => undefined,
      );
      Object.assign(trial, {
        state: 'done',
        value: result.value,
        milliseconds: result.milliseconds,
        cached: result.cached,
      });
    } catch (error) {
      if (isCancellation(error)) throw error;
      // One bad corner of the space must not end the study; it is in the table with its reason.
      trial.state = 'failed';
      trial.error = reasonOf(error);
    }
    await told();
  }
}

function bestOf(trials: TrialReport[]): TrialReport | undefined {
  let best: TrialReport | undefined;
  // Strictly greater: among equals the earliest trial wins, whatever finished first.
  for (const trial of trials) if (trial.value !== undefined && trial.value > (best?.value ?? -Infinity)) best = trial;
  return best;
}

function describe(parameters: ParameterValues): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
