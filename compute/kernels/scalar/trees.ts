/** What `assembly/trees.ts` computes, in float64 and plain loops: tests hold the kernel against it. */
import type { Random } from '../../../contracts/random.ts';
import type { Criterion, GrowthLimits } from '../trees.ts';

/** A binned feature; the last bin is that of missing values. */
export interface Feature {
  bins: ArrayLike<number>;
  count: number;
  categorical: boolean;
}

export interface Rules extends Omit<GrowthLimits, 'histogramBytes'> {
  criterion: Criterion['criterion'];
  /** 0 for gradients. */
  classes: number;
}

export interface Split {
  feature: number;
  gain: number;
  /** Bins that go left, that of missing values among them where it does. */
  left: Set<number>;
  /** The bin of the test, −1 with categories. */
  bin: number;
}

export interface TreeNode {
  rows: number[];
  totals: number[];
  depth: number;
  split?: Split;
  /** Number of the left child; the right one follows. */
  left?: number;
}

/** Number of edges below x, and one more than bins of values where x is NaN. */
export function binOf(x: number, edges: ArrayLike<number>): number {
  if (Number.isNaN(x)) return edges.length + 1;
  let bin = 0;
  while (bin < edges.length && edges[bin] < x) bin++;
  return bin;
}

/** Sums of the rows of each bin: (Σg, Σh, n), or the weight of each class and n. */
export function histogram(feature: Feature, pairs: ArrayLike<number>, rows: ArrayLike<number>, classes: number) {
  const bins = Array.from({ length: feature.count }, () => zeros(classes));
  for (let k = 0; k < rows.length; k++) addRow(bins[feature.bins[rows[k]]], pairs, rows[k], classes);
  return bins;
}

function zeros(classes: number): number[] {
  return Array.from({ length: classes > 0 ? classes + 1 : 3 }, () => 0);
}

function addRow(sums: number[], pairs: ArrayLike<number>, row: number, classes: number): void {
  const [a, b] = [pairs[2 * row], pairs[2 * row + 1]];
  if (classes > 0) {
    sums[a] += b;
    sums[classes] += 1;
  } else {
    sums[0] += a;
    sums[1] += b;
    sums[2] += 1;
  }
}

const add = (a: number[], b: number[]) => a.map((value, k) => value + b[k]);
const subtract = (a: number[], b: number[]) => a.map((value, k) => value - b[k]);
const rowsOf = (sums: number[]) => sums[sums.length - 1];

/** s of the kernel's header; `l2` where it is not that of the rules. */
export function score(sums: number[], rules: Rules, l2 = rules.l2): number {
  if (rules.classes === 0) {
    const T = Math.max(Math.abs(sums[0]) - rules.l1, 0);
    return sums[1] + l2 > 0 ? (T * T) / (sums[1] + l2) : 0;
  }
  const weights = sums.slice(0, -1);
  const W = weights.reduce((sum, w) => sum + w, 0);
  if (rules.criterion === 'entropy') return weights.reduce((sum, w) => sum + xlog2x(w), 0) - xlog2x(W);
  return W > 0 ? weights.reduce((sum, w) => sum + w * w, 0) / W : 0;
}

const xlog2x = (x: number) => (x > 0 ? x * Math.log2(x) : 0);

function weightOf(sums: number[], rules: Rules): number {
  return rules.classes === 0 ? sums[1] : sums.slice(0, -1).reduce((sum, w) => sum + w, 0);
}

function allowed(side: number[], rules: Rules): boolean {
  const weight = weightOf(side, rules);
  return rowsOf(side) >= rules.minRows && weight >= rules.minWeight && (rules.classes === 0 || weight > 0);
}

/** All splits of a node by one feature that the rules allow, in the order in which equal ones are preferred. */
export function candidates(bins: number[][], categorical: boolean, rules: Rules): Split[] {
  const missingBin = bins.length - 1;
  const missing = bins[missingBin];
  const present = bins.slice(0, -1).flatMap((sums, bin) => (rowsOf(sums) > 0 ? [bin] : []));
  const total = present
    .map((bin) => bins[bin])
    .reduce(
      add,
      missing.map(() => 0),
    );
  const node = add(total, missing);
  const parent = score(node, rules);
  const l2 = rules.l2 + (categorical ? rules.categoryL2 : 0);
  const ordered = categorical ? orderCategories(present, bins, rules) : present;
  const limit = categorical ? Math.min(ordered.length, rules.maxCategories) : ordered.length;
  const scans = limit < ordered.length ? [ordered, ordered.toReversed()] : [ordered];
  return scans.flatMap((list) => {
    let sums = missing.map(() => 0);
    return list.slice(0, limit).flatMap((bin, k) => {
      sums = add(sums, bins[bin]);
      const sides = rowsOf(missing) > 0 ? [sums, add(sums, missing)] : [sums];
      return sides.flatMap((left, side): Split[] => {
        const right = subtract(node, left);
        if (!allowed(left, rules) || !allowed(right, rules)) return [];
        const moreLeft = rowsOf(left) * 2 >= rowsOf(node);
        const goes = new Set(categorical ? list.slice(0, k + 1) : Array.from({ length: bin + 1 }, (_, b) => b));
        if (categorical && moreLeft) {
          for (let b = 0; b < missingBin; b++) if (rowsOf(bins[b]) === 0) goes.add(b);
        }
        if (rowsOf(missing) > 0 ? side === 1 : moreLeft) goes.add(missingBin);
        const gain = score(left, rules, l2) + score(right, rules, l2) - parent;
        return [{ feature: -1, gain, left: goes, bin: categorical ? -1 : bin }];
      });
    });
  });
}

/** What a gain must exceed at a node with these sums. */
export function leastGain(node: number[], rules: Rules): number {
  return rules.minGain >= 0 ? Math.max(rules.minGain, 2 ** -46 * Math.abs(score(node, rules))) : rules.minGain;
}

/** The best split by several features; `histograms` are theirs in the order of `features`. */
export function bestSplit(
  features: readonly number[],
  histograms: readonly number[][][],
  categorical: readonly boolean[],
  rules: Rules,
): Split | undefined {
  let best: Split | undefined;
  for (const [k, feature] of features.entries()) {
    const node = histograms[k].reduce(add);
    for (const split of candidates(histograms[k], categorical[k], rules)) {
      if (!(split.gain > leastGain(node, rules))) continue;
      const better = !best || split.gain > best.gain || (split.gain === best.gain && feature < best.feature);
      if (better) best = { ...split, feature };
    }
  }
  return best;
}

/** Categories in the order in which they are scanned; see the kernel. */
function orderCategories(present: number[], bins: number[][], rules: Rules): number[] {
  const key = rules.classes === 0 ? gradientKey : shareKey(present, bins, rules);
  const keyed = present.map((bin) => ({ bin, key: key(bins[bin], rules) }));
  return keyed.toSorted((a, b) => a.key - b.key || a.bin - b.bin).map(({ bin }) => bin);
}

function gradientKey(sums: number[], rules: Rules): number {
  const D = sums[1] + rules.categorySmoothing;
  return D > 0 ? sums[0] / D : 0;
}

function shareKey(present: number[], bins: number[][], rules: Rules): (sums: number[]) => number {
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, c) => sum + value * b[c], 0);
  const shares = (sums: number[]) => sums.slice(0, -1).map((w) => w / weightOf(sums, rules));
  const weighty = present.map((bin) => bins[bin]).filter((sums) => weightOf(sums, rules) > 0);
  const mean = shares(weighty.reduce(add, zeros(rules.classes)));
  const rows = weighty.map((sums) => ({ w: weightOf(sums, rules), d: subtract(shares(sums), mean) }));
  const spread = mean.map((_, c) => rows.reduce((sum, { w, d }) => sum + w * d[c] * d[c], 0));
  let axis = mean.map((_, c) => Number(c === spread.indexOf(Math.max(...spread))));
  for (let step = 0; step < 16; step++) {
    const next = rows.reduce(
      (sum, { w, d }) =>
        add(
          sum,
          d.map((value) => value * (w * dot(d, axis))),
        ),
      mean.map(() => 0),
    );
    const norm = Math.sqrt(dot(next, next));
    if (!(norm > 0)) break;
    axis = next.map((value) => value / norm);
  }
  return (sums) => {
    const w = weightOf(sums, rules);
    return w > 0 ? (w / (w + rules.categorySmoothing)) * dot(subtract(shares(sums), mean), axis) : 0;
  };
}

/** Grows a tree, each histogram from its rows, the next leaf by looking at all. */
export function grow(
  features: readonly Feature[],
  pairs: ArrayLike<number>,
  rows: readonly number[],
  rules: Rules,
  usable: readonly number[],
  random: Random,
): TreeNode[] {
  const { classes } = rules;
  const pool = [...usable];
  const nodeOf = (its: number[], depth: number): TreeNode => {
    const totals = zeros(classes);
    for (const row of its) addRow(totals, pairs, row, classes);
    return { rows: its, totals, depth };
  };
  const nodes = [nodeOf([...rows], 0)];
  let leaves = 1;
  const search = (node: TreeNode) => {
    const pure = classes > 0 && node.totals.slice(0, -1).filter((w) => w > 0).length < 2;
    const least = Math.max(rules.minRowsToSplit, 2 * rules.minRows);
    if (pure || node.rows.length < least || node.depth >= rules.maxDepth || leaves >= rules.maxLeaves) return;
    const draws = rules.featuresPerSplit < features.length;
    for (let from = 0; from < pool.length && !node.split;) {
      const to = draws ? Math.min(from + rules.featuresPerSplit, pool.length) : pool.length;
      for (let k = from; draws && k < to; k++) {
        const other = k + random.integer(pool.length - k);
        [pool[k], pool[other]] = [pool[other], pool[k]];
      }
      const drawn = pool.slice(from, to);
      const histograms = drawn.map((f) => histogram(features[f], pairs, node.rows, classes));
      node.split = bestSplit(
        drawn,
        histograms,
        drawn.map((f) => features[f].categorical),
        rules,
      );
      from = to;
    }
  };
  search(nodes[0]);
  while (leaves < rules.maxLeaves) {
    const open = nodes.filter((node) => node.split && node.left === undefined);
    if (open.length === 0) break;
    const node = open.reduce((a, b) => (b.split!.gain > a.split!.gain ? b : a));
    const { feature, left } = node.split!;
    const goes = (row: number) => left.has(features[feature].bins[row]);
    node.left = nodes.length;
    const children = [node.rows.filter(goes), node.rows.filter((row) => !goes(row))];
    nodes.push(...children.map((its) => nodeOf(its, node.depth + 1)));
    leaves++;
    const [a, b] = nodes.slice(-2);
    for (const child of a.rows.length <= b.rows.length ? [a, b] : [b, a]) search(child);
  }
  for (const node of nodes) if (node.left === undefined) delete node.split;
  return nodes;
}
