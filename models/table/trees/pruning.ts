/**
 * Minimal cost-complexity pruning (L. Breiman, J. Friedman, R. Olshen and C. Stone, 1984, chapter 3): of all subtrees
 * with the same root, the one with the least R(T) + α · leaves, and of several the smallest.
 *
 * R(T) is the impurity of the leaves, each by its share of the weight. A branch costs R(t) − Σ of what its splits gain,
 * and a node is pruned to a leaf where that and α for each leaf is not less than R(t) + α, from the leaves upwards:
 *   saved(leaf) = 0,   saved(t) = max(0, gain(t) + saved(left) + saved(right) − α)
 */
import type { FlatTree } from '../../../compute/kernels/trees.ts';
import { setWords } from './tree-list.ts';

/** @param alpha - of gains as the tree has them, which are times the root's weight. */
export function pruned(tree: FlatTree, alpha: number): FlatTree {
  if (alpha === 0) return tree;
  const { feature, left, gain } = tree;
  const saved = new Float64Array(feature.length);
  // Children come behind their parents.
  for (let k = feature.length - 1; k >= 0; k--) {
    if (feature[k] >= 0) saved[k] = Math.max(0, gain[k] + saved[left[k]] + saved[left[k] + 1] - alpha);
  }
  return kept(tree, (k) => saved[k] > 0);
}

/** The tree whose splits are those that stay, and lead there. */
function kept(tree: FlatTree, stays: (node: number) => boolean): FlatTree {
  const { feature, bin, left, missingLeft, set, sets, gain, totals } = tree;
  const width = totals.length / feature.length;
  const order = [0];
  const children: number[] = [];
  for (const k of order) {
    const inner = feature[k] >= 0 && stays(k);
    children.push(inner ? order.length : 0);
    if (inner) order.push(left[k], left[k] + 1);
  }
  const inner = (at: number) => children[at] > 0;
  const newSets: number[] = [];
  const newSet = order.map((k, at) => {
    if (!inner(at) || set[k] < 0) return -1;
    newSets.push(...sets.subarray(set[k] * setWords, (set[k] + 1) * setWords));
    return newSets.length / setWords - 1;
  });
  return {
    feature: Int32Array.from(order, (k, at) => (inner(at) ? feature[k] : -1)),
    bin: Int32Array.from(order, (k, at) => (inner(at) ? bin[k] : -1)),
    left: Int32Array.from(children),
    missingLeft: Uint8Array.from(order, (k, at) => (inner(at) ? missingLeft[k] : 0)),
    set: Int32Array.from(newSet),
    sets: Uint32Array.from(newSets),
    gain: Float64Array.from(order, (k, at) => (inner(at) ? gain[k] : 0)),
    totals: Float64Array.from(order.flatMap((k) => [...totals.subarray(k * width, (k + 1) * width)])),
  };
}
