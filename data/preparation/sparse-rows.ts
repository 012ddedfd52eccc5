/** Sparse rows that grow block by block, and their other form. */
import type { Csr } from '../../compute/kernels/csr.ts';
import type { Features } from '../features.ts';

/** Features are sparse where there are more than 256 of them, and less than a tenth of their values is not 0. */
export const denseColumns = 256;
const sparseShare = 0.1;

/** Sparse features in the form that suits them. */
export function suited(features: Features): Features {
  if (features.kind === 'dense') return features;
  const { rows, names, csr } = features;
  const columns = names.length;
  if (columns > denseColumns && csr.values.length < sparseShare * rows * columns) return features;
  return { rows, names, kind: 'dense', values: denseRows(csr, columns, 0, rows) };
}

export class SparseRows {
  readonly #indptr: Int32Array;
  #rows = 0;
  #entries = 0;
  #indices = new Int32Array(1024);
  #values = new Float32Array(1024);

  constructor(rows: number) {
    this.#indptr = new Int32Array(rows + 1);
  }

  /** @param block - float32 `[rows × columns]`, row-major. */
  add(block: Float32Array, columns: number): void {
    for (let from = 0; from < block.length; from += columns) {
      this.#reserve(columns);
      for (let j = 0; j < columns; j++) {
        const value = block[from + j];
        if (value === 0) continue;
        this.#indices[this.#entries] = j;
        this.#values[this.#entries++] = value;
      }
      this.#indptr[++this.#rows] = this.#entries;
    }
  }

  finish(): Csr {
    const [indices, values] = [this.#indices.slice(0, this.#entries), this.#values.slice(0, this.#entries)];
    return { indptr: this.#indptr, indices, values };
  }

  #reserve(more: number): void {
    if (this.#entries + more <= this.#indices.length) return;
    const size = Math.max(2 * this.#indices.length, this.#entries + more);
    const [indices, values] = [new Int32Array(size), new Float32Array(size)];
    indices.set(this.#indices);
    values.set(this.#values);
    [this.#indices, this.#values] = [indices, values];
  }
}

/** Rows [from, to) of a sparse matrix, float32 `[to − from × columns]`, row-major. */
export function denseRows({ indptr, indices, values }: Csr, columns: number, from: number, to: number): Float32Array {
  const dense = new Float32Array((to - from) * columns);
  for (let row = from; row < to; row++) {
    for (let i = indptr[row]; i < indptr[row + 1]; i++) dense[(row - from) * columns + indices[i]] = values[i];
  }
  return dense;
}
