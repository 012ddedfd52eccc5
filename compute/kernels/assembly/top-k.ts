/**
 * Exact top-k: of rows of scores that are there (`rows`), or of scores that are made here, a stretch at a time, and
 * chosen from while they are in the cache (`dense`, `sparse`).
 *
 * Formula: the k candidates with the largest scores; equal scores by ascending index; −∞ and NaN are no candidates.
 * Scores have the formulas, the accumulators, the error bounds and the bits of `scoring.ts`.
 *
 * Layout: scores `float32 [rows × items]`, row-major; histories, neighbours and items that are asked about CSR (`indptr
 * int32 [rows + 1]`, `indices int32`, ascending in a row). Lists are one block of memory: `int32 [rows × k]` items,
 * `float32 [rows × k]` scores, `int32 [rows]` lengths, `int32 [rows]` ties, of which the first `length` of a row are
 * used; a tie is a candidate outside a full list that scores as its last place.
 * Accumulator: that of `scoring.ts`. Error: choosing is exact.
 */
import { dense as denseScores, sparse as sparseScores } from './scoring';
import { begin, finish, offer, selectionBytes } from './selection';

/** Items whose scores are made before they are chosen from: those of all users of a group stay in the cache. */
const BLOCK: i32 = 960;
/** Users whose scores are made together: each item's factors are read once for all of them. */
const GROUP: i32 = 32;

/** The lists of rows [from, to) of the scores; `scratch` as `rowsScratch` in the host says. */
export function rows(
  scores: usize,
  items: i32,
  k: i32,
  count: i32,
  lists: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  for (let row = from; row < to; row++) {
    begin(scratch);
    offer(scratch, k, scores + ((<usize>row * <usize>items) << 2), items, 0);
    write(scratch, k, lists, count, row);
  }
}

/** Puts a row's list to its place. */
function write(selection: usize, k: i32, lists: usize, count: i32, row: i32): void {
  const cells = (<usize>count * <usize>k) << 2;
  const at = lists + ((<usize>row * <usize>k) << 2);
  const length = lists + cells * 2 + ((<usize>row) << 2);
  i32.store(length, finish(selection, k, at, at + cells, length + ((<usize>count) << 2)));
}

// A user in work: the selections of both lists behind 16 bytes of positions in the history and among the asked items.
const POSITIONS: usize = 16;

/**
 * Lists of users [from, to) by x_u · y_i.
 * @param askedPtr - 0 where no scores are asked for; `askedScores float32 [nnz]` beside `askedIndex`.
 * @param all - lists of all items; 0 for none. @param fresh - lists without the own history; 0 for none.
 * @param finite - `int32 [count]`: 1 where all scores of a row are finite, else 0; 0 for not to look.
 * @param count - rows of the lists.
 */
export function dense(
  X: usize,
  Y: usize,
  n: i32,
  items: i32,
  historyPtr: usize,
  historyIndex: usize,
  askedPtr: usize,
  askedIndex: usize,
  askedScores: usize,
  k: i32,
  count: i32,
  all: usize,
  fresh: usize,
  finite: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const row = (<usize>n) << 2;
  const perUser = POSITIONS + selectionBytes(k) * 2;
  const users = scratch + <usize>(GROUP * BLOCK) * 4;
  for (let group = from; group < to; group += GROUP) {
    const size = min(GROUP, to - group);
    for (let u = 0; u < size; u++) open(users + <usize>u * perUser, k, historyPtr, askedPtr, finite, group + u);
    for (let start = 0; start < items; start += BLOCK) {
      const length = min(BLOCK, items - start);
      denseScores(X + <usize>group * row, Y + <usize>start * row, n, BLOCK, 0, size, 0, length, scratch);
      for (let u = 0; u < size; u++) {
        visit(
          scratch + <usize>(u * BLOCK) * 4,
          length,
          start,
          users + <usize>u * perUser,
          k,
          historyPtr,
          historyIndex,
          askedPtr,
          askedIndex,
          askedScores,
          all,
          fresh,
          finite,
          group + u,
        );
      }
    }
    for (let u = 0; u < size; u++) close(users + <usize>u * perUser, k, count, all, fresh, group + u);
  }
}

/** Lists of users [from, to) by Σ_i h_ui n_ij; the other parameters as of `dense`. */
export function sparse(
  historyPtr: usize,
  historyIndex: usize,
  historyValue: usize,
  neighbourPtr: usize,
  neighbourIndex: usize,
  neighbourValue: usize,
  items: i32,
  askedPtr: usize,
  askedIndex: usize,
  askedScores: usize,
  k: i32,
  count: i32,
  all: usize,
  fresh: usize,
  finite: usize,
  from: i32,
  to: i32,
  scratch: usize,
): void {
  const line = (<usize>items) << 2;
  const user = scratch + ((line + 15) & ~15);
  for (let u = from; u < to; u++) {
    open(user, k, historyPtr, askedPtr, finite, u);
    // Addresses wrap around, so that row u begins where the scratch does.
    const origin = scratch - <usize>u * line;
    sparseScores(historyPtr, historyIndex, historyValue, neighbourPtr, neighbourIndex, neighbourValue, items, u, u + 1, origin); // prettier-ignore
    visit(
      scratch,
      items,
      0,
      user,
      k,
      historyPtr,
      historyIndex,
      askedPtr,
      askedIndex,
      askedScores,
      all,
      fresh,
      finite,
      u,
    );
    close(user, k, count, all, fresh, u);
  }
}

function open(user: usize, k: i32, historyPtr: usize, askedPtr: usize, finite: usize, u: i32): void {
  i32.store(user, historyPtr ? i32.load(historyPtr + ((<usize>u) << 2)) : 0);
  i32.store(user, askedPtr ? i32.load(askedPtr + ((<usize>u) << 2)) : 0, 4);
  begin(user + POSITIONS);
  begin(user + POSITIONS + selectionBytes(k));
  if (finite) i32.store(finite + ((<usize>u) << 2), 1);
}

/** Chooses from the scores of items [start, start + length) and overwrites those of the history. */
function visit(
  scores: usize,
  length: i32,
  start: i32,
  user: usize,
  k: i32,
  historyPtr: usize,
  historyIndex: usize,
  askedPtr: usize,
  askedIndex: usize,
  askedScores: usize,
  all: usize,
  fresh: usize,
  finite: usize,
  u: i32,
): void {
  const stop = start + length;
  if (finite && !allFinite(scores, length)) i32.store(finite + ((<usize>u) << 2), 0);
  if (askedPtr) {
    const end = i32.load(askedPtr + ((<usize>u) << 2), 4);
    let at = i32.load(user, 4);
    for (; at < end; at++) {
      const item = i32.load(askedIndex + ((<usize>at) << 2));
      if (item >= stop) break;
      f32.store(askedScores + ((<usize>at) << 2), f32.load(scores + ((<usize>(item - start)) << 2)));
    }
    i32.store(user, at, 4);
  }
  if (all) offer(user + POSITIONS, k, scores, length, start);
  if (fresh) {
    const end = i32.load(historyPtr + ((<usize>u) << 2), 4);
    let at = i32.load(user);
    for (; at < end; at++) {
      const item = i32.load(historyIndex + ((<usize>at) << 2));
      if (item >= stop) break;
      f32.store(scores + ((<usize>(item - start)) << 2), -Infinity);
    }
    i32.store(user, at);
    offer(user + POSITIONS + selectionBytes(k), k, scores, length, start);
  }
}

function close(user: usize, k: i32, count: i32, all: usize, fresh: usize, u: i32): void {
  if (all) write(user + POSITIONS, k, all, count, u);
  if (fresh) write(user + POSITIONS + selectionBytes(k), k, fresh, count, u);
}

/** s − s is 0 for what is finite and NaN for what is not. */
function allFinite(scores: usize, n: i32): bool {
  let sum = f32x4.splat(0);
  const whole = n & ~3;
  for (let i = 0; i < whole; i += 4) {
    const s = v128.load(scores + ((<usize>i) << 2));
    sum = f32x4.add(sum, f32x4.sub(s, s));
  }
  let rest: f32 = 0;
  for (let i = whole; i < n; i++) {
    const s = f32.load(scores + ((<usize>i) << 2));
    rest += s - s;
  }
  return i32x4.all_true(f32x4.eq(sum, f32x4.splat(0))) && rest === 0;
}
