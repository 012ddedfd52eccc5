/** How the structures of `assembly/tree-layout.ts` are written and read from the host's side. */
import type { KernelThreads } from './threads.ts';
import { valueBins } from './bins.ts';
import type { BinnedMatrix } from './bins.ts';

/** Bytes of a node; its words, of 4 bytes, behind the gain in the first two. */
export const nodeBytes = 80;
const nodeWords = nodeBytes / 4;
const nodeField = { feature: 2, bin: 3, missingLeft: 4, categorical: 5, set: 6, begin: 14, end: 15, left: 16 };
const setWords = 8;
/** Words of a task that change from tree to tree; from `nodeCount` on the kernel writes them. */
const taskField = { rows: 4, featureCount: 6, state: 14, nodeCount: 18 };
const runningWords = 17;

/** What a grown tree may not exceed. */
export interface PlanSettings {
  classes: number;
  entropy: boolean;
  maxLeaves: number;
  maxDepth: number;
  splitRows: number;
  draws: number;
  maxCategories: number;
  minRows: number;
  minWeight: number;
  minGain: number;
  l1: number;
  l2: number;
  categoryL2: number;
  categorySmoothing: number;
}

/** A plan in kernel memory. */
export interface Plan {
  address: number;
  /** float64 values in a bin of a histogram. */
  width: number;
  /** Bins of all features together. */
  bins: number;
  /** Bins of the feature that has the most. */
  largest: number;
}

/** What a matrix alone says of trees; enough to ask for leaves. */
export const askingSettings: PlanSettings = {
  classes: 0,
  entropy: false,
  maxLeaves: 1,
  maxDepth: 0,
  splitRows: 0,
  draws: 0,
  maxCategories: 0,
  minRows: 1,
  minWeight: 0,
  minGain: 0,
  l1: 0,
  l2: 0,
  categoryL2: 0,
  categorySmoothing: 0,
};

export function writePlan({ kernels, rows, binnings, wide, address }: BinnedMatrix, settings: PlanSettings): Plan {
  const counts = binnings.map((binning) => valueBins(binning) + 1);
  const offsets = Int32Array.from([0, ...counts]);
  for (let f = 0; f < counts.length; f++) offsets[f + 1] += offsets[f];
  const largest = Math.max(1, ...counts);
  const { classes, entropy, maxLeaves, maxDepth, splitRows, draws, maxCategories } = settings;
  const words = Uint32Array.of(
    address,
    rows,
    Number(wide),
    kernels.put(offsets),
    kernels.put(Uint8Array.from(binnings, (binning) => Number('categories' in binning))),
    largest,
    classes,
    Number(entropy),
    ...[maxLeaves, maxDepth, splitRows].map(bounded),
    draws,
    bounded(maxCategories),
    0,
  );
  const { minRows, minWeight, minGain, l1, l2, categoryL2, categorySmoothing } = settings;
  const numbers = Float64Array.of(minRows, minWeight, minGain, l1, l2, categoryL2, categorySmoothing);
  const plan = kernels.alloc(words.byteLength + numbers.byteLength);
  kernels.view('u32', plan, words.length).set(words);
  kernels.view('f64', plan + words.byteLength, numbers.length).set(numbers);
  return { address: plan, width: classes > 0 ? classes + 1 : 3, bins: offsets[counts.length], largest };
}

/** A limit as an int32. */
function bounded(limit: number): number {
  return Math.min(limit, 2 ** 31 - 1);
}

/** Bytes of one thread's scratch, as `Scratch` of the layout cuts it, in whole lines of 64. */
export function scratchBytes({ largest, width }: Plan, classes: number): number {
  const list = Math.ceil(largest / 2) * 8;
  return Math.ceil((2304 + list + 40 * classes + 4 * largest * width * 8) / 64) * 64;
}

/** Memory in which one tree at a time is grown. */
export interface TaskMemory {
  address: number;
  pairs: number;
  order: number;
  features: number;
  nodes: number;
  totals: number;
}

export interface TaskSize {
  maxRows: number;
  leaves: number;
  classes: number;
  /** Whether histograms are kept. */
  pooled: boolean;
  /** Threads that grow a tree together. */
  team: number;
}

/** Bytes that `allocateTask` takes, roughly. */
export function taskBytes(
  matrix: BinnedMatrix,
  plan: Plan,
  { maxRows, leaves, classes, pooled, team }: TaskSize,
): number {
  const rows = matrix.rows * 8 + maxRows * 12;
  const tree = leaves * (2 * (nodeBytes + plan.width * 8) + 4);
  const pool = pooled ? leaves * plan.bins * plan.width * 8 : 0;
  return rows + tree + pool + team * scratchBytes(plan, classes);
}

export function allocateTask(matrix: BinnedMatrix, plan: Plan, size: TaskSize): TaskMemory {
  const { kernels, rows, features } = matrix;
  const { maxRows, leaves, classes, pooled, team } = size;
  const capacity = 2 * leaves - 1;
  const poolStride = plan.bins * plan.width * 8;
  const scratchStride = scratchBytes(plan, classes);
  const pairs = kernels.alloc(rows * 8);
  const order = kernels.alloc(maxRows * 4);
  const spare = kernels.alloc(maxRows * 8);
  const featureList = kernels.alloc(features * 4);
  const nodes = kernels.alloc(capacity * nodeBytes);
  const totals = kernels.alloc(capacity * plan.width * 8);
  const pool = pooled ? kernels.alloc(leaves * poolStride) : 0;
  const heap = kernels.alloc(leaves * 4);
  const scratch = kernels.alloc(team * scratchStride);
  const fixed = [plan.address, pairs, order, spare, 0, featureList, 0, nodes, totals, pool, poolStride, heap];
  const words = Uint32Array.of(...fixed, scratch, scratchStride, 0, 0, 0, 0, ...new Uint32Array(runningWords));
  return { address: kernels.put(words), pairs, order, features: featureList, nodes, totals };
}

/** Makes a task ready: numbers of rows and features that were put into its memory, and a generator's state. */
export function resetTask(
  kernels: KernelThreads,
  { address }: TaskMemory,
  rows: number,
  features: number,
  state: readonly number[],
): void {
  const words = kernels.view('u32', address, taskField.nodeCount + runningWords);
  words[taskField.rows] = rows;
  words[taskField.featureCount] = features;
  words.set(state, taskField.state);
  words.fill(0, taskField.nodeCount);
}

/**
 * A tree as arrays over its nodes, the root first, of which leaves have feature −1. Everything in it is a copy, good
 * for ever.
 */
export interface FlatTree {
  /** `[nodes]`: the feature that is tested, −1: leaf. */
  feature: Int32Array;
  /**
   * `[nodes]`: bins up to this one go left; the last bin of values where missing values are parted from all others; −1
   * for leaves and for categories.
   */
  bin: Int32Array;
  /** `[nodes]`: the left child; the right one follows it. 0 for leaves. */
  left: Int32Array;
  /** `[nodes]`: 1 where missing values go left. */
  missingLeft: Uint8Array;
  /** `[nodes]`: which of `sets` says what categories go left, −1: none, the test is by `bin`. */
  set: Int32Array;
  /** `[sets × 8]`: bit b % 32 of word b / 32 tells whether bin b goes left, that of missing values included. */
  sets: Uint32Array;
  /** `[nodes]`: what the split gains, in the criterion's unit; 0 for leaves. */
  gain: Float64Array;
  /** `float64 [nodes × width]`, row-major: sums over a node's rows, (Σg, Σh, n) or (weight of each class, n). */
  totals: Float64Array;
}

export function readTree(
  kernels: KernelThreads,
  task: TaskMemory,
  width: number,
): FlatTree & { begin: Int32Array; end: Int32Array } {
  const count = kernels.view('i32', task.address + taskField.nodeCount * 4, 1)[0];
  const words = kernels.view('i32', task.nodes, count * nodeWords);
  const gains = kernels.view('f64', task.nodes, (count * nodeWords) / 2);
  const field = (at: number) => Int32Array.from({ length: count }, (_, k) => words[k * nodeWords + at]);
  const feature = field(nodeField.feature);
  const bin = field(nodeField.bin);
  const set = new Int32Array(count).fill(-1);
  const sets: number[] = [];
  for (let k = 0; k < count; k++) {
    if (feature[k] < 0) bin[k] = -1;
    else if (words[k * nodeWords + nodeField.categorical]) {
      set[k] = sets.length / setWords;
      const at = k * nodeWords + nodeField.set;
      sets.push(...words.subarray(at, at + setWords));
    }
  }
  return {
    feature,
    bin,
    left: field(nodeField.left),
    missingLeft: Uint8Array.from(field(nodeField.missingLeft)),
    set,
    sets: Uint32Array.from(sets),
    gain: Float64Array.from({ length: count }, (_, k) => gains[(k * nodeWords) / 2]),
    totals: new Float64Array(kernels.view('f64', task.totals, count * width)),
    begin: field(nodeField.begin),
    end: field(nodeField.end),
  };
}

/** Puts a tree where the kernel can ask it. @returns the address of its nodes. */
export function putNodes(kernels: KernelThreads, tree: FlatTree): number {
  const words = new Int32Array(tree.feature.length * nodeWords);
  for (let k = 0; k < tree.feature.length; k++) {
    const at = k * nodeWords;
    words[at + nodeField.feature] = tree.feature[k];
    words[at + nodeField.bin] = tree.bin[k];
    words[at + nodeField.missingLeft] = tree.missingLeft[k];
    words[at + nodeField.left] = tree.left[k];
    const set = tree.set[k];
    if (set < 0) continue;
    words[at + nodeField.categorical] = 1;
    words.set(tree.sets.subarray(set * setWords, (set + 1) * setWords), at + nodeField.set);
  }
  return kernels.put(words);
}
