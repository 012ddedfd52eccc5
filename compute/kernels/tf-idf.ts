/** Weights of term counts by the formulas of scikit-learn's `TfidfTransformer`, on kernel threads. */
import { checkCsr } from './csr.ts';
import type { Csr } from './csr.ts';
import type { KernelThreads } from './threads.ts';

export interface Weighting {
  /** `[terms]`: what each term's frequency is multiplied by; 1 where not given. */
  idf?: Float64Array;
  /** 1 + ln count instead of the count. */
  sublinear?: boolean;
  /** Divides a row by its length √Σ w² (`l2`) or Σ |w| (`l1`). */
  norm?: 'l1' | 'l2' | 'none';
}

const norms = ['none', 'l1', 'l2'] as const;
/** Rows that are worth a chunk of their own. */
const chunkRows = 1024;

/**
 * idf_t = ln((n + 1) / (df_t + 1)) + 1 smoothed, as if one document more held every term; else ln(n / df_t) + 1.
 * @param documentFrequencies - `[terms]`: how many of the documents hold each term.
 * @throws RangeError where a term is in no document or in more than there are, which has no idf that is not smoothed.
 */
export function inverseDocumentFrequencies(
  documentFrequencies: Int32Array,
  documents: number,
  { smooth = true }: { smooth?: boolean } = {},
): Float64Array {
  const more = smooth ? 1 : 0;
  return Float64Array.from(documentFrequencies, (df) => {
    if (!(df + more > 0 && df <= documents)) {
      throw new RangeError(`A term must be in 1 to ${documents} documents. Got ${df}.`);
    }
    return Math.log((documents + more) / (df + more)) + 1;
  });
}

/**
 * w = tf · idf, of rows that share no memory with the counts.
 * @param threads - with the kernel `text`.
 * @param counts - documents × terms, whole numbers of at least 1; terms are those of `idf` where it is given.
 * @returns the same entries with weights, each within ε (1 + m 2⁻²⁸) of the exact one over the row's m terms, ε = 2⁻²⁴.
 * @throws RangeError where the counts are no sparse matrix, an index has no idf, a count is no whole number of at least
 * 1, or the norm is none of those.
 */
export async function weighTerms(
  threads: KernelThreads,
  counts: Csr,
  { idf, sublinear = false, norm = 'l2' }: Weighting = {},
): Promise<Csr> {
  checkCsr(counts, idf ? idf.length : Infinity);
  const { indptr, indices, values } = counts;
  const largest = largestCount(values);
  if (!norms.includes(norm)) throw new RangeError(`The norm must be one of ${norms.join(', ')}. Got ${String(norm)}.`);
  const mark = threads.mark();
  try {
    const rows = indptr.length - 1;
    const weights = threads.alloc(values.length * 4);
    const args = [
      threads.put(indptr),
      threads.put(indices),
      threads.put(values),
      sublinear ? threads.put(logarithms(largest)) : 0,
      idf ? threads.put(idf) : 0,
      norms.indexOf(norm),
      weights,
    ];
    await threads.parallelFor('text', 'weigh', Math.ceil(rows / chunkRows), (chunk) => [
      ...args,
      chunk * chunkRows,
      Math.min(rows, (chunk + 1) * chunkRows),
    ]);
    return {
      indptr: indptr.slice(),
      indices: indices.slice(),
      values: threads.view('f32', weights, values.length).slice(),
    };
  } finally {
    threads.release(mark);
  }
}

/** A kernel checks nothing, so that the counts are looked at before they get there. */
function largestCount(counts: Float32Array): number {
  let largest = 0;
  for (const count of counts) {
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new RangeError(`A count must be a whole number of at least 1. Got ${count}.`);
    }
    largest = Math.max(largest, count);
  }
  return largest;
}

/** 1 + ln count by the count, from 1 to `largest`. */
function logarithms(largest: number): Float64Array {
  return Float64Array.from({ length: largest + 1 }, (_, count) => (count === 0 ? 0 : 1 + Math.log(count)));
}
