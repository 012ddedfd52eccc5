/** Sections that the specs of all tasks share. */
import { z } from 'zod';
import { cutOffPattern, isDate } from './cut-offs.ts';
import { modelNamePattern } from './names.ts';
import type { Parameter, ParameterTable } from './parameters.ts';
import { parameterValueSchema, searchSchema } from './search.ts';
import { mostWarmStudies, samplerNames, samplersThatLearn, studyIdPattern, type SamplerName } from './studies.ts';

export const cutOffSchema = z
  .string()
  .regex(cutOffPattern, 'must be a date written YYYY-MM-DD, or days before the end of the data, written -31d')
  .refine((text) => !isDate(text) || isOfCalendar(text), 'must be a date of the calendar');

/** `Date.parse` takes February 30 for March 1. */
function isOfCalendar(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
}

export const location = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .describe('A path (relative to the spec file), a glob, s3://bucket/key or https:// address; or a list of them.');

export const fileFormat = z.enum(['csv', 'parquet', 'ndjson']);

export const source = <C extends z.ZodRawShape>(columns: C) =>
  z.strictObject({
    path: location,
    format: fileFormat.optional().describe('Found from the file name when left out.'),
    columns: z.strictObject(columns).describe('Which column of the source plays which role.'),
  });

const column = z.string().min(1);

export const datasetName = z.string().regex(modelNamePattern).describe('What to call the data set in the Web UI.');

export const interactionsSource = source({
  user: column.describe('Who.'),
  item: column.describe('Bought, viewed or rated what.'),
  time: column.describe('When: a timestamp or a date.'),
  quantity: column.optional().describe('How many; rows with a quantity of 0 or less are returns.'),
  value: column.optional().describe('Money spent.'),
  basket: column.optional().describe('Order or session; repeated rows within one are one event.'),
});

export const itemsSource = source({
  item: column,
  title: column.optional(),
  category: column.optional(),
  department: column.optional(),
}).optional();

/** Keys that every spec begins with. */
export const headShape = {
  model: z
    .string()
    .regex(modelNamePattern, 'must be 1 to 63 lower-case letters, digits or hyphens')
    .describe('Name of the model in the registry and in URLs.'),
  description: z.string().optional(),
};

function optionalShape<S extends z.ZodType>(table: ParameterTable, of: (parameter: Parameter) => S) {
  return z.strictObject(Object.fromEntries(Object.entries(table).map(([name, p]) => [name, of(p).optional()])));
}

export const seedSchema = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .describe('Everything random derives from it.');

/** One of several algorithms, with its own parameters. */
export function candidateSchemaOf<N extends string>(
  tables: Readonly<Record<N, { title: string; parameters: ParameterTable }>>,
) {
  const schemas = (Object.keys(tables) as N[]).map((name) => {
    const { title, parameters } = tables[name];
    return z
      .strictObject({
        algorithm: z.literal(name),
        parameters: optionalShape(parameters, parameterValueSchema)
          .optional()
          .describe('Fixed parameters; the rest takes its default or is searched.'),
        search: optionalShape(parameters, searchSchema).optional().describe('Ranges that tuning searches.'),
      })
      .refine((c) => !Object.keys(c.search ?? {}).some((key) => key in (c.parameters ?? {})), {
        path: ['search'],
        message: 'must not name a parameter that "parameters" fixes',
        params: { remedy: 'Take it out of one of the two.' },
      })
      .describe(title);
  });
  return z.discriminatedUnion('algorithm', schemas as [(typeof schemas)[0], ...typeof schemas]);
}

/** What every study may be told. What ends trials early is the business of tasks whose trials learn in steps. */
export const tuningShape = {
  trials: z.int().min(1).max(100_000).default(20).describe('Trials over all candidates that search something.'),
  parallel: z.int().min(1).max(64).default(2).describe('Trials in flight.'),
  sampler: z.enum(samplerNames).default('tpe'),
  candidates: z
    .enum(['even', 'joint'])
    .default('even')
    .describe('even: each candidate gets its share of the trials. joint: the sampler chooses the candidate too.'),
  patience: z.int().min(1).optional().describe('Ends after so many trials without improvement.'),
  warmStart: z
    .union([
      z.enum(['none', 'previous']),
      z
        .array(z.string().regex(studyIdPattern, 'must be the workflow id of a study or of its run'))
        .min(1)
        .max(mostWarmStudies),
    ])
    .default('none')
    .describe('Whose trials the sampler knows from the start. previous: those that made the champion; or ids of runs.'),
  timeoutMinutes: z.number().min(1).default(60).describe('Time limit of the study.'),
};

interface WarmTuning {
  sampler: SamplerName;
  warmStart: 'none' | 'previous' | string[];
}

/** A rule across keys of `tuning`, as `refine` takes it. */
type Refinement = [(tuning: WarmTuning) => boolean, { path: string[]; message: string; params: { remedy: string } }];

export const warmStartIsHeard: Refinement = [
  ({ sampler, warmStart }: WarmTuning) => warmStart === 'none' || samplersThatLearn.includes(sampler),
  {
    path: ['warmStart'],
    message: 'must be none with a sampler that looks at no earlier trial',
    params: { remedy: `Take the sampler ${samplersThatLearn.join(' or ')}, or begin cold.` },
  },
];

export const warmStartsOnce: Refinement = [
  ({ warmStart }: WarmTuning) => !Array.isArray(warmStart) || new Set(warmStart).size === warmStart.length,
  {
    path: ['warmStart'],
    message: 'must not name the same study twice',
    params: { remedy: 'Remove one of the two.' },
  },
];

export const computeShape = {
  compute: z
    .strictObject({
      device: z.enum(['cpu', 'gpu']).default('cpu'),
      gpuWaitSeconds: z
        .number()
        .min(1)
        .default(10)
        .describe('How long work waits for a GPU worker before a CPU takes it.'),
    })
    .prefault({}),
  release: z
    .strictObject({
      approval: z.enum(['automatic', 'manual']).default('automatic').describe('manual: waits for `tradewind approve`.'),
    })
    .prefault({}),
};
