/**
 * Rows and the bins they are in, shared source of `trees.ts`: columns to bins, the partition of a node's rows by a
 * split, and the leaf that a row comes to.
 *
 * Formula: of a column with edges e₀ < e₁ < …, x is in the first bin b with x ≤ e_b, behind the last edge in the last
 * bin, and as NaN in the bin of missing values; a row goes left where its bin ≤ the split's bin, or where its bin is in
 * the split's set.
 *
 * Layout: columns `float32 [rows]`, edges `float32 [k]` ascending, k + 1 bins and that of missing values; bins `uint8 |
 * uint16 [rows]` of a column side by side, row numbers and leaves `int32`; the records of `tree-layout.ts`.
 * Accumulator: none. Exact: comparisons and integers only. A partition keeps the order of the rows on either side.
 */
import { Node, Plan, Split } from './tree-layout';

/** out[r] ← bin of column[r] for rows [from, to). */
export function binValues<T>(column: usize, edges: usize, count: i32, from: i32, to: i32, out: usize): void {
  for (let r = <usize>from; r < <usize>to; r++) {
    const x = load<f32>(column + (r << 2));
    let bin = 0;
    // bin ← number of edges < x, by halving: the steps are the same for every x, so that rows overlap.
    for (let length = count; length > 0;) {
      const half = (length + 1) >> 1;
      const step = load<f32>(edges + ((<usize>(bin + half - 1)) << 2)) < x;
      bin += step ? half : 0;
      length -= half;
    }
    store<T>(out + r * sizeof<T>(), <T>(x === x ? bin : count + 1));
  }
}

/** out[r] ← column[r] where it is an integer in [0, count), else `count`, which is missing. */
export function binCategories<T>(column: usize, count: i32, from: i32, to: i32, out: usize): void {
  for (let r = <usize>from; r < <usize>to; r++) {
    const x = load<f32>(column + (r << 2));
    const known = x >= 0 && x < <f32>count && floor<f32>(x) === x;
    store<T>(out + r * sizeof<T>(), <T>(known ? <i32>x : count));
  }
}

/** left ← those of the n rows that go left, right ← the others, both in their order; each has room for n. */
export function part(plan: Plan, split: Split, rows: usize, n: i32, left: usize, right: usize): i32 {
  return plan.wide ? partBins<u16>(plan, split, rows, n, left, right) : partBins<u8>(plan, split, rows, n, left, right);
}

/** Orders n rows, those that go left first; `lefts` ← how many those are; `spare` has room for 2 n. */
export function partition(plan: Plan, split: Split, rows: usize, n: i32, spare: usize, lefts: usize): void {
  const bytes = (<usize>n) << 2;
  const left = part(plan, split, rows, n, spare, spare + bytes);
  memory.copy(rows, spare, (<usize>left) << 2);
  memory.copy(rows + ((<usize>left) << 2), spare + bytes, bytes - ((<usize>left) << 2));
  store<i32>(lefts, left);
}

function partBins<T>(plan: Plan, split: Split, rows: usize, n: i32, left: usize, right: usize): i32 {
  const column = plan.column(split.feature);
  const end = rows + ((<usize>n) << 2);
  const start = left;
  // A row is written to both sides and stays on one: nothing to predict.
  if (split.categorical) {
    for (; rows < end; rows += 4) {
      const r = load<u32>(rows);
      const goes = split.has(<u32>load<T>(column + <usize>r * sizeof<T>()));
      store<u32>(left, r);
      store<u32>(right, r);
      left += (<usize>goes) << 2;
      right += (<usize>(goes ^ 1)) << 2;
    }
  } else {
    const bin = <u32>split.bin;
    const missing: u32 = split.missingLeft ? <u32>plan.missingBin(split.feature) : 0xffffffff;
    for (; rows < end; rows += 4) {
      const r = load<u32>(rows);
      const b = <u32>load<T>(column + <usize>r * sizeof<T>());
      const goes = (<u32>(b <= bin)) | (<u32>(b === missing));
      store<u32>(left, r);
      store<u32>(right, r);
      left += (<usize>goes) << 2;
      right += (<usize>(goes ^ 1)) << 2;
    }
  }
  return <i32>((left - start) >> 2);
}

/** out[r] ← the leaf of row r, rows [from, to) of the matrix. */
export function leafOf<T>(plan: Plan, nodes: usize, from: i32, to: i32, out: usize): void {
  for (let r = <usize>from; r < <usize>to; r++) {
    let k = 0;
    for (;;) {
      const node = changetype<Node>(nodes + <usize>k * offsetof<Node>());
      const feature = node.feature;
      if (feature < 0) break;
      const bin = <u32>load<T>(plan.column(feature) + r * sizeof<T>());
      let goes: u32;
      if (node.categorical) {
        goes = node.has(bin);
      } else {
        goes = <u32>(bin <= <u32>node.bin);
        if (node.missingLeft && bin === <u32>plan.missingBin(feature)) goes = 1;
      }
      k = node.left + <i32>(goes ^ 1);
    }
    store<i32>(out + (r << 2), k);
  }
}
