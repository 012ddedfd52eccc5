/** One supervisor per home: a lock that the kernel releases when its holder ends, however it ends. */
import { DatabaseSync } from 'node:sqlite';

interface Lock {
  release(): void;
}

/**
 * Takes the lock file, or returns `undefined` at once when another process holds it. It is SQLite's advisory file
 * lock: Node has none of its own, and pid files go stale after `kill -9`.
 */
export function takeLock(file: string): Lock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const busy = 5; // SQLITE_BUSY
    if ((error as { errcode?: number }).errcode === busy) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
