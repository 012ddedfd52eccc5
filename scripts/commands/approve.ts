/** `tradewind approve <workflow>`: decides about a release that waits. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { addExamples } from '../help.ts';
import { TradewindError } from '../../contracts/errors.ts';
import type { ReleaseDecision, ReleaseResult } from '../../contracts/lifecycle.ts';
import { workflowIds } from '../../contracts/names.ts';
import { rootFailure } from '../runs/failures.ts';
import { connectTemporal, requireStack } from '../stack/connection.ts';
import { printJson } from '../terminal.ts';

interface Options {
  reject?: boolean;
  reason?: string;
  by?: string;
  wait?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('approve')
    .description('approve, or reject, a release that waits')
    .argument('<workflow>', 'the id of the run or of its release')
    .option('--reject', 'reject it instead')
    .option('--reason <text>', 'why; kept with the release')
    .option('--by <name>', 'who decides', userInfo().username)
    .option('--no-wait', 'do not wait for the deployment')
    .option('--json', 'print one JSON object')
    .action(approve);
  addExamples(command, [
    ['tradewind approve lifecycle/shop/20261123-171400-a1b2', 'deploy what the run registered'],
    ['tradewind approve lifecycle/shop/20261123-171400-a1b2 --reject --reason "sale"', 'leave the champion as it is'],
  ]);
}

async function approve(workflow: string, options: Options): Promise<void> {
  const state = await requireStack();
  const { client, connection } = await connectTemporal(state);
  try {
    const releaseId = workflow.endsWith('/release') ? workflow : workflowIds.release(workflow);
    const handle = client.workflow.getHandle(releaseId);
    const decision: ReleaseDecision = {
      decision: options.reject ? 'rejected' : 'approved',
      by: options.by ?? userInfo().username,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    };
    await handle.executeUpdate('decide', { args: [decision] }).catch((error: unknown) => {
      throw refusalOf(error, workflow);
    });
    const result = options.wait === false ? undefined : ((await handle.result()) as ReleaseResult);
    if (options.json) {
      printJson({ releaseWorkflowId: releaseId, ...decision, ...(result ? { result } : {}) });
      return;
    }
    console.log(`${decision.decision} by ${decision.by}`);
    const deployment = result?.deployment;
    if (deployment?.state === 'deployed') {
      console.log(
        `${deployment.model} v${deployment.version} is served in place of ${deployment.previousVersion ?? 'nothing'}`,
      );
    } else if (deployment) {
      console.log(
        `${deployment.model} v${deployment.version} is not served (${deployment.state}): ${deployment.reason}`,
      );
      process.exitCode = 1;
    }
  } finally {
    await connection.close();
  }
}

function refusalOf(error: unknown, workflow: string): unknown {
  if (error instanceof WorkflowUpdateFailedError) {
    return new TradewindError('USAGE', {
      subject: `The release of ${workflow}`,
      rule: 'wait for a decision',
      value: rootFailure(error.cause ?? error).message,
      remedy: 'Nothing was changed.',
    });
  }
  if (error instanceof WorkflowNotFoundError) {
    return new TradewindError('USAGE', {
      subject: `A release of ${workflow}`,
      rule: 'wait for a decision',
      value: 'none, or one that has ended',
      remedy: 'A run has one when its spec says "release.approval: manual" and its model beats the champion.',
    });
  }
  return error;
}
