/** Timeouts and retries of the activities, with the reason for each that is not obvious. */
import { ActivityFailure, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { taskQueues } from '../contracts/names.ts';

// Every activity beats every 2 s, also while it fetches or its compute process is busy, so 10 s of silence is a dead
// worker: what it did is tried again at once elsewhere, or here after its restart.
const heartbeatTimeout = '10s';

/** Deciding, waiting and talking to S3: short, and worth many tries, because an S3 server that restarts takes a while. */
export const quick = proxyActivities<Activities>({
  taskQueue: taskQueues.orchestration,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout,
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '15s', maximumAttempts: 40 },
});

const computeOptions: ActivityOptions = {
  // A training of hours is legitimate; what limits a hung one is the heartbeat.
  startToCloseTimeout: '12 hours',
  heartbeatTimeout,
  // Bounded: half an hour of S3 being away is outlasted (40 tries, at most 60 s apart).
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '60s', maximumAttempts: 40 },
};

const onCpu = proxyActivities<Activities>({ ...computeOptions, taskQueue: taskQueues.cpu });
const onGpu = proxyActivities<Activities>({ ...computeOptions, taskQueue: taskQueues.gpu });

type Request<N extends keyof Activities> = Parameters<Activities[N]>[0];
type Result<N extends keyof Activities> = Awaited<ReturnType<Activities[N]>>;
interface Callable<N extends keyof Activities> {
  executeWithOptions(options: Partial<ActivityOptions>, args: [Request<N>]): Promise<Result<N>>;
}

/** @param summary - one line that the Web UI shows beside the activity */
export function computeOnCpu<N extends keyof Activities>(
  name: N,
  summary: string,
  request: Request<N>,
): Promise<Result<N>> {
  return (onCpu[name] as unknown as Callable<N>).executeWithOptions({ summary }, [request]);
}

export function doQuickly<N extends keyof Activities>(
  name: N,
  summary: string,
  request: Request<N>,
): Promise<Result<N>> {
  return (quick[name] as unknown as Callable<N>).executeWithOptions({ summary }, [request]);
}

export interface Device {
  device: 'cpu' | 'gpu';
  gpuWaitSeconds: number;
}

/** Asks a GPU worker first when the spec wants one; when none takes the work in the stated time, a CPU worker gets it. */
export async function computeOn<N extends 'trial' | 'train' | 'tableTrial' | 'tableTrain'>(
  { device, gpuWaitSeconds }: Device,
  name: N,
  summary: string,
  request: Request<N>,
  onFallback: () => void,
): Promise<Result<N>> {
  if (device === 'gpu') {
    try {
      return await (onGpu[name] as unknown as Callable<N>).executeWithOptions(
        { summary, scheduleToStartTimeout: gpuWaitSeconds * 1000 },
        [request],
      );
    } catch (error) {
      if (!isNobodyThere(error)) throw error;
      onFallback();
    }
  }
  return computeOnCpu(name, summary, request);
}

function isNobodyThere(error: unknown): boolean {
  return (
    error instanceof ActivityFailure &&
    error.cause instanceof TimeoutFailure &&
    error.cause.timeoutType === 'SCHEDULE_TO_START'
  );
}
