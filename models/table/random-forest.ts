/**
 * Random forest for classes and numbers (L. Breiman, "Random Forests", 2001): decision trees on rows drawn with
 * repetition, each split by the best of some features that are drawn for it; probabilities, or numbers, are the means
 * over the trees.
 */
import { growForest, type GrowthParameters } from '../../compute/kernels/trees.ts';
import { completeParameters } from '../../contracts/parameters.ts';
import { Random } from '../../contracts/random.ts';
import { tableAlgorithms, type TableParametersOf } from '../../contracts/table-algorithms.ts';
import type { TableEstimator } from '../table-estimator.ts';
import { CheckpointOffers, fingerprintOf, requireCheckpoint } from './svm/checkpoints.ts';
import { withBinnedRows } from './trees/binned-rows.ts';
import { centredThresholds } from './trees/centred.ts';
import { FittedTrees, loadTrees } from './trees/fitted-trees.ts';
import { leafLearning } from './trees/leaf-learning.ts';
import { arraysOf, listTrees, plant, readTrees, treesOf, type PlantedTree } from './trees/tree-list.ts';

type Parameters = TableParametersOf<'random-forest'>;

const format = 'tradewind-forest-checkpoint/1';

export const randomForest: TableEstimator<'random-forest'> = {
  algorithm: 'random-forest',

  async fit(x, y, given, context) {
    const table = tableAlgorithms['random-forest'].parameters;
    const parameters = completeParameters('random-forest', table, given) as Parameters;
    const { maxBins, trees: count, bootstrap, rowShare } = parameters;
    const fingerprint = fingerprintOf(x, y, parameters, context);
    const { resume, seed } = context;
    if (resume) requireCheckpoint(resume, format, fingerprint);
    return withBinnedRows('random-forest', { x, y, maxBins }, context, async (binned) => {
      const { matrix, rows, categories } = binned;
      const { growth, pairs, base, valuesOf } = leafLearning(y, binned, parameters);
      const width = base.length;
      const features = matrix.features;
      const planted: PlantedTree[] = [];
      if (resume) {
        const trees = Number(resume.metadata['trees']);
        planted.push(...treesOf(readTrees(resume.arrays, { trees, width, features })));
      }
      const done = planted.length;
      const drawn = Math.max(1, Math.round(rowShare * rows.length));
      const rowsOf = (tree: number) => {
        if (bootstrap === 'no' && drawn === rows.length) return rows;
        const random = new Random(seed, tree + 1);
        return bootstrap === 'yes' ? withRepetition(rows, drawn, random) : without(rows, drawn, random);
      };
      const grownOn = new Map<number, Int32Array>();
      const limits: GrowthParameters = { ...growth, featuresPerSplit: featuresPerSplit(parameters, y.kind, features) };
      const forest = growForest(
        matrix,
        limits,
        count - done,
        (k) => {
          const own = rowsOf(done + k);
          grownOn.set(done + k, own);
          return { rows: own, pairs, seed: new Random(seed, -1 - done - k).integer(2 ** 32) };
        },
        drawn,
      );
      const ranges = binned.ranges();
      const saving = new CheckpointOffers(context);
      for await (const tree of forest) {
        const number = planted.length;
        const threshold = await centredThresholds(binned, ranges, tree, grownOn.get(number)!);
        grownOn.delete(number);
        planted.push(plant(tree, width, (node) => threshold[node], valuesOf(tree)));
        context.progress?.(planted.length / count, `tree ${planted.length} of ${count}`);
        if (planted.length === count) continue;
        await saving.offer(planted.length, () => ({
          arrays: arraysOf(listTrees(planted, width)),
          metadata: { format, fingerprint, trees: String(planted.length) },
        }));
      }
      const trees = listTrees(planted, width);
      const task = y.kind === 'classes' ? 'classify' : 'regress';
      return new FittedTrees({
        algorithm: 'random-forest',
        task,
        outputs: width,
        link: 'mean',
        base,
        categories,
        trees,
      });
    });
  },

  load: async (state) => loadTrees('random-forest', state),
};

/** @returns how many features a split draws. */
function featuresPerSplit(
  { maxFeatures, featureShare }: Parameters,
  target: 'classes' | 'number',
  features: number,
): number {
  const some = (count: number) => Math.max(1, Math.min(features, Math.floor(count)));
  switch (maxFeatures) {
    case 'auto':
      return some(target === 'classes' ? Math.sqrt(features) : features / 3);
    case 'sqrt':
      return some(Math.sqrt(features));
    case 'third':
      return some(features / 3);
    case 'share':
      return some(featureShare * features);
    case 'all':
      return Infinity;
  }
}

/** Ascending. */
function withRepetition(rows: Int32Array, count: number, random: Random): Int32Array {
  return Int32Array.from({ length: count }, () => rows[random.integer(rows.length)]).sort();
}

/** Ascending. */
function without(rows: Int32Array, count: number, random: Random): Int32Array {
  const pool = rows.slice();
  for (let k = 0; k < count; k++) {
    const other = k + random.integer(pool.length - k);
    [pool[k], pool[other]] = [pool[other], pool[k]];
  }
  return pool.subarray(0, count).sort();
}
