/** What a fitted preparation makes of a table: a matrix of numbers, one named column a feature. */
import type { Csr } from '../compute/kernels/csr.ts';

/**
 * Dense where most of it is not zero, else sparse: texts have thousands of features and a few dozen of them a row.
 * Everything is finite.
 */
export type Features = {
  readonly rows: number;
  /** `[columns]`: of each feature, e.g. `recency`, `department=DELI`, `title:bread`. All different. */
  readonly names: readonly string[];
} & (
  | { readonly kind: 'dense'; /** float32 `[rows × columns]`, row-major. */ readonly values: Float32Array }
  | { readonly kind: 'sparse'; /** Indices ascending within a row. */ readonly csr: Csr }
);
