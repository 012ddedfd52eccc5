/**
 * Decision trees over binned features: histograms, split search, partition of rows, and the growth of a whole tree leaf
 * by leaf, best first (Shi, 2007; Ke et al., 2017).
 *
 * Formulas, accumulators and error bounds stand in the files that this one is made of: `tree-histograms.ts`,
 * `tree-splits.ts`, `tree-categories.ts`, `tree-rows.ts`, `tree-growth.ts`; the layout of what they share in
 * `tree-layout.ts`.
 */
import { buildGroup, subtract as subtractHistogram } from './tree-histograms';
import { Plan, Split } from './tree-layout';
import { binCategories, binValues, leafOf } from './tree-rows';
import { clearSplit, searchFeature } from './tree-splits';

export { grow } from './tree-growth';
export { partition } from './tree-rows';

/** Bins of rows [from, to) of a column; `count` edges, or that many categories. */
export function bin(
  column: usize,
  edges: usize,
  count: i32,
  categorical: i32,
  wide: i32,
  from: i32,
  to: i32,
  out: usize,
): void {
  if (categorical) {
    if (wide) binCategories<u16>(column, count, from, to, out);
    else binCategories<u8>(column, count, from, to, out);
  } else {
    if (wide) binValues<u16>(column, edges, count, from, to, out);
    else binValues<u8>(column, edges, count, from, to, out);
  }
}

/** Histograms of features[from … to) over n rows, at their places in `histogram`. */
export function build(
  plan: Plan,
  pairs: usize,
  features: usize,
  from: i32,
  to: i32,
  rows: usize,
  n: i32,
  histogram: usize,
): void {
  for (let at = from; at < to; at += 4) {
    buildGroup(plan, pairs, features + ((<usize>at) << 2), min(4, to - at), rows, n, histogram);
  }
}

/** parent ← parent − child, for features[from … to). */
export function subtract(plan: Plan, features: usize, from: i32, to: i32, parent: usize, child: usize): void {
  for (let at = from; at < to; at++) {
    const feature = load<i32>(features + ((<usize>at) << 2));
    subtractHistogram(plan, feature, plan.histogram(parent, feature), plan.histogram(child, feature));
  }
}

/** best ← the best split by features[from … to). */
export function search(
  plan: Plan,
  features: usize,
  from: i32,
  to: i32,
  histogram: usize,
  best: Split,
  scratch: usize,
): void {
  clearSplit(plan, best);
  for (let at = from; at < to; at++) {
    const feature = load<i32>(features + ((<usize>at) << 2));
    searchFeature(plan, feature, plan.histogram(histogram, feature), scratch, best);
  }
}

/** out[r] ← the leaf that row r of the matrix comes to, rows [from, to). */
export function leaves(plan: Plan, nodes: usize, from: i32, to: i32, out: usize): void {
  if (plan.wide) leafOf<u16>(plan, nodes, from, to, out);
  else leafOf<u8>(plan, nodes, from, to, out);
}
