/** `tradewind recommend <user>`: asks the deployed model, as an application would. */
import { InvalidArgumentError, type Command } from 'commander';
import { apiGet } from '../api-client.ts';
import { addExamples } from '../help.ts';
import { requireStack, stackEnvironment } from '../stack/connection.ts';
import { printJson, style, table } from '../terminal.ts';

interface Options {
  k: number;
  model?: string;
  lane?: string;
  json?: boolean;
}

interface Answer {
  model: string;
  version: number;
  known: boolean;
  items: { rank: number; id: string; title?: string; score: number }[];
}

export function register(program: Command): void {
  const command = program
    .command('recommend')
    .description('ask the deployed model for a user')
    .argument('<user>', 'id of the user, as the data spells it')
    .option('-k <number>', 'how many items', positive, 10)
    .option('-m, --model <name>', 'which model, when several are served')
    .option('--lane <lane>', 'discovery leaves out what the user has; repeat does not')
    .option('--json', 'print the answer as it came')
    .action(recommend);
  addExamples(command, [
    ['tradewind recommend 1 -k 5', 'five items for the user 1'],
    ['tradewind recommend nobody --json', 'an unknown user gets what is popular'],
  ]);
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be an integer of at least 1.');
  return value;
}

async function recommend(user: string, { k, model, lane, json }: Options): Promise<void> {
  const state = await requireStack();
  const query = new URLSearchParams({ k: String(k), ...(model ? { model } : {}), ...(lane ? { lane } : {}) });
  const path = `/v1/recommendations/${encodeURIComponent(user)}?${query.toString()}`;
  const answer = await apiGet<Answer>(path, stackEnvironment(state));
  if (json) return printJson(answer);
  console.log(
    `${style.bold(`${answer.model} v${answer.version}`)} for ${user}${answer.known ? '' : ', whom it does not know: what is popular'}`,
  );
  console.log(
    table(
      [
        { title: '', align: 'right' },
        { title: 'item' },
        { title: 'title', flexible: true },
        { title: 'score', align: 'right' },
      ],
      answer.items.map((item) => [String(item.rank), item.id, item.title ?? '', item.score.toFixed(4)]),
    ),
  );
}
