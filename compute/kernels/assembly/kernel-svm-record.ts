/** The record of a kernel support vector machine in memory: `kernel-svm.ts` says what its arrays hold. */
import { RowCache } from './row-cache';
import { Kernel } from './kernel-values';
import { Rows } from './feature-rows';
import { Share } from './work-sharing';

@unmanaged
export class Svm {
  rows: Rows;
  kernel: Kernel;
  cache: RowCache;
  share: Share;
  /** Of sparse rows. */
  norms: usize;
  betas: usize;
  targets: usize;
  lower: usize;
  upper: usize;
  gradient: usize;
  /** −(± p), to be added to −f for U; −∞ where β may not grow. */
  growth: usize;
  /** The same for V; ∞ where β may not fall. */
  fall: usize;
  diagonal: usize;
  order: usize;
  /** Threads that help the one that steps. */
  helpers: i32;
  shrinking: i32;
  epsilon: f64;
  tolerance: f64;

  // What changes, and with β, f and the order is all of a checkpoint.
  iterations: f64;
  /** U and min V over the active variables, and the position of U. */
  most: f64;
  least: f64;
  /** Iterations when all variables were active last. */
  since: f64;
  grower: i32;
  active: i32;
  /** Steps until shrinking is thought about. */
  countdown: i32;
  /** Variables that are not 0. */
  supports: i32;
  /** 0 going on, 1 solved, 2 waiting for the gradients of shrunk variables. */
  status: i32;

  // The piece that is given out: values of row `row` at [from, to) of a line.
  line: usize;
  row: i32;
  from: i32;
  to: i32;
  pieces: i32;
}

export function rowAt(svm: Svm, p: i32): i32 {
  return i32.load(svm.order + ((<usize>p) << 2));
}

export function upperOf(svm: Svm, p: i32): usize {
  return svm.upper + ((<usize>rowAt(svm, p)) << 3);
}

export function lowerOf(svm: Svm, p: i32): usize {
  return svm.lower + ((<usize>rowAt(svm, p)) << 3);
}
