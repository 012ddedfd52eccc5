/** Features by their columns: some of them, or others in their place. */
import type { Features } from '../features.ts';

/** @param kept - ascending. */
export function takeFeatures(features: Features, kept: Int32Array): Features {
  const { rows } = features;
  const names = Array.from(kept, (column) => features.names[column]);
  if (features.kind === 'dense') {
    const values = new Float32Array(rows * kept.length);
    for (let row = 0, at = 0; row < rows; row++) {
      const from = row * features.names.length;
      for (const column of kept) values[at++] = features.values[from + column];
    }
    return { rows, names, kind: 'dense', values };
  }
  const places = new Int32Array(features.names.length).fill(-1);
  for (const [place, column] of kept.entries()) places[column] = place;
  const { csr } = features;
  const indptr = new Int32Array(rows + 1);
  const [indices, values] = [new Int32Array(csr.indices.length), new Float32Array(csr.indices.length)];
  let entries = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = csr.indptr[row]; i < csr.indptr[row + 1]; i++) {
      const place = places[csr.indices[i]];
      if (place < 0) continue;
      indices[entries] = place;
      values[entries++] = csr.values[i];
    }
    indptr[row + 1] = entries;
  }
  return {
    rows,
    names,
    kind: 'sparse',
    csr: { indptr, indices: indices.slice(0, entries), values: values.slice(0, entries) },
  };
}

/** @param values - float32 `[rows × width]`, row-major: what is to stand in the columns [first, first + width). */
export function replaceFeatures(features: Features, first: number, width: number, values: Float32Array): Features {
  const { rows, names } = features;
  if (features.kind === 'dense') {
    const replaced = features.values.slice();
    for (let row = 0; row < rows; row++) {
      replaced.set(values.subarray(row * width, (row + 1) * width), row * names.length + first);
    }
    return { ...features, values: replaced };
  }
  const { csr } = features;
  const indptr = new Int32Array(rows + 1);
  const indices = new Int32Array(csr.indices.length + values.length);
  const numbers = new Float32Array(indices.length);
  let entries = 0;
  const put = (column: number, value: number) => {
    if (value === 0) return;
    indices[entries] = column;
    numbers[entries++] = value;
  };
  for (let row = 0; row < rows; row++) {
    let i = csr.indptr[row];
    const end = csr.indptr[row + 1];
    for (; i < end && csr.indices[i] < first; i++) put(csr.indices[i], csr.values[i]);
    for (let column = 0; column < width; column++) put(first + column, values[row * width + column]);
    for (; i < end; i++) if (csr.indices[i] >= first + width) put(csr.indices[i], csr.values[i]);
    indptr[row + 1] = entries;
  }
  return {
    ...features,
    csr: { indptr, indices: indices.slice(0, entries), values: numbers.slice(0, entries) },
  };
}
