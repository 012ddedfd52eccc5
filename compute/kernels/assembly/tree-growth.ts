/**
 * The growth of a whole tree leaf by leaf, best first (Shi, 2007; Ke et al., 2017). Shared source of `trees.ts`.
 *
 * Growth: the leaf whose split gains most is split next, of equal gains the one that came first, until `maxLeaves` or
 * until no split is left. Sums of a node are added over its rows in their order where it is the smaller of two siblings
 * (the left one when they are equal) or the root, else they are the parent's less the sibling's; so are histograms when
 * there is a pool for them, otherwise each is built from its rows.
 *
 * Threads: one tree is grown by a team of threads that all call `grow` with the same task at the same time and wait for
 * each other at barriers; member 0 decides, the others take features and parts of rows. Each feature is one thread's
 * work, and the best split is the best of all whoever found it, so that the size of the team does not change a bit.
 *
 * Formula: total(node) = Σ pairs of its rows; total(large) = total(parent) − total(small), and histograms alike.
 * Layout: `Plan`, `Task`, `Node` and `Scratch` of `tree-layout.ts`; totals `float64 [nodes × width]`, rows `int32 [n]`,
 * those of a node side by side.
 * Accumulator: float64.
 * Error: a sum over n rows is within n ε Σ|v| of the exact one, ε = 2⁻⁵³; one by difference within the error of the
 * parent's and of the sibling's and ε |difference|, so that at depth d it is at most (d + 1) times the root's. Which
 * leaf is split next, and the order of the rows, are exact given the gains.
 */
import { othersFailed } from './failure';
import { pop, push } from './tree-frontier';
import { build, buildGroup, subtract, sum } from './tree-histograms';
import { Node, Scratch, Split, Task } from './tree-layout';
import { integer } from './tree-random';
import { part, partition } from './tree-rows';
import { clearSplit, searchFeature } from './tree-splits';

const START = 0;
const SEARCH = 1;
const PARTITION = 2;
const DONE = 3;

/** From this many rows on, a team shares the work on the rows of a node. */
const SHARED_ROWS = 16384;
/** Looks at a barrier before a thread sleeps there: some tens of microseconds. */
const SPINS = 20000;
/** A sleeper looks every so many nanoseconds whether it waits for a member that has failed. */
const NAP: i64 = 100000000;

/** Grows the task's tree, as a member of a team. */
export function grow(task: Task, member: i32, team: i32): void {
  for (;;) {
    if (member === 0) advance(task, team);
    barrier(task, team);
    const phase = task.phase;
    if (phase === DONE) return;
    if (phase === PARTITION) {
      partRows(task, member, team);
      barrier(task, team);
      joinRows(task, member, team);
    } else {
      searchNodes(task, member, team);
    }
    barrier(task, team);
  }
}

/** Returns when all members have come here. */
function barrier(task: Task, team: i32): void {
  if (team === 1) return;
  const arrived = changetype<usize>(task) + offsetof<Task>('arrived');
  const passed = changetype<usize>(task) + offsetof<Task>('passed');
  const before = atomic.load<i32>(passed);
  if (atomic.add<i32>(arrived, 1) === team - 1) {
    atomic.store<i32>(arrived, 0);
    atomic.store<i32>(passed, before + 1);
    atomic.notify(passed, -1);
    return;
  }
  for (let k = 0; k < SPINS; k++) if (atomic.load<i32>(passed) !== before) return;
  while (atomic.load<i32>(passed) === before) {
    if (othersFailed()) unreachable();
    atomic.wait<i32>(passed, before, NAP);
  }
}

/** What member 0 does between the phases: takes in what was found, and says what comes next. */
function advance(task: Task, team: i32): void {
  if (task.phase === START) {
    plantRoot(task);
    if (task.phase === SEARCH) return;
  } else if (task.phase === SEARCH) {
    if (!settle(task, team)) return;
  } else {
    let left = 0;
    for (let member = 0; member < team; member++) left += load<i32>(Scratch.lefts(task.scratchOf(member)));
    if (addChildren(task, left)) return;
  }
  const plan = task.plan;
  while (task.leafCount < plan.maxLeaves && task.heapCount > 0) {
    task.current = pop(task);
    const node = task.node(task.current);
    const n = node.end - node.begin;
    if (team > 1 && n >= SHARED_ROWS) {
      task.phase = PARTITION;
      return;
    }
    const lefts = Scratch.lefts(task.scratch);
    partition(plan, node, task.order + ((<usize>node.begin) << 2), n, task.spare, lefts);
    if (addChildren(task, load<i32>(lefts))) return;
  }
  // What could still be split stays a leaf.
  for (let at = 0; at < task.heapCount; at++) clearLeaf(task.node(load<i32>(task.heap + ((<usize>at) << 2))));
  task.phase = DONE;
}

function plantRoot(task: Task): void {
  addNode(task, 0, task.n, 0);
  task.leafCount = 1;
  task.second = -1;
  task.later = -1;
  task.summed = -1;
  if (task.n >= SHARED_ROWS) task.summed = 0;
  else sumRows(task, 0);
  if (!mayBeSplit(task, 0)) {
    if (task.summed === 0) sumRows(task, 0);
    return;
  }
  searchOne(task, 0);
}

function addNode(task: Task, begin: i32, end: i32, depth: i32): void {
  const node = task.node(task.nodeCount++);
  node.begin = begin;
  node.end = end;
  node.depth = depth;
  node.left = 0;
  node.slot = 0;
  node.unused = 0;
  clearLeaf(node);
}

/** A node without a split, the same bytes whatever was there. */
function clearLeaf(node: Node): void {
  memory.fill(changetype<usize>(node), 0, offsetof<Split>());
  node.feature = -1;
}

function sumRows(task: Task, k: i32): void {
  const node = task.node(k);
  sum(task.plan, task.pairs, task.order + ((<usize>node.begin) << 2), node.end - node.begin, task.total(k));
}

/** Whether a node may have a split, as far as is known before it is searched. */
function mayBeSplit(task: Task, k: i32): bool {
  const plan = task.plan;
  const node = task.node(k);
  const n = node.end - node.begin;
  if (n < plan.splitRows || <f64>n < 2 * plan.minRows || node.depth >= plan.maxDepth) return false;
  if (task.leafCount >= plan.maxLeaves || task.featureCount === 0) return false;
  return task.summed >= 0 || !isPure(task, k);
}

/** Whether all weight of a node is one class's. */
function isPure(task: Task, k: i32): bool {
  const classes = task.plan.classes;
  if (classes === 0) return false;
  const total = task.total(k);
  let present = 0;
  for (let c = 0; c < classes; c++) present += <i32>(load<f64>(total + ((<usize>c) << 3)) > 0);
  return present < 2;
}

/** The current node becomes two, `left` rows in the first. @returns whether they are searched now. */
function addChildren(task: Task, left: i32): bool {
  const plan = task.plan;
  const parent = task.node(task.current);
  const a = task.nodeCount;
  const b = a + 1;
  parent.left = a;
  addNode(task, parent.begin, parent.begin + left, parent.depth + 1);
  addNode(task, parent.begin + left, parent.end, parent.depth + 1);
  task.leafCount++;
  const rows = parent.end - parent.begin;
  const small = left * 2 <= rows ? a : b;
  const large = small === a ? b : a;
  const n = min(left, rows - left);
  task.summed = n >= SHARED_ROWS ? small : -1;
  if (task.summed < 0) sumBoth(task, small, large);

  const searchSmall = mayBeSplit(task, small);
  const searchLarge = mayBeSplit(task, large);
  if (!searchSmall && !searchLarge) {
    if (task.summed >= 0) sumBoth(task, small, large);
    task.summed = -1;
    return false;
  }
  task.second = -1;
  task.later = -1;
  if (!task.pool) {
    if (searchSmall && searchLarge) task.later = large;
    searchOne(task, searchSmall ? small : large);
    return true;
  }
  // There are as many places as leaves, so that each new leaf finds one that nobody has had.
  task.node(small).slot = task.leafCount - 1;
  searchOne(task, small);
  task.searchFirst = <i32>searchSmall;
  if (searchLarge) {
    task.node(large).slot = parent.slot;
    task.second = large;
    task.searchSecond = 1;
  }
  return true;
}

function sumBoth(task: Task, small: i32, large: i32): void {
  sumRows(task, small);
  rest(task, small, large);
}

/** total of `large` ← total of the current node − total of `small` */
function rest(task: Task, small: i32, large: i32): void {
  const whole = task.total(task.current);
  const less = task.total(small);
  const total = task.total(large);
  for (let o: usize = 0, bytes = task.plan.width() << 3; o < bytes; o += 8) {
    store<f64>(total + o, load<f64>(whole + o) - load<f64>(less + o));
  }
}

function searchOne(task: Task, k: i32): void {
  task.first = k;
  task.searchFirst = 1;
  task.drawnTo = 0;
  task.sumTaken = 0;
  drawFeatures(task);
  task.phase = SEARCH;
}

/** Takes the next features that were not searched yet at this node: without drawing, all. */
function drawFeatures(task: Task): void {
  const draws = task.plan.draws;
  const count = task.featureCount;
  const from = task.drawnTo;
  const to = draws > 0 ? min(from + draws, count) : count;
  if (draws > 0) {
    // A step of Fisher and Yates' shuffle each.
    for (let k = from; k < to; k++) {
      const a = task.features + ((<usize>k) << 2);
      const b = task.features + ((<usize>(k + <i32>integer(task, <u32>(count - k)))) << 2);
      const feature = load<i32>(a);
      store<i32>(a, load<i32>(b));
      store<i32>(b, feature);
    }
  }
  task.drawnFrom = from;
  task.drawnTo = to;
  task.cursor = from;
}

/** A member's part of the search: features that nobody has taken yet, a few at a time. */
function searchNodes(task: Task, member: i32, team: i32): void {
  const plan = task.plan;
  const scratch = task.scratchOf(member);
  const best = Scratch.first(scratch);
  const second = Scratch.second(scratch);
  clearSplit(plan, best);
  clearSplit(plan, second);
  if (task.summed >= 0) {
    if (atomic.add<i32>(changetype<usize>(task) + offsetof<Task>('sumTaken'), 1) === 0) sumRows(task, task.summed);
  }
  const node = task.node(task.first);
  const rows = task.order + ((<usize>node.begin) << 2);
  const n = node.end - node.begin;
  const cursor = changetype<usize>(task) + offsetof<Task>('cursor');
  for (;;) {
    const from = atomic.load<i32>(cursor);
    const left = task.drawnTo - from;
    if (left <= 0) return;
    const count = team === 1 || left > 4 * team ? min(4, left) : left > team ? 2 : 1;
    if (atomic.cmpxchg<i32>(cursor, from, from + count) !== from) continue;
    const features = task.features + ((<usize>from) << 2);
    if (task.pool) searchKept(task, features, count, rows, n, scratch, best, second);
    else searchPassing(task, features, count, rows, n, scratch, best);
  }
}

/** Histograms go to the pool, where the children will find them. */
function searchKept(
  task: Task,
  features: usize,
  count: i32,
  rows: usize,
  n: i32,
  scratch: usize,
  best: Split,
  second: Split,
): void {
  const plan = task.plan;
  const built = task.kept(task.node(task.first).slot);
  buildGroup(plan, task.pairs, features, count, rows, n, built);
  const sibling = task.second >= 0 ? task.kept(task.node(task.second).slot) : 0;
  for (const end = features + ((<usize>count) << 2); features < end; features += 4) {
    const feature = load<i32>(features);
    const histogram = plan.histogram(built, feature);
    if (task.searchFirst) searchFeature(plan, feature, histogram, scratch, best);
    if (sibling) {
      const other = plan.histogram(sibling, feature);
      subtract(plan, feature, other, histogram);
      searchFeature(plan, feature, other, scratch, second);
    }
  }
}

/** Histograms live in the thread's scratch while they are searched. */
function searchPassing(
  task: Task,
  features: usize,
  count: i32,
  rows: usize,
  n: i32,
  scratch: usize,
  best: Split,
): void {
  const plan = task.plan;
  const bytes = <usize>plan.largest * (plan.width() << 3);
  const a = Scratch.histograms(plan, scratch);
  build(plan, task.pairs, features, count, rows, n, a, a + bytes, a + bytes * 2, a + bytes * 3);
  for (let k: usize = 0; k < <usize>count; k++) {
    searchFeature(plan, load<i32>(features + (k << 2)), a + bytes * k, scratch, best);
  }
}

/** Takes in what the members found. @returns false when there is more to search at once. */
function settle(task: Task, team: i32): bool {
  if (task.summed >= 0) {
    const small = task.summed;
    if (small > 0) rest(task, small, small === task.nodeCount - 1 ? small - 1 : small + 1);
    task.summed = -1;
  }
  const found = task.searchFirst ? keepBest(task, task.first, team, 0) : false;
  if (!found && task.searchFirst && task.drawnTo < task.featureCount && !isPure(task, task.first)) {
    // As scikit-learn's trees do, a node goes on drawing until it has found a split.
    drawFeatures(task);
    return false;
  }
  if (task.second >= 0) keepBest(task, task.second, team, 64);
  if (task.later >= 0) {
    const later = task.later;
    task.later = -1;
    if (!isPure(task, later)) {
      searchOne(task, later);
      return false;
    }
  }
  return true;
}

/** The best of what the members found becomes the node's split. @returns whether there is one. */
function keepBest(task: Task, k: i32, team: i32, offset: usize): bool {
  const node = task.node(k);
  if (isPure(task, k)) return false;
  let best = changetype<Split>(task.scratch + offset);
  for (let member = 1; member < team; member++) {
    const other = changetype<Split>(task.scratchOf(member) + offset);
    if (other.feature >= 0 && (best.feature < 0 || best.isBeatenBy(other.gain, other.feature))) best = other;
  }
  if (best.feature < 0) return false;
  memory.copy(changetype<usize>(node), changetype<usize>(best), offsetof<Split>());
  push(task, k);
  return true;
}

/** First half of a shared partition: a member parts its share of the rows into the spare arrays. */
function partRows(task: Task, member: i32, team: i32): void {
  const node = task.node(task.current);
  const n = node.end - node.begin;
  const from = shareOf(n, member, team);
  const to = shareOf(n, member + 1, team);
  const rows = task.order + ((<usize>(node.begin + from)) << 2);
  const left = task.spare + ((<usize>from) << 2);
  const right = left + ((<usize>n) << 2);
  store<i32>(Scratch.lefts(task.scratchOf(member)), part(task.plan, node, rows, to - from, left, right));
}

/** Second half: it puts them behind those of the members before. */
function joinRows(task: Task, member: i32, team: i32): void {
  const node = task.node(task.current);
  const n = node.end - node.begin;
  let before = 0;
  let all = 0;
  for (let other = 0; other < team; other++) {
    const left = load<i32>(Scratch.lefts(task.scratchOf(other)));
    if (other < member) before += left;
    all += left;
  }
  const from = shareOf(n, member, team);
  const own = load<i32>(Scratch.lefts(task.scratchOf(member)));
  const rows = task.order + ((<usize>node.begin) << 2);
  const left = task.spare + ((<usize>from) << 2);
  const rights = shareOf(n, member + 1, team) - from - own;
  memory.copy(rows + ((<usize>before) << 2), left, (<usize>own) << 2);
  memory.copy(rows + ((<usize>(all + from - before)) << 2), left + ((<usize>n) << 2), (<usize>rights) << 2);
}

function shareOf(n: i32, member: i32, team: i32): i32 {
  return <i32>((<i64>n * member) / team);
}
