/** What a fitted preparation makes of a table: a matrix of numbers, one named column a feature. */
import type { Csr } from '../compute/kernels/csr.ts';

/** What only some algorithms can learn from: numbers that are missing, and categories, whose codes have no order. */
export interface SpecialFeatures {
  /** uint8 `[columns]`: 1 where a number may be missing, which is NaN. */
  readonly missing: Uint8Array;
  /**
   * int32 `[columns]`: of how many categories a feature holds the codes, 0, 1, … from the most frequent one; any other
   * value, e.g. −1, is none of them. 0: it holds numbers.
   */
  readonly categories: Int32Array;
}

/**
 * Dense where most of it is not zero, else sparse: texts have thousands of features and a few dozen of them a row.
 * Everything is finite, but for what `special` says.
 */
export type Features = {
  readonly rows: number;
  /** `[columns]`: of each feature, e.g. `recency`, `department=DELI`, `title:bread`. All different. */
  readonly names: readonly string[];
  /** Absent where all features are numbers that are there. */
  readonly special?: SpecialFeatures | undefined;
} & (
  | { readonly kind: 'dense'; /** float32 `[rows × columns]`, row-major. */ readonly values: Float32Array }
  | { readonly kind: 'sparse'; /** Indices ascending within a row. */ readonly csr: Csr }
);
