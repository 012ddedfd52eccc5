/** What `assembly/similarity.ts` computes, in float64 and with a full sort: tests hold the kernel against it. */
import type { Csr } from './csr.ts';

export interface Neighbour {
  column: number;
  value: number;
}

/**
 * The K largest positive s_ij = Σ_u a_iu b_uj of row i, ties to the lower j, in ascending j.
 * @param h - where given, of s_ij · n_ij / (n_ij + h), rounded to float32.
 */
export function neighboursOf(a: Csr, b: Csr, items: number, K: number, i: number, h?: number): Neighbour[] {
  const sums = new Float64Array(items);
  const common = new Float64Array(items);
  for (let k = a.indptr[i]; k < a.indptr[i + 1]; k++) {
    const u = a.indices[k];
    for (let l = b.indptr[u]; l < b.indptr[u + 1]; l++) {
      sums[b.indices[l]] += a.values[k] * b.values[l];
      common[b.indices[l]]++;
    }
  }
  const shrunk = (sum: number, n: number) => (n === 0 ? 0 : Math.fround((sum * n) / (n + h!)));
  return Array.from(sums, (sum, column) => ({ column, value: h === undefined ? sum : shrunk(sum, common[column]) }))
    .filter(({ value }) => value > 0)
    .toSorted((x, y) => y.value - x.value || x.column - y.column)
    .slice(0, K)
    .toSorted((x, y) => x.column - y.column);
}
