/** `tradewind schedule <spec> --cron …`: retrains by Temporal's schedules and deploys only what beats the champion. */
import type { Command } from 'commander';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { addExamples } from '../help.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { workflowIds } from '../../contracts/names.ts';
import { rootFailure } from '../runs/failures.ts';
import { linksOf } from '../runs/links.ts';
import { lifecycleStart } from '../runs/start.ts';
import { checkLocalSources, loadSpec } from '../spec-file.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';
import { printJson } from '../terminal.ts';

interface Options {
  cron: string;
  timezone: string;
  paused?: boolean;
  now?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('schedule')
    .description('retrain on a schedule; deploys only what beats the champion')
    .argument('<spec>', 'a pipeline spec')
    .requiredOption('--cron <expression>', 'when, as five cron fields or @daily and the like')
    .option('--timezone <name>', 'time zone of the expression', 'UTC')
    .option('--paused', 'create it paused')
    .option('--now', 'also run once at once')
    .option('--json', 'print one JSON object')
    .action(schedule);
  addExamples(command, [
    ['tradewind schedule pipelines/grocery-discovery.yaml --cron "0 4 * * 1"', 'every Monday at four'],
    [
      'tradewind schedule my-shop.yaml --cron @daily --timezone Europe/Berlin --now',
      'every midnight in Berlin, and once now',
    ],
  ]);
  command.addHelpText(
    'after',
    `\nA model has one schedule: scheduling it again replaces the earlier one. The spec
is read now; run the command again after changing it.`,
  );
}

async function schedule(path: string, options: Options): Promise<void> {
  const loaded = await loadSpec(path);
  await checkLocalSources(loaded.spec);
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const { model } = loaded.spec;
    const scheduleId = workflowIds.schedule(model);
    const { workflowType, ...start } = lifecycleStart(loaded, linksOf(state));
    const action = {
      type: 'startWorkflow' as const,
      workflowType,
      ...start,
      // Temporal appends the planned time, so each run has an id of its own.
      workflowId: workflowIds.lifecycle(model, 'scheduled'),
      // The server keeps calendars, not the expression that they came from.
      memo: { cron: options.cron, timezone: options.timezone, specDigest: loaded.specDigest },
    };
    const definition = {
      spec: { cronExpressions: [options.cron], timezone: options.timezone },
      action,
      // A retraining that takes longer than its interval is followed by one run, not by a queue of them.
      policies: { overlap: ScheduleOverlapPolicy.BUFFER_ONE, catchupWindow: '1 day' },
      state: {
        paused: options.paused ?? false,
        note: `by "tradewind schedule"; spec ${loaded.specDigest.slice(0, 12)}`,
      },
    };
    let replaced = false;
    try {
      await client.schedule.create({ scheduleId, ...definition });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw refusalOf(error, options.cron);
      await client.schedule
        .getHandle(scheduleId)
        .update(() => definition)
        .catch((cause: unknown) => {
          throw refusalOf(cause, options.cron);
        });
      replaced = true;
    }
    const handle = client.schedule.getHandle(scheduleId);
    if (options.now) await handle.trigger();
    const { info } = await handle.describe();
    const next = info.nextActionTimes[0];
    if (options.json) {
      printJson({ scheduleId, model, cron: options.cron, timezone: options.timezone, replaced, next: next ?? null });
    } else {
      console.log(
        `${replaced ? 'replaced' : 'created'} the schedule ${scheduleId}: ${options.cron} (${options.timezone})`,
      );
      console.log(options.paused ? 'paused' : `next run ${next?.toISOString() ?? 'never'}`);
    }
  } finally {
    await connection.close();
  }
}

function refusalOf(error: unknown, cron: string): unknown {
  const { message } = rootFailure(error);
  if (!/cron|calendar|time ?zone|spec/i.test(message)) return error;
  return new TradewindError('USAGE', {
    subject: 'The option --cron',
    rule: 'be five cron fields, or @hourly, @daily, @weekly, @monthly, @yearly, in a known time zone',
    value: `"${cron}" (${message})`,
    remedy: 'For example --cron "0 4 * * 1" for Mondays at four.',
  });
}
