/**
 * What the tree kernels keep in memory, shared source of `trees.ts`. Addresses are bytes, fields lie in their order
 * with C's alignment; `compute/kernels/trees.ts` writes `Plan` and the first part of `Task`, and reads `Node`.
 *
 * A histogram has `width` float64 values a bin: (Σg, Σh, n) of gradients, or the weight of each class and n. It is
 * `float64 [bins of all features × width]`; feature f has the bins `offsets[f]` to `offsets[f + 1]`, of which the last
 * is that of missing values and is always there.
 */

/** A binned matrix and how trees are grown on it. */
@unmanaged
export class Plan {
  /** `uint8 [features × rows]`, or uint16 when `wide`: the bins of a feature lie side by side. */
  bins: usize;
  rows: i32;
  wide: i32;
  /** `int32 [features + 1]` */
  offsets: usize;
  /** `uint8 [features]`: 1 where bins are categories without order. */
  categorical: usize;
  /** Bins of the feature that has the most, that of missing values included. */
  largest: i32;
  /** 0: pairs are (g, h); else pairs are (class, weight). */
  classes: i32;
  /** 1: entropy; 0: Gini impurity. Of classes only. */
  entropy: i32;
  maxLeaves: i32;
  maxDepth: i32;
  /** Fewest rows of a node that is split. */
  splitRows: i32;
  /** Features that a node draws; 0: all of the tree's. */
  draws: i32;
  maxCategories: i32;
  unused: i32;
  minRows: f64;
  minWeight: f64;
  minGain: f64;
  l1: f64;
  l2: f64;
  categoryL2: f64;
  categorySmoothing: f64;

  /** Values in a bin. */
  @inline width(): usize {
    return this.classes ? <usize>this.classes + 1 : 3;
  }

  /** The bin of missing values, which is the number of the other bins. */
  @inline missingBin(feature: i32): i32 {
    const at = this.offsets + ((<usize>feature) << 2);
    return load<i32>(at, 4) - load<i32>(at) - 1;
  }

  @inline isCategorical(feature: i32): bool {
    return load<u8>(this.categorical + <usize>feature) !== 0;
  }

  @inline column(feature: i32): usize {
    return this.bins + ((<usize>feature * <usize>this.rows) << (<usize>this.wide));
  }

  /** The part of a histogram that is the feature's. */
  @inline histogram(base: usize, feature: i32): usize {
    return base + <usize>load<i32>(this.offsets + ((<usize>feature) << 2)) * (this.width() << 3);
  }
}

/** A test on one feature. */
@unmanaged
export class Split {
  /** What it gains; see `tree-splits.ts`. */
  gain: f64;
  /** −1: no split. */
  feature: i32;
  /** Without categories: bins up to this one go left. */
  bin: i32;
  /** 1: missing values go left. */
  missingLeft: i32;
  categorical: i32;
  /** With categories: bit b tells whether bin b goes left; 256 bits. */
  set0: u64;
  set1: u64;
  set2: u64;
  set3: u64;

  /** 1 where a bin below 256 is in the set. */
  @inline has(bin: u32): u32 {
    return (load<u32>(this.word(bin)) >> (bin & 31)) & 1;
  }

  @inline put(bin: u32): void {
    store<u32>(this.word(bin), load<u32>(this.word(bin)) | (1 << (bin & 31)));
  }

  @inline word(bin: u32): usize {
    return changetype<usize>(this) + offsetof<Split>('set0') + ((<usize>(bin >> 5)) << 2);
  }

  /** Whether a split of this gain and feature comes before this one. */
  @inline isBeatenBy(gain: f64, feature: i32): bool {
    return gain > this.gain || (gain === this.gain && feature < this.feature);
  }
}

/** A node of a tree; its children are `left` and `left + 1`, it is a leaf when its split's feature is −1. */
@unmanaged
export class Node extends Split {
  /** Its rows are [begin, end) of the tree's order of rows. */
  begin: i32;
  end: i32;
  left: i32;
  depth: i32;
  /** The place of its histogram in the pool, where there is one. */
  slot: i32;
  unused: i32;
}

/** One tree to grow. */
@unmanaged
export class Task {
  plan: Plan;
  /** `float32 [rows × 2]`: (g, h) or (class, weight) of each row of the matrix. */
  pairs: usize;
  /** `int32 [n]`: the rows that the tree is grown on, which it orders by leaf. */
  order: usize;
  /** `int32 [2 × n]` */
  spare: usize;
  n: i32;
  /** `int32 [features]`: the features that the tree may use; their order changes where nodes draw. */
  features: usize;
  featureCount: i32;
  /** `Node [capacity]`, capacity = 2 × leaves − 1 */
  nodes: usize;
  /** `float64 [capacity × width]`: sums over the rows of each node. */
  totals: usize;
  /** `float64 [maxLeaves × bins × width]`: histograms that are kept; 0: none is. */
  pool: usize;
  /** Bytes of one histogram of the pool. */
  poolStride: usize;
  /** `int32 [leaves]`: nodes that may be split, a heap. */
  heap: usize;
  /** The scratch of each thread, `scratchStride` bytes apart; `Scratch` says how it is cut. */
  scratch: usize;
  scratchStride: usize;
  /** State of xoshiro128**. */
  a: u32;
  b: u32;
  c: u32;
  d: u32;

  // From here on the kernel writes; the host sets zeros, and reads `nodeCount`.
  nodeCount: i32;
  leafCount: i32;
  heapCount: i32;
  /** What the threads do next. */
  phase: i32;
  /** The node that is being split. */
  current: i32;
  /** The node whose histogram is built, and whether it is searched. */
  first: i32;
  searchFirst: i32;
  /** The node whose histogram is its parent's less that of `first`, and whether it is searched; −1: none. */
  second: i32;
  searchSecond: i32;
  /** A node that is searched after `first`; −1: none. */
  later: i32;
  /** The node whose rows are summed along with the search; −1: none. */
  summed: i32;
  sumTaken: i32;
  /** Of `features`, [drawnFrom, drawnTo) are searched; `cursor` is the next one to be taken. */
  drawnFrom: i32;
  drawnTo: i32;
  cursor: i32;
  /** Threads that wait at the barrier, and how often it was passed. */
  arrived: i32;
  passed: i32;

  @inline node(k: i32): Node {
    return changetype<Node>(this.nodes + <usize>k * offsetof<Node>());
  }

  @inline total(k: i32): usize {
    return this.totals + <usize>k * (this.plan.width() << 3);
  }

  @inline scratchOf(member: i32): usize {
    return this.scratch + <usize>member * this.scratchStride;
  }

  @inline kept(slot: i32): usize {
    return this.pool + <usize>slot * this.poolStride;
  }
}

/** The scratch of one thread, cut up. */
export class Scratch {
  /** The best split of the first node. */
  @inline static first(scratch: usize): Split {
    return changetype<Split>(scratch);
  }
  /** The best split of the second node. */
  @inline static second(scratch: usize): Split {
    return changetype<Split>(scratch + 64);
  }
  /** `int32`: rows of the thread's part that go left. */
  @inline static lefts(scratch: usize): usize {
    return scratch + 128;
  }
  /** `float64 [2]` */
  @inline static pair(scratch: usize): usize {
    return scratch + 144;
  }
  @inline static candidate(scratch: usize): usize {
    return scratch + 160;
  }
  @inline static sums(scratch: usize): usize {
    return scratch + 200;
  }
  /** `float64 [256]` */
  @inline static keys(scratch: usize): usize {
    return scratch + 256;
  }
  /** `int32 [largest]` */
  @inline static list(scratch: usize): usize {
    return scratch + 2304;
  }
  /** `float64 [5 × classes]` */
  @inline static vectors(plan: Plan, scratch: usize): usize {
    return scratch + 2304 + (((<usize>plan.largest + 1) & ~1) << 2);
  }
  /** `float64 [4 × largest × width]`: histograms of four features that are not kept. */
  @inline static histograms(plan: Plan, scratch: usize): usize {
    return Scratch.vectors(plan, scratch) + 40 * <usize>plan.classes;
  }
}
