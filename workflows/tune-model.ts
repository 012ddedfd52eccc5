/**
 * `tuneModel`: one study. Trials fan out as activities in a sliding window of W; trial i starts when trial i − W has
 * ended, so what a sampler may look at does not depend on timing (law 8).
 */
import {
  ActivityFailure,
  ApplicationFailure,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { algorithms } from '../contracts/algorithms.ts';
import type { LifecycleProgress, StudyInput, StudyResult, TrialReport } from '../contracts/lifecycle.ts';
import type { ParameterValues } from '../contracts/parameters.ts';
import { markStage, markSubject } from './attributes.ts';
import { computeOn, doQuickly, quick } from './options.ts';
import { studyProgressQuery, trialsSignal } from './messages.ts';

/** Trials that a progress message shows, newest last. */
const shown = 4;
/** Trials of one piece of the table: far below what one payload may hold. */
const trialsPerTable = 50;
const longestReason = 300;

export async function tuneModel(input: StudyInput): Promise<StudyResult> {
  const { seed, part, objective, candidates, tuning } = input;
  markSubject({ model: input.model, dataset: input.dataset });
  markStage('tune');
  const { shares } = await doQuickly('planStudy', 'share the trials', { candidates, trials: tuning.trials });
  const plan = inTurns(shares);
  const trials: TrialReport[] = [];
  const progress = (): LifecycleProgress['trials'] => ({
    total: plan.length,
    done: trials.filter((t) => t.state === 'done').length,
    failed: trials.filter((t) => t.state === 'failed').length,
    best: bestOf(trials),
    latest: trials.slice(-shown),
  });
  setHandler(studyProgressQuery, progress);
  const parent = workflowInfo().parent;
  const tell = async () => {
    if (!parent) return;
    // The study's result does not depend on anybody listening.
    await getExternalWorkflowHandle(parent.workflowId, parent.runId)
      .signal(trialsSignal, progress())
      .catch(() => undefined);
  };

  let fellBack = false;
  const ends: Promise<void>[] = [];
  for (const [index, { candidate, indexInCandidate }] of plan.entries()) {
    if (index >= tuning.parallel) await ends[index - tuning.parallel];
    const chosen = candidates[candidate];
    const { parameters } = await quick.suggest({
      candidate: chosen,
      sampler: tuning.sampler,
      seed,
      number: candidate,
      index: indexInCandidate,
    });
    // A grid may have fewer points than its share of trials.
    if (parameters === null) {
      ends.push(Promise.resolve());
      continue;
    }
    const trial: TrialReport = { index, algorithm: chosen.algorithm, parameters, state: 'running' };
    trials.push(trial);
    const end = runTrial(trial);
    // Awaited in its turn; when a cancellation ends several at once, none may go unheard.
    end.catch(() => undefined);
    ends.push(end);
  }
  await Promise.all(ends);

  const best = candidates.map((_, c) => bestOf(trials.filter((trial) => plan[trial.index].candidate === c)));
  if (best.every((trial) => trial === undefined)) {
    throw ApplicationFailure.nonRetryable(
      `Every one of the ${trials.length} trials failed. The first said: ${trials[0]?.error ?? 'nothing'}`,
      'STUDY_FAILED',
    );
  }
  const tables: StudyResult['tables'] = [];
  for (let from = 0; from < trials.length; from += trialsPerTable) {
    const piece = trials.slice(from, from + trialsPerTable);
    tables.push(await doQuickly('writeTrials', `trials ${from + 1} to ${from + piece.length}`, { trials: piece }));
  }
  return {
    best: best.filter((trial) => trial !== undefined),
    trials: trials.length,
    failed: trials.filter((t) => t.state === 'failed').length,
    tables,
    fellBack,
  };

  async function runTrial(trial: TrialReport): Promise<void> {
    const { algorithm, parameters } = trial;
    // Once nobody took a trial in the stated time, the rest does not wait for it again.
    const device = fellBack ? { ...input.compute, device: 'cpu' as const } : input.compute;
    try {
      const result = await computeOn(
        device,
        'trial',
        `trial ${trial.index + 1}: ${algorithms[algorithm].title} ${describe(parameters)}`,
        { algorithm, parameters, seed, part, objective, threads: 1 },
        () => (fellBack = true),
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
      // Told in full by the activity; the table needs no more than a few lines of it.
      trial.error = reasonOf(error).slice(0, longestReason);
    }
    await tell();
  }
}

/** Round robin, so that a study that is cut short has looked at every candidate. */
function inTurns(shares: number[]): { candidate: number; indexInCandidate: number }[] {
  const plan: { candidate: number; indexInCandidate: number }[] = [];
  for (let round = 0; round < Math.max(...shares); round++) {
    for (const [candidate, share] of shares.entries()) {
      if (round < share) plan.push({ candidate, indexInCandidate: round });
    }
  }
  return plan;
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
