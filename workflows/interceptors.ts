/** Refuses payloads above 64 KiB on their way out of a workflow: it fails at once, with a sentence. */
import { ApplicationFailure, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { findOversize, oversizeMessage } from '../contracts/payload.ts';

function refuse(what: string, values: readonly unknown[]): void {
  const oversize = findOversize(what, values);
  if (oversize) throw ApplicationFailure.nonRetryable(oversizeMessage(oversize), 'PAYLOAD_TOO_LARGE');
}

export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      async execute(input, next) {
        const result = await next(input);
        refuse('result of the workflow', [result]);
        return result;
      },
      async handleUpdate(input, next) {
        const result = await next(input);
        refuse(`answer to the update "${input.name}"`, [result]);
        return result;
      },
    },
  ],
  outbound: [
    {
      async scheduleActivity(input, next) {
        refuse(`input of the activity "${input.activityType}"`, input.args);
        return next(input);
      },
      async scheduleLocalActivity(input, next) {
        refuse(`input of the local activity "${input.activityType}"`, input.args);
        return next(input);
      },
      async startChildWorkflowExecution(input, next) {
        refuse(`input of the child workflow "${input.workflowType}"`, input.options.args ?? []);
        return next(input);
      },
      async signalWorkflow(input, next) {
        refuse(`signal "${input.signalName}"`, input.args);
        return next(input);
      },
      async continueAsNew(input, next) {
        refuse('input of the next run', input.args);
        return next(input);
      },
    },
  ],
});
