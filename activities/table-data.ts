/** Data stages of classifiers and regressors: fetched and pinned by digest here, computed by DuckDB in a compute process. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { BlobRef } from '../contracts/artifacts.ts';
import type { StageTiming } from '../contracts/lifecycle.ts';
import type {
  BehaviourRequest,
  BehaviourResult,
  CleanTableRequest,
  CleanTableResult,
  IngestTableRequest,
  IngestTableResult,
  SplitTableRequest,
  SplitTableResult,
  ValidateTableRequest,
  ValidateTableResult,
} from '../contracts/table-lifecycle.ts';
import { dataDigest, resolveSources } from '../data/sources.ts';
import { beatOf } from './beat.ts';
import { codeVersion } from './code-version.ts';
import { contentsOf, filesOf, storedQuarantine } from './data.ts';
import type { Dependencies } from './dependencies.ts';
import { driftNote, driftReference } from './drift-reference.ts';
import { runTask } from './run-task.ts';
import { sourceFetchers } from './source-fetchers.ts';
import { cached } from './step-cache.ts';
import { taskFiles } from './task-files.ts';
import type {
  BehaviourInput,
  CleanTableInput,
  IngestTableInput,
  SplitTableInput,
  ValidateTableInput,
  ValidateTableOutput,
} from './tasks/tables.ts';
import type { BehaviourTable } from '../data/behaviour.ts';
import type { TableCleaningReport } from '../data/clean-table.ts';
import type { TableIngest } from '../data/ingest-table.ts';
import type { SplitSummary } from '../data/split-summary.ts';

const rooms = ['compute', 'data'] as const;
/** Of a kind; the rest is in the report. */
const warningsTold = 20;

export function tableDataActivities(deps: Dependencies) {
  const { store, registry, cores } = deps;
  const fetchers = sourceFetchers(store);

  async function storedIfThere(folder: string, name: string): Promise<BlobRef | undefined> {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    return found && store.putFile(path, name);
  }

  return {
    async ingestTable({ data }: IngestTableRequest): Promise<IngestTableResult> {
      const { path, format, columns, target, reading } = data.table!;
      const folder = await mkdtemp(join(tmpdir(), 'tradewind-sources-'));
      try {
        const context = Context.current();
        beatOf(context).note = 'fetching';
        const files = await resolveSources(path, { fetchers, signal: context.cancellationSignal, folder });
        const key = {
          stage: 'ingest-table',
          code: codeVersion(rooms),
          inputs: { files: contentsOf(files), format, columns, target, reading },
        };
        return await cached(store, key, () =>
          runTask<IngestTableInput, TableIngest, Omit<IngestTableResult, keyof StageTiming>>(
            deps,
            {
              file: 'tables.ts',
              name: 'ingest',
              input: { source: { ...filesOf(files), format }, columns, target, reading },
              threads: cores,
              label: `ingest ${data.name}`,
            },
            async (output, workDir) => {
              const unreadable =
                output.quarantined > 0 ? await storedIfThere(workDir, taskFiles.unreadable) : undefined;
              return {
                table: await store.putFile(join(workDir, taskFiles.table), taskFiles.table),
                columns: output.columns,
                rows: output.rows,
                repairs: summed(output.repairs),
                ...(unreadable && { unreadable }),
                warnings: output.warnings.slice(0, warningsTold),
                dataDigest: dataDigest(files),
              };
            },
          ),
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },

    async makeBehaviour({ interactions, items, behaviour }: BehaviourRequest): Promise<BehaviourResult> {
      const key = {
        stage: 'behaviour',
        code: codeVersion(rooms),
        inputs: { interactions: interactions.digest, items: items?.digest, behaviour },
      };
      return cached(store, key, async () => {
        const [path, itemsPath] = await Promise.all([store.fetch(interactions), items && store.fetch(items)]);
        return runTask<BehaviourInput, BehaviourTable, Omit<BehaviourResult, keyof StageTiming>>(
          deps,
          {
            file: 'tables.ts',
            name: 'behaviour',
            input: { interactions: path, items: itemsPath, behaviour },
            threads: cores,
            label: 'behaviour',
          },
          async (output, workDir) => ({
            table: await store.putFile(join(workDir, taskFiles.table), taskFiles.table),
            columns: output.columns,
            rows: output.rows,
            users: output.users,
            target: output.target!,
            horizonDays: output.horizonDays,
            cutOffs: output.cutOffs.map(({ cutOff }) => cutOff),
            warnings: output.warnings.slice(0, warningsTold),
          }),
        );
      });
    },

    async validateTable(request: ValidateTableRequest): Promise<ValidateTableResult> {
      const { table, columns, model, rules } = request;
      const reference = rules.drift && (await driftReference(registry, model));
      const key = {
        stage: 'validate-table',
        code: codeVersion(rooms),
        inputs: { table: table.digest, columns, rules, reference: reference?.profile.digest },
      };
      return cached(store, key, async () => {
        const input = {
          table: await store.fetch(table),
          columns,
          rules,
          ...(reference && {
            reference: { path: await store.fetch(reference.profile), digest: reference.profile.digest },
          }),
        };
        return runTask<ValidateTableInput, ValidateTableOutput, Omit<ValidateTableResult, keyof StageTiming>>(
          deps,
          { file: 'tables.ts', name: 'validate', input, threads: cores, label: 'validate' },
          async ({ quarantined, ...output }, workDir) => ({
            ...output,
            warnings: [...output.warnings, ...driftNote(rules.drift !== undefined, reference)],
            report: await store.putFile(join(workDir, taskFiles.validation), taskFiles.validation),
            profile: await store.putFile(join(workDir, taskFiles.profile), taskFiles.profile),
            ...(quarantined && { quarantine: await storedQuarantine(store, workDir, quarantined) }),
          }),
        );
      });
    },

    async cleanTable({
      table,
      columns,
      target,
      task,
      cleaning,
      features,
    }: CleanTableRequest): Promise<CleanTableResult> {
      const key = {
        stage: 'clean-table',
        code: codeVersion(rooms),
        inputs: { table: table.digest, columns, target, task, cleaning, features },
      };
      return cached(store, key, async () => {
        const input = { table: await store.fetch(table), target, task, cleaning, features };
        return runTask<CleanTableInput, TableCleaningReport, Omit<CleanTableResult, keyof StageTiming>>(
          deps,
          { file: 'tables.ts', name: 'clean', input, threads: cores, label: 'clean' },
          async (output, workDir) => {
            const dropped = await storedIfThere(workDir, taskFiles.dropped);
            return {
              table: await store.putFile(join(workDir, taskFiles.table), taskFiles.table),
              rows: output.rows,
              dropped: output.dropped,
              merged: output.merged,
              contradicting: output.contradicting,
              ...(dropped && { droppedRows: dropped }),
            };
          },
        );
      });
    },

    async splitTable({ table, split, ...about }: SplitTableRequest): Promise<SplitTableResult> {
      const { target, task, gapDays, seed, features, lastDay } = about;
      const context = {
        target,
        task,
        seed,
        features,
        ...(gapDays !== undefined && { gapDays }),
        ...(lastDay && { lastDay }),
      };
      const key = { stage: 'split-table', code: codeVersion(rooms), inputs: { table: table.digest, split, context } };
      return cached(store, key, async () => {
        const input = { table: await store.fetch(table), split, about: context };
        return runTask<SplitTableInput, SplitSummary, Omit<SplitTableResult, keyof StageTiming>>(
          deps,
          { file: 'tables.ts', name: 'split', input, threads: cores, label: 'split' },
          async (output, workDir) => ({
            split: await store.putFile(join(workDir, taskFiles.split), taskFiles.split),
            summary: await store.putFile(join(workDir, taskFiles.splitSummary), taskFiles.splitSummary),
            rows: {
              train: output.parts.train.rows,
              validation: output.parts.validation.rows,
              test: output.parts.test.rows,
              learning: output.learning.rows,
            },
            folds: output.folds.length,
            comparisonOnly: output.comparisonOnly === true,
            classes: output.classes,
            warnings: output.warnings.slice(0, warningsTold),
          }),
        );
      });
    },
  };
}

function summed(repairs: TableIngest['repairs']): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { repair, count } of repairs) counts[repair] = (counts[repair] ?? 0) + count;
  return counts;
}
