/** Columns as bins, which is what trees are grown on: edges, codes, and the matrix of them in kernel memory. */
import { Random } from '../../contracts/random.ts';
import type { KernelThreads } from './threads.ts';

/** Rows that `binEdges` looks at: enough for quantiles far finer than a bin. */
const sampledRows = 200_000;
/** Rows of a column that one call of the kernel codes. */
const chunkRows = 65_536;

/** How a column becomes bins. */
export type Binning =
  /**
   * Ascending, distinct, float32, none NaN: x is in the first bin b with x ≤ edges[b], behind the last edge in bin
   * `edges.length`. A split at bin b is the test x ≤ edges[b].
   */
  | { edges: Float32Array }
  /** Values are categories 0 to `categories` − 1 (at most 255); any other value counts as missing. */
  | { categories: number };

/** Bins of values, without the one of missing values that follows them. */
export function valueBins(binning: Binning): number {
  return 'edges' in binning ? binning.edges.length + 1 : binning.categories;
}

/**
 * Edges between the distinct values of a column; where there are more than `maxBins`, bins of about equally many rows,
 * a value that has more rows than such a bin alone. An edge lies halfway between two values, and is a float32 that
 * parts them.
 * @param values - `float32 [rows]`; NaN is missing. Of more than 200,000 rows, as many are looked at, drawn with
 * `seed`.
 * @param maxBins - bins without that of missing values: in [1, 65535], up to 255 keep a matrix in bytes.
 */
export function binEdges(values: Float32Array, maxBins: number, seed = 0): Float32Array {
  if (!Number.isInteger(maxBins) || maxBins < 1 || maxBins > 65_535) {
    throw new RangeError(`The number of bins must be an integer in [1, 65535]. Got ${maxBins}.`);
  }
  const { distinct, counts, total } = countDistinct(sample(values, seed));
  const edges: number[] = [];
  if (distinct.length <= maxBins) {
    for (let k = 0; k + 1 < distinct.length; k++) edges.push(between(distinct[k], distinct[k + 1]));
    return Float32Array.from(edges);
  }
  // Values that fill a bin of their own, and what is left to share the other bins.
  const fair = total / maxBins;
  const isLarge = (k: number) => counts[k] >= fair;
  let restRows = 0;
  let restBins = maxBins;
  for (let k = 0; k < distinct.length; k++) {
    if (isLarge(k)) restBins--;
    else restRows += counts[k];
  }
  let inBin = 0;
  for (let k = 0; k + 1 < distinct.length && edges.length + 1 < maxBins; k++) {
    inBin += counts[k];
    if (!isLarge(k)) restRows -= counts[k];
    const share = restBins > 0 ? (restRows + inBin) / restBins : Infinity;
    if (isLarge(k) || inBin >= share || (isLarge(k + 1) && inBin >= share / 2)) {
      edges.push(between(distinct[k], distinct[k + 1]));
      if (!isLarge(k)) restBins--;
      inBin = 0;
    }
  }
  return Float32Array.from(edges);
}

/** One row out of each of as many equal stretches as are looked at, so that an order of the rows does not matter. */
function sample(values: Float32Array, seed: number): Float32Array {
  if (values.length <= sampledRows) return values.slice();
  const random = new Random(seed);
  const stretch = values.length / sampledRows;
  return Float32Array.from({ length: sampledRows }, (_, k) => {
    const row = Math.floor((k + random.uniform()) * stretch);
    return values[Math.min(row, values.length - 1)];
  });
}

function countDistinct(values: Float32Array): { distinct: Float32Array; counts: Float64Array; total: number } {
  values.sort();
  let total = values.length;
  while (total > 0 && Number.isNaN(values[total - 1])) total--;
  const counts = new Float64Array(total);
  let found = 0;
  for (let k = 0; k < total; k++) {
    // −0 and 0 are one value.
    if (found === 0 || values[found - 1] !== values[k]) values[found++] = values[k];
    counts[found - 1]++;
  }
  return { distinct: values.subarray(0, found), counts: counts.subarray(0, found), total };
}

/** A float32 e with a ≤ e < b, halfway where there is one. */
export function between(a: number, b: number): number {
  const middle = Math.fround((a + b) / 2);
  // Not −0, which prints and compares as another number here and there.
  return (middle >= a && middle < b ? middle : a) + 0;
}

/** Columns as bins in kernel memory, good until the threads are closed. */
export class BinnedMatrix {
  readonly kernels: KernelThreads;
  readonly rows: number;
  readonly binnings: readonly Binning[];
  /** Whether bins are uint16: where a feature has more than 256 of them, that of missing values included. */
  readonly wide: boolean;
  /** `uint8 | uint16 [features × rows]`: the bins of a feature lie side by side. */
  readonly address: number;

  private constructor(kernels: KernelThreads, rows: number, binnings: readonly Binning[]) {
    this.kernels = kernels;
    this.rows = rows;
    this.binnings = binnings;
    this.wide = binnings.some((binning) => valueBins(binning) > 255);
    this.address = kernels.alloc(rows * binnings.length * (this.wide ? 2 : 1));
  }

  get features(): number {
    return this.binnings.length;
  }

  /** The bins of one feature, `[rows]`, in kernel memory. */
  column(feature: number): Uint8Array<SharedArrayBuffer> | Uint16Array<SharedArrayBuffer> {
    const at = this.address + feature * this.rows * (this.wide ? 2 : 1);
    return this.kernels.view(this.wide ? 'u16' : 'u8', at, this.rows);
  }

  /**
   * @param kernels - threads with the kernel `trees`.
   * @param columns - `float32 [rows]` each, read while this runs.
   * @param binnings - one for each column.
   * @throws RangeError where columns are not equally long, or a binning has too many bins or edges out of order.
   */
  static async from(
    kernels: KernelThreads,
    columns: readonly Float32Array[],
    binnings: readonly Binning[],
  ): Promise<BinnedMatrix> {
    const rows = columns[0]?.length ?? 0;
    if (columns.length !== binnings.length || columns.some((column) => column.length !== rows)) {
      throw new RangeError('The columns of a matrix must be equally long, and have a binning each.');
    }
    return BinnedMatrix.read(kernels, rows, binnings, (feature) => columns[feature]);
  }

  /**
   * As `from`, of columns that need not be in memory together.
   * @param columnOf - `float32 [rows]`, asked for in ascending order; read before the next one is.
   */
  static async read(
    kernels: KernelThreads,
    rows: number,
    binnings: readonly Binning[],
    columnOf: (feature: number) => Float32Array,
  ): Promise<BinnedMatrix> {
    for (const [feature, binning] of binnings.entries()) checkBinning(binning, feature);
    const before = kernels.mark();
    try {
      const matrix = new BinnedMatrix(kernels, rows, binnings);
      for (let feature = 0; feature < binnings.length; feature++) await matrix.#bin(feature, columnOf(feature));
      return matrix;
    } catch (error) {
      kernels.release(before);
      throw error;
    }
  }

  async #bin(feature: number, values: Float32Array): Promise<void> {
    const { kernels, rows } = this;
    const binning = this.binnings[feature];
    const mark = kernels.mark();
    try {
      const column = kernels.put(values);
      const edges = 'edges' in binning ? kernels.put(binning.edges) : 0;
      const count = 'edges' in binning ? binning.edges.length : binning.categories;
      const out = this.column(feature).byteOffset;
      const flags = ['edges' in binning ? 0 : 1, this.wide ? 1 : 0];
      await kernels.parallelFor('trees', 'bin', Math.ceil(rows / chunkRows), (chunk) => {
        const from = chunk * chunkRows;
        return [column, edges, count, ...flags, from, Math.min(from + chunkRows, rows), out];
      });
    } finally {
      kernels.release(mark);
    }
  }
}

function checkBinning(binning: Binning, feature: number): void {
  if ('categories' in binning) {
    const { categories } = binning;
    if (!Number.isInteger(categories) || categories < 0 || categories > 255) {
      throw new RangeError(`Feature ${feature} must have 0 to 255 categories. Got ${categories}.`);
    }
    return;
  }
  const { edges } = binning;
  if (edges.length > 65_534)
    throw new RangeError(`Feature ${feature} must have at most 65534 edges. Got ${edges.length}.`);
  for (let k = 0; k < edges.length; k++) {
    if (Number.isNaN(edges[k]) || (k > 0 && !(edges[k - 1] < edges[k]))) {
      throw new RangeError(`The edges of feature ${feature} must ascend. Got ${edges[k]} at ${k}.`);
    }
  }
}
