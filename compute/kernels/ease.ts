/** Weights between items by EASE (H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019). */
import { CsrMatrix, type Csr } from './csr.ts';
import type { KernelThreads } from './threads.ts';

/** Constants of `assembly/ease.ts` and `assembly/selection.ts`. */
const panel = 128;
const selectionBytes = (k: number) => 16 + (2 * k + 256) * 8;

/** Rows that a thread takes at a time. */
const chunkRows = 64;
/** Items whose weights are made together where they come of the users' inverse. */
const blockItems = 64;

export interface EaseOptions {
  /** λ > 0. */
  regularization: number;
  /** Weights of each row that are kept, at least 1: those of largest magnitude. */
  keep: number;
}

export interface EaseWeights {
  /** `[items × items]`; row i is what a history's item i says for and against the others, ascending, without itself. */
  weights: Csr;
  /** Σ b² of all weights, and of those that were kept. */
  squares: { whole: number; kept: number };
}

/**
 * B = I − P diag(P)⁻¹, P = (XᵀX + λI)⁻¹, the largest weights of each row.
 *
 * Where there are fewer users than items, P is (I − XᵀMX) / λ with M = (XXᵀ + λI)⁻¹ (the matrix inversion lemma), and
 * the time of the inverse grows with the cube of the users. The other products are sparse.
 * @param threads - with the kernels `ease` and `csr`.
 * @param strengths - X, users × items, columns ascending within a row, all values finite.
 * @param progress - gets fractions of the work done.
 * @returns the same bits on any number of threads.
 */
export async function easeWeights(
  threads: KernelThreads,
  strengths: Csr,
  items: number,
  { regularization, keep }: EaseOptions,
  progress?: (fraction: number) => void,
): Promise<EaseWeights> {
  const mark = threads.mark();
  try {
    const users = strengths.indptr.length - 1;
    const byUser = CsrMatrix.put(threads, strengths, items);
    const byItem = await byUser.transpose();
    const kept = new Kept(threads, items, Math.min(keep, items));
    if (items <= users) {
      const P = await inverseOfGram(threads, byItem, byUser, regularization, (done) => progress?.(0.9 * done));
      await fromItems(threads, P, items, kept);
    } else {
      const M = await inverseOfGram(threads, byUser, byItem, regularization, (done) => progress?.(0.5 * done));
      await fromUsers(threads, M, byItem, kept, (done) => progress?.(0.5 + 0.5 * done));
    }
    return kept.read();
  } finally {
    threads.release(mark);
  }
}

/** `float64 [n × n]` in newly allocated kernel memory: (AAᵀ + λI)⁻¹ for A of n rows. */
async function inverseOfGram(
  threads: KernelThreads,
  a: CsrMatrix,
  transposed: CsrMatrix,
  lambda: number,
  progress: (fraction: number) => void,
): Promise<number> {
  const n = a.rows;
  const G = threads.alloc(n * n * 8);
  const mark = threads.mark();
  try {
    const csr = [a, transposed].flatMap(({ addresses: { indptr, indices, values } }) => [indptr, indices, values]);
    await overRows(threads, 'gram', n, (range) => [...csr, n, lambda, G, ...range]);
    const [C, W] = [threads.alloc(n * panel * 8), threads.alloc(n * panel * 8)];
    const D = threads.alloc(panel * panel * 8);
    for (let first = 0; first < n; first += panel) {
      const size = Math.min(panel, n - first);
      await threads.parallelFor('ease', 'pivot', 1, () => [G, n, first, size, D]);
      await overRows(threads, 'panel', n, (range) => [G, n, first, size, D, C, W, ...range]);
      await overRows(threads, 'update', n, (range) => [G, n, C, W, ...range]);
      await overRows(threads, 'settle', n, (range) => [G, n, first, size, D, W, ...range]);
      progress((first + size) / n);
    }
    await overRows(threads, 'mirror', n, (range) => [G, n, ...range]);
  } finally {
    threads.release(mark);
  }
  return G;
}

/** b_ij = −P_ij / P_jj */
async function fromItems(threads: KernelThreads, P: number, items: number, kept: Kept): Promise<void> {
  const inverse = threads.view('f64', P, items * items);
  const scales = threads.put(Float64Array.from({ length: items }, (_, j) => -1 / inverse[j * items + j]));
  const argsOf = (range: number[]) => [P, items, scales, kept.most, ...kept.addresses, ...range];
  await overRows(threads, 'strongestOfInverse', items, argsOf, kept.scratch);
}

/** b_ij = Q_ij / (1 − Q_jj), Q = XᵀMX, a block of rows at a time: Q is symmetric, so that they are columns of XᵀMX too. */
async function fromUsers(
  threads: KernelThreads,
  M: number,
  byItem: CsrMatrix,
  kept: Kept,
  progress: (fraction: number) => void,
): Promise<void> {
  const [items, users] = [byItem.rows, byItem.columns];
  const { indptr, indices, values } = byItem.addresses;
  const csr = [indptr, indices, values];
  const scales = threads.alloc(items * 8);
  await overRows(threads, 'quadratic', items, (range) => [...csr, M, users, scales, ...range]);
  const diagonal = threads.view('f64', scales, items);
  for (let j = 0; j < items; j++) diagonal[j] = 1 / (1 - diagonal[j]);

  const rounded = threads.alloc(users * users * 4);
  threads.view('f32', rounded, users * users).set(threads.view('f64', M, users * users));
  const [T, B] = [threads.alloc(blockItems * users * 4), threads.alloc(users * blockItems * 4)];
  const Y = threads.alloc(items * blockItems * 4);
  for (let first = 0; first < items; first += blockItems) {
    const width = Math.min(blockItems, items - first);
    // T ← Xᵀ M, the rows of the block; the kernel counts rows from the first item.
    const origin = T - first * users * 4;
    await overRows(threads, 'multiply', width, ([from, to]) => [...csr, rounded, users, origin, first + from, first + to], { rows: 8 }); // prettier-ignore
    await overRows(threads, 'turn', users, (range) => [T, width, users, B, ...range], { rows: 512 });
    await overRows(threads, 'multiply', items, (range) => [...csr, B, width, Y, ...range], { rows: 512 });
    const argsOf = ([from, to]: number[]) => [Y, width, first, items, scales, kept.most, ...kept.addresses, first + from, first + to]; // prettier-ignore
    await overRows(threads, 'strongestOfBlock', width, argsOf, { rows: 8, ...kept.scratch });
    progress((first + width) / items);
  }
}

/** Room for the weights that are kept of each row. */
class Kept {
  readonly most: number;
  readonly addresses: number[];
  readonly scratch: { bytes: number };
  readonly #threads: KernelThreads;
  readonly #items: number;

  constructor(threads: KernelThreads, items: number, most: number) {
    this.#threads = threads;
    this.#items = items;
    this.most = most;
    this.addresses = [items * 4, items * most * 4, items * most * 4, items * 16].map((bytes) => threads.alloc(bytes));
    this.scratch = { bytes: items * 8 + 16 + selectionBytes(most) + most * 8 + 16 };
  }

  read(): EaseWeights {
    const [countsAt, columnsAt, valuesAt, normsAt] = this.addresses;
    const counts = this.#threads.view('i32', countsAt, this.#items);
    const norms = this.#threads.view('f64', normsAt, this.#items * 2);
    const indptr = new Int32Array(this.#items + 1);
    const squares = { whole: 0, kept: 0 };
    for (let i = 0; i < this.#items; i++) {
      indptr[i + 1] = indptr[i] + counts[i];
      squares.whole += norms[2 * i];
      squares.kept += norms[2 * i + 1];
    }
    const indices = new Int32Array(indptr[this.#items]);
    const values = new Float32Array(indptr[this.#items]);
    for (let i = 0; i < this.#items; i++) {
      const row = i * this.most * 4;
      indices.set(this.#threads.view('i32', columnsAt + row, counts[i]), indptr[i]);
      values.set(this.#threads.view('f32', valuesAt + row, counts[i]), indptr[i]);
    }
    return { weights: { indptr, indices, values }, squares };
  }
}

/** A loop over chunks of rows that their number alone decides. `multiply` is of the kernel `csr`. */
async function overRows(
  threads: KernelThreads,
  fn: string,
  rows: number,
  argsOf: (range: number[]) => number[],
  { rows: size = chunkRows, bytes }: { rows?: number; bytes?: number } = {},
): Promise<void> {
  const kernel = fn === 'multiply' ? 'csr' : 'ease';
  const rangeOf = (chunk: number) => [chunk * size, Math.min(rows, (chunk + 1) * size)];
  await threads.parallelFor(kernel, fn, Math.ceil(rows / size), (chunk) => argsOf(rangeOf(chunk)), bytes);
}
