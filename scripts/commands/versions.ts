/** `tradewind versions <model>`: what is registered, and which of it serves. */
import type { Command } from 'commander';
import { addExamples } from '../help.ts';
import { titleOf } from '../../contracts/algorithm-titles.ts';
import type { VersionManifest } from '../../contracts/artifacts.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { ArtifactStore } from '../../store/artifact-store.ts';
import { ModelRegistry } from '../../store/registry.ts';
import { requireStack, stackEnvironment } from '../stack/connection.ts';
import { printJson, table, style } from '../terminal.ts';

export function register(program: Command): void {
  const command = program
    .command('versions')
    .description('list the versions of a model; without a name, the models')
    .argument('[model]', 'name of the model')
    .option('--json', 'print a JSON list')
    .action(versions);
  addExamples(command, [
    ['tradewind versions', 'the models and their champions'],
    ['tradewind versions grocery-discovery --json', 'all versions with metrics and lineage'],
  ]);
}

async function versions(model: string | undefined, options: { json?: boolean }): Promise<void> {
  const store = ArtifactStore.fromEnvironment(stackEnvironment(await requireStack()));
  const registry = new ModelRegistry(store);
  try {
    if (model === undefined) await listModels(registry, options.json ?? false);
    else await listVersions(registry, store.place, model, options.json ?? false);
  } finally {
    store.close();
  }
}

async function listModels(registry: ModelRegistry, json: boolean): Promise<void> {
  const rows = await Promise.all(
    (await registry.models()).map(async (model) => ({
      model,
      champion: (await registry.alias(model, 'champion'))?.record.version ?? null,
    })),
  );
  if (json) return printJson(rows);
  if (rows.length === 0) return console.log('No models yet. Make one with: tradewind run <spec> --wait');
  console.log(
    table(
      [{ title: 'model' }, { title: 'champion' }],
      rows.map((r) => [r.model, r.champion === null ? '–' : `v${r.champion}`]),
    ),
  );
}

async function listVersions(registry: ModelRegistry, place: string, model: string, json: boolean): Promise<void> {
  const [all, champion] = await Promise.all([registry.versions(model), registry.alias(model, 'champion')]);
  if (all.length === 0) {
    throw new TradewindError('MODEL_NOT_FOUND', {
      subject: `The model "${model}"`,
      rule: `have a version in ${place}`,
      remedy: '"tradewind versions" lists the models.',
    });
  }
  const serving = champion?.record.version;
  if (json) {
    return printJson(
      all.map((v) => ({
        model,
        version: v.version,
        champion: v.version === serving,
        artifactDigest: v.artifactDigest,
        algorithm: v.artifact.algorithm,
        parameters: v.artifact.parameters,
        seed: v.artifact.seed,
        objective: v.objective,
        evaluation: v.evaluation,
        parent: v.parent,
        createdAt: v.createdAt,
        workflowId: v.createdBy.workflowId,
      })),
    );
  }
  console.log(
    table(
      [
        { title: '' },
        { title: '', align: 'right' },
        { title: 'algorithm', wraps: true },
        { title: all[0].objective.metric, align: 'right' },
        { title: 'seed', align: 'right' },
        { title: 'registered (UTC)' },
        { title: 'artifact' },
      ],
      all.map((v) => [
        v.version === serving ? style.green('★') : '',
        `v${v.version}`,
        titleOf(v.artifact.algorithm),
        objectiveOf(v)?.toFixed(4) ?? '–',
        String(v.artifact.seed),
        v.createdAt.slice(0, 16).replace('T', ' '),
        v.artifactDigest.slice(0, 10),
      ]),
    ),
  );
  if (champion)
    console.log(
      `★ champion since ${champion.record.changedAt.slice(0, 16).replace('T', ' ')}: ${champion.record.reason}`,
    );
}

/** What the spec optimised, on rows that the version had not learned from. */
function objectiveOf({ evaluation, objective }: VersionManifest): number | undefined {
  if ('task' in evaluation) return evaluation.objective.value ?? undefined;
  return evaluation[objective.lane ?? 'discovery'].metrics[objective.metric];
}
