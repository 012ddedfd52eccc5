/** What trees that are no boosted ones learn in their leaves: the shares of classes, or the mean of a number. */
import type { FlatTree, GrowthParameters } from '../../../compute/kernels/trees.ts';
import type { Target } from '../../../data/table.ts';
import type { BinnedRows } from './binned-rows.ts';

export interface LeafSettings {
  readonly criterion: 'gini' | 'entropy';
  readonly classWeight: 'none' | 'balanced';
  /** 0: no limit. */
  readonly maxDepth: number;
  readonly maxLeaves: number;
  readonly minRows: number;
  readonly minRowsToSplit: number;
}

export interface LeafLearning {
  readonly growth: GrowthParameters;
  /** Of the rows, for the kernels. */
  readonly pairs: Float32Array;
  /** Sum of the weights of all rows. */
  readonly weight: number;
  /** float32 `[outputs]`: what leaves add to. */
  readonly base: Float32Array;
  readonly valuesOf: (tree: FlatTree) => (node: number, out: Float32Array) => void;
}

/** Smaller than any gain: splits that gain nothing are taken, as a gain may come after them (XOR). */
const anyGain = -1e-300;

export function leafLearning(y: Target, binned: BinnedRows, settings: LeafSettings): LeafLearning {
  const { maxDepth, maxLeaves, minRows, minRowsToSplit } = settings;
  const limits = { maxDepth: maxDepth || Infinity, maxLeaves: maxLeaves || Infinity, minRows, minRowsToSplit };
  return y.kind === 'classes' ? ofClasses(y, binned, settings, limits) : ofNumbers(y.values, binned, limits);
}

function ofClasses(
  { codes, classes }: Target & { kind: 'classes' },
  { rows, weights }: BinnedRows,
  { criterion, classWeight }: LeafSettings,
  limits: object,
): LeafLearning {
  const count = classes.length;
  const own = new Float64Array(count);
  for (const row of rows) own[codes[row]] += weights?.[row] ?? 1;
  const all = own.reduce((sum, weight) => sum + weight, 0);
  const present = own.filter((weight) => weight > 0).length;
  // Of k classes that are there, rows / (k · rows of the class).
  const factor = own.map((weight) => (classWeight === 'balanced' && weight > 0 ? all / (present * weight) : 1));
  const pairs = new Float32Array(2 * codes.length);
  let weight = 0;
  for (const row of rows) {
    pairs[2 * row] = codes[row];
    pairs[2 * row + 1] = (weights?.[row] ?? 1) * factor[codes[row]];
    weight += pairs[2 * row + 1];
  }
  return {
    growth: { ...limits, criterion, classes: count, minGain: anyGain },
    pairs,
    weight,
    base: new Float32Array(count),
    valuesOf:
      ({ totals }) =>
      (node, out) => {
        const of = totals.subarray(node * (count + 1), node * (count + 1) + count);
        const sum = of.reduce((total, w) => total + Math.max(0, w), 0);
        for (let c = 0; c < count; c++) out[c] = sum > 0 ? Math.max(0, of[c]) / sum : 1 / count;
      },
  };
}

/** Leaves have what their mean is above that of all rows. */
function ofNumbers(values: Float32Array, { rows, weights }: BinnedRows, limits: object): LeafLearning {
  let [weight, sum] = [0, 0];
  for (const row of rows) {
    const w = weights?.[row] ?? 1;
    weight += w;
    sum += w * values[row];
  }
  const mean = Math.fround(sum / weight);
  const pairs = new Float32Array(2 * values.length);
  for (const row of rows) {
    const w = weights?.[row] ?? 1;
    pairs[2 * row] = w * (mean - values[row]);
    pairs[2 * row + 1] = w;
  }
  return {
    growth: { ...limits, criterion: 'gradient' },
    pairs,
    weight,
    base: Float32Array.of(mean),
    valuesOf:
      ({ totals }) =>
      (node, out) => {
        const [g, h] = totals.subarray(node * 3, node * 3 + 2);
        out[0] = h > 0 ? -g / h : 0;
      },
  };
}
