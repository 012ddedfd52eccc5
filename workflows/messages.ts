/** Signals, updates and queries of all workflows, so that a workflow and its callers name the same thing. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { LifecycleProgress, ReleaseDecision } from '../contracts/lifecycle.ts';

/** A study tells its lifecycle how far it is. */
export const trialsSignal = defineSignal<[LifecycleProgress['trials']]>('trials');

export const progressQuery = defineQuery<LifecycleProgress>('progress');
export const studyProgressQuery = defineQuery<LifecycleProgress['trials']>('progress');

export interface ReleaseStatus {
  state: 'waiting' | 'approved' | 'rejected' | 'deploying' | 'done';
  version: number;
  model: string;
  reason: string;
}
export const releaseQuery = defineQuery<ReleaseStatus>('release');

/** Approves or rejects a release that waits; refused when it has been decided already. */
export const decideUpdate = defineUpdate<ReleaseStatus, [ReleaseDecision]>('decide');
