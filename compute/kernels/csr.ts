/** Sparse matrices by rows in kernel memory, their transposes and their products, on kernel threads. */
import type { Csr } from './scalar/csr.ts';
import type { KernelThreads } from './threads.ts';

export type { Csr } from './scalar/csr.ts';

/** Entries that are worth a chunk of their own. */
const chunkEntries = 8192;

/**
 * A sparse matrix in kernel memory. It lives until the memory it stands in is released, or the threads are closed.
 * Results do not depend on the number of threads. One call at a time for a group of threads.
 */
export class CsrMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly entries: number;
  /** Byte addresses of `indptr int32 [rows + 1]`, `indices int32 [entries]`, `values float32 [entries]`. */
  readonly addresses: { indptr: number; indices: number; values: number };
  readonly #threads: KernelThreads;
  #ascending = false;

  private constructor(threads: KernelThreads, rows: number, columns: number, entries: number, addresses: number[]) {
    const [indptr, indices, values] = addresses;
    this.rows = rows;
    this.columns = columns;
    this.entries = entries;
    this.addresses = { indptr, indices, values };
    this.#threads = threads;
  }

  /**
   * Copies a matrix into kernel memory.
   * @param threads - with the kernel `csr`, where products are asked for.
   * @param csr - the columns of a row distinct, and ascending for `rowProducts`, which alone looks if they are.
   * @throws RangeError where the arrays are no matrix of that many columns.
   */
  static put(threads: KernelThreads, csr: Csr, columns: number): CsrMatrix {
    checkCsr(csr, columns);
    const { indptr, indices, values } = csr;
    const addresses = [indptr, indices, values].map((array) => threads.put(array));
    return new CsrMatrix(threads, indptr.length - 1, columns, indices.length, addresses);
  }

  /** A copy in memory of the caller's own. */
  read(): Csr {
    const { indptr, indices, values } = this.addresses;
    return {
      indptr: new Int32Array(this.#threads.view('i32', indptr, this.rows + 1)),
      indices: new Int32Array(this.#threads.view('i32', indices, this.entries)),
      values: new Float32Array(this.#threads.view('f32', values, this.entries)),
    };
  }

  /** The transpose, in newly allocated kernel memory; its rows have their entries in ascending order. */
  async transpose(): Promise<CsrMatrix> {
    const { indptr, indices, values } = this.addresses;
    const { rows, columns, entries } = this;
    const turned = [columns + 1, entries, entries].map((length) => this.#threads.alloc(length * 4));
    const mark = this.#threads.mark();
    try {
      // Each chunk counts all columns: not more chunks than there are threads to fill them.
      const chunks = this.#chunks(this.#threads.threads);
      const line = columns * 4;
      const counts = this.#threads.alloc(chunks.count * line);
      const ends = this.#threads.view('i32', indptr, rows + 1);
      await this.#threads.parallelFor('csr', 'count', chunks.count, (chunk) => {
        const [from, to] = chunks.range(chunk);
        return [indices, ends[from], ends[to], columns, counts + chunk * line];
      });
      await this.#threads.parallelFor('csr', 'starts', 1, () => [counts, chunks.count, columns, turned[0]]);
      await this.#threads.parallelFor('csr', 'scatter', chunks.count, (chunk) => [
        indptr,
        indices,
        values,
        ...chunks.range(chunk),
        counts + chunk * line,
        turned[1],
        turned[2],
      ]);
    } finally {
      this.#threads.release(mark);
    }
    return new CsrMatrix(this.#threads, columns, rows, entries, turned);
  }

  /**
   * A B. For Aᵀ B, multiply by the transpose.
   * @param B - `[columns × width]`, row-major, finite.
   * @returns `[rows × width]`, row-major, float32 sums (`assembly/csr.ts` has the bound of their error).
   * @throws RangeError where B has another length.
   */
  async multiply(B: Float32Array, width: number): Promise<Float32Array> {
    if (!Number.isInteger(width) || width < 0 || B.length !== this.columns * width) {
      throw new RangeError(
        `A factor of ${this.columns} columns must have ${this.columns} rows. Got ${B.length} values.`,
      );
    }
    const { indptr, indices, values } = this.addresses;
    return await this.#product(B, this.rows * width, async (at, out) => {
      const chunks = this.#chunks(this.#threads.threads * 8);
      const argsOf = (chunk: number) => [indptr, indices, values, at, width, out, ...chunks.range(chunk)];
      await this.#threads.parallelFor('csr', 'multiply', chunks.count, argsOf);
    });
  }

  /**
   * A x, summed in float64 and rounded once.
   * @param x - `[columns]`, finite.
   * @returns `[rows]`
   * @throws RangeError where x has another length.
   */
  async multiplyVector(x: Float32Array): Promise<Float32Array> {
    if (x.length !== this.columns) {
      throw new RangeError(`A vector for ${this.columns} columns must have as many values. Got ${x.length}.`);
    }
    const { indptr, indices, values } = this.addresses;
    return await this.#product(x, this.rows, async (at, out) => {
      const chunks = this.#chunks(this.#threads.threads * 8);
      const argsOf = (chunk: number) => [indptr, indices, values, at, out, ...chunks.range(chunk)];
      await this.#threads.parallelFor('csr', 'multiplyVector', chunks.count, argsOf);
    });
  }

  /**
   * A block of A Bᵀ: the dot products of rows [from, to) with all rows of another matrix, summed in float64 and rounded
   * once. With itself: a block of the Gram matrix, symmetric to the bit.
   * @param other - of as many columns, on the same threads.
   * @returns `[(to − from) × other.rows]`, row-major.
   * @throws RangeError where the rows are none of the matrix, the columns differ in number, or those of a row do not
   * ascend in either matrix: of a column that is there twice only the last value would count.
   */
  async rowProducts(other: CsrMatrix, from = 0, to = this.rows): Promise<Float32Array> {
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= this.rows)) {
      throw new RangeError(`The rows of a block must lie within the ${this.rows} rows. Got [${from}, ${to}).`);
    }
    if (other.columns !== this.columns) {
      throw new RangeError(`The rows must have ${this.columns} columns on both sides. Got ${other.columns}.`);
    }
    this.#requireAscending();
    other.#requireAscending();
    const sides = [this, other].flatMap(({ addresses: { indptr, indices, values } }) => [indptr, indices, values]);
    const rows = to - from;
    const size = Math.max(4, Math.ceil(rows / (this.#threads.threads * 8) / 4) * 4);
    return await this.#product(new Float32Array(0), rows * other.rows, async (_, out) => {
      await this.#threads.parallelFor(
        'csr',
        'rowProducts',
        Math.ceil(rows / size),
        (chunk) => {
          const start = chunk * size;
          const rowsOfChunk = [from + start, from + Math.min(rows, start + size)];
          return [...sides, other.rows, this.columns, ...rowsOfChunk, out + start * other.rows * 4];
        },
        this.columns * 16,
      );
    });
  }

  /** Looks at the entries once. */
  #requireAscending(): void {
    if (this.#ascending) return;
    const ends = this.#threads.view('i32', this.addresses.indptr, this.rows + 1);
    const indices = this.#threads.view('i32', this.addresses.indices, this.entries);
    checkAscending(ends, indices);
    this.#ascending = true;
  }

  async #product(
    factor: Float32Array,
    length: number,
    compute: (factor: number, out: number) => Promise<void>,
  ): Promise<Float32Array> {
    const mark = this.#threads.mark();
    try {
      const at = this.#threads.put(factor);
      const out = this.#threads.alloc(length * 4);
      await compute(at, out);
      return new Float32Array(this.#threads.view('f32', out, length));
    } finally {
      this.#threads.release(mark);
    }
  }

  /** Chunks of rows with about as many entries each. */
  #chunks(most: number): { count: number; range(chunk: number): [number, number] } {
    const ends = this.#threads.view('i32', this.addresses.indptr, this.rows + 1);
    // A row counts as much as an entry, so that a matrix of empty rows is divided too.
    const work = (row: number) => ends[row] + row;
    const size = Math.max(chunkEntries, Math.ceil(work(this.rows) / most));
    const bounds = [0];
    while (bounds[bounds.length - 1] < this.rows) {
      const begin = bounds[bounds.length - 1];
      let [low, high] = [begin + 1, this.rows];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (work(middle) - work(begin) <= size) low = middle;
        else high = middle - 1;
      }
      bounds.push(low);
    }
    return { count: bounds.length - 1, range: (chunk) => [bounds[chunk], bounds[chunk + 1]] };
  }
}

/**
 * A kernel checks no bounds, so that a matrix is looked at before it gets there.
 * @throws RangeError where the arrays are no matrix of that many columns.
 */
export function checkCsr({ indptr, indices, values }: Csr, columns: number): void {
  const rows = indptr.length - 1;
  if (rows < 0 || indptr[0] !== 0) throw new RangeError('The indptr of a sparse matrix must begin with 0.');
  for (let r = 0; r < rows; r++) {
    if (indptr[r] > indptr[r + 1]) throw new RangeError(`Row ${r} of a sparse matrix must not end before it begins.`);
  }
  if (indptr[rows] !== indices.length || indices.length !== values.length) {
    throw new RangeError(
      `A sparse matrix must have as many indices and values as indptr says, ${indptr[rows]}. Got ${indices.length} and ${values.length}.`,
    );
  }
  for (let k = 0; k < indices.length; k++) {
    if (indices[k] < 0 || indices[k] >= columns) {
      throw new RangeError(`Columns of a sparse matrix must lie within its ${columns}. Got ${indices[k]}.`);
    }
  }
}

/** @throws RangeError where the columns of a row do not ascend: they are distinct where they do. */
export function checkAscending(indptr: Int32Array, indices: Int32Array): void {
  for (let r = 0; r + 1 < indptr.length; r++) {
    for (let k = indptr[r] + 1; k < indptr[r + 1]; k++) {
      if (indices[k] <= indices[k - 1]) throw new RangeError(`Columns must ascend within a row. Row ${r} breaks that.`);
    }
  }
}
