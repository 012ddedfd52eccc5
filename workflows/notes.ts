/** Parts of sentences that stages of several lifecycles end with. */
import { count } from './board.ts';

/** Reasons for which rows or events are dropped, as they read after their number; the others are words as they are. */
const reasons: Readonly<Record<string, (n: number) => string>> = {
  noTarget: (n) => `${count(n)} without a target`,
  duplicate: (n) => several(n, 'duplicate'),
  notHuman: (n) => `${count(n)} of no human`,
  rareClass: (n) => `${count(n)} of rare classes`,
};

/** @param dropped - how many, by the reason. */
export function droppedNote(dropped: Record<string, number>): string {
  const parts = Object.entries(dropped).filter(([, n]) => n > 0);
  const words = parts.map(([why, n]) => (Object.hasOwn(reasons, why) ? reasons[why](n) : `${count(n)} ${why}`));
  return words.length === 0 ? '' : `; dropped ${words.join(', ')}`;
}

/** @param contradictions - rows that were not learned from, where a spec asks for that. */
export function withoutNote({ contradictions }: { contradictions?: number } = {}): string {
  return contradictions === undefined ? '' : `, ${several(contradictions, 'contradicting row')} left out`;
}

/** `1 candidate`, `2 candidates` */
export function several(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? '' : 's'}`;
}

/** `21.3 kB`, `4.7 MB` */
export function size(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
