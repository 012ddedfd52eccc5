/** What `assembly/similarity.ts` computes, in float64 and with a full sort: tests hold the kernel against it. */
import type { Csr } from './csr.ts';

export interface Neighbour {
  column: number;
  value: number;
}

/** The K largest positive s_ij = Σ_u a_iu b_uj of row i, ties to the lower j, in ascending j. */
export function neighboursOf(a: Csr, b: Csr, items: number, K: number, i: number): Neighbour[] {
  const sums = new Float64Array(items);
  for (let k = a.indptr[i]; k < a.indptr[i + 1]; k++) {
    const u = a.indices[k];
    for (let l = b.indptr[u]; l < b.indptr[u + 1]; l++) sums[b.indices[l]] += a.values[k] * b.values[l];
  }
  return Array.from(sums, (value, column) => ({ column, value }))
    .filter(({ value }) => value > 0)
    .toSorted((x, y) => y.value - x.value || x.column - y.column)
    .slice(0, K)
    .toSorted((x, y) => x.column - y.column);
}
