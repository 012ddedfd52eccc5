/** What both sides are asked for, and what they answer. */
import type { TableRulesInput } from '../../../../contracts/table-rules.ts';
import { departments } from './orders.ts';

export const seed = 20171201;
/** Of training, validation and test. */
export const shares = [0.6, 0.2, 0.2] as const;

export const rules = {
  columns: {
    quantity: { min: 1 },
    price: { max: 1000 },
    department: { allowed: departments, maxMissing: 0.05 },
  },
  perDay: { column: 'ordered_at', least: 1, maxGapDays: 0 },
} satisfies TableRulesInput;

/** Of one process that did all of it. */
export interface PreparationRun {
  /** Milliseconds. */
  wall: number;
  cpu: number;
  /** Largest resident memory, in bytes. */
  peak: number;
  counts: {
    rows: number;
    /** Values taken as missing, by column. */
    unreadable: Record<string, number>;
    quarantined: number;
    duplicates: number;
    /** Rows of training, validation and test. */
    parts: number[];
  };
  /** Milliseconds, where they are told apart. */
  stages?: Record<string, number>;
}
