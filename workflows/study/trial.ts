/** One trial of a study: the only place that knows what kind of model is tried. */
import { ActivityFailure } from '@temporalio/workflow';
import type { AlgorithmName } from '../../contracts/algorithms.ts';
import type { TrialResult } from '../../contracts/lifecycle.ts';
import type { StudyInput, TrialPruning, TrialReport } from '../../contracts/study.ts';
import type { ParameterValues } from '../../contracts/parameters.ts';
import { settlePreparation } from '../../contracts/preparation-spec.ts';
import { trialCandidate } from '../../contracts/table-features.ts';
import { computeOn } from '../options.ts';

const longestReason = 300;

/** @param about - `onFallback`: no GPU worker took it */
export async function performTrial(
  { subject, seed, compute }: StudyInput,
  trial: TrialReport,
  about: { title: string; pruning?: TrialPruning; onCpu: boolean; onFallback: () => void },
): Promise<Pick<TrialResult, 'value' | 'state' | 'rungs' | 'milliseconds' | 'cached'>> {
  const { index, algorithm, parameters } = trial;
  const device = about.onCpu ? { ...compute, device: 'cpu' as const } : compute;
  const summary = `trial ${index + 1}: ${about.title} ${describe(parameters)}`;
  const told = about.pruning && { pruning: about.pruning };
  if (subject.kind === 'recommender') {
    const { part, objective } = subject;
    const request = { algorithm: algorithm as AlgorithmName, parameters, seed, part, objective, threads: 1, ...told };
    return await computeOn(device, 'trial', summary, request, about.onFallback);
  }
  const { work, preparation, preparing, judgedOn } = subject;
  const candidate = trialCandidate(trial, (drawn) => settlePreparation(preparation, drawn, preparing));
  return await computeOn(device, 'tableTrial', summary, { ...work, ...candidate, judgedOn, ...told }, about.onFallback);
}

/** Name of what is optimised, for people. */
export function metricOf({ subject }: StudyInput): string {
  if (subject.kind === 'table') return subject.work.metric;
  const { metric, k } = subject.objective;
  return `${metric}@${k}`;
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
