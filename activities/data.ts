/** Data stages: fetched and pinned by digest here, computed by DuckDB in a compute process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { Quarantine } from '../contracts/data-decision.ts';
import type {
  CleanRequest,
  CleanResult,
  IngestRequest,
  IngestResult,
  SplitPart,
  SplitRequest,
  SplitResult,
  ValidateRequest,
  ValidateResult,
} from '../contracts/lifecycle.ts';
import type { SplitFiles } from '../data/split.ts';
import { dataDigest, resolveSources, type SourceFile } from '../data/sources.ts';
import type { ArtifactStore } from '../store/artifact-store.ts';
import { beatOf } from './beat.ts';
import { codeVersion } from './code-version.ts';
import type { Dependencies } from './dependencies.ts';
import { driftNote, driftReference } from './drift-reference.ts';
import { runTask } from './run-task.ts';
import { sourceFetchers } from './source-fetchers.ts';
import { cached } from './step-cache.ts';
import { taskFiles } from './task-files.ts';
import type {
  CleanInput,
  CleanOutput,
  IngestInput,
  IngestOutput,
  SplitInput,
  SplitOutput,
  ValidateInput,
  ValidateOutput,
} from './tasks/data.ts';

const rooms = ['compute', 'data'] as const;

export function dataActivities(deps: Dependencies) {
  const { store, registry, cores } = deps;
  const fetchers = sourceFetchers(store);

  return {
    async ingest({ data }: IngestRequest): Promise<IngestResult> {
      const folder = await mkdtemp(join(tmpdir(), 'tradewind-sources-'));
      try {
        const context = Context.current();
        beatOf(context).note = 'fetching';
        const options = { fetchers, signal: context.cancellationSignal };
        const interactions = await resolveSources(data.interactions.path, {
          ...options,
          folder: join(folder, 'interactions'),
        });
        const items =
          data.items && (await resolveSources(data.items.path, { ...options, folder: join(folder, 'items') }));
        const { columns, format } = data.interactions;
        const key = {
          stage: 'ingest',
          code: codeVersion(rooms),
          inputs: {
            interactions: { files: contentsOf(interactions), columns, format },
            items: items && { files: contentsOf(items), columns: data.items?.columns, format: data.items?.format },
          },
        };
        return await cached(store, key, () =>
          runTask<IngestInput, IngestOutput, Omit<IngestResult, 'cached' | 'milliseconds'>>(
            deps,
            {
              file: 'data.ts',
              name: 'ingest',
              input: {
                interactions: { ...filesOf(interactions), columns, format },
                ...(items && data.items
                  ? {
                      items: {
                        ...filesOf(items),
                        columns: data.items.columns,
                        format: data.items.format,
                      },
                    }
                  : {}),
              },
              threads: cores,
              label: `ingest ${data.name}`,
            },
            async (output, workDir) => ({
              interactions: await store.putFile(join(workDir, taskFiles.interactions), taskFiles.interactions),
              ...(items ? { items: await store.putFile(join(workDir, taskFiles.items), taskFiles.items) } : {}),
              rows: output.rows,
              emptyFiles: output.emptyFiles.length,
              itemRows: output.itemRows,
              dataDigest: dataDigest([...interactions, ...(items ?? [])]),
            }),
          ),
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },

    async validate({ interactions, rules, model }: ValidateRequest): Promise<ValidateResult> {
      const reference = rules.drift && (await driftReference(registry, model));
      const key = {
        stage: 'validate',
        code: codeVersion(rooms),
        inputs: { interactions: interactions.digest, rules, reference: reference?.profile.digest },
      };
      return cached(store, key, async () => {
        const input = {
          interactions: await store.fetch(interactions),
          rules,
          ...(reference && {
            reference: { path: await store.fetch(reference.profile), digest: reference.profile.digest },
          }),
        };
        return runTask<ValidateInput, ValidateOutput, Omit<ValidateResult, 'cached' | 'milliseconds'>>(
          deps,
          { file: 'data.ts', name: 'validate', input, threads: cores, label: 'validate' },
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

    async clean({ interactions, items, preparation }: CleanRequest): Promise<CleanResult> {
      const { dropReturns, maxEventsPerUserPerDay } = preparation;
      const rules = { dropReturns, maxEventsPerUserPerDay };
      const key = {
        stage: 'clean',
        code: codeVersion(rooms),
        inputs: { interactions: interactions.digest, items: items?.digest, rules },
      };
      return cached(store, key, async () => {
        const [path, itemsPath] = await Promise.all([store.fetch(interactions), items && store.fetch(items)]);
        const input = { interactions: path, items: itemsPath, rules };
        return runTask<CleanInput, CleanOutput, Omit<CleanResult, 'cached' | 'milliseconds'>>(
          deps,
          { file: 'data.ts', name: 'clean', input, threads: cores, label: 'clean' },
          async (output, workDir) => ({
            ...output,
            interactions: await store.putFile(join(workDir, taskFiles.cleaned), taskFiles.cleaned),
            profile: await store.putFile(join(workDir, taskFiles.profile), taskFiles.profile),
          }),
        );
      });
    },

    async split({ interactions, preparation, split }: SplitRequest): Promise<SplitResult> {
      const { minUsersPerItem, minItemsPerUser } = preparation;
      const rules = { minUsersPerItem, minItemsPerUser };
      const key = {
        stage: 'split',
        code: codeVersion(rooms),
        inputs: { interactions: interactions.digest, rules, split },
      };
      return cached(store, key, async () => {
        const input = { interactions: await store.fetch(interactions), rules, split };
        return runTask<SplitInput, SplitOutput, Omit<SplitResult, 'cached' | 'milliseconds'>>(
          deps,
          { file: 'data.ts', name: 'split', input, threads: cores, label: 'split' },
          async (output) => {
            const part = async ({ train, heldOut, ...counts }: SplitFiles): Promise<SplitPart> => ({
              train: await store.putFile(train, 'train.safetensors'),
              heldOut: await store.putFile(heldOut, 'held-out.safetensors'),
              ...counts,
            });
            return { tuning: await part(output.tuning), final: await part(output.final) };
          },
        );
      });
    },
  };
}

/** What a validation has left of rows that break a rule. */
export async function storedQuarantine(
  store: ArtifactStore,
  workDir: string,
  { count, lastDay }: { count: number; lastDay?: string },
): Promise<Quarantine> {
  const put = (name: string) => store.putFile(join(workDir, name), name);
  return {
    rows: await put(taskFiles.quarantine),
    count,
    good: await put(taskFiles.good),
    profile: await put(taskFiles.goodProfile),
    ...(lastDay !== undefined && { lastDay }),
  };
}

/** What was fetched lies in a folder of the moment; messages call it by the name that the spec gave. */
export function filesOf(files: readonly SourceFile[]): { files: string[]; names: string[] } {
  return { files: files.map((f) => f.path), names: files.map((f) => f.location) };
}

/** Names and places of files do not belong in a key; their bytes and, for the format, their endings do. */
export function contentsOf(files: readonly SourceFile[]): { digest: string; ending: string }[] {
  return files.map(({ digest, location }) => ({ digest, ending: /\.[^/]*$/.exec(location)?.[0] ?? '' }));
}
