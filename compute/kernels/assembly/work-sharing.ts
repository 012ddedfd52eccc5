/**
 * Pieces of work that one thread gives out and that others, who have nothing else to do, take: a few microseconds each
 * time, where a message to the host would take a hundred.
 *
 * Layout: a record in shared memory, fields as they stand in `Share`. `word` holds how many times work was given out (8
 * bits), how many pieces there are (12), and which one is the next (12), so that a piece is taken by one atomic
 * addition. What the pieces are is written before they are given out, and stays until all are done.
 *
 * Formula: word = times · 2²⁴ + pieces · 2¹² + next; pieces that are left = pieces − next.
 * Accumulator: none. Exact: integers only. Who does a piece does not change what it is made of.
 */
import { othersFailed } from './failure';

@unmanaged
export class Share {
  word: i32;
  /** Pieces that are done. */
  done: i32;
  /** Threads that wait to be woken. */
  sleepers: i32;
  /** Not 0: no more work will come. */
  ended: i32;
}

export const MOST_PIECES: i32 = 1024;
const BITS: i32 = 12;
const MASK: i32 = (1 << BITS) - 1;

/**
 * Looks that a thread takes for work before it sleeps: a few tenths of a millisecond, longer than the one who gives it out
 * takes in between. To wake a sleeper takes as long as the work that there is.
 */
const LOOKS: i32 = 200000;
/** A sleeper looks every so many nanoseconds whether it waits for a thread that has failed. */
const NAP: i64 = 100000000;

/** Gives out `pieces` of at most `MOST_PIECES`; the threads that help may begin at once. */
export function giveOut(share: Share, pieces: i32): void {
  const at = changetype<usize>(share);
  const times = (atomic.load<i32>(at) >>> (BITS * 2)) + 1;
  atomic.store<i32>(at + offsetof<Share>('done'), 0);
  atomic.store<i32>(at, (times << (BITS * 2)) | (pieces << BITS));
  if (atomic.load<i32>(at + offsetof<Share>('sleepers')) > 0) atomic.notify(at, i32.MAX_VALUE);
}

/** A piece to do, or −1 where none is left. */
export function take(share: Share): i32 {
  const at = changetype<usize>(share);
  if (left(atomic.load<i32>(at)) <= 0) return -1;
  const word = atomic.add<i32>(at, 1);
  return left(word) > 0 ? word & MASK : -1;
}

export function finishPiece(share: Share): void {
  atomic.add<i32>(changetype<usize>(share) + offsetof<Share>('done'), 1);
}

/** Returns when `pieces` are done; by then, nobody reads what they were made of any more. */
export function awaitPieces(share: Share, pieces: i32): void {
  const at = changetype<usize>(share) + offsetof<Share>('done');
  for (let looks = 0; ; looks++) {
    const done = atomic.load<i32>(at);
    if (done === pieces) return;
    // The thread that has the piece may not be running: leave it the processor.
    if (looks > LOOKS) {
      if (othersFailed()) unreachable();
      atomic.wait<i32>(at, done, 50000);
    }
  }
}

/** Returns with work at hand, or false where no more will come. */
export function awaitWork(share: Share): bool {
  const at = changetype<usize>(share);
  const endedAt = at + offsetof<Share>('ended');
  const sleepersAt = at + offsetof<Share>('sleepers');
  while (!othersFailed()) {
    for (let looks = 0; looks < LOOKS; looks++) {
      if (left(atomic.load<i32>(at)) > 0) return true;
      if (atomic.load<i32>(endedAt)) return false;
    }
    atomic.add<i32>(sleepersAt, 1);
    const word = atomic.load<i32>(at);
    if (left(word) <= 0 && !atomic.load<i32>(endedAt)) atomic.wait<i32>(at, word, NAP);
    atomic.sub<i32>(sleepersAt, 1);
  }
  return false;
}

/** No more work will come: sleepers are woken, and go. */
export function end(share: Share): void {
  atomic.store<i32>(changetype<usize>(share) + offsetof<Share>('ended'), 1);
  giveOut(share, 0);
}

function left(word: i32): i32 {
  return ((word >> BITS) & MASK) - (word & MASK);
}
