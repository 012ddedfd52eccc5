/**
 * Features in the units in which support vector machines learn: those that deviate by more than 1 are scaled to
 * deviation 1, and those that lie beyond three deviations from 0 on average are centred. All others stay what they are,
 * so that a rare word does not become loud, and rows that are scaled already, or texts as TF-IDF, are learned from as
 * they come. A feature that does not vary is 0.
 *
 * Centring keeps a sparse matrix sparse: mean² is at most share / (1 − share) times the variance, so that a centred
 * feature is one that 0.9 of the rows have already.
 */
import type { DenseRows, FeatureRows, SparseRows } from '../../../compute/kernels/feature-rows.ts';
import type { Features } from '../../../data/features.ts';
import { momentsOf } from '../moments.ts';

export interface Scaling {
  /** float32 `[features]`: what is taken from each. */
  readonly shift: Float32Array;
  /** float32 `[features]`: what it is multiplied by then, 0 to 1. */
  readonly scale: Float32Array;
}

/** A mean of more deviations than this says little but where a feature lies. */
const farOff = 3;

/** @param weights - `[rows]` with mean 1. */
export function scalingOf(x: Features, weights?: Float32Array): Scaling & { deviation: Float32Array } {
  const { mean, deviation } = momentsOf(x, weights);
  return {
    shift: Float32Array.from(mean, (mu, j) => (deviation[j] > 0 && Math.abs(mu) > farOff * deviation[j] ? mu : 0)),
    scale: Float32Array.from(deviation, (sigma) => (sigma === 0 ? 0 : 1 / Math.max(1, sigma))),
    deviation: Float32Array.from(deviation),
  };
}

/** Rows in the form that they come in; with a column of zeros where there are no features. */
export function scaledRows(x: Features, scaling: Scaling): FeatureRows {
  return x.kind === 'dense' ? scaledDense(x, scaling) : scaledSparse(x, scaling);
}

function scaledDense(x: Features & { kind: 'dense' }, { shift, scale }: Scaling): DenseRows {
  const features = x.names.length;
  if (features === 0) return { values: new Float32Array(x.rows), columns: 1 };
  const values = new Float32Array(x.values.length);
  for (let i = 0, at = 0; i < x.rows; i++) {
    for (let j = 0; j < features; j++, at++) values[at] = (x.values[at] - shift[j]) * scale[j];
  }
  return { values, columns: features };
}

function scaledSparse(x: Features & { kind: 'sparse' }, { shift, scale }: Scaling): SparseRows {
  const { csr } = x;
  const shifted = Int32Array.from([...shift.keys()].filter((j) => shift[j] !== 0));
  const indptr = new Int32Array(x.rows + 1);
  const room = csr.indices.length + x.rows * shifted.length;
  const indices = new Int32Array(room);
  const values = new Float32Array(room);
  let end = 0;
  const add = (j: number, value: number) => {
    values[end] = (value - shift[j]) * scale[j];
    if (values[end] !== 0) indices[end++] = j;
  };
  for (let i = 0; i < x.rows; i++) {
    let s = 0;
    for (let k = csr.indptr[i]; k < csr.indptr[i + 1]; k++) {
      for (; s < shifted.length && shifted[s] < csr.indices[k]; s++) add(shifted[s], 0);
      if (s < shifted.length && shifted[s] === csr.indices[k]) s++;
      add(csr.indices[k], csr.values[k]);
    }
    for (; s < shifted.length; s++) add(shifted[s], 0);
    indptr[i + 1] = end;
  }
  return { indptr, indices: indices.slice(0, end), values: values.slice(0, end), columns: Math.max(1, x.names.length) };
}

/** Some rows, in the order in which they are named. */
export function takeRows(rows: FeatureRows, chosen: Int32Array): FeatureRows {
  const { columns, values } = rows;
  if (!('indptr' in rows)) {
    const taken = new Float32Array(chosen.length * columns);
    for (const [at, row] of chosen.entries())
      taken.set(values.subarray(row * columns, (row + 1) * columns), at * columns);
    return { values: taken, columns };
  }
  const indptr = new Int32Array(chosen.length + 1);
  for (const [at, row] of chosen.entries()) indptr[at + 1] = indptr[at] + rows.indptr[row + 1] - rows.indptr[row];
  const indices = new Int32Array(indptr[chosen.length]);
  const taken = new Float32Array(indptr[chosen.length]);
  for (const [at, row] of chosen.entries()) {
    const [begin, end] = [rows.indptr[row], rows.indptr[row + 1]];
    indices.set(rows.indices.subarray(begin, end), indptr[at]);
    taken.set(values.subarray(begin, end), indptr[at]);
  }
  return { indptr, indices, values: taken, columns };
}
