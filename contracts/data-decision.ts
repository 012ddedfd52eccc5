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

/** What validation tells the gate, of events as of tables. */
export interface CheckedData {
  /** JSON of every rule with its limit and what was found. */
  report: BlobRef;
  /** JSON of what the columns look like; in results of before there was one, absent. */
  profile?: BlobRef;
  /** `YYYY-MM-DD` of the latest time; absent, or empty, where no row has one. */
  lastDay?: string;
  /** A sentence for each broken rule; none, or absent: the data passed. */
  broken?: string[];
  /** Rows that break a rule, with their reasons, and all that is known without them; absent where no row does. */
  quarantine?: Quarantine;
}
export interface Quarantine {
  rows: BlobRef;
  count: number;
  good: BlobRef;
  /** Of the good rows. */
  profile: BlobRef;
  lastDay?: string;
}

export interface DataDecisionStatus extends BrokenData {
  state: 'waiting' | 'decided';
  decision?: DataDecision;
}
