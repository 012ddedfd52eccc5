/** What every activity goes through: coded failures, the 64 KiB limit on results, one log line with its time. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { CompleteAsyncError, type Context } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor, ActivityInterceptors } from '@temporalio/worker';
import type { Logger } from 'pino';
import { beatMilliseconds, beatOf } from '../activities/beat.ts';
import { TradewindError } from '../contracts/errors.ts';
import { findOversize, oversizeMessage } from '../contracts/payload.ts';

export function activityInterceptors(log: Logger): (context: Context) => ActivityInterceptors {
  return (context) => {
    const { activityType, workflowExecution, attempt } = context.info;
    const about = { activity: activityType, workflow: workflowExecution?.workflowId, attempt };
    const inbound: ActivityInboundCallsInterceptor = {
      async execute(input, next) {
        const started = performance.now();
        const beating = setInterval(() => context.heartbeat(beatOf(context)), beatMilliseconds);
        const milliseconds = () => Math.round(performance.now() - started);
        try {
          const result = await next(input);
          const oversize = findOversize(`result of the activity "${activityType}"`, [result]);
          if (oversize) throw ApplicationFailure.nonRetryable(oversizeMessage(oversize), 'PAYLOAD_TOO_LARGE');
          log.info({ ...about, milliseconds: milliseconds() }, `${activityType} done`);
          return result;
        } catch (error) {
          if (error instanceof CancelledFailure || error instanceof CompleteAsyncError) throw error;
          // What a cancelled activity was doing ends in errors of all kinds; the cancellation is what counts.
          if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
          const failure = toFailure(error, attempt);
          log.warn(
            { ...about, milliseconds: milliseconds(), code: failure.type, retryable: !failure.nonRetryable },
            failure.message,
          );
          throw failure;
        } finally {
          clearInterval(beating);
        }
      },
    };
    return { inbound };
  };
}

/** A data set or a setting that ends its process each time must come to an end itself. */
const processDeaths = 5;
/** What JavaScript throws at a mistake in code: the next try would make the same one. */
const defects = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'ZodError']);

/** Bad input fails once, with a sentence (law 7); everything else is tried again within the workflow's bounds. */
export function toFailure(error: unknown, attempt = 1): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof TradewindError) {
    const died = error.code === 'COMPUTE_PROCESS_DIED' && attempt >= processDeaths;
    return ApplicationFailure.create({
      message: died ? `${error.message} It was tried ${attempt} times.` : error.message,
      type: error.code,
      nonRetryable: died || !error.retryable,
      details: [error.complaint],
    });
  }
  const { name = 'Error', message = String(error) } = error instanceof Error ? error : {};
  const defect = defects.has(name);
  return ApplicationFailure.create({
    message: defect ? `${name}: ${message}` : message,
    type: defect ? 'INTERNAL' : name,
    nonRetryable: defect,
    cause: error instanceof Error ? error : undefined,
  });
}
