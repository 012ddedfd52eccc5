import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { TradewindError } from '../../contracts/errors.ts';
import { modelNamePattern } from '../../contracts/names.ts';

/**
 * @param given - a workflow id, or a model's name for its last workflow of the type
 * @throws TradewindError `USAGE` when there is none
 */
export async function requireWorkflow(client: Client, given: string, type: string): Promise<string> {
  if (modelNamePattern.test(given)) {
    const query = `WorkflowType = "${type}" AND TradewindModel = "${given}"`;
    // The server lists the newest first.
    for await (const { workflowId } of client.workflow.list({ query, pageSize: 1 })) return workflowId;
  }
  try {
    await client.workflow.getHandle(given).describe();
    return given;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new TradewindError('USAGE', {
      subject: `The workflow "${given}"`,
      rule: `be one that Temporal knows, or a model ${type === 'tuneModel' ? 'whose run has come to tuning' : 'that has a run'}`,
      remedy: 'The Web UI lists all runs; "tradewind run <spec>" prints the id of a new one.',
    });
  }
}
