/** Data that breaks a rule of its spec, and what somebody decides about it. */
import type { BlobRef } from './artifacts.ts';

/** `release`: go on with all rows. `drop`: without the rows that break a rule. `abort`: end the run. */
export const dataVerdicts = ['release', 'drop', 'abort'] as const;
export type DataVerdict = (typeof dataVerdicts)[number];

export interface DataDecision {
  decision: DataVerdict;
  by: string;
  reason?: string;
}

export interface BrokenData {
  dataset: string;
  /** A sentence for each broken rule. */
  broken: string[];
  /** JSON of every rule, with what was found. */
  report: BlobRef;
  /** Rows that break a rule, kept aside with their reasons; absent where the rules are about the whole. */
  quarantined?: { rows: BlobRef; count: number };
}

export interface DataDecisionStatus extends BrokenData {
  state: 'waiting' | 'decided';
  decision?: DataDecision;
}
