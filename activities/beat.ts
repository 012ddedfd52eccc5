/**
 * The heartbeat of every activity: sent by the worker's interceptor every two seconds, also while blobs are fetched, so
 * that ten seconds of silence mean a dead worker, and so that every activity hears of its cancellation.
 */
import type { Context } from '@temporalio/activity';

export interface Beat {
  /** Done so far, in [0, 1]. */
  fraction?: number;
  note?: string;
  /** Key of the last checkpoint. Told only after S3 has it (law 4). */
  checkpoint?: string;
  /** This try goes on from a checkpoint of an earlier one. */
  resumed?: true;
}

export const beatMilliseconds = 2_000;

const beats = new WeakMap<Context, Beat>();

/** What the next heartbeat of this activity says; change it in place. */
export function beatOf(context: Context): Beat {
  let beat = beats.get(context);
  if (beat === undefined) beats.set(context, (beat = {}));
  return beat;
}
