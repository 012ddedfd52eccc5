/** `tradewind run <spec>`: starts a lifecycle; with `--wait` shows it to its end. */
import { InvalidArgumentError, type Command } from 'commander';
import { canonicalJson, sha256 } from '../../contracts/canonical.ts';
import { addExamples } from '../help.ts';
import { linksOf, workflowUrl } from '../runs/links.ts';
import { watchRun } from '../runs/watch-run.ts';
import { lifecycleStart, newLifecycleId } from '../runs/start.ts';
import { checkLocalSources, loadSpec, type LoadedSpec } from '../spec-file.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';
import { printJson, style } from '../terminal.ts';

interface Options {
  wait?: boolean;
  json?: boolean;
  seed?: number;
}

export function register(program: Command): void {
  const command = program
    .command('run')
    .description('start the lifecycle of a pipeline spec')
    .argument('<spec>', 'a pipeline spec, e.g. pipelines/grocery-discovery.yaml')
    .option('-w, --wait', 'show the stages until the run ends; exit 1 if it fails')
    .option('--seed <number>', 'a seed in place of the one in the spec', seedOf)
    .option('--json', 'print one JSON object')
    .action(run);
  addExamples(command, [
    [
      'tradewind run pipelines/grocery-discovery.yaml --wait',
      'show the stages, then the candidates, the version and a curl line',
    ],
    ['tradewind run my-shop.yaml --json', 'start it and print its workflow id'],
    ['tradewind run my-shop.yaml --seed 7 --wait', 'the same data, other random numbers'],
  ]);
  command.addHelpText('after', `\nCtrl-C while waiting leaves the run going; "tradewind watch" shows it again.`);
}

function seedOf(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 31) {
    throw new InvalidArgumentError('It must be an integer in [0, 2147483647].');
  }
  return value;
}

/** Another seed makes another spec, with a digest of its own. */
function withSeed(loaded: LoadedSpec, seed: number | undefined): LoadedSpec {
  if (seed === undefined || seed === loaded.spec.seed) return loaded;
  return {
    spec: { ...loaded.spec, seed },
    specDigest: sha256(canonicalJson({ spec: loaded.specDigest, seed })),
  };
}

async function run(path: string, options: Options): Promise<void> {
  const loaded = withSeed(await loadSpec(path), options.seed);
  await checkLocalSources(loaded.spec);
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const links = linksOf(state);
    const { workflowType, ...start } = lifecycleStart(loaded, links);
    const workflowId = newLifecycleId(loaded.spec.model);
    const handle = await client.workflow.start(workflowType, { ...start, workflowId });
    const url = workflowUrl(links, workflowId);
    if (!options.json) {
      console.log(`${style.bold(loaded.spec.model)} started as ${workflowId}`);
      if (url) console.log(style.dim(url));
    }
    if (options.wait) {
      await watchRun({ client, state, workflowId, url, json: options.json ?? false });
    } else if (options.json) {
      printJson({ workflowId, runId: handle.firstExecutionRunId, url });
    } else {
      console.log(`\nSee it with: tradewind watch ${workflowId}`);
    }
  } finally {
    await connection.close();
  }
}
