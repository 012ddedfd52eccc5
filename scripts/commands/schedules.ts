/** `tradewind schedules`: what retrains when. */
import type { Command } from 'commander';
import { addExamples } from '../help.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';
import { printJson, table } from '../terminal.ts';

export function register(program: Command): void {
  const command = program
    .command('schedules')
    .description('list the retraining schedules')
    .option('--json', 'print a JSON list')
    .action(schedules);
  addExamples(command, [['tradewind schedules', 'models, times, the next run of each']]);
}

async function schedules(options: { json?: boolean }): Promise<void> {
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const rows: {
      scheduleId: string;
      model: string;
      cron: string;
      timezone: string;
      paused: boolean;
      next?: Date;
      last?: Date;
    }[] = [];
    for await (const { scheduleId } of client.schedule.list()) {
      if (!scheduleId.startsWith('retrain/')) continue;
      // The list may lag behind a change; the description does not.
      const description = await client.schedule
        .getHandle(scheduleId)
        .describe()
        .catch(() => undefined);
      if (description === undefined) continue;
      const { info, action, state: scheduleState } = description;
      const memo = (action.memo ?? {}) as { cron?: string; timezone?: string };
      rows.push({
        scheduleId,
        model: scheduleId.slice('retrain/'.length),
        cron: memo.cron ?? '–',
        timezone: memo.timezone ?? 'UTC',
        paused: scheduleState.paused,
        ...(info.nextActionTimes[0] ? { next: info.nextActionTimes[0] } : {}),
        ...(info.recentActions.at(-1) ? { last: info.recentActions.at(-1)!.takenAt } : {}),
      });
    }
    if (options.json) {
      printJson(rows);
    } else if (rows.length === 0) {
      console.log('No schedules. Make one with: tradewind schedule <spec> --cron "0 4 * * 1"');
    } else {
      const time = (at: Date | undefined) => at?.toISOString().slice(0, 16).replace('T', ' ') ?? '–';
      console.log(
        table(
          [
            { title: 'model', flexible: true },
            { title: 'when' },
            { title: 'next (UTC)' },
            { title: 'last (UTC)' },
            { title: '' },
          ],
          rows.map((r) => [
            r.model,
            r.timezone === 'UTC' ? r.cron : `${r.cron} (${r.timezone})`,
            time(r.next),
            time(r.last),
            r.paused ? 'paused' : '',
          ]),
        ),
      );
    }
  } finally {
    await connection.close();
  }
}
