/**
 * Whether another thread of the group has failed in the loop that runs: one that waits for it would wait for ever.
 *
 * Formula: word ≠ 0. Layout: one `int32` at byte address 68, which the host sets (`compute/kernels/threads.ts`). Exact:
 * integers only.
 */
const WORD: usize = 68;

export function othersFailed(): bool {
  return atomic.load<i32>(WORD) !== 0;
}
