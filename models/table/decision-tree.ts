/**
 * Decision tree for classes and numbers (L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression
 * Trees", 1984), on binned features, grown leaf by leaf, the best first. With at most `maxBins` distinct values in each
 * feature it is scikit-learn's tree: the same splits, ties aside, and thresholds halfway between a node's own rows.
 *
 * A row goes left where x ≤ threshold. Missing numbers go where they gain more, and categories are parted as sets
 * (`compute/kernels/assembly/tree-splits.ts`).
 */
import { TreeGrower, type GrownTree } from '../../compute/kernels/trees.ts';
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { withBinnedRows } from './trees/binned-rows.ts';
import { centredThresholds } from './trees/centred.ts';
import { FittedTrees, loadTrees } from './trees/fitted-trees.ts';
import { leafLearning } from './trees/leaf-learning.ts';
import { pruned } from './trees/pruning.ts';
import { listTrees, plant } from './trees/tree-list.ts';

type Parameters = TableParametersOf<'decision-tree'>;

export const decisionTree: TableEstimator<'decision-tree'> = {
  algorithm: 'decision-tree',

  async fit(x, y, given, context) {
    const table = tableAlgorithms['decision-tree'].parameters;
    const parameters = completeParameters('decision-tree', table, given) as Parameters;
    const { maxBins, ccpAlpha } = parameters;
    return withBinnedRows('decision-tree', { x, y, maxBins }, context, async (binned) => {
      context.progress?.(0.3, `${binned.matrix.features} features`);
      const { growth, pairs, weight, base, valuesOf } = leafLearning(y, binned, parameters);
      const grower = new TreeGrower(binned.matrix, growth, binned.rows.length);
      const whole: GrownTree = await grower.grow({ rows: binned.rows, pairs, seed: context.seed });
      context.progress?.(0.8, `${(whole.feature.length + 1) / 2} leaves`);
      const tree = pruned(whole, ccpAlpha * weight);
      const threshold = await centredThresholds(binned, binned.ranges(), tree, binned.rows);
      const width = base.length;
      const trees = listTrees([plant(tree, width, (node) => threshold[node], valuesOf(tree))], width);
      context.progress?.(1, `${(tree.feature.length + 1) / 2} leaves`);
      const { categories } = binned;
      const task = y.kind === 'classes' ? 'classify' : 'regress';
      return new FittedTrees({
        algorithm: 'decision-tree',
        task,
        outputs: width,
        link: 'mean',
        base,
        categories,
        trees,
      });
    });
  },

  load: async (state) => loadTrees('decision-tree', state),
};
