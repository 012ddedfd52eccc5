/** Thresholds halfway between what a node's own rows have, as scikit-learn's trees have them. */
import { between } from '../../../compute/kernels/bins.ts';
import { leavesOf, type FlatTree } from '../../../compute/kernels/trees.ts';
import type { BinnedRows, BinRange } from './binned-rows.ts';
import { thresholdAt } from './tree-list.ts';

/**
 * Growth parts bins, and leaves open where between two bins of a node the threshold is: deep in a tree most bins have no
 * row of it.
 * @param grownOn - the rows that the tree was grown on.
 * @returns `[nodes]`: thresholds that part these rows as the tree does; 0 where no number is tested.
 */
export async function centredThresholds(
  { matrix, edges }: BinnedRows,
  ranges: readonly BinRange[],
  tree: FlatTree,
  grownOn: Int32Array,
): Promise<Float32Array> {
  const { feature, bin, left, set } = tree;
  const nodes = feature.length;
  const parent = new Int32Array(nodes).fill(-1);
  for (let k = 0; k < nodes; k++) if (feature[k] >= 0) parent[left[k]] = parent[left[k] + 1] = k;
  // Of the rows of a node that are in bins up to that of the test, the last bin; of the others, the first.
  const below = new Int32Array(nodes).fill(-1);
  const above = new Int32Array(nodes).fill(2 ** 30);
  const columns = Array.from({ length: matrix.features }, (_, j) => matrix.column(j));
  const leaves = await leavesOf(matrix, tree);
  for (let i = 0; i < grownOn.length; i++) {
    const row = grownOn[i];
    for (let k = parent[leaves[row]]; k >= 0; k = parent[k]) {
      const at = columns[feature[k]][row];
      if (at <= bin[k]) {
        if (at > below[k]) below[k] = at;
      } else if (at < above[k]) above[k] = at;
    }
  }
  return Float32Array.from(feature, (j, k) => {
    if (j < 0 || set[k] >= 0) return 0;
    const own = edges(j);
    // Nothing on a side but what is missing.
    if (below[k] < 0 || above[k] > own.length) return thresholdAt(own, own.length);
    return between(ranges[j].greatest[below[k]], ranges[j].least[above[k]]);
  });
}
