/** Mean and deviation of features, dense or sparse alike. */
import type { Features } from '../../data/features.ts';

/** Of each feature, `[features]`. */
export interface Moments {
  readonly mean: Float64Array;
  /** Standard deviation of all rows (divided by their number); exactly 0 where a feature does not vary in float32. */
  readonly deviation: Float64Array;
}

/** Below this share of the mean, what varies is the last bit of a float32. */
const resolution = 1e-7;
/** Its reciprocal and the square of that are still float32. */
const least = 1e-12;

/** @param weights - `[rows]` with mean 1; all 1 when left out. */
export function momentsOf(x: Features, weights?: Float32Array): Moments {
  const columns = x.names.length;
  const mean = new Float64Array(columns);
  const deviation = new Float64Array(columns);
  // μ = Σ w x / n, σ² = Σ w (x − μ)² / n; of a sparse feature the zeros are in one term, (1 − Σ w / n) μ².
  const present = new Float64Array(columns);
  if (x.kind === 'dense') {
    // As below, in loops that the compiler makes fast: these tables are the large ones.
    const { values } = x;
    for (let i = 0, at = 0; i < x.rows; i++) {
      const w = weights === undefined ? 1 : weights[i];
      for (let j = 0; j < columns; j++, at++) mean[j] += w * values[at];
    }
    for (let j = 0; j < columns; j++) mean[j] /= x.rows;
    for (let i = 0, at = 0; i < x.rows; i++) {
      const w = weights === undefined ? 1 : weights[i];
      for (let j = 0; j < columns; j++, at++) {
        const difference = values[at] - mean[j];
        deviation[j] += w * (difference * difference);
      }
    }
  } else {
    eachEntry(x, weights, (j, value, w) => {
      mean[j] += w * value;
      present[j] += w;
    });
    for (let j = 0; j < columns; j++) mean[j] /= x.rows;
    eachEntry(x, weights, (j, value, w) => (deviation[j] += w * (value - mean[j]) ** 2));
  }
  for (let j = 0; j < columns; j++) {
    const absent = x.kind === 'sparse' ? Math.max(0, 1 - present[j] / x.rows) : 0;
    const sigma = Math.sqrt(deviation[j] / x.rows + absent * mean[j] ** 2);
    deviation[j] = sigma > Math.max(least, resolution * Math.abs(mean[j])) ? sigma : 0;
  }
  return { mean, deviation };
}

function eachEntry(
  { rows, csr: { indptr, indices, values } }: Features & { kind: 'sparse' },
  weights: Float32Array | undefined,
  visit: (column: number, value: number, weight: number) => void,
): void {
  for (let i = 0; i < rows; i++) {
    const w = weights === undefined ? 1 : weights[i];
    for (let k = indptr[i]; k < indptr[i + 1]; k++) visit(indices[k], values[k], w);
  }
}
