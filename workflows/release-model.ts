/** `releaseModel`: waits for approval as long as it takes, then deploys. Left running by its lifecycle. */
import {
  ApplicationFailure,
  condition,
  executeChild,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ReleaseDecision, ReleaseInput, ReleaseResult } from '../contracts/lifecycle.ts';
import { workflowIds } from '../contracts/names.ts';
import { markStage, markSubject } from './attributes.ts';
import { deployModel } from './deploy-model.ts';
import { decideUpdate, releaseQuery, type ReleaseStatus } from './messages.ts';

export async function releaseModel(input: ReleaseInput): Promise<ReleaseResult> {
  const { approval, ...deployment } = input;
  const { model, version, reason } = deployment;
  const { workflowId } = workflowInfo();
  markSubject({ model, dataset: input.dataset, version });
  const status: ReleaseStatus = { state: 'waiting', version, model, reason };
  let decision: ReleaseDecision | undefined =
    approval === 'automatic' ? { decision: 'approved', by: 'the spec (release.approval: automatic)' } : undefined;

  setHandler(releaseQuery, () => status);
  setHandler(
    decideUpdate,
    (given: ReleaseDecision) => {
      decision = given;
      status.state = given.decision;
      return status;
    },
    {
      validator: (_given: ReleaseDecision) => {
        if (decision !== undefined) {
          throw ApplicationFailure.nonRetryable(
            `This release was ${decision.decision} by ${decision.by} already.`,
            'USAGE',
          );
        }
      },
    },
  );

  if (decision === undefined) {
    markStage('approval');
    setCurrentDetails(
      [
        `**${model} v${version}** waits for a decision.`,
        '',
        reason,
        '',
        `Approve: \`tradewind approve ${workflowId}\``,
        '',
        `Reject: \`tradewind approve ${workflowId} --reject --reason "…"\``,
      ].join('\n'),
    );
    await condition(() => decision !== undefined);
  }
  const { decision: verdict, by } = decision!;
  if (verdict === 'rejected') {
    setCurrentDetails(`**${model} v${version}** was rejected by ${by}. ${decision!.reason ?? ''}`);
    return { decision: 'rejected', by };
  }
  status.state = 'deploying';
  setCurrentDetails(`**${model} v${version}** was approved by ${by} and is being deployed.`);
  const deployed = await executeChild(deployModel, {
    workflowId: workflowIds.deployment(model, version, workflowId),
    args: [deployment],
    staticSummary: `${model} v${version}: prove, promote, test`,
  });
  status.state = 'done';
  setCurrentDetails(`**${model} v${version}**: ${deployed.state}, approved by ${by}.`);
  return { decision: 'approved', by, deployment: deployed };
}
