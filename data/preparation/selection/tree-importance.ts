/**
 * Selection by what trees gain (L. Breiman, J. Friedman, R. Olshen and C. Stone, 1984): a forest on rows drawn with
 * repetition, with a share of the features drawn at each split (L. Breiman, "Random Forests", 2001), and of each feature
 * the sum of what its splits gain: impurity (Gini) of classes, squared error of numbers.
 */
import { BinnedMatrix, binEdges } from '../../../compute/kernels/bins.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { growForest, type GrowthParameters } from '../../../compute/kernels/trees.ts';
import type { SelectionStepParameters } from '../../../contracts/preparation.ts';
import { Random } from '../../../contracts/random.ts';
import type { Target } from '../../table.ts';
import type { SelectionStep } from '../transformer.ts';
import { bestOf } from './best.ts';
import { drawnRows, eachFeature, momentsOf } from './columns.ts';

/** Numbers of the features, and rows, above which fewer rows are looked at. */
const affordable = 5e7;
const mostRows = 200_000;
const leastRows = 1000;
/** Of a feature. */
const bins = 64;
/** Rows of a leaf, so that a chance find in a few rows gains nothing. */
const minRows = 5;

/** `scores`: shares of what all trees gain, which sum to 1. */
export const treeImportance: SelectionStep<SelectionStepParameters<'treeImportance'>> = async (
  all,
  { keep, trees, maxDepth },
  ofAll,
  { seed, threads },
) => {
  const count = all.names.length;
  const { features, target } = drawnRows(all, ofAll, Math.min(mostRows, Math.max(leastRows, affordable / count)), seed);
  const { rows } = features;
  const kernels = new KernelThreads(threads, ['trees']);
  const scores = new Float64Array(count);
  try {
    const columns: Float32Array[] = [];
    eachFeature(features, (_, column) => {
      const values = new Float32Array(rows);
      if (column.rows === undefined) values.set(column.values);
      else for (const [i, row] of column.rows.entries()) values[row] = column.values[i];
      columns.push(values);
    });
    const binnings = columns.map((values) => ({ edges: binEdges(values, bins, seed) }));
    const matrix = await BinnedMatrix.from(kernels, columns, binnings);
    const pairs = pairsOf(target);
    const parameters: GrowthParameters = { ...criterionOf(target, count), maxDepth, minRows };
    const forest = growForest(matrix, parameters, trees, (tree) => {
      const random = new Random(seed, tree + 1);
      return { rows: drawnWithRepetition(rows, random), pairs, seed: random.integer(2 ** 32) };
    });
    for await (const { feature, gain } of forest) {
      for (const [node, split] of feature.entries()) if (split >= 0) scores[split] += gain[node];
    }
  } finally {
    await kernels.close();
  }
  const total = scores.reduce((sum, gain) => sum + gain, 0);
  if (total > 0) for (const [j, gain] of scores.entries()) scores[j] = gain / total;
  return { kept: bestOf(scores, keep), scores };
};

/** √features at a split for classes, a third of them for numbers, as Breiman's. */
function criterionOf(target: Target, features: number): GrowthParameters {
  return target.kind === 'classes'
    ? { criterion: 'gini', classes: target.classes.length, featuresPerSplit: Math.ceil(Math.sqrt(features)) }
    : { criterion: 'gradient', featuresPerSplit: Math.ceil(features / 3) };
}

/** (class, weight), or (−y, 1) of a target with mean 0 and deviation 1. */
function pairsOf(target: Target): Float32Array {
  if (target.kind === 'classes') return Float32Array.from({ length: 2 * target.codes.length }, (_, at) => (at % 2 === 0 ? target.codes[at / 2] : 1)); // prettier-ignore
  const { mean, variance } = momentsOf(target, target.values.length);
  const deviation = Math.sqrt(variance) || 1;
  return Float32Array.from({ length: 2 * target.values.length }, (_, at) =>
    at % 2 === 0 ? (mean - target.values[at / 2]) / deviation : 1,
  );
}

/** As many rows as there are, ascending. */
function drawnWithRepetition(rows: number, random: Random): Int32Array {
  return Int32Array.from({ length: rows }, () => random.integer(rows)).sort();
}
