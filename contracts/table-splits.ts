/**
 * What a spec of a table says of its rows: features from events before cut-offs, row rules of cleaning, and the split.
 * The rooms that do it are `data/behaviour.ts`, `data/clean-table.ts` and `data/table-split.ts`.
 */
import { z } from 'zod';
import { isBefore } from './cut-offs.ts';
import { cutOffSchema } from './spec-sections.ts';

const column = z.string().min(1);

export const splitKinds = ['random', 'stratified', 'grouped', 'time', 'leaveLastOut'] as const;
export type SplitKind = (typeof splitKinds)[number];

const shares = {
  test: z.number().gt(0).max(0.9).default(0.2).describe('Share of the rows that candidates are compared on.'),
  validation: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.2)
    .describe('Share of the rows that trials are judged on; may be 0 where there are folds.'),
};
const folds = z
  .int()
  .min(2)
  .max(50)
  .optional()
  .describe('Cross-validation: trials are judged on each of so many parts of all rows outside the test part in turn.');
const bins = z
  .int()
  .min(2)
  .max(1000)
  .default(10)
  .describe('Of a number as target: bins of as many rows take the place of classes.');

type Shares = { test: number; validation: number; folds?: number | undefined };
const withShares = <S extends z.ZodType<Shares>>(schema: S) =>
  schema
    .refine((s) => s.test + s.validation < 0.95, {
      path: ['test'],
      message: 'must leave at least a twentieth of the rows to train on',
      params: { remedy: 'Lower test or validation.' },
    })
    .refine((s) => s.validation > 0 || s.folds !== undefined, {
      path: ['validation'],
      message: 'must be above 0 where there are no folds',
      params: { remedy: 'Raise it, or set folds.' },
    });

const random = withShares(z.strictObject({ by: z.literal('random'), ...shares, folds })).describe(
  'Rows drawn at random: for rows that know nothing of each other.',
);

const stratified = withShares(z.strictObject({ by: z.literal('stratified'), ...shares, folds, bins })).describe(
  'Random, with the same share of each class of the target in every part.',
);

const grouped = withShares(
  z.strictObject({
    by: z.literal('grouped'),
    group: column.describe('Column whose equal values stay together, such as a user.'),
    stratify: z.boolean().default(false).describe('Also keep the shares of the classes alike, as far as groups allow.'),
    ...shares,
    folds,
    bins,
  }),
).describe('No group in two parts; the parts as near to their shares as whole groups allow.');

const time = z
  .strictObject({
    by: z.literal('time'),
    time: column.default('time').describe('Column of times.'),
    validationFrom: cutOffSchema
      .optional()
      .describe('Trials learn from rows before it; may be left out where there are folds.'),
    testFrom: cutOffSchema.describe('The final training ends here; candidates are compared on what follows.'),
    testUntil: cutOffSchema.optional().describe('Exclusive; the end of the data when left out.'),
    gapDays: z
      .number()
      .min(0)
      .max(3650)
      .optional()
      .describe(
        'A row is learned from only if it is at least so many days older than the first row that is judged. ' +
          'Left out, the horizon of behaviour features: no label then reaches into the days that follow.',
      ),
    folds,
  })
  .refine((s) => s.validationFrom !== undefined || s.folds !== undefined, {
    path: ['validationFrom'],
    message: 'must be given where there are no folds',
    params: { remedy: 'Set it to a day before testFrom, or set folds.' },
  })
  .refine((s) => s.validationFrom === undefined || isBefore(s.validationFrom, s.testFrom) !== false, {
    path: ['validationFrom'],
    message: 'must be before testFrom',
    params: { remedy: 'Swap them or move one of the two.' },
  })
  .refine((s) => s.testUntil === undefined || isBefore(s.testFrom, s.testUntil) !== false, {
    path: ['testUntil'],
    message: 'must be after testFrom',
    params: { remedy: 'Move it to a later day, or leave it out.' },
  })
  .describe('Cut-offs in time for all rows: the honest split wherever the model will meet the future.');

const leaveLastOut = z
  .strictObject({
    by: z.literal('leaveLastOut'),
    user: column.default('user').describe('Column of who.'),
    time: column.default('time').describe('Column of times.'),
  })
  .describe(
    "Each user's last row is the test, the one before it the validation. Only for comparison with published figures: " +
      "one user's training rows may be later than another's test.",
  );

export const tableSplitSchema = z.discriminatedUnion('by', [random, stratified, grouped, time, leaveLastOut]);
export type TableSplitSpec = z.output<typeof tableSplitSchema>;
export type TableSplitSpecInput = z.input<typeof tableSplitSchema>;

/** Defaults drop what is certainly worth nothing: rows without a target, and exact copies. */
export const tableCleaningSchema = z
  .strictObject({
    duplicates: z.enum(['drop', 'keep']).default('drop').describe('Rows equal to an earlier one.'),
    duplicateKeys: z
      .array(column)
      .min(1)
      .optional()
      .describe('Equal in these columns; in all when left out. A row that lacks one of them is no duplicate.'),
    contradictions: z
      .enum(['keep', 'majority', 'drop'])
      .default('keep')
      .describe(
        'Rows equal in all features with different classes, among those that are learned from: keep them, those of the majority (of a draw none; a dropped duplicate has no vote), or none.',
      ),
    minRowsPerClass: z.int().min(1).default(1).describe('Classes of fewer rows are rare.'),
    rareClasses: z.enum(['drop', 'merge']).default('drop').describe('merge: they become one class, otherClass.'),
    otherClass: z.string().min(1).default('other'),
    humans: z
      .strictObject({
        user: column.default('user'),
        time: column.default('time'),
        maxRowsPerUserPerDay: z.int().min(1).default(1000),
      })
      .optional()
      .describe("Drops a user's rows from the first day on (UTC) that has more rows of theirs than people make."),
  })
  .prefault({});
export type TableCleaningSpec = z.output<typeof tableCleaningSchema>;

const days = z.int().min(1).max(3650);

export const behaviourSchema = z
  .strictObject({
    from: cutOffSchema.describe('The first cut-off. At each, every user seen before it gives a row.'),
    until: cutOffSchema.optional().describe('No cut-off after it; the last with a whole horizon when left out.'),
    everyDays: days.default(30).describe('Days from one cut-off to the next.'),
    windows: z
      .array(days)
      .max(8)
      .default([7, 30, 90])
      .describe('Lengths in days, ascending, of the windows before a cut-off that behaviour is counted in.'),
    departments: z
      .int()
      .min(0)
      .max(100)
      .default(10)
      .describe('Departments with a feature: those of the most events before the first cut-off.'),
    habits: z.boolean().default(true).describe('Shares of weekdays and times of day (UTC).'),
    seenWithinDays: days.optional().describe('Leaves out users without an event in so many days before the cut-off.'),
    target: z
      .strictObject({
        kind: z
          .enum(['returns', 'spend'])
          .default('returns')
          .describe('returns: whether the user buys again within the horizon; spend: for how much.'),
        days: days.default(30).describe('The horizon: [cut-off, cut-off + days).'),
      })
      .prefault({}),
  })
  .refine((s) => s.windows.every((w, i) => i === 0 || w > s.windows[i - 1]), {
    path: ['windows'],
    message: 'must ascend',
    params: { remedy: 'Sort them and take out what is there twice.' },
  })
  .refine((s) => s.until === undefined || s.until === s.from || isBefore(s.from, s.until) !== false, {
    path: ['until'],
    message: 'must not be before from',
    params: { remedy: 'Swap them or move one of the two.' },
  });
export type BehaviourSpec = z.output<typeof behaviourSchema>;
export type BehaviourSpecInput = z.input<typeof behaviourSchema>;
