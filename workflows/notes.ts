/** Parts of sentences that stages of several lifecycles end with. */
import { count } from './board.ts';

/** @param dropped - how many, by the reason. */
export function droppedNote(dropped: Record<string, number>): string {
  const parts = Object.entries(dropped).filter(([, n]) => n > 0);
  return parts.length === 0 ? '' : `; dropped ${parts.map(([why, n]) => `${count(n)} ${why}`).join(', ')}`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
