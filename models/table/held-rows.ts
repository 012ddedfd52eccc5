/** Training rows of which a share is set apart, so that a training can end where it gets no better on them. */
import { Random } from '../../contracts/random.ts';
import type { Features } from '../../data/features.ts';
import type { Target } from '../../data/table.ts';

/**
 * A share of the rows of each class, or of all: drawn, and at least one row of each stays.
 * @returns both ascending.
 */
export function setApart(
  rows: Int32Array,
  y: Target,
  share: number,
  seed: number,
): { training: Int32Array; held: Int32Array } {
  const random = new Random(seed);
  const classes = y.kind === 'classes' ? y.classes.length : 1;
  const members = Array.from({ length: classes }, (): number[] => []);
  for (const row of rows) members[y.kind === 'classes' ? y.codes[row] : 0].push(row);
  const [training, held]: number[][] = [[], []];
  for (const own of members) {
    const count = Math.min(Math.round(share * own.length), own.length - 1);
    for (let k = 0; k < count; k++) {
      const other = k + random.integer(own.length - k);
      [own[k], own[other]] = [own[other], own[k]];
    }
    for (const [k, row] of own.entries()) (k < count ? held : training).push(row);
  }
  return { training: Int32Array.from(training).sort(), held: Int32Array.from(held).sort() };
}

/** The rows with these numbers, in their order. */
export function pickRows(x: Features, rows: Int32Array): Features {
  const { names } = x;
  if (x.kind === 'dense') {
    const columns = names.length;
    const values = new Float32Array(rows.length * columns);
    for (const [at, row] of rows.entries()) {
      values.set(x.values.subarray(row * columns, (row + 1) * columns), at * columns);
    }
    return { ...x, rows: rows.length, values };
  }
  const { indptr, indices, values } = x.csr;
  const begins = new Int32Array(rows.length + 1);
  for (const [at, row] of rows.entries()) begins[at + 1] = begins[at] + indptr[row + 1] - indptr[row];
  const entries = begins[rows.length];
  const csr = { indptr: begins, indices: new Int32Array(entries), values: new Float32Array(entries) };
  for (const [at, row] of rows.entries()) {
    csr.indices.set(indices.subarray(indptr[row], indptr[row + 1]), begins[at]);
    csr.values.set(values.subarray(indptr[row], indptr[row + 1]), begins[at]);
  }
  return { ...x, rows: rows.length, csr };
}

/**
 * Mean loss of predictions: −ln of the chance of the true class, or half the squared error.
 * @param weights - `[rows]`, at least 0.
 */
export function meanLoss(y: Target, predictions: Float32Array, weights: Float32Array | undefined): number {
  const { length } = y.kind === 'classes' ? y.codes : y.values;
  const outputs = predictions.length / length;
  let [sum, total] = [0, 0];
  for (let i = 0; i < length; i++) {
    const w = weights === undefined ? 1 : weights[i];
    const loss =
      y.kind === 'classes'
        ? -Math.log(Math.max(predictions[i * outputs + y.codes[i]], leastChance))
        : 0.5 * (predictions[i] - y.values[i]) ** 2;
    sum += w * loss;
    total += w;
  }
  return sum / total;
}

/** A chance below float32 is none that could be told from another. */
const leastChance = 1e-38;
