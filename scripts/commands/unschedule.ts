/** `tradewind unschedule <model>`: ends a model's schedule; what runs goes on. */
import type { Command } from 'commander';
import { ScheduleNotFoundError } from '@temporalio/client';
import { addExamples } from '../help.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { workflowIds } from '../../contracts/names.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';
import { printJson } from '../terminal.ts';

export function register(program: Command): void {
  const command = program
    .command('unschedule')
    .description("end a model's schedule; a run under way goes on")
    .argument('<model>', 'name of the model')
    .option('--json', 'print one JSON object')
    .action(unschedule);
  addExamples(command, [['tradewind unschedule grocery-discovery', 'stop retraining; the champion stays']]);
}

async function unschedule(model: string, options: { json?: boolean }): Promise<void> {
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const scheduleId = workflowIds.schedule(model);
    await client.schedule
      .getHandle(scheduleId)
      .delete()
      .catch((error: unknown) => {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
        throw new TradewindError('USAGE', {
          subject: `The model "${model}"`,
          rule: 'have a schedule',
          remedy: '"tradewind schedules" lists them.',
        });
      });
    if (options.json) printJson({ scheduleId, model, deleted: true });
    else console.log(`deleted the schedule ${scheduleId}`);
  } finally {
    await connection.close();
  }
}
