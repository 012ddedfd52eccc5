/** Trees that have been grown, as arrays over all of their nodes; what they are asked, and how they are stored. */
import { TradewindError } from '../../../contracts/errors.ts';
import type { ArrayFile } from '../../../compute/arrays/safetensors.ts';
import type { FlatTree } from '../../../compute/kernels/trees.ts';

/** Words of 32 bits of a set of categories. */
export const setWords = 8;
/** Categories that a feature can have; those behind them count as none. */
export const mostCategories = 32 * setWords - 1;

/** The largest float32: all numbers are at most as large. */
const everything = 2 ** 128 - 2 ** 104;

/** A tree, the root first. */
export interface PlantedTree {
  /** int32 `[nodes]`: the feature that is tested, −1: leaf. */
  readonly feature: Int32Array;
  /** float32 `[nodes]`: what is at most as large goes left; 0 where categories are tested, and of leaves. */
  readonly threshold: Float32Array;
  /** int32 `[nodes]`: the left child, behind its parent, the right one next to it; of leaves their number. */
  readonly next: Int32Array;
  /** uint8 `[nodes]`: 1 where what is missing, or no category, goes left. */
  readonly missingLeft: Uint8Array;
  /** int32 `[nodes]`: which of `sets` says what categories go left, −1: none does. */
  readonly set: Int32Array;
  /** uint32 `[sets × 8]`: bit c % 32 of word c / 32 tells whether category c goes left. */
  readonly sets: Uint32Array;
  /** float32 `[nodes]`: what the split has gained on the training rows; 0 of leaves. */
  readonly gain: Float32Array;
  /** float32 `[nodes]`: training rows that have come by. */
  readonly cover: Float32Array;
  /** float32 `[leaves × width]` */
  readonly values: Float32Array;
}

/** Trees one behind the other: `next` and `set` count over all of them. */
export interface TreeList extends PlantedTree {
  /** int32 `[trees]`: the root of each. */
  readonly roots: Int32Array;
  /** Values of a leaf. */
  readonly width: number;
}

/**
 * @param thresholdOf - of a node that tests a number: a float32.
 * @param valuesOf - fills in the values of a leaf.
 */
export function plant(
  tree: FlatTree,
  width: number,
  thresholdOf: (node: number) => number,
  valuesOf: (node: number, out: Float32Array) => void,
): PlantedTree {
  const { feature, left, missingLeft, set, sets, gain, totals } = tree;
  const nodes = feature.length;
  const perNode = totals.length / nodes;
  const leaves = (nodes + 1) / 2;
  const values = new Float32Array(leaves * width);
  const threshold = new Float32Array(nodes);
  const next = new Int32Array(nodes);
  const cover = new Float32Array(nodes);
  for (let k = 0, leaf = 0; k < nodes; k++) {
    cover[k] = totals[(k + 1) * perNode - 1];
    if (feature[k] >= 0) {
      next[k] = left[k];
      if (set[k] < 0) threshold[k] = thresholdOf(k);
    } else {
      valuesOf(k, values.subarray(leaf * width, (leaf + 1) * width));
      next[k] = leaf++;
    }
  }
  return { feature, threshold, next, missingLeft, set, sets, gain: Float32Array.from(gain), cover, values };
}

/** The threshold of a split at a bin: `edges` are its feature's. */
export function thresholdAt(edges: Float32Array, bin: number): number {
  // Behind the last edge, all that is there goes left, and what is missing right.
  return bin < edges.length ? edges[bin] : everything;
}

/** The bin of a threshold that `thresholdAt` gave. */
export function binAt(edges: Float32Array, threshold: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle] < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function listTrees(trees: readonly PlantedTree[], width: number): TreeList {
  const count = (of: (tree: PlantedTree) => number) => trees.reduce((sum, tree) => sum + of(tree), 0);
  const nodes = count(({ feature }) => feature.length);
  const list = {
    width,
    roots: new Int32Array(trees.length),
    feature: new Int32Array(nodes),
    threshold: new Float32Array(nodes),
    next: new Int32Array(nodes),
    missingLeft: new Uint8Array(nodes),
    set: new Int32Array(nodes),
    sets: new Uint32Array(count(({ sets }) => sets.length)),
    gain: new Float32Array(nodes),
    cover: new Float32Array(nodes),
    values: new Float32Array(count(({ values }) => values.length)),
  };
  let [at, leaf, set] = [0, 0, 0];
  for (const [t, tree] of trees.entries()) {
    list.roots[t] = at;
    for (const name of ['feature', 'threshold', 'missingLeft', 'gain', 'cover'] as const)
      list[name].set(tree[name], at);
    list.values.set(tree.values, leaf * width);
    list.sets.set(tree.sets, set * setWords);
    for (let k = 0; k < tree.feature.length; k++) {
      list.next[at + k] = tree.next[k] + (tree.feature[k] < 0 ? leaf : at);
      list.set[at + k] = tree.set[k] < 0 ? -1 : tree.set[k] + set;
    }
    at += tree.feature.length;
    leaf += tree.values.length / width;
    set += tree.sets.length / setWords;
  }
  return list;
}

/** The trees of a list, each for itself again. */
export function treesOf(list: TreeList): PlantedTree[] {
  const { roots, width } = list;
  let [leaf, set] = [0, 0];
  return Array.from(roots, (from, t) => {
    const to = roots[t + 1] ?? list.feature.length;
    const feature = list.feature.slice(from, to);
    const [firstLeaf, firstSet] = [leaf, set];
    const next = list.next.slice(from, to);
    const sets = list.set.slice(from, to);
    for (let k = 0; k < feature.length; k++) {
      if (feature[k] < 0) leaf++;
      next[k] -= feature[k] < 0 ? firstLeaf : from;
      if (sets[k] >= 0) {
        sets[k] -= firstSet;
        set++;
      }
    }
    return {
      feature,
      threshold: list.threshold.slice(from, to),
      next,
      missingLeft: list.missingLeft.slice(from, to),
      set: sets,
      sets: list.sets.slice(firstSet * setWords, set * setWords),
      gain: list.gain.slice(from, to),
      cover: list.cover.slice(from, to),
      values: list.values.slice(firstLeaf * width, leaf * width),
    };
  });
}

/**
 * The leaf that a row comes to: its number.
 * @param values - of rows, `row` being where the features of this one begin.
 * @param categories - `[features]`; see `SpecialFeatures`.
 */
export function leafOf(
  { feature, threshold, next, missingLeft, set, sets }: TreeList,
  root: number,
  values: Float32Array,
  row: number,
  categories: Int32Array,
): number {
  let k = root;
  for (let j = feature[k]; j >= 0; j = feature[k]) {
    const x = values[row + j];
    let left: boolean;
    if (set[k] < 0) left = x <= threshold[k] || (x !== x && missingLeft[k] === 1);
    else if (x >= 0 && x < categories[j] && Number.isInteger(x)) {
      left = ((sets[set[k] * setWords + (x >> 5)] >>> (x & 31)) & 1) === 1;
    } else left = missingLeft[k] === 1;
    k = left ? next[k] : next[k] + 1;
  }
  return next[k];
}

/** `[features]`, sum 1 or all 0: shares of what all splits have gained. */
export function gainShares({ feature, gain }: Pick<TreeList, 'feature' | 'gain'>, features: number): Float64Array {
  const shares = new Float64Array(features);
  for (let k = 0; k < feature.length; k++) if (feature[k] >= 0) shares[feature[k]] += Math.max(0, gain[k]);
  const total = shares.reduce((sum, share) => sum + share, 0);
  return total > 0 ? shares.map((share) => share / total) : shares;
}

const arrayNames = ['roots', 'feature', 'threshold', 'next', 'missingLeft', 'set', 'gain', 'cover', 'values'] as const;

export function arraysOf(list: TreeList): ArrayFile['arrays'] {
  const named = Object.fromEntries(arrayNames.map((name) => [name, { data: list[name] }]));
  return list.sets.length > 0 ? { ...named, sets: { data: list.sets } } : named;
}

const arrayTypes = {
  roots: Int32Array,
  feature: Int32Array,
  threshold: Float32Array,
  next: Int32Array,
  missingLeft: Uint8Array,
  set: Int32Array,
  gain: Float32Array,
  cover: Float32Array,
  values: Float32Array,
} as const;

/** @throws TradewindError `ARTIFACT_CORRUPT` where the arrays are not those of so many trees. */
export function readTrees(
  arrays: ArrayFile['arrays'],
  { trees, width, features }: { trees: number; width: number; features: number },
): TreeList {
  for (const name of arrayNames) {
    if (!(arrays[name]?.data instanceof arrayTypes[name])) throw corrupt(`hold "${name}" as ${arrayTypes[name].name}`);
  }
  const list = {
    ...Object.fromEntries(arrayNames.map((name) => [name, arrays[name].data])),
    sets: arrays['sets']?.data ?? new Uint32Array(),
    width,
  } as unknown as TreeList;
  const nodes = list.feature.length;
  const whole =
    list.sets instanceof Uint32Array &&
    list.roots.length === trees &&
    [list.threshold, list.next, list.missingLeft, list.set, list.gain, list.cover].every((a) => a.length === nodes) &&
    (nodes + trees) * width === 2 * list.values.length;
  if (!whole || !isSound(list, features)) throw corrupt(`hold ${trees} trees on ${features} features`);
  return list;
}

/** Whether every way ends at a leaf of its own tree. */
function isSound({ roots, feature, next, set, sets, values, width }: TreeList, features: number): boolean {
  let [leaf, nextSet] = [0, 0];
  for (let t = 0; t < roots.length; t++) {
    const from = roots[t];
    const to = roots[t + 1] ?? feature.length;
    if (!(from < to) || (t === 0 && from !== 0)) return false;
    for (let k = from; k < to; k++) {
      if (feature[k] < -1 || feature[k] >= features) return false;
      if (feature[k] < 0 ? next[k] !== leaf++ : !(next[k] > k && next[k] + 1 < to)) return false;
      if (set[k] !== -1 && set[k] !== nextSet++) return false;
    }
  }
  return leaf * width === values.length && nextSet * setWords === sets.length;
}

function corrupt(rule: string): TradewindError {
  return new TradewindError('ARTIFACT_CORRUPT', {
    subject: 'A saved state of trees',
    rule,
    remedy: 'Train the model again.',
  });
}
