/** The workflow whose activities train. */
import { proxyActivities } from '@temporalio/workflow';
import type { Activities, Training } from './worker.ts';

const { train } = proxyActivities<Activities>({
  startToCloseTimeout: '5 minutes',
  // As in the product: silence for so long means a dead worker, and would end the measurement.
  heartbeatTimeout: '10s',
  retry: { maximumAttempts: 1 },
});

/** Trainings side by side, first all of the first list, then all of the second. */
export async function trainings(lists: Training[][]): Promise<void> {
  for (const list of lists) await Promise.all(list.map((training) => train(training)));
}
