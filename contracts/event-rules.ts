/** What must be true of events before a recommender learns from them. The room that does it is `data/validate.ts`. */
import { z } from 'zod';
import { daysSchema, driftLimits, knownColumnRulesSchema } from './table-rules.ts';
import type { ColumnDefinition } from './tables.ts';

/** Columns of ingested events, by the roles that the spec gives those of the source. */
export const eventColumns = [
  { name: 'user', kind: 'category' },
  { name: 'item', kind: 'category' },
  { name: 'time', kind: 'time' },
  { name: 'quantity', kind: 'number' },
  { name: 'value', kind: 'number' },
  { name: 'basket', kind: 'category' },
] as const satisfies readonly ColumnDefinition[];

const roles = eventColumns.map(({ name }) => name);

/** Ids of users and baskets are other ones in each export: no distribution to compare. */
export const comparedRoles = ['item', 'time', 'quantity', 'value'] as const;

export const eventRulesSchema = z
  .strictObject({
    minRows: z.int().min(1).default(1),
    maxMissing: z.number().min(0).max(1).default(0.05).describe('Largest share of rows without user, item or time.'),
    minDays: z.int().min(1).default(2).describe('Fewest days that the events must span.'),
    maxShareOfOneUser: z.number().min(0).max(1).default(0.5).describe('Largest share of all rows by one user.'),
    columns: z
      .partialRecord(z.enum(roles), knownColumnRulesSchema)
      .default({})
      .describe('Rules by role: user, item, time, quantity, value, basket.'),
    perDay: daysSchema.optional(),
    drift: z
      .strictObject({
        ...driftLimits,
        columns: z
          .array(z.enum(comparedRoles))
          .min(1)
          .optional()
          .describe('What to compare: item, time, quantity, value; all but times when left out.'),
      })
      .optional(),
  })
  .prefault({});
export type EventRules = z.output<typeof eventRulesSchema>;
export type EventRulesInput = z.input<typeof eventRulesSchema>;
