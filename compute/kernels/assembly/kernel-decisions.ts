/**
 * Kernel values between two sets of rows, and decision values of what a solver has found.
 *
 * Formula: `matrix` K_ij = k(u_i, v_j); `decide` s_io = b_o + Σ_j β_oj k(u_i, v_j).
 *
 * Layout: `Rows` and `Kernel` as in their files, both sets dense or both sparse, of the same columns; K float32
 * `[(to − from) × count of v]`; β `float64 [outputs × count of v]`, b `float64 [outputs]`, s `float64 [count of u × outputs]`.
 * Accumulator: the values are those of `kernel-values.ts`, float32; their sums float64, in the order of v.
 * Error: that of the values times Σ|β|, and n 2⁻⁵³ Σ|β k|.
 */
import { Kernel, spread, squaredNorm, values } from './kernel-values';
import { Rows } from './feature-rows';

/** Values that are made before they are summed. */
const BLOCK: i32 = 256;

/** ‖x_i‖² of sparse rows [from, to). */
export function squaredNorms(rowsAt: usize, from: i32, to: i32, norms: usize): void {
  const rows = changetype<Rows>(rowsAt);
  for (let i = from; i < to; i++) f64.store(norms + ((<usize>i) << 3), squaredNorm(rows, i));
}

/**
 * Rows [from, to) of u.
 * @param scratch - for sparse rows, `columns` floats of the calling thread's own.
 */
export function matrix(
  kernelAt: usize,
  uAt: usize,
  vAt: usize,
  vNorms: usize,
  from: i32,
  to: i32,
  out: usize,
  scratch: usize,
): void {
  const kernel = changetype<Kernel>(kernelAt);
  const u = changetype<Rows>(uAt);
  const v = changetype<Rows>(vAt);
  if (!u.stride) memory.fill(scratch, 0, (<usize>u.columns) << 2);
  for (let i = from; i < to; i++, out += (<usize>v.count) << 2) {
    const x = hold(u, i, scratch);
    values(kernel, v, vNorms, x, normOf(u, i), 0, 0, v.count, out);
    if (!u.stride) spread(u, i, scratch, true);
  }
}

/**
 * Rows [from, to) of u.
 * @param scratch - 256 floats, and for sparse rows `columns` before them, of the calling thread's own.
 */
export function decide(
  kernelAt: usize,
  uAt: usize,
  vAt: usize,
  vNorms: usize,
  betas: usize,
  biases: usize,
  outputs: i32,
  from: i32,
  to: i32,
  s: usize,
  scratch: usize,
): void {
  const kernel = changetype<Kernel>(kernelAt);
  const u = changetype<Rows>(uAt);
  const v = changetype<Rows>(vAt);
  const block = u.stride ? scratch : scratch + ((<usize>u.columns) << 2);
  if (!u.stride) memory.fill(scratch, 0, (<usize>u.columns) << 2);
  for (let i = from; i < to; i++) {
    const x = hold(u, i, scratch);
    const norm = normOf(u, i);
    const line = s + <usize>i * <usize>outputs * 8;
    memory.copy(line, biases, (<usize>outputs) << 3);
    for (let start = 0; start < v.count; start += BLOCK) {
      const stop = min(start + BLOCK, v.count);
      values(kernel, v, vNorms, x, norm, 0, start, stop, block - ((<usize>start) << 2));
      for (let o = 0; o < outputs; o++) {
        const cell = line + ((<usize>o) << 3);
        const beta = betas + <usize>o * <usize>v.count * 8;
        let sum = f64.load(cell);
        for (let j = start; j < stop; j++) {
          sum += f64.load(beta + ((<usize>j) << 3)) * <f64>f32.load(block + ((<usize>(j - start)) << 2));
        }
        f64.store(cell, sum);
      }
    }
    if (!u.stride) spread(u, i, scratch, true);
  }
}

/** Row i as `values` takes it. */
function hold(rows: Rows, i: i32, scratch: usize): usize {
  if (rows.stride) return rows.values + <usize>i * rows.stride;
  spread(rows, i, scratch, false);
  return scratch;
}

function normOf(rows: Rows, i: i32): f64 {
  return rows.stride ? 0 : squaredNorm(rows, i);
}
