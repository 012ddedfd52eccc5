/** `tradewind down`: stops the local stack; `--purge` also deletes what it keeps. */
import { relative } from 'node:path';
import type { Command } from 'commander';
import { addExamples } from '../help.ts';
import { homeFolder } from '../stack/home.ts';
import { StackProgress } from '../stack/progress.ts';
import { purge, tearDown, type TornDown } from '../stack/tear-down.ts';
import { printJson, style } from '../terminal.ts';

interface DownOptions {
  purge?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('down')
    .summary('Stop the local stack')
    .description(
      'Stop everything that "tradewind up" started: the inference server, the workers once their tasks have had a ' +
        'moment to end, Temporal, S3. Histories, models and keys stay for the next "up".',
    )
    .option('--purge', 'also delete all state: workflow histories, models, keys, logs')
    .option('--json', 'print what was done as JSON')
    .action(down);
  addExamples(command, [
    ['tradewind down', 'stop the stack; the next "up" finds its histories and models again'],
    ['tradewind down --purge', 'stop it and start from nothing next time'],
  ]);
}

const told: Record<TornDown, string> = {
  stopped: 'The stack is down.',
  orphans: 'Its supervisor had been killed; the processes that it left are ended. The stack is down.',
  'was-down': 'The stack was down already.',
};

async function down(options: DownOptions): Promise<void> {
  const home = homeFolder();
  const here = relative(process.cwd(), home);
  const place = here.startsWith('..') || here === '' ? home : here;
  const progress = options.json ? undefined : new StackProgress('stopped');
  let outcome: TornDown;
  try {
    outcome = await tearDown(home, progress === undefined ? undefined : (state) => progress.show(state));
  } finally {
    progress?.end();
  }
  const left = options.purge ? purge(home) : undefined;
  if (options.json) {
    printJson({ outcome, home, purged: options.purge === true, ...(left === undefined ? {} : { left }) });
    return;
  }
  console.log(style.bold(told[outcome]));
  if (left === undefined) console.log(style.dim(`Its state stays in ${place}; "tradewind down --purge" deletes it.`));
  else if (left.length === 0) console.log(`Its state, ${place}, is deleted.`);
  else console.log(`Its state is deleted; ${place} keeps what is not Tradewind's: ${left.join(', ')}.`);
}
