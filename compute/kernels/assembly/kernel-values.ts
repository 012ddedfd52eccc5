/**
 * Values of a kernel function (of support vector machines) between one row of features and others.
 *
 * Formula, u · v the dot product: linear u · v; polynomial (γ u · v + c)ᵈ; RBF exp(−γ ‖u − v‖²); sigmoid
 * tanh(γ u · v + c).
 *
 * Layout: `Rows` as in `feature-rows.ts`; the kernel is a record, fields as they stand in `Kernel`; the one row is a
 * dense row with its padding, or of sparse rows spread over `float32 [columns]` with zeros elsewhere; norms
 * `float64 [count]` of sparse rows.
 * Accumulator: dense rows float32, squares of differences for RBF, so that close rows lose no digits; sparse rows
 * float64, RBF from norms. A value does not depend on which others are computed with it; of dense rows it is symmetric
 * to the bit, and RBF of a row with itself is 1.
 * Error, ε = 2⁻²⁴: u · v of dense rows of n features within (n / 8 + 5) ε Σ|u v| (twice that, unfused), of sparse ones
 * within ε |u · v|; to these polynomial adds 3 d ε |z|ᵈ and sigmoid 3 ε |value| + 2 ε |z|, z the argument with its terms'
 * magnitudes. RBF of dense rows is within 0.37 (n / 4 + 6) ε + 2 ε (the former twice, unfused), of sparse ones within
 * 3 ε, absolute.
 */
import { exponential } from './exponential';
import { Rows } from './feature-rows';
import { vec } from './vector';

const POLYNOMIAL: i32 = 1;
const RBF: i32 = 2;
const SIGMOID: i32 = 3;

@unmanaged
export class Kernel {
  /** 0 linear, 1 polynomial, 2 RBF, 3 sigmoid. */
  kind: i32;
  /** d */
  degree: i32;
  /** γ */
  gamma: f32;
  /** c */
  offset: f32;
}

/**
 * Values against the rows `order[p]` (or p, where `order` is null), p in [from, to), to `out + 4 p`.
 * @param norm - ‖x‖²; used with sparse rows only, as are `norms`.
 */
export function values(
  kernel: Kernel,
  rows: Rows,
  norms: usize,
  x: usize,
  norm: f64,
  order: usize,
  from: i32,
  to: i32,
  out: usize,
): void {
  for (let p = from; p < to; p += 4) {
    // The last ones of a number that is no multiple of 4 are computed more than once.
    const last = to - 1;
    const a = at(order, p);
    const b = at(order, min(p + 1, last));
    const c = at(order, min(p + 2, last));
    const d = at(order, min(p + 3, last));
    const four = rows.stride ? dense(kernel, rows, x, a, b, c, d) : sparse(kernel, rows, norms, x, norm, a, b, c, d);
    const cell = out + ((<usize>p) << 2);
    if (p + 4 <= to) {
      v128.store(cell, four);
    } else {
      f32.store(cell, f32x4.extract_lane(four, 0));
      if (p + 1 < to) f32.store(cell, f32x4.extract_lane(four, 1), 4);
      if (p + 2 < to) f32.store(cell, f32x4.extract_lane(four, 2), 8);
    }
  }
}

/** Puts row i of sparse rows over its columns, or zeros in its place. */
export function spread(rows: Rows, i: i32, x: usize, clear: bool): void {
  const end = (<usize>i32.load(rows.indptr + ((<usize>i) << 2), 4)) << 2;
  for (let k = (<usize>i32.load(rows.indptr + ((<usize>i) << 2))) << 2; k < end; k += 4) {
    f32.store(x + ((<usize>i32.load(rows.indices + k)) << 2), clear ? 0 : f32.load(rows.values + k));
  }
}

/** ‖x_i‖² of a sparse row, by the additions that its product with itself takes. */
export function squaredNorm(rows: Rows, i: i32): f64 {
  const end = rows.values + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2), 4)) << 2);
  let k = rows.values + ((<usize>i32.load(rows.indptr + ((<usize>i) << 2))) << 2);
  let even: f64 = 0;
  let odd: f64 = 0;
  for (; k + 8 <= end; k += 8) {
    even += <f64>f32.load(k) * <f64>f32.load(k);
    odd += <f64>f32.load(k, 4) * <f64>f32.load(k, 4);
  }
  if (k < end) even += <f64>f32.load(k) * <f64>f32.load(k);
  return even + odd;
}

function at(order: usize, p: i32): i32 {
  return order ? i32.load(order + ((<usize>p) << 2)) : p;
}

function dense(kernel: Kernel, rows: Rows, x: usize, a: i32, b: i32, c: i32, d: i32): v128 {
  const pa = rows.values + <usize>a * rows.stride;
  const pb = rows.values + <usize>b * rows.stride;
  const pc = rows.values + <usize>c * rows.stride;
  const pd = rows.values + <usize>d * rows.stride;
  if (kernel.kind === RBF) {
    const distances = squaredDistances(pa, pb, pc, pd, x, rows.stride);
    return exponential.ofNegative(f32x4.mul(distances, f32x4.splat(-kernel.gamma)));
  }
  return ofProducts(kernel, vec.dot4(pa, pb, pc, pd, x, rows.columns));
}

/** ‖a − x‖², …, ‖d − x‖² */
function squaredDistances(a: usize, b: usize, c: usize, d: usize, x: usize, bytes: usize): v128 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  for (let o: usize = 0; o < bytes; o += 16) {
    const y = v128.load(x + o);
    const d0 = f32x4.sub(v128.load(a + o), y);
    s0 = f32x4.relaxed_madd(d0, d0, s0);
    const d1 = f32x4.sub(v128.load(b + o), y);
    s1 = f32x4.relaxed_madd(d1, d1, s1);
    const d2 = f32x4.sub(v128.load(c + o), y);
    s2 = f32x4.relaxed_madd(d2, d2, s2);
    const d3 = f32x4.sub(v128.load(d + o), y);
    s3 = f32x4.relaxed_madd(d3, d3, s3);
  }
  return vec.sum4(s0, s1, s2, s3);
}

function sparse(kernel: Kernel, rows: Rows, norms: usize, x: usize, norm: f64, a: i32, b: i32, c: i32, d: i32): v128 {
  let four = f32x4.splat(<f32>argument(kernel, rows, norms, x, norm, a));
  four = f32x4.replace_lane(four, 1, <f32>argument(kernel, rows, norms, x, norm, b));
  four = f32x4.replace_lane(four, 2, <f32>argument(kernel, rows, norms, x, norm, c));
  four = f32x4.replace_lane(four, 3, <f32>argument(kernel, rows, norms, x, norm, d));
  return kernel.kind === RBF ? exponential.ofNegative(four) : ofProducts(kernel, four);
}

/** x · x_j, or for RBF −γ ‖x − x_j‖². */
function argument(kernel: Kernel, rows: Rows, norms: usize, x: usize, norm: f64, j: i32): f64 {
  const end = rows.indices + ((<usize>i32.load(rows.indptr + ((<usize>j) << 2), 4)) << 2);
  let index = rows.indices + ((<usize>i32.load(rows.indptr + ((<usize>j) << 2))) << 2);
  let value = rows.values + (index - rows.indices);
  let even: f64 = 0;
  let odd: f64 = 0;
  for (; index + 8 <= end; index += 8, value += 8) {
    even += <f64>f32.load(value) * <f64>f32.load(x + ((<usize>i32.load(index)) << 2));
    odd += <f64>f32.load(value, 4) * <f64>f32.load(x + ((<usize>i32.load(index, 4)) << 2));
  }
  if (index < end) even += <f64>f32.load(value) * <f64>f32.load(x + ((<usize>i32.load(index)) << 2));
  const product = even + odd;
  if (kernel.kind !== RBF) return product;
  return -(<f64>kernel.gamma) * max<f64>(0, norm + f64.load(norms + ((<usize>j) << 3)) - 2 * product);
}

function ofProducts(kernel: Kernel, products: v128): v128 {
  if (kernel.kind !== POLYNOMIAL && kernel.kind !== SIGMOID) return products;
  const z = f32x4.add(f32x4.mul(products, f32x4.splat(kernel.gamma)), f32x4.splat(kernel.offset));
  if (kernel.kind === SIGMOID) return exponential.tanh(z);
  // zᵈ by squaring
  let power = f32x4.splat(1);
  let square = z;
  for (let d = kernel.degree; d > 0; d >>= 1) {
    if (d & 1) power = f32x4.mul(power, square);
    square = f32x4.mul(square, square);
  }
  return power;
}
