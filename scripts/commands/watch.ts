/** `tradewind watch <workflow>`: shows a run that was started elsewhere, running or ended. */
import type { Command } from 'commander';
import { addExamples } from '../help.ts';
import { linksOf, workflowUrl } from '../runs/links.ts';
import { requireWorkflow } from '../runs/find.ts';
import { watchRun } from '../runs/watch-run.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';

export function register(program: Command): void {
  const command = program
    .command('watch')
    .description('show a run, running or ended')
    .argument('<workflow>', 'the id that "tradewind run" printed, or the name of a model for its last run')
    .option('--json', 'print one JSON object when it ends')
    .action(watch);
  addExamples(command, [
    ['tradewind watch grocery-discovery', 'the last run of the model'],
    ['tradewind watch lifecycle/grocery-discovery/20261123-171400-a1b2', 'one run by its id'],
  ]);
}

async function watch(workflow: string, options: { json?: boolean }): Promise<void> {
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const workflowId = await requireWorkflow(client, workflow, 'modelLifecycle');
    const url = workflowUrl(linksOf(state), workflowId);
    if (!options.json) console.log(workflowId);
    await watchRun({ client, state, workflowId, url, json: options.json ?? false });
  } finally {
    await connection.close();
  }
}
