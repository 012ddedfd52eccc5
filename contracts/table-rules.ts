/**
 * What a spec of a table says of its files, of its columns, and of what must be true of its rows. The rooms that do it
 * are `data/ingest-table.ts` and `data/validate-table.ts`.
 */
import { z } from 'zod';
import { columnKinds } from './tables.ts';

const column = z.string().min(1);

/** A list of columns with their kinds. Names that differ in capitals alone are one name to SQL, so they are refused. */
export const tableColumnsSchema = z
  .array(z.strictObject({ name: column, kind: z.enum(columnKinds) }))
  .min(1)
  .refine((columns) => new Set(columns.map(({ name }) => name.toLowerCase())).size === columns.length, {
    message: 'must not name a column twice, capitals aside',
    params: { remedy: 'Take one of the two out, or rename it in the file.' },
  })
  .refine((columns) => columns.every(({ name }) => name.toLowerCase() !== 'file_row_number'), {
    message: 'must not name a column file_row_number, which is what rows are numbered by',
    params: { remedy: 'Rename it in the file.' },
  })
  .describe('Columns and their kinds; others of the files are left out. Inferred from all rows when left out.');

const isEncoding = (label: string) => {
  try {
    return new TextDecoder(label) instanceof TextDecoder;
  } catch {
    return false;
  }
};

/** How much a file may differ from what it should be. Each repair is counted, and what is dropped is kept aside. */
export const tableReadingSchema = z
  .strictObject({
    encoding: z
      .string()
      .refine(isEncoding, 'must be the name of an encoding, such as windows-1252, utf-16le or shift_jis')
      .optional()
      .describe(
        'What text files without a byte order mark are written in, UTF-8 when left out; latin1 means windows-1252. ' +
          'A file that can only be UTF-8 is read as that.',
      ),
    repair: z
      .enum(['none', 'drop', 'pad'])
      .default('none')
      .describe(
        'Rows with too few or too many fields, broken quotes, NUL bytes: none: refuse the file; drop: put such rows ' +
          'aside and take NUL bytes out; pad: also fill up rows that are too short with missing values.',
      ),
    unreadable: z
      .enum(['refuse', 'missing'])
      .default('refuse')
      .describe('Values that are not of their kind, and infinite ones: refuse the file, or take them as missing.'),
    dateOrder: z
      .enum(['dayFirst', 'monthFirst'])
      .optional()
      .describe('What 03/04/2017 is; found from the rows where only one of the two is possible when left out.'),
    missing: z
      .array(z.string())
      .default([])
      .describe('Texts that stand for a missing value, such as NA; nothing at all and NaN always do.'),
  })
  .prefault({});
export type TableReading = z.output<typeof tableReadingSchema>;
export type TableReadingInput = z.input<typeof tableReadingSchema>;

const day = z
  .string()
  .refine(
    (text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
    'must be a date or time (ISO 8601)',
  );
const value = z.union([z.number(), z.boolean(), z.string()]);

const columnRules = {
  min: z.union([z.number(), day]).optional().describe('Least value: a number, or a day or time (UTC) of times.'),
  max: z.union([z.number(), day]).optional().describe('Largest value.'),
  allowed: z.array(value).min(1).optional().describe('The only values.'),
  pattern: z
    .string()
    .min(1)
    .optional()
    .describe('A regular expression (RE2) that the whole of a category or text must match.'),
  unique: z.boolean().default(false).describe('No value twice; a row breaks it whose value an earlier one has.'),
  maxMissing: z.number().min(0).max(1).optional().describe('Largest share of rows without a value.'),
};

type Limit = number | string | undefined;

const inOrder = <S extends z.ZodType<{ min?: Limit; max?: Limit }>>(schema: S) =>
  schema
    .refine((r) => r.min === undefined || r.max === undefined || typeof r.min === typeof r.max, {
      path: ['min'],
      message: 'must be of the same type as max',
      params: { remedy: 'Write both as numbers, or both as dates.' },
    })
    .refine((r) => r.min === undefined || r.max === undefined || at(r.min) <= at(r.max), {
      path: ['min'],
      message: 'must not be above max',
      params: { remedy: 'Swap them or widen the range.' },
    });

/** What values of a column must be. A missing value breaks `maxMissing` alone. */
export const columnRulesSchema = inOrder(
  z.strictObject({
    kind: z.enum(columnKinds).optional().describe('The kind that the column must have, where kinds are inferred.'),
    ...columnRules,
  }),
);
/** The same where kinds are known. */
export const knownColumnRulesSchema = inOrder(z.strictObject(columnRules));
export type ColumnRules = z.output<typeof columnRulesSchema>;

const at = (limit: number | string) => (typeof limit === 'number' ? limit : Date.parse(limit));

const days = {
  least: z.int().min(0).optional().describe('Fewest rows of a day that has some.'),
  most: z.int().min(1).optional().describe('Most rows of a day.'),
  maxGapDays: z
    .int()
    .min(0)
    .optional()
    .describe('Longest run of days without a row between the first and the last; 0: none may be missing.'),
};

const leastToMost = <S extends z.ZodType<{ least?: number | undefined; most?: number | undefined }>>(schema: S) =>
  schema.refine((r) => r.least === undefined || r.most === undefined || r.least <= r.most, {
    path: ['least'],
    message: 'must not be above most',
    params: { remedy: 'Swap them or widen the range.' },
  });

/** Rows per day of times that need not be named. */
export const daysSchema = leastToMost(z.strictObject(days));
const perDay = leastToMost(
  z.strictObject({ column: column.default('time').describe('Column of times; days are UTC.'), ...days }),
);

export const driftLimits = {
  maxPsi: z
    .number()
    .min(0)
    .optional()
    .describe(
      "Largest population stability index of a column against the champion's training data. By custom 0.1 is " +
        'worth a look and 0.25 a shift.',
    ),
  maxKs: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Largest Kolmogorov-Smirnov distance of a number, or of a text's length."),
};
const drift = z.strictObject({
  ...driftLimits,
  columns: z.array(column).min(1).optional().describe('Columns to compare; all but times when left out.'),
});

/** What to do where a rule is broken. */
export const onBrokenRulesSchema = z
  .enum(['wait', 'abort'])
  .default('wait')
  .describe('wait: halts for a decision by "tradewind decide". abort: the run fails.');

export const tableRulesSchema = z
  .strictObject({
    minRows: z.int().min(1).default(1),
    columns: z.record(column, columnRulesSchema).default({}).describe('Rules by column.'),
    perDay: perDay.optional(),
    drift: drift.optional(),
  })
  .prefault({});
export type TableRules = z.output<typeof tableRulesSchema>;
export type TableRulesInput = z.input<typeof tableRulesSchema>;
