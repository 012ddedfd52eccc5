/** `tradewind decide <workflow>`: what to do with data that breaks a rule of its spec. */
import { userInfo } from 'node:os';
import { Option, type Command } from 'commander';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import {
  dataVerdicts,
  type DataDecision,
  type DataDecisionStatus,
  type DataVerdict,
} from '../../contracts/data-decision.ts';
import { TradewindError } from '../../contracts/errors.ts';
import { addExamples } from '../help.ts';
import { rootFailure } from '../runs/failures.ts';
import { requireWorkflow } from '../runs/find.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';
import { count, facts, printJson, style, terminalWidth, wrap } from '../terminal.ts';

interface Options {
  release?: boolean;
  drop?: boolean;
  abort?: boolean;
  reason?: string;
  by?: string;
  json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('decide')
    .description('show, or decide about, data that breaks a rule of its spec')
    .argument('<workflow>', 'the id of the run, or the name of a model for its last run')
    .addOption(new Option('--release', 'go on with all rows').conflicts(['drop', 'abort']))
    .addOption(new Option('--drop', 'go on without the rows that break a rule').conflicts(['release', 'abort']))
    .addOption(new Option('--abort', 'end the run').conflicts(['release', 'drop']))
    .option('--reason <text>', 'why; kept with the run')
    .option('--by <name>', 'who decides', userInfo().username)
    .option('--json', 'print one JSON object')
    .action(decide);
  const run = 'lifecycle/shop/20261123-171400-a1b2';
  addExamples(command, [
    ['tradewind decide shop', 'which rules are broken, by how many rows'],
    ['tradewind decide shop --drop --reason "test orders"', 'go on without these rows; they are kept'],
    [`tradewind decide ${run} --abort`, 'end the run; nothing is registered'],
  ]);
}

async function decide(given: string, options: Options): Promise<void> {
  const verdict = dataVerdicts.find((name) => options[name]);
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const workflow = await requireWorkflow(client, given, 'modelLifecycle');
    const handle = client.workflow.getHandle(workflow);
    const status = await (
      verdict === undefined
        ? handle.query<DataDecisionStatus | null>('dataDecision')
        : handle.executeUpdate<DataDecisionStatus, [DataDecision]>('decideData', {
            args: [decisionOf(verdict, options)],
          })
    ).catch((error: unknown) => {
      throw refusalOf(error, workflow);
    });
    if (options.json) printJson({ workflowId: workflow, ...(status ?? { state: 'none' }) });
    else console.log(linesOf(status, workflow).join('\n'));
  } finally {
    await connection.close();
  }
}

function decisionOf(decision: DataVerdict, { by, reason }: Options): DataDecision {
  return { decision, by: by ?? userInfo().username, ...(reason === undefined ? {} : { reason }) };
}

const verdictWords: Record<DataVerdict, string> = {
  release: 'released with all rows',
  drop: 'released without the rows that break a rule',
  abort: 'turned down',
};

function linesOf(status: DataDecisionStatus | null, workflow: string): string[] {
  if (status === null) return ['The data has broken no rule so far.'];
  const { dataset, broken, quarantined, report, decision } = status;
  const lines = broken.flatMap((text) =>
    wrap(text, terminalWidth() - 3).map((part, i) => (i === 0 ? `${style.yellow('!')} ${part}` : `  ${part}`)),
  );
  if (quarantined) {
    lines.push('', `${count(quarantined.count)} rows break a rule; they are kept.`);
    lines.push(`Rows     blobs/${quarantined.rows.digest}`);
  }
  lines.push(`Report   blobs/${report.digest}`);
  if (decision === undefined) {
    const ways: (readonly [string, string])[] = [
      ['--release', 'go on with all rows'],
      ...(quarantined ? [['--drop', 'go on without the rows that break a rule'] as const] : []),
      ['--abort', 'end the run'],
    ];
    return [`${style.bold(dataset)} waits for a decision`, ...lines, '', `tradewind decide ${workflow}`, facts(ways)];
  }
  const why = decision.reason === undefined ? '' : `: ${decision.reason}`;
  const [first, ...rest] = wrap(
    `${dataset} was ${verdictWords[decision.decision]} by ${decision.by}${why}`,
    terminalWidth() - 1,
  );
  return [first.replace(dataset, () => style.bold(dataset)), ...rest, ...lines];
}

function refusalOf(error: unknown, workflow: string): unknown {
  if (error instanceof WorkflowUpdateFailedError) {
    return new TradewindError('USAGE', {
      subject: `The run ${workflow}`,
      rule: 'wait for a decision about its data',
      value: rootFailure(error.cause ?? error).message,
      remedy: 'Nothing was changed.',
    });
  }
  if (error instanceof WorkflowNotFoundError) {
    return new TradewindError('USAGE', {
      subject: `The run ${workflow}`,
      rule: 'still run',
      value: 'one that has ended',
      remedy: `"tradewind watch ${workflow}" shows what came of it.`,
    });
  }
  return error;
}
