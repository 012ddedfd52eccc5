/** Training rows as trees are grown on them: binned, in the memory of kernel threads. */
import { BinnedMatrix, binEdges, type Binning } from '../../../compute/kernels/bins.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { TradewindError } from '../../../contracts/errors.ts';
import type { Features } from '../../../data/features.ts';
import type { Target } from '../../../data/table.ts';
import type { TableFitContext } from '../../table-estimator.ts';
import { checkedWeights } from '../row-weights.ts';
import { columnsOf, requireNoInfinity } from './columns.ts';
import { mostCategories } from './tree-list.ts';

/** Bytes of bins: half of what kernels can address, as histograms want their part. */
const mostBytes = 2 ** 31;
const none = new Float32Array();

/** float32 `[bins]` */
export interface BinRange {
  readonly least: Float32Array;
  readonly greatest: Float32Array;
}

export interface BinnedRows {
  readonly kernels: KernelThreads;
  readonly matrix: BinnedMatrix;
  /** The rows that weigh something, ascending. */
  readonly rows: Int32Array;
  /** float32 `[rows of the features]`, mean 1. */
  readonly weights: Float32Array | undefined;
  /** int32 `[features]`: see `SpecialFeatures`; at most 255. */
  readonly categories: Int32Array;
  /** Of a feature that is a number. */
  readonly edges: (feature: number) => Float32Array;
  /** Of each bin of a feature, the least and the greatest value of `rows` that is in it. */
  readonly ranges: () => readonly BinRange[];
}

/**
 * Bins are made of the rows that weigh something: no weight is absence.
 * @returns what `use` gives; the threads have ended by then.
 * @throws RangeError where features, target and weights do not belong together.
 * @throws TradewindError `TRAINING_DIVERGED` where a feature is infinite; `PARAMETER_INVALID` where the bins of all rows
 * do not fit 2 GiB.
 */
export async function withBinnedRows<T>(
  algorithm: string,
  { x, y, maxBins }: { x: Features; y: Target; maxBins: number },
  context: TableFitContext,
  use: (rows: BinnedRows) => Promise<T>,
): Promise<T> {
  const weights = checkedWeights(x, y, context.weights);
  requireNoInfinity(algorithm, x);
  const bytes = x.rows * x.names.length * (maxBins > 255 ? 2 : 1);
  if (bytes > mostBytes) {
    throw new TradewindError('PARAMETER_INVALID', {
      subject: `The bins of ${x.rows} rows and ${x.names.length} features, from which ${algorithm} learns,`,
      rule: 'fit 2 GiB',
      value: `${(bytes / 2 ** 30).toFixed(1)} GiB`,
      remedy: 'Select fewer features, or take a linear model, which learns from sparse features as they are.',
    });
  }
  const all = Int32Array.from({ length: x.rows }, (_, i) => i);
  const rows = weights === undefined ? all : all.filter((i) => weights[i] > 0);
  const columnOf = columnsOf(x);
  const categories = Int32Array.from(x.names, (_, j) => Math.min(mostCategories, x.special?.categories[j] ?? 0));
  const taken = new Float32Array(rows.length);
  const binnings = Array.from(categories, (count, j): Binning => {
    if (count > 0) return { categories: count };
    const column = columnOf(j);
    for (let k = 0; k < rows.length; k++) taken[k] = column[rows[k]];
    return { edges: binEdges(taken, maxBins, context.seed) };
  });
  const edges = (feature: number) => {
    const binning = binnings[feature];
    return 'edges' in binning ? binning.edges : none;
  };
  const kernels = new KernelThreads(context.threads, ['trees']);
  try {
    const matrix = await BinnedMatrix.read(kernels, x.rows, binnings, columnOf);
    const ranges = () =>
      binnings.map((binning, j) =>
        'edges' in binning
          ? rangesOf(matrix.column(j), columnOf(j), rows, binning.edges)
          : { least: none, greatest: none },
      );
    return await use({ kernels, matrix, rows, weights, categories, edges, ranges });
  } finally {
    await kernels.close();
  }
}

function rangesOf(bins: ArrayLike<number>, values: Float32Array, rows: Int32Array, edges: Float32Array): BinRange {
  const least = new Float32Array(edges.length + 1).fill(Infinity);
  const greatest = new Float32Array(edges.length + 1).fill(-Infinity);
  for (const row of rows) {
    const bin = bins[row];
    // The bin of missing values has no range.
    if (bin > edges.length) continue;
    if (values[row] < least[bin]) least[bin] = values[row];
    if (values[row] > greatest[bin]) greatest[bin] = values[row];
  }
  return { least, greatest };
}
