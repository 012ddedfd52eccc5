/**
 * Bags of words on kernel threads: documents to tokens, terms and counts. Results do not depend on the number of
 * threads. Weights of the counts: `tf-idf.ts`.
 */
import { characterTable } from './characters.ts';
import type { Csr } from './scalar/csr.ts';
import { collectTerms, emptyTable, evenChunks, forChunks, inOrder, zeros } from './term-table.ts';
import type { Ngrams, Term, TermTable, Tokens } from './term-table.ts';
import type { KernelThreads } from './threads.ts';

export type { Ngrams } from './term-table.ts';

/** Texts in UTF-8; what is no UTF-8 separates words. */
export interface Documents {
  bytes: Uint8Array;
  /** `[documents + 1]`: where each begins, and where the last one ends; ascending. */
  offsets: Uint32Array;
}

/** A number of documents, or a share of all, in [0, 1]. */
export type DocumentLimit = { documents: number } | { share: number };

export interface VocabularyOptions {
  /** `[1, 1]` where not given. */
  ngrams?: Ngrams;
  /** Terms of fewer documents are left out. */
  minDf?: DocumentLimit;
  /** Terms of more documents are left out. */
  maxDf?: DocumentLimit;
  /** Of the rest, those that occur most often are kept; of equal ones those that come first in the vocabulary. */
  maxFeatures?: number;
}

/** The terms that are counted, numbered in the order of their UTF-8 bytes, which is that of their code points. */
export interface Vocabulary {
  ngrams: Ngrams;
  size: number;
  /** The terms, each with a line feed behind it. */
  bytes: Uint8Array;
  /** `[size + 1]` */
  offsets: Uint32Array;
  /** How many documents it was fitted on. */
  documents: number;
  /** `[size]`: how many of these hold each term. */
  documentFrequencies: Int32Array;
}

export interface TermCounts {
  /** Documents × terms: how often each occurs; columns ascend in a row. */
  counts: Csr;
  /** `[documents]`: occurrences of terms that the vocabulary does not hold. */
  unknown: Int32Array;
}

/** Bytes of documents that are worth a chunk of their own, and terms that are. */
const chunkBytes = 1 << 16;
const chunkTerms = 4096;
/** The kernel reads up to so much behind a text. */
const readBeyond = 64;

/**
 * Documents in the form that the kernels read, all in one array; lone surrogates become U+FFFD, which is in no word.
 * @param texts - together below 4 GiB of UTF-8.
 */
export function encodeDocuments(texts: readonly string[]): Documents {
  const offsets = new Uint32Array(texts.length + 1);
  for (const [d, text] of texts.entries()) offsets[d + 1] = offsets[d] + Buffer.byteLength(text);
  const bytes = new Uint8Array(offsets[texts.length]);
  const encoder = new TextEncoder();
  for (const [d, text] of texts.entries()) encoder.encodeInto(text, bytes.subarray(offsets[d], offsets[d + 1]));
  return { bytes, offsets };
}

/** The terms as strings. */
export function termsOf({ bytes, offsets, size }: Vocabulary): string[] {
  const decoder = new TextDecoder();
  return Array.from({ length: size }, (_, term) =>
    decoder.decode(bytes.subarray(offsets[term], offsets[term + 1] - 1)),
  );
}

/**
 * Collects the terms of documents, and counts those that are kept. A token is what scikit-learn's `(?u)\b\w\w+\b` finds
 * in the lower-cased text, and terms are left out as its `CountVectorizer` does; a vocabulary may end up empty.
 * @param threads - with the kernel `text`.
 * @returns the counts that `countTerms` gives for the same documents.
 * @throws RangeError where documents or options are out of their range; TradewindError `PARAMETER_INVALID` where they
 * need more than 4 GiB: about 2 bytes for each of the text, and 8 for each occurrence of a term.
 */
export async function fitVocabulary(
  threads: KernelThreads,
  documents: Documents,
  options: VocabularyOptions = {},
): Promise<TermCounts & { vocabulary: Vocabulary }> {
  const { ngrams = [1, 1], maxFeatures = Infinity } = options;
  checkNgrams(ngrams);
  if (!(maxFeatures === Infinity || Number.isInteger(maxFeatures)) || maxFeatures < 1) {
    throw new RangeError(`maxFeatures must be an integer of at least 1. Got ${maxFeatures}.`);
  }
  const count = documentCount(documents);
  const fewest = Math.max(1, limitOf('minDf', options.minDf, count, 1));
  const most = limitOf('maxDf', options.maxDf, count, count);
  return await inRoomOf(threads, async () => {
    const tokens = await tokenise(threads, documents, ngrams);
    const table = await collectTerms(threads, tokens, ngrams);
    const { capacity } = table;
    const frequencies = zeros(threads, capacity);
    const occurrences = maxFeatures === Infinity ? 0 : zeros(threads, capacity);
    const entries = await countEntries(threads, tokens, table, ngrams, { numbers: capacity, frequencies, occurrences });

    const held = threads.view('i32', frequencies, capacity);
    const ordered = await inOrder(threads, table, slotsWithin(held, fewest, most));
    const terms =
      occurrences === 0 ? ordered : mostFrequent(ordered, threads.view('i32', occurrences, capacity), maxFeatures);
    const ids = threads.alloc(capacity * 4);
    const numbers = threads.view('i32', ids, capacity).fill(-1);
    for (let id = 0; id < terms.length; id++) numbers[terms[id].slot] = id;

    const { at, bounds, held: sizes, unknown } = entries;
    await forChunks(threads, 'number', tokens.chunks, [ids, at, bounds, sizes, unknown]);
    const vocabulary: Vocabulary = {
      ngrams,
      size: terms.length,
      ...copyTerms(threads, terms),
      documents: count,
      documentFrequencies: Int32Array.from(terms, ({ slot }) => held[slot]),
    };
    return { vocabulary, ...(await packed(threads, tokens, entries, terms.length)) };
  });
}

/**
 * Counts the terms of a vocabulary in documents.
 * @param threads - with the kernel `text`.
 * @throws as `fitVocabulary`.
 */
export async function countTerms(
  threads: KernelThreads,
  documents: Documents,
  vocabulary: Vocabulary,
): Promise<TermCounts> {
  const { ngrams, size, bytes, offsets } = vocabulary;
  checkNgrams(ngrams);
  documentCount(documents);
  return await inRoomOf(threads, async () => {
    const tokens = await tokenise(threads, documents, ngrams);
    const table = emptyTable(threads, size);
    const text = threads.alloc(bytes.length + readBeyond);
    threads.view('u8', text, bytes.length).set(bytes);
    const ids = threads.alloc(table.capacity * 4);
    const args = [table.slots, table.capacity - 1, table.taken, text, threads.put(offsets), ids];
    await forChunks(threads, 'insertVocabulary', evenChunks(size, chunkTerms), args);
    const entries = await countEntries(threads, tokens, table, ngrams, { ids, numbers: size });
    return await packed(threads, tokens, entries, size);
  });
}

async function inRoomOf<Result>(threads: KernelThreads, work: () => Promise<Result>): Promise<Result> {
  const mark = threads.mark();
  try {
    return await work();
  } finally {
    threads.release(mark);
  }
}

async function tokenise(threads: KernelThreads, { bytes, offsets }: Documents, ngrams: Ngrams): Promise<Tokens> {
  const documents = offsets.length - 1;
  const [begin, end] = [offsets[0], offsets[documents]];
  // A lower-cased character takes at most half as much again; each document has a space and a line feed to spare.
  const starts = new Uint32Array(documents);
  for (let d = 0; d < documents; d++) starts[d] = Math.ceil((offsets[d] - begin) * 1.5) + 2 * d;
  const chunks = chunksOfBytes(offsets);
  const text = threads.alloc(Math.ceil((end - begin) * 1.5) + 2 * documents + readBeyond);
  const [startsAt, counts] = [threads.put(starts), threads.alloc(documents * 4)];
  await inRoomOf(threads, async () => {
    const source = threads.put(bytes.subarray(begin, end));
    const at = threads.put(offsets.map((offset) => offset - begin));
    await forChunks(threads, 'tokens', chunks, [threads.put(characterTable()), source, at, text, startsAt, counts]);
  });
  const lengths = threads.view('i32', counts, documents);
  const bounds = new Uint32Array(documents + 1);
  for (let d = 0; d < documents; d++) bounds[d + 1] = bounds[d] + termsAmong(lengths[d], ngrams);
  return { documents, chunks, text, starts: startsAt, counts, bounds };
}

/** How many terms so many tokens make. */
function termsAmong(tokens: number, [least, most]: Ngrams): number {
  let terms = 0;
  for (let n = least; n <= most && n <= tokens; n++) terms += tokens - n + 1;
  return terms;
}

/** Counts in kernel memory, as `assembly/text-terms.ts` says. */
interface Entries {
  at: number;
  bounds: number;
  held: number;
  unknown: number;
  /** The most that a document has room for. */
  largest: number;
}

interface Numbering {
  /** `int32` by slot; terms are numbered by their slots without. */
  ids?: number;
  /** Numbers are below it. */
  numbers: number;
  /** `int32` by slot: documents and occurrences are added to these. */
  frequencies?: number;
  occurrences?: number;
}

async function countEntries(
  threads: KernelThreads,
  { documents, chunks, text, starts, counts, bounds }: Tokens,
  { slots, capacity }: TermTable,
  [least, most]: Ngrams,
  { ids = 0, numbers, frequencies = 0, occurrences = 0 }: Numbering,
): Promise<Entries> {
  let largest = 0;
  for (let d = 0; d < documents; d++) largest = Math.max(largest, bounds[d + 1] - bounds[d]);
  const entries = {
    at: threads.alloc(bounds[documents] * 8),
    bounds: threads.put(bounds),
    held: threads.alloc(documents * 4),
    unknown: zeros(threads, documents),
    largest,
  };
  const own = [entries.at, entries.bounds, entries.held, entries.unknown, frequencies, occurrences];
  const args = [slots, capacity - 1, ids, text, starts, counts, least, most, ...own];
  await forChunks(threads, 'count', chunks, args, 64 + numbers * 4);
  return entries;
}

async function packed(
  threads: KernelThreads,
  { documents, chunks }: Tokens,
  { at, bounds, held, unknown, largest }: Entries,
  terms: number,
): Promise<TermCounts> {
  const sizes = threads.view('i32', held, documents);
  const indptr = new Int32Array(documents + 1);
  for (let d = 0; d < documents; d++) indptr[d + 1] = indptr[d] + sizes[d];
  const total = indptr[documents];
  const [indices, values] = [threads.alloc(total * 4), threads.alloc(total * 4)];
  const scratch = 1024 + 8 * Math.min(largest, terms);
  await forChunks(threads, 'pack', chunks, [at, bounds, terms, threads.put(indptr), indices, values], scratch);
  return {
    counts: {
      indptr,
      indices: threads.view('i32', indices, total).slice(),
      values: threads.view('f32', values, total).slice(),
    },
    unknown: threads.view('i32', unknown, documents).slice(),
  };
}

/** The slots whose value is in [least, most]. */
function slotsWithin(values: Int32Array, least: number, most: number): Uint32Array {
  const slots: number[] = [];
  for (let slot = 0; slot < values.length; slot++) {
    if (values[slot] >= least && values[slot] <= most) slots.push(slot);
  }
  return Uint32Array.from(slots);
}

/** At most `most` of the terms, those that occur most often, in the order that they have. */
function mostFrequent(terms: Term[], occurrences: Int32Array, most: number): Term[] {
  if (terms.length <= most) return terms;
  const places = Uint32Array.from(terms.keys());
  places.sort((a, b) => occurrences[terms[b].slot] - occurrences[terms[a].slot] || a - b);
  return Array.from(places.subarray(0, most).sort(), (place) => terms[place]);
}

function copyTerms(threads: KernelThreads, terms: readonly Term[]): Pick<Vocabulary, 'bytes' | 'offsets'> {
  const offsets = new Uint32Array(terms.length + 1);
  for (const [id, { length }] of terms.entries()) offsets[id + 1] = offsets[id] + length + 1;
  const bytes = new Uint8Array(offsets[terms.length]).fill(0x0a);
  for (const [id, { address, length }] of terms.entries()) bytes.set(threads.view('u8', address, length), offsets[id]);
  return { bytes, offsets };
}

/** Chunks of documents that only their lengths decide. */
function chunksOfBytes(offsets: Uint32Array): [number, number][] {
  const chunks: [number, number][] = [];
  const count = offsets.length - 1;
  for (let from = 0; from < count;) {
    let to = from + 1;
    while (to < count && offsets[to + 1] - offsets[from] <= chunkBytes) to++;
    chunks.push([from, to]);
    from = to;
  }
  return chunks;
}

function checkNgrams([least, most]: Ngrams): void {
  if (!(Number.isInteger(least) && Number.isInteger(most) && least >= 1 && least <= most && most <= 15)) {
    throw new RangeError(`A term must be of 1 to 15 tokens. Got ${least} to ${most}.`);
  }
}

function documentCount({ bytes, offsets }: Documents): number {
  if (offsets.length === 0) throw new RangeError('The offsets of documents must end with where the last one ends.');
  for (let d = 1; d < offsets.length; d++) {
    if (offsets[d] < offsets[d - 1]) throw new RangeError(`Document ${d - 1} must not end before it begins.`);
  }
  if (offsets[offsets.length - 1] > bytes.length) throw new RangeError('The documents must lie within their bytes.');
  return offsets.length - 1;
}

function limitOf(name: string, limit: DocumentLimit | undefined, documents: number, otherwise: number): number {
  if (limit === undefined) return otherwise;
  if ('documents' in limit) {
    if (Number.isInteger(limit.documents) && limit.documents >= 0) return limit.documents;
    throw new RangeError(`${name} must be an integer of at least 0 documents. Got ${limit.documents}.`);
  }
  if (limit.share >= 0 && limit.share <= 1) return limit.share * documents;
  throw new RangeError(`${name} must be a share in [0, 1]. Got ${limit.share}.`);
}
