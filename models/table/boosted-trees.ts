/**
 * Gradient-boosted trees for classes and numbers, leaf by leaf on binned features, as LightGBM grows them (G. Ke et al.,
 * "LightGBM: A Highly Efficient Gradient Boosting Decision Tree", NIPS 2017). Scores begin with what fits the training
 * rows best without features; a round adds a tree, or one for each of more than two classes.
 */
import { completeParameters } from '../../contracts/parameters.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { setApart } from './held-rows.ts';
import { fingerprintOf } from './svm/checkpoints.ts';
import { withBinnedRows } from './trees/binned-rows.ts';
import { boost } from './trees/boosting.ts';
import { FittedTrees, loadTrees, type Link, type TreeModel } from './trees/fitted-trees.ts';
import { objectiveOf } from './trees/losses.ts';
import type { TreeList } from './trees/tree-list.ts';

type Parameters = TableParametersOf<'boosted-trees'>;

export const boostedTrees: TableEstimator<'boosted-trees'> = {
  algorithm: 'boosted-trees',

  async fit(x, y, given, context) {
    const table = tableAlgorithms['boosted-trees'].parameters;
    const parameters = completeParameters('boosted-trees', table, given) as Parameters;
    const { maxBins, earlyStoppingRounds, validationShare } = parameters;
    const fingerprint = fingerprintOf(x, y, parameters, context);
    return withBinnedRows('boosted-trees', { x, y, maxBins }, context, async (binned) => {
      const { rows, weights, categories } = binned;
      const parts =
        earlyStoppingRounds > 0
          ? setApart(rows, y, validationShare, context.seed)
          : { training: rows, held: new Int32Array() };
      const objective = objectiveOf(y, parts.training, weights, parameters);
      const outputs = y.kind === 'classes' ? y.classes.length : 1;
      const link: Link = y.kind === 'number' ? 'identity' : outputs === 2 ? 'sigmoid' : 'softmax';
      const modelOf = (trees: TreeList) => {
        const task: TreeModel['task'] = y.kind === 'classes' ? 'classify' : 'regress';
        return new FittedTrees({
          algorithm: 'boosted-trees',
          task,
          outputs,
          link,
          base: objective.base,
          categories,
          trees,
        });
      };
      const predictor = (trees: TreeList) => {
        const model = modelOf(trees);
        return (rowsToJudge: typeof x) => model.predict(rowsToJudge);
      };
      return modelOf(await boost(binned, objective, parts, parameters, { context, fingerprint, predictor }));
    });
  },

  load: async (state) => loadTrees('boosted-trees', state),
};
