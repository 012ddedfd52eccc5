/** Kernel functions of support vector machines: their values, and decision values, on kernel threads. */
import type { StoredRows } from './feature-rows.ts';
import type { KernelThreads } from './threads.ts';

/** u · v is the dot product; gamma is above 0. */
export type SvmKernel =
  /** u · v */
  | { kind: 'linear' }
  /** (gamma u · v + offset)^degree, degree an integer in [1, 64] */
  | { kind: 'polynomial'; degree: number; gamma: number; offset: number }
  /** exp(−gamma ‖u − v‖²) */
  | { kind: 'rbf'; gamma: number }
  /** tanh(gamma u · v + offset) */
  | { kind: 'sigmoid'; gamma: number; offset: number };

/** The places of these are the numbers in `assembly/kernel-values.ts`. */
const kinds: SvmKernel['kind'][] = ['linear', 'polynomial', 'rbf', 'sigmoid'];

/** Floats that `decide` has values in before it sums them. */
const decisionBlock = 256;

/**
 * Puts a kernel's record into memory.
 * @throws RangeError where a parameter is out of range.
 */
export function putKernel(threads: KernelThreads, kernel: SvmKernel): number {
  const gamma = kernel.kind === 'linear' ? 1 : kernel.gamma;
  const offset = 'offset' in kernel ? kernel.offset : 0;
  const degree = 'degree' in kernel ? kernel.degree : 1;
  if (!(gamma > 0 && gamma < Infinity)) throw new RangeError(`Gamma must be finite and above 0. Got ${gamma}.`);
  if (!Number.isFinite(offset)) throw new RangeError(`The offset of a kernel must be finite. Got ${offset}.`);
  if (!Number.isInteger(degree) || degree < 1 || degree > 64) {
    throw new RangeError(`The degree of a kernel must be an integer in [1, 64]. Got ${degree}.`);
  }
  const record = threads.alloc(16);
  threads.view('i32', record, 2).set([kinds.indexOf(kernel.kind), degree]);
  threads.view('f32', record + 8, 2).set([gamma, offset]);
  return record;
}

/** @returns the address of ‖x_i‖² `float64 [count]` for sparse rows, 0 for dense ones, which need none. */
export async function putNorms(threads: KernelThreads, rows: StoredRows): Promise<number> {
  if (!rows.sparse) return 0;
  const norms = threads.alloc(rows.count * 8);
  const size = Math.max(1024, Math.ceil(rows.count / 256));
  await threads.parallelFor('kernel-svm', 'squaredNorms', Math.ceil(rows.count / size), (chunk) => [
    rows.address,
    chunk * size,
    Math.min(rows.count, (chunk + 1) * size),
    norms,
  ]);
  return norms;
}

/**
 * All kernel values between two sets of rows.
 * @param threads - with the kernel `kernel-svm`, and both sets in their memory.
 * @returns `[u.count × v.count]`, row-major; `assembly/kernel-values.ts` has the bound of their error.
 * @throws RangeError where the sets do not go together, or a parameter of the kernel is out of range.
 */
export async function kernelMatrix(
  threads: KernelThreads,
  kernel: SvmKernel,
  u: StoredRows,
  v: StoredRows,
): Promise<Float32Array> {
  checkSides(u, v);
  const mark = threads.mark();
  try {
    const record = putKernel(threads, kernel);
    const norms = await putNorms(threads, v);
    const out = threads.alloc(u.count * v.count * 4);
    const chunks = chunksOf(u.count, threads.threads);
    await threads.parallelFor(
      'kernel-svm',
      'matrix',
      chunks.count,
      (chunk) => {
        const [from, to] = chunks.range(chunk);
        return [record, u.address, v.address, norms, from, to, out + from * v.count * 4];
      },
      scratchBytes(u, 0),
    );
    return new Float32Array(threads.view('f32', out, u.count * v.count));
  } finally {
    threads.release(mark);
  }
}

/** What decision values are made of. */
export interface KernelDecision {
  /** `[support rows]`: β. */
  coefficients: Float64Array;
  bias: number;
}

/**
 * Decision values Σ_j β_j k(u_i, v_j) + b, of several functions over the same rows at once.
 * @param threads - with the kernel `kernel-svm`, and both sets in their memory.
 * @param support - the rows that the coefficients belong to.
 * @returns `[rows × functions]`, row-major.
 * @throws RangeError where the sets or the coefficients do not go together, or a parameter of the kernel is out of range.
 */
export async function kernelDecisions(
  threads: KernelThreads,
  kernel: SvmKernel,
  rows: StoredRows,
  support: StoredRows,
  functions: readonly KernelDecision[],
): Promise<Float64Array> {
  checkSides(rows, support);
  for (const { coefficients } of functions) {
    if (coefficients.length !== support.count) {
      throw new RangeError(`There must be ${support.count} coefficients. Got ${coefficients.length}.`);
    }
  }
  const outputs = functions.length;
  const mark = threads.mark();
  try {
    const record = putKernel(threads, kernel);
    const norms = await putNorms(threads, support);
    const betas = threads.put(Float64Array.from(functions.flatMap(({ coefficients }) => [...coefficients])));
    const biases = threads.put(Float64Array.from(functions, ({ bias }) => bias));
    const out = threads.alloc(rows.count * outputs * 8);
    const chunks = chunksOf(rows.count, threads.threads);
    const sets = [record, rows.address, support.address, norms, betas, biases, outputs];
    const argsOf = (chunk: number) => [...sets, ...chunks.range(chunk), out];
    const scratch = scratchBytes(rows, decisionBlock);
    await threads.parallelFor('kernel-svm', 'decide', chunks.count, argsOf, scratch);
    return new Float64Array(threads.view('f64', out, rows.count * outputs));
  } finally {
    threads.release(mark);
  }
}

/** Bytes of a thread: a sparse row spread over its columns, and floats behind it. */
export function scratchBytes(rows: StoredRows, floats: number): number {
  return ((rows.sparse ? rows.columns : 0) + floats) * 4;
}

function checkSides(u: StoredRows, v: StoredRows): void {
  if (u.sparse !== v.sparse || u.columns !== v.columns) {
    const of = (rows: StoredRows) => `${rows.columns} columns, ${rows.sparse ? 'sparse' : 'dense'}`;
    throw new RangeError(`Both sets of rows must be of one kind. Got ${of(u)}, and ${of(v)}.`);
  }
}

function chunksOf(rows: number, threads: number) {
  const size = Math.max(1, Math.min(64, Math.ceil(rows / (threads * 4))));
  return {
    count: Math.ceil(rows / size),
    range: (chunk: number): [number, number] => [chunk * size, Math.min(rows, (chunk + 1) * size)],
  };
}
