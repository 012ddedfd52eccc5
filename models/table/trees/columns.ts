/** The columns of features, one at a time, whatever their form. */
import { TradewindError } from '../../../contracts/errors.ts';
import type { Features } from '../../../data/features.ts';

/** Columns of a dense matrix that are read at one go, so that a row of it is in the cache for all of them. */
const together = 16;

/**
 * @returns what gives a column, `float32 [rows]`, good until it is asked for another one. To be asked in ascending order
 * for speed.
 */
export function columnsOf(x: Features): (column: number) => Float32Array {
  return x.kind === 'dense' ? denseColumns(x.rows, x.names.length, x.values) : sparseColumns(x);
}

function denseColumns(rows: number, columns: number, values: Float32Array): (column: number) => Float32Array {
  const buffers = Array.from({ length: Math.min(together, columns) }, () => new Float32Array(rows));
  let first = -together;
  return (column) => {
    if (column < first || column >= first + together) {
      first = column - (column % together);
      const count = Math.min(together, columns - first);
      for (let row = 0, at = first; row < rows; row++, at += columns) {
        for (let k = 0; k < count; k++) buffers[k][row] = values[at + k];
      }
    }
    return buffers[column - first];
  };
}

function sparseColumns({ rows, names, csr }: Features & { kind: 'sparse' }): (column: number) => Float32Array {
  const { indptr, indices, values } = csr;
  const begin = new Int32Array(names.length + 1);
  for (const column of indices) begin[column + 1]++;
  for (let j = 0; j < names.length; j++) begin[j + 1] += begin[j];
  const at = begin.slice();
  const entryRows = new Int32Array(indices.length);
  const entries = new Float32Array(indices.length);
  for (let row = 0; row < rows; row++) {
    for (let i = indptr[row]; i < indptr[row + 1]; i++) {
      const place = at[indices[i]]++;
      entryRows[place] = row;
      entries[place] = values[i];
    }
  }
  const buffer = new Float32Array(rows);
  let current = 0;
  return (column) => {
    for (let i = begin[current]; i < begin[current + 1]; i++) buffer[entryRows[i]] = 0;
    current = column;
    for (let i = begin[current]; i < begin[current + 1]; i++) buffer[entryRows[i]] = entries[i];
    return buffer;
  };
}

/** @throws TradewindError `TRAINING_DIVERGED` where a value is infinite; NaN is missing. */
export function requireNoInfinity(algorithm: string, x: Features): void {
  const values = x.kind === 'dense' ? x.values : x.csr.values;
  const at = values.findIndex((value) => Math.abs(value) === Infinity);
  if (at < 0) return;
  const columns = x.names.length;
  const row = x.kind === 'dense' ? Math.floor(at / columns) : x.csr.indptr.findIndex((end) => end > at) - 1;
  const column = x.kind === 'dense' ? at % columns : x.csr.indices[at];
  throw new TradewindError('TRAINING_DIVERGED', {
    subject: `The features that ${algorithm} learns from`,
    rule: 'be finite numbers, or missing',
    value: `${values[at]} of "${x.names[column]}" in training row ${row}`,
    remedy: 'Clip what is too large.',
  });
}
