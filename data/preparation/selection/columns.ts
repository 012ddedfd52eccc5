/** Features by columns, as selection looks at them, and rows drawn where there are more than it needs. */
import { Random } from '../../../contracts/random.ts';
import type { Features } from '../../features.ts';
import { takeTarget, type Target } from '../../table.ts';
import { forEachColumn } from '../statistics.ts';

/** One feature of all rows. */
export interface FeatureColumn {
  /** Ascending: those that `values` are of, all others being 0; all rows where it is left out. */
  readonly rows?: Int32Array;
  readonly values: Float32Array;
}

/** Visits the features in their order. @param visit - gets arrays that are good until it returns. */
export function eachFeature(features: Features, visit: (feature: number, column: FeatureColumn) => void): void {
  if (features.kind === 'dense') {
    forEachColumn(features, (feature, values) => visit(feature, { values }));
    return;
  }
  const { indptr, indices, values } = byFeature(features);
  for (let feature = 0; feature < features.names.length; feature++) {
    const [from, to] = [indptr[feature], indptr[feature + 1]];
    visit(feature, { rows: indices.subarray(from, to), values: values.subarray(from, to) });
  }
}

/** All features at once, in arrays of their own. */
export function columnsOf(features: Features): FeatureColumn[] {
  const columns: FeatureColumn[] = [];
  eachFeature(features, (_, { rows, values }) => {
    columns.push(rows === undefined ? { values: values.slice() } : { rows, values });
  });
  return columns;
}

/** The transpose: a row a feature, with the rows that have it. */
export function byFeature({ rows, names, csr }: Features & { kind: 'sparse' }) {
  const indptr = new Int32Array(names.length + 1);
  for (const feature of csr.indices) indptr[feature + 1]++;
  for (let j = 0; j < names.length; j++) indptr[j + 1] += indptr[j];
  const next = indptr.slice(0, names.length);
  const indices = new Int32Array(csr.indices.length);
  const values = new Float32Array(csr.indices.length);
  for (let i = 0; i < rows; i++) {
    for (let k = csr.indptr[i]; k < csr.indptr[i + 1]; k++) {
      const at = next[csr.indices[k]]++;
      indices[at] = i;
      values[at] = csr.values[k];
    }
  }
  return { indptr, indices, values };
}

/** Mean and variance of a column, its zeros included; the variance is exactly 0 where all values are one. */
export function momentsOf({ values }: FeatureColumn, rows: number): { mean: number; variance: number } {
  const zeros = rows - values.length;
  let sum = 0;
  let varies = zeros > 0 && values.length > 0 && values[0] !== 0;
  for (const x of values) {
    sum += x;
    if (x !== values[0]) varies = true;
  }
  const mean = sum / rows;
  // Σ (x − μ)² / n, of which the zeros are (n₀ / n) μ².
  let squares = zeros * mean * mean;
  for (const x of values) squares += (x - mean) ** 2;
  return { mean, variance: varies ? squares / rows : 0 };
}

/** Numbers that are stored of the features. */
export function storedValues(features: Features): number {
  return features.kind === 'dense' ? features.values.length : features.csr.values.length;
}

export interface Judged {
  readonly features: Features;
  readonly target: Target;
}

/** These rows, or as many of them as are wanted, drawn by the seed without repetition, in their order. */
export function drawnRows(features: Features, target: Target, most: number, seed: number): Judged {
  if (features.rows <= most) return { features, target };
  const rows = drawn(features.rows, Math.max(1, Math.floor(most)), seed);
  return { features: takeFeatureRows(features, rows), target: takeTarget(target, rows) };
}

/** D. E. Knuth, The Art of Computer Programming 2, algorithm S: each row with the chance that is left to it. */
function drawn(count: number, wanted: number, seed: number): Int32Array {
  const random = new Random(seed);
  const rows = new Int32Array(wanted);
  for (let row = 0, found = 0; found < wanted; row++) {
    if (random.uniform() * (count - row) < wanted - found) rows[found++] = row;
  }
  return rows;
}

function takeFeatureRows(features: Features, rows: Int32Array): Features {
  const { names } = features;
  if (features.kind === 'dense') {
    const width = names.length;
    const values = new Float32Array(rows.length * width);
    for (const [at, row] of rows.entries()) {
      values.set(features.values.subarray(row * width, (row + 1) * width), at * width);
    }
    return { kind: 'dense', rows: rows.length, names, values };
  }
  const { csr } = features;
  const indptr = new Int32Array(rows.length + 1);
  for (const [at, row] of rows.entries()) indptr[at + 1] = indptr[at] + csr.indptr[row + 1] - csr.indptr[row];
  const indices = new Int32Array(indptr[rows.length]);
  const values = new Float32Array(indptr[rows.length]);
  for (const [at, row] of rows.entries()) {
    indices.set(csr.indices.subarray(csr.indptr[row], csr.indptr[row + 1]), indptr[at]);
    values.set(csr.values.subarray(csr.indptr[row], csr.indptr[row + 1]), indptr[at]);
  }
  return { kind: 'sparse', rows: rows.length, names, csr: { indptr, indices, values } };
}
