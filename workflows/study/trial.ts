/** One trial of a study: the only place that knows what kind of model is tried. */
import { ActivityFailure } from '@temporalio/workflow';
import type { TrialResult } from '../../contracts/lifecycle.ts';
import type { StudyInput, TrialPruning, TrialReport } from '../../contracts/study.ts';
import type { ParameterValues } from '../../contracts/parameters.ts';
import { computeOn } from '../options.ts';

const longestReason = 300;

/** @param onFallback - no GPU worker took it */
export async function performTrial(
  input: StudyInput,
  trial: TrialReport,
  about: { title: string; pruning?: TrialPruning; onCpu: boolean; onFallback: () => void },
): Promise<Pick<TrialResult, 'value' | 'state' | 'rungs' | 'milliseconds' | 'cached'>> {
  const { seed, part, objective, compute } = input;
  const { algorithm, parameters } = trial;
  return await computeOn(
    about.onCpu ? { ...compute, device: 'cpu' } : compute,
    'trial',
    `trial ${trial.index + 1}: ${about.title} ${describe(parameters)}`,
    { algorithm, parameters, seed, part, objective, threads: 1, ...(about.pruning && { pruning: about.pruning }) },
    about.onFallback,
  );
}

/** Name of what is optimised, for people. */
export function metricOf({ objective }: StudyInput): string {
  return `${objective.metric}@${objective.k}`;
}

export function describe(parameters: ParameterValues): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Told in full by the activity; the table needs no more than a few lines of it. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, longestReason);
}
