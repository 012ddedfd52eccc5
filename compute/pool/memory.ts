/** The memory that compute may have, and how amounts of it are spelled. */
import { totalmem } from 'node:os';

/**
 * Of the machine's memory, where nobody says otherwise. The rest is for the worker's own process, the files that the
 * system caches, and the servers beside it.
 */
export const defaultShare = 0.75;

/** Bytes that this process and its children may use: the machine's, or what the container is limited to. */
export function machineMemory(): number {
  const limit = process.constrainedMemory();
  // 0 where the system tells of no limit, a number beyond all memories where none is set.
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Bytes for all tasks of a pool, by default. */
export const defaultMemory = (): number => Math.floor(defaultShare * machineMemory());

/** `183 MiB`, `2 GiB`, `1.5 GiB`. */
export function spellBytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  if (mebibytes < 1023.5) return `${Math.round(mebibytes)} MiB`;
  return `${Number((mebibytes / 1024).toFixed(1))} GiB`;
}
