/** What `assembly/text.ts` computes, with regular expressions, maps and sorting: tests hold the kernels against it. */
import type { Documents, Ngrams, TermCounts } from '../text.ts';
import type { Csr } from './csr.ts';

/** A share or a number of documents has become a number here. */
export interface Limits {
  fewest: number;
  most: number;
  maxFeatures: number;
}

/** Maximal runs of at least two word characters in the lower-cased text. */
export function tokensOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).toLowerCase();
  return text.match(/[\p{L}\p{N}_]{2,}/gu) ?? [];
}

/** Each document's terms, repeated as they occur. */
function termsOfDocuments({ bytes, offsets }: Documents, [least, most]: Ngrams): string[][] {
  return Array.from({ length: offsets.length - 1 }, (_, d) => {
    const tokens = tokensOf(bytes.slice(offsets[d], offsets[d + 1]));
    const terms: string[] = [];
    for (let n = least; n <= most; n++) {
      for (let first = 0; first + n <= tokens.length; first++) terms.push(tokens.slice(first, first + n).join(' '));
    }
    return terms;
  });
}

/** The terms that are kept, in the order of their UTF-8 bytes, and how many documents hold each. */
export function fitTerms(
  documents: Documents,
  ngrams: Ngrams,
  { fewest, most, maxFeatures }: Limits,
): { terms: string[]; documentFrequencies: number[] } {
  const found = new Map<string, { documents: number; occurrences: number }>();
  for (const terms of termsOfDocuments(documents, ngrams)) {
    for (const term of terms) {
      const of = found.get(term) ?? { documents: 0, occurrences: 0 };
      of.occurrences++;
      found.set(term, of);
    }
    for (const term of new Set(terms)) found.get(term)!.documents++;
  }
  const kept = Array.from(found, ([term, of]) => ({ term, bytes: Buffer.from(term), ...of }))
    .filter(({ documents: holding }) => holding >= fewest && holding <= most)
    .toSorted((a, b) => b.occurrences - a.occurrences || Buffer.compare(a.bytes, b.bytes))
    .slice(0, maxFeatures)
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes));
  return { terms: kept.map(({ term }) => term), documentFrequencies: kept.map(({ documents: holding }) => holding) };
}

export function countTerms(documents: Documents, terms: readonly string[], ngrams: Ngrams): TermCounts {
  const ids = new Map(terms.map((term, id) => [term, id]));
  const rows = termsOfDocuments(documents, ngrams).map((own) => {
    const counts = new Map<number, number>();
    let unknown = 0;
    for (const term of own) {
      const id = ids.get(term);
      if (id === undefined) unknown++;
      else counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return { entries: [...counts].toSorted(([a], [b]) => a - b), unknown };
  });
  const indptr = new Int32Array(rows.length + 1);
  for (const [d, { entries }] of rows.entries()) indptr[d + 1] = indptr[d] + entries.length;
  const entries = rows.flatMap((row) => row.entries);
  return {
    counts: {
      indptr,
      indices: Int32Array.from(entries, ([id]) => id),
      values: Float32Array.from(entries, ([, count]) => count),
    },
    unknown: Int32Array.from(rows, ({ unknown }) => unknown),
  };
}

/** Weights of a matrix's entries in float64: tf · idf over the norm of the row. */
export function weigh(
  { indptr, indices, values }: Csr,
  idf: (term: number) => number,
  tf: (count: number) => number,
  norm: 'l1' | 'l2' | 'none',
): Float64Array {
  const weights = Float64Array.from(values, (count, k) => tf(count) * idf(indices[k]));
  for (let row = 0; row + 1 < indptr.length; row++) {
    const own = weights.subarray(indptr[row], indptr[row + 1]);
    const length = norm === 'l1' ? own.reduce((sum, w) => sum + Math.abs(w), 0) : Math.hypot(...own);
    if (norm !== 'none' && length > 0) for (let k = 0; k < own.length; k++) own[k] /= length;
  }
  return weights;
}
