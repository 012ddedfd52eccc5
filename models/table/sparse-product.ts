/**
 * Products of sparse rows with a matrix within a graph: a row of the product is the sum of the rows of the matrix that
 * its entries name, times their values. Nothing is padded, so that one long text among short ones costs what it has.
 */
import { product, type Dim } from '../../compute/graph/dimensions.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';

/** Entries of a batch of sparse rows, all of one row side by side. */
export interface SparseEntries {
  /** Rows of the batch. */
  readonly rows: Dim;
  /** int32 `[entries]`: each within the rows, ascending. */
  readonly row: Tensor<'int32'>;
  /** int32 `[entries]` */
  readonly column: Tensor<'int32'>;
  /** float32 `[entries]` */
  readonly value: Tensor<'float32'>;
}

/** A sparse matrix as a whole, and where the rows of a batch lie in it. */
export interface BatchOfRows {
  /** int32 `[batch]`: where each row begins, and its number of entries. */
  readonly begin: Tensor<'int32'>;
  readonly length: Tensor<'int32'>;
  /** int32 and float32 `[nnz]` */
  readonly columns: Tensor<'int32'>;
  readonly values: Tensor<'float32'>;
}

/**
 * The entries of a batch's rows, one row after the other.
 * @param name - of their number in shapes; another where a graph has several.
 */
export function entriesOf(g: Graph, { begin, length, columns, values }: BatchOfRows, name = 'entries'): SparseEntries {
  const [rows] = length.shape;
  const ends = g.cumulativeSum(length, 0);
  const place = g.range('int32', 0, g.sum(length), 1, name);
  // The row of a place is the number of rows that have ended by then. Those at the end that are empty end behind it.
  const ended = g.scatterElements(g.full('int32', [`${name}+1`], 0), ends, g.full('int32', [rows], 1), {
    axis: 0,
    reduction: 'add',
  });
  const row = g.gather(g.cumulativeSum(ended, 0), place);
  const from = g.sub(begin, g.sub(ends, length));
  const at = g.add(g.gather(from, row), place);
  return { rows, row, column: g.gather(columns, at), value: g.gather(values, at) };
}

/**
 * X W. The terms of a sum are added in the order of its entries, whatever the other rows are.
 * @param weights - float32 `[columns, width]`, of a width that is a number.
 * @returns float32 `[rows, width]`
 */
export function sparseProduct(
  g: Graph,
  { rows, row, column, value }: SparseEntries,
  weights: Tensor<'float32'>,
): Tensor<'float32'> {
  const width = weights.shape[1] as number;
  const terms = g.mul(g.gather(weights, column), g.unsqueeze(value, [1]));
  const total = product([rows, width]);
  const count = product([row.shape[0], width]);
  const first = g.unsqueeze(g.mul(row, width), [1]);
  const places = g.add(first, g.range('int32', 0, g.literal('int32', width), 1, width));
  // Over the flat result, as the derivative of Gather does it: ScatterND would lose sums where threads meet.
  const sums = g.scatterElements(g.full('float32', [total], 0), g.reshape(places, [count]), g.reshape(terms, [count]), {
    axis: 0,
    reduction: 'add',
  });
  return g.reshape(sums, [rows, width]);
}
