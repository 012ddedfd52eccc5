/** Data stages in a compute process: DuckDB is native code, and a file that kills it must not kill the worker. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskContext } from '../../compute/pool/task.ts';
import type { PipelineSpec } from '../../contracts/spec.ts';
import { cleanInteractions } from '../../data/clean.ts';
import {
  ingestInteractions,
  ingestItems,
  type IngestSource,
  type InteractionColumns,
  type ItemColumns,
} from '../../data/ingest.ts';
import { profileInteractions } from '../../data/profile.ts';
import { brokenRules } from '../../data/rule-reports.ts';
import { splitInteractions, type SplitFiles } from '../../data/split.ts';
import { readProfile, writeProfile } from '../../data/table-profile.ts';
import { quarantineInteractions, validateInteractions } from '../../data/validate.ts';
import { taskFiles } from '../task-files.ts';

/** DuckDB spills to disk above its limit, long before the task's process would be ended for its memory. */
const memoryLimitOf = ({ memoryBytes }: TaskContext) => `${Math.min(1024, Math.floor(memoryBytes / 2 / 2 ** 20))}MiB`;

export const optionsOf = (context: TaskContext) => ({
  threads: context.threads,
  memoryLimit: memoryLimitOf(context),
  temporaryFolder: context.workDir,
});

export interface IngestInput {
  interactions: IngestSource<InteractionColumns>;
  items?: IngestSource<ItemColumns>;
}
export interface IngestOutput {
  rows: number;
  emptyFiles: string[];
  itemRows: number;
}

export async function ingest(input: IngestInput, context: TaskContext): Promise<IngestOutput> {
  const options = optionsOf(context);
  const { rows, emptyFiles } = await ingestInteractions(
    input.interactions,
    join(context.workDir, taskFiles.interactions),
    options,
  );
  if (input.items === undefined) return { rows, emptyFiles, itemRows: 0 };
  const items = await ingestItems(input.items, join(context.workDir, taskFiles.items), options);
  return { rows, emptyFiles: [...emptyFiles, ...items.emptyFiles], itemRows: items.rows };
}

export interface ValidateInput {
  interactions: string;
  rules: PipelineSpec['validation'];
  /** Path of a profile, with its digest. */
  reference?: { path: string; digest: string };
}
export interface ValidateOutput {
  rows: number;
  users: number;
  items: number;
  firstDay: string;
  lastDay: string;
  broken: string[];
  quarantined?: { count: number; lastDay?: string };
  warnings: string[];
}

/** Leaves the report, the profile, and where rows break a rule these rows and the events without them. */
export async function validate(input: ValidateInput, context: TaskContext): Promise<ValidateOutput> {
  const { interactions, rules, reference } = input;
  const known = reference && (await readProfile(reference.path, reference.digest));
  const report = await validateInteractions(interactions, rules, known, optionsOf(context));
  await writeFile(join(context.workDir, taskFiles.validation), `${JSON.stringify(report)}\n`);
  await writeProfile(join(context.workDir, taskFiles.profile), report.profile);
  const quarantined = report.breakingRows > 0 ? await setAside(input, context) : undefined;
  const { rows, users, items, firstDay, lastDay, warnings } = report;
  return {
    rows,
    users,
    items,
    firstDay: firstDay ?? '',
    lastDay: lastDay ?? '',
    broken: brokenRules(report.rules, 'The data'),
    ...(quarantined && { quarantined }),
    warnings: warnings.slice(0, 20),
  };
}

async function setAside({ interactions, rules }: ValidateInput, context: TaskContext) {
  const [good, aside, goodProfile] = [taskFiles.good, taskFiles.quarantine, taskFiles.goodProfile].map((name) =>
    join(context.workDir, name),
  );
  const found = await quarantineInteractions(interactions, rules, good, aside, optionsOf(context));
  await writeProfile(goodProfile, found.profile);
  return { count: found.quarantined, lastDay: found.lastDay ?? '' };
}

export interface CleanInput {
  interactions: string;
  /** Parquet of item descriptions. */
  items?: string;
  rules: Pick<PipelineSpec['preparation'], 'dropReturns' | 'maxEventsPerUserPerDay'>;
}
export interface CleanOutput {
  rows: number;
  dropped: Record<string, number>;
}

export async function clean(input: CleanInput, context: TaskContext): Promise<CleanOutput> {
  const out = join(context.workDir, taskFiles.cleaned);
  const { rows, dropped } = await cleanInteractions(input.interactions, input.rules, out, optionsOf(context));
  const profile = await profileInteractions(out, input.items, optionsOf(context));
  await writeFile(join(context.workDir, taskFiles.profile), `${JSON.stringify(profile)}\n`);
  return { rows, dropped };
}

export interface SplitInput {
  interactions: string;
  rules: Pick<PipelineSpec['preparation'], 'minUsersPerItem' | 'minItemsPerUser'>;
  split: PipelineSpec['split'];
}
/** Paths of the files with their counts. */
export interface SplitOutput {
  tuning: SplitFiles;
  final: SplitFiles;
}

export async function split(input: SplitInput, context: TaskContext): Promise<SplitOutput> {
  const spec = { preparation: input.rules, split: input.split };
  return splitInteractions(input.interactions, spec, context.workDir, optionsOf(context));
}
