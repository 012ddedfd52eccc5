/** Signals, updates and queries of all workflows, so that a workflow and its callers name the same thing. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { LifecycleProgress, ReleaseDecision } from '../contracts/lifecycle.ts';
import type { EnqueueOrder, StudyBudget, StudyStatus } from '../contracts/study.ts';

/** A study tells its lifecycle how far it is. */
export const trialsSignal = defineSignal<[LifecycleProgress['trials']]>('trials');

export const progressQuery = defineQuery<LifecycleProgress>('progress');
export const studyProgressQuery = defineQuery<LifecycleProgress['trials']>('progress');

/** Everything about a study, with a reference to its trials. */
export const studyQuery = defineQuery<StudyStatus>('study');
/** No further trial starts; those that run end. The time limit stands still. */
export const pauseUpdate = defineUpdate<StudyStatus>('pause');
export const resumeUpdate = defineUpdate<StudyStatus>('resume');
/** Sets what it names, so that saying it twice is saying it once. */
export const budgetUpdate = defineUpdate<StudyStatus, [Partial<StudyBudget>]>('budget');
/** A trial of these parameters takes the next index; one that waits already is not put in twice. */
export const enqueueUpdate = defineUpdate<StudyStatus, [EnqueueOrder]>('enqueue');
/** Ends the study with what it has: once its running trials have ended, or `now`, cutting them off. */
export const stopUpdate = defineUpdate<StudyStatus, [{ now?: boolean }?]>('stop');

export interface ReleaseStatus {
  state: 'waiting' | 'approved' | 'rejected' | 'deploying' | 'done';
  version: number;
  model: string;
  reason: string;
}
export const releaseQuery = defineQuery<ReleaseStatus>('release');

/** Approves or rejects a release that waits; refused when it has been decided already. */
export const decideUpdate = defineUpdate<ReleaseStatus, [ReleaseDecision]>('decide');
