/**
 * Histograms of features over the rows of a node, shared source of `trees.ts`.
 *
 * Formula: of each bin, (Σ g, Σ h, n) over its rows, or (Σ weight of class 0, …, Σ weight of the last class, n).
 *
 * Layout: see `tree-layout.ts`; rows are `int32 [n]` in any order.
 * Accumulator: float64, added in the order of the rows, one thread a feature: neither the number of threads nor which
 * features are built together changes a bit. n is exact.
 * Error: a sum over m rows is within m ε Σ|g| of the exact one, ε = 2⁻⁵³; `subtract` adds ε times the parent's Σ|g|.
 */
import { Plan } from './tree-layout';

/** hist_f ← the sums of `count` features, 1 to 4; histogram k is at a, b, c, d. */
export function build(
  plan: Plan,
  pairs: usize,
  features: usize,
  count: i32,
  rows: usize,
  n: i32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): void {
  if (plan.wide) buildBins<u16>(plan, pairs, features, count, rows, n, a, b, c, d);
  else buildBins<u8>(plan, pairs, features, count, rows, n, a, b, c, d);
}

/** Histograms of `count` features, 1 to 4, at their places in `histogram`. */
export function buildGroup(
  plan: Plan,
  pairs: usize,
  features: usize,
  count: i32,
  rows: usize,
  n: i32,
  histogram: usize,
): void {
  const a = plan.histogram(histogram, load<i32>(features));
  const b = count > 1 ? plan.histogram(histogram, load<i32>(features, 4)) : 0;
  const c = count > 2 ? plan.histogram(histogram, load<i32>(features, 8)) : 0;
  const d = count > 3 ? plan.histogram(histogram, load<i32>(features, 12)) : 0;
  build(plan, pairs, features, count, rows, n, a, b, c, d);
}

function buildBins<T>(
  plan: Plan,
  pairs: usize,
  features: usize,
  count: i32,
  rows: usize,
  n: i32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): void {
  const f0 = load<i32>(features);
  clear(plan, f0, a);
  const c0 = plan.column(f0);
  if (count === 1) {
    if (plan.classes) classes1<T>(plan, c0, pairs, rows, n, a);
    else gradients1<T>(c0, pairs, rows, n, a);
    return;
  }
  const f1 = load<i32>(features, 4);
  clear(plan, f1, b);
  const c1 = plan.column(f1);
  if (count < 4) {
    if (plan.classes) classes2<T>(plan, c0, c1, pairs, rows, n, a, b);
    else gradients2<T>(c0, c1, pairs, rows, n, a, b);
    if (count === 3) buildBins<T>(plan, pairs, features + 8, 1, rows, n, c, d, 0, 0);
    return;
  }
  const f2 = load<i32>(features, 8);
  const f3 = load<i32>(features, 12);
  clear(plan, f2, c);
  clear(plan, f3, d);
  const c2 = plan.column(f2);
  const c3 = plan.column(f3);
  if (plan.classes) classes4<T>(plan, c0, c1, c2, c3, pairs, rows, n, a, b, c, d);
  else gradients4<T>(c0, c1, c2, c3, pairs, rows, n, a, b, c, d);
}

function clear(plan: Plan, feature: i32, histogram: usize): void {
  memory.fill(histogram, 0, (<usize>plan.missingBin(feature) + 1) * (plan.width() << 3));
}

// Several features at once: a row's number and its pair are read once, and while one bin's sum waits for the one
// before, another feature's is added. A bin is 24 bytes.

class cell {
  @inline static addGradient<T>(column: usize, r: usize, pair: v128, histogram: usize): void {
    const bin = histogram + 24 * <usize>load<T>(column + r * sizeof<T>());
    // (G, H) ← (G, H) + (g, h)
    v128.store(bin, f64x2.add(v128.load(bin), pair));
    // n ← n + 1
    store<f64>(bin, load<f64>(bin, 16) + 1, 16);
  }

  @inline static gradient(pairs: usize, r: usize): v128 {
    return f64x2.promote_low_f32x4(v128.load64_zero(pairs + (r << 3)));
  }

  /** `stride` bytes a bin, of which the class has those from `at` on and n the last 8. */
  @inline static addWeight<T>(
    column: usize,
    r: usize,
    stride: usize,
    at: usize,
    last: usize,
    weight: f64,
    histogram: usize,
  ): void {
    const bin = histogram + stride * <usize>load<T>(column + r * sizeof<T>());
    // W_c ← W_c + w
    store<f64>(bin + at, load<f64>(bin + at) + weight);
    // n ← n + 1
    store<f64>(bin + last, load<f64>(bin + last) + 1);
  }
}

function gradients4<T>(
  c0: usize,
  c1: usize,
  c2: usize,
  c3: usize,
  pairs: usize,
  rows: usize,
  n: i32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): void {
  for (const end = rows + ((<usize>n) << 2); rows < end; rows += 4) {
    const r = <usize>load<u32>(rows);
    const pair = cell.gradient(pairs, r);
    cell.addGradient<T>(c0, r, pair, a);
    cell.addGradient<T>(c1, r, pair, b);
    cell.addGradient<T>(c2, r, pair, c);
    cell.addGradient<T>(c3, r, pair, d);
  }
}

function gradients2<T>(c0: usize, c1: usize, pairs: usize, rows: usize, n: i32, a: usize, b: usize): void {
  for (const end = rows + ((<usize>n) << 2); rows < end; rows += 4) {
    const r = <usize>load<u32>(rows);
    const pair = cell.gradient(pairs, r);
    cell.addGradient<T>(c0, r, pair, a);
    cell.addGradient<T>(c1, r, pair, b);
  }
}

function gradients1<T>(c0: usize, pairs: usize, rows: usize, n: i32, a: usize): void {
  for (const end = rows + ((<usize>n) << 2); rows < end; rows += 4) {
    const r = <usize>load<u32>(rows);
    cell.addGradient<T>(c0, r, cell.gradient(pairs, r), a);
  }
}

function classes4<T>(
  plan: Plan,
  c0: usize,
  c1: usize,
  c2: usize,
  c3: usize,
  pairs: usize,
  rows: usize,
  n: i32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
): void {
  const last = (<usize>plan.classes) << 3;
  const stride = last + 8;
  for (const end = rows + ((<usize>n) << 2); rows < end; rows += 4) {
    const r = <usize>load<u32>(rows);
    const at = (<usize>load<f32>(pairs + (r << 3))) << 3;
    const weight = <f64>load<f32>(pairs + (r << 3), 4);
    cell.addWeight<T>(c0, r, stride, at, last, weight, a);
    cell.addWeight<T>(c1, r, stride, at, last, weight, b);
    cell.addWeight<T>(c2, r, stride, at, last, weight, c);
    cell.addWeight<T>(c3, r, stride, at, last, weight, d);
  }
}

function classes2<T>(plan: Plan, c0: usize, c1: usize, pairs: usize, rows: usize, n: i32, a: usize, b: usize): void {
  const last = (<usize>plan.classes) << 3;
  const stride = last + 8;
  for (const end = rows + ((<usize>n) << 2); rows < end; rows += 4) {
    const r = <usize>load<u32>(rows);
    const at = (<usize>load<f32>(pairs + (r << 3))) << 3;
    const weight = <f64>load<f32>(pairs + (r << 3), 4);
    cell.addWeight<T>(c0, r, stride, at, last, weight, a);
    cell.addWeight<T>(c1, r, stride, at, last, weight, b);
  }
}

function classes1<T>(plan: Plan, c0: usize, pairs: usize, rows: usize, n: i32, a: usize): void {
  const last = (<usize>plan.classes) << 3;
  const stride = last + 8;
  for (const end = rows + ((<usize>n) << 2); rows < end; rows += 4) {
    const r = <usize>load<u32>(rows);
    const at = (<usize>load<f32>(pairs + (r << 3))) << 3;
    cell.addWeight<T>(c0, r, stride, at, last, <f64>load<f32>(pairs + (r << 3), 4), a);
  }
}

/**
 * parent ← parent − child, of one feature: the histogram of the child's sibling. A bin that is left without rows is
 * exactly zero, not what rounding leaves of it.
 */
export function subtract(plan: Plan, feature: i32, parent: usize, child: usize): void {
  const bins = <usize>plan.missingBin(feature) + 1;
  if (plan.classes) subtractClasses(parent, child, bins, (<usize>plan.classes) << 3);
  else subtractGradients(parent, child, bins);
}

function subtractGradients(parent: usize, child: usize, bins: usize): void {
  for (const end = parent + 24 * bins; parent < end; parent += 24, child += 24) {
    const n = load<f64>(parent, 16) - load<f64>(child, 16);
    const some = f64x2.ne(f64x2.splat(n), f64x2.splat(0));
    v128.store(parent, v128.and(f64x2.sub(v128.load(parent), v128.load(child)), some));
    store<f64>(parent, n, 16);
  }
}

function subtractClasses(parent: usize, child: usize, bins: usize, last: usize): void {
  const stride = last + 8;
  for (const end = parent + bins * stride; parent < end; parent += stride, child += stride) {
    const n = load<f64>(parent + last) - load<f64>(child + last);
    for (let o: usize = 0; o < last; o += 8) {
      store<f64>(parent + o, n === 0 ? 0 : load<f64>(parent + o) - load<f64>(child + o));
    }
    store<f64>(parent + last, n);
  }
}

/** total ← the sums over rows, `float64 [width]`, in their order. */
export function sum(plan: Plan, pairs: usize, rows: usize, n: i32, total: usize): void {
  const last = (plan.width() - 1) << 3;
  memory.fill(total, 0, last);
  store<f64>(total + last, n);
  const end = rows + ((<usize>n) << 2);
  if (plan.classes) {
    for (; rows < end; rows += 4) {
      const pair = pairs + ((<usize>load<u32>(rows)) << 3);
      const at = total + ((<usize>load<f32>(pair)) << 3);
      store<f64>(at, load<f64>(at) + <f64>load<f32>(pair, 4));
    }
  } else {
    let both = f64x2.splat(0);
    for (; rows < end; rows += 4) both = f64x2.add(both, cell.gradient(pairs, <usize>load<u32>(rows)));
    v128.store(total, both);
  }
}
