import type { Random } from '../../../contracts/random.ts';
import type { FeatureRows } from '../../../compute/kernels/feature-rows.ts';

export function denseOf(rows: FeatureRows): number[][] {
  const { columns, values } = rows;
  if (!('indptr' in rows)) {
    return Array.from({ length: values.length / columns }, (_, r) => [
      ...values.subarray(r * columns, (r + 1) * columns),
    ]);
  }
  const { indptr, indices } = rows;
  return Array.from({ length: indptr.length - 1 }, (_, r) => {
    const row = Array.from({ length: columns }, () => 0);
    for (let k = indptr[r]; k < indptr[r + 1]; k++) row[indices[k]] = values[k];
    return row;
  });
}

/** What a line through the first columns says, and noise: signs, or values of about unit size. */
export function targetsFor(kind: 'classification' | 'regression', dense: number[][], random: Random): number[] {
  return dense.map((row) => {
    const value = (row[0] ?? 0) - 0.5 * (row[1] ?? 0) + 0.3 + 0.5 * random.normal();
    return kind === 'regression' ? value : value > 0 ? 1 : -1;
  });
}
