/** The table of terms that the threads of `text.ts` fill, and its terms in their order; in kernel memory. */
import type { KernelThreads } from './threads.ts';

/** Terms of 1 to 15 tokens in a row, from the first number to the second. */
export type Ngrams = readonly [least: number, most: number];

/** Documents or terms, `[from, to)` of them. */
export type Chunks = readonly (readonly [from: number, to: number])[];

/** Documents as tokens; byte addresses. */
export interface Tokens {
  documents: number;
  chunks: Chunks;
  text: number;
  /** `uint32 [documents]` */
  starts: number;
  /** `int32 [documents]`: tokens of each. */
  counts: number;
  /** `[documents + 1]`: terms, distinct or not, of all documents before. */
  bounds: Uint32Array;
}

export interface TermTable {
  slots: number;
  /** A power of two. */
  capacity: number;
  /** Address of `int32`: slots that are taken. */
  taken: number;
}

/** A term where it stands in kernel memory. */
export interface Term {
  address: number;
  length: number;
  slot: number;
}

/** Slots that a table begins with: few words make most of a text, and a small table stays in the cache. */
const [leastCapacity, mostAtFirst] = [2 ** 16, 2 ** 20];
const slotChunk = 1 << 16;
const recordBytes = 24;
const runRecords = 1024;

export async function forChunks(
  threads: KernelThreads,
  fn: string,
  chunks: Chunks,
  args: readonly number[],
  scratchBytes?: number,
): Promise<void> {
  await threads.parallelFor('text', fn, chunks.length, (chunk) => [...args, ...chunks[chunk]], scratchBytes);
}

export function evenChunks(count: number, size: number): Chunks {
  return Array.from({ length: Math.ceil(count / size) }, (_, k) => [k * size, Math.min(count, (k + 1) * size)]);
}

/** `int32 [length]` of zeros. */
export function zeros(threads: KernelThreads, length: number): number {
  const at = threads.alloc(length * 4);
  threads.view('i32', at, length).fill(0);
  return at;
}

/** A table for so many terms: at most half of it is taken, so that a search soon meets an empty slot. */
export function emptyTable(threads: KernelThreads, terms: number, least = 16): TermTable {
  const capacity = Math.max(least, 2 ** Math.ceil(Math.log2(2 * terms + 1)));
  const slots = threads.alloc(capacity * 8);
  threads.view('u8', slots, capacity * 8).fill(0);
  return { slots, capacity, taken: zeros(threads, 1) };
}

/**
 * All terms of the documents: a batch of documents for which there is room, whatever they hold, and then as many again
 * or, where more than a quarter of the slots is taken, a larger table.
 */
export async function collectTerms(threads: KernelThreads, tokens: Tokens, [least, most]: Ngrams): Promise<TermTable> {
  const { bounds, chunks, documents } = tokens;
  const first = Math.min(mostAtFirst, 2 ** Math.ceil(Math.log2(bounds[documents] / 8 + 1)));
  let table = emptyTable(threads, 0, Math.max(leastCapacity, first));
  for (let next = 0; next < chunks.length;) {
    const begin = next;
    const done = bounds[chunks[begin][0]];
    const taken = threads.view('i32', table.taken, 1)[0];
    const room = table.capacity / 2 - taken;
    while (next < chunks.length && bounds[chunks[next][1]] - done <= room) next++;
    const tooFull = next < chunks.length && room < table.capacity / 4;
    if (next === begin || tooFull) {
      // One chunk may hold more than there is room for.
      next = begin;
      const needed = taken + bounds[chunks[begin][1]] - done;
      // Four times as large, so that what is moved in all is a third of what the last table holds.
      table = await grown(threads, table, Math.max(2 * table.capacity - 1, needed));
      continue;
    }
    const { slots, capacity, taken: counter } = table;
    const args = [slots, capacity - 1, counter, tokens.text, tokens.starts, tokens.counts, least, most];
    await forChunks(threads, 'insert', chunks.slice(begin, next), args, 64);
  }
  return table;
}

async function grown(threads: KernelThreads, old: TermTable, terms: number): Promise<TermTable> {
  const table = emptyTable(threads, terms);
  threads.view('i32', table.taken, 1)[0] = threads.view('i32', old.taken, 1)[0];
  const chunks = evenChunks(old.capacity, slotChunk);
  await threads.parallelFor('text', 'moveSlots', chunks.length, (chunk) => [
    old.slots,
    ...chunks[chunk],
    table.slots,
    table.capacity - 1,
  ]);
  return table;
}

/** The terms of these slots in the order of their bytes. */
export async function inOrder(threads: KernelThreads, { slots }: TermTable, chosen: Uint32Array): Promise<Term[]> {
  const count = chosen.length;
  const at = threads.put(chosen);
  let [records, spare] = [threads.alloc(count * recordBytes), threads.alloc(count * recordBytes)];
  const runs = evenChunks(count, runRecords);
  await forChunks(threads, 'describe', runs, [slots, at, records]);
  await forChunks(threads, 'sortRun', runs, [records, spare]);
  for (let width = runRecords; width < count; width *= 2) {
    const pairs = evenChunks(count, 2 * width);
    const argsOf = (pair: number) => {
      const [first, last] = pairs[pair];
      return [records, first, Math.min(first + width, last), last, spare];
    };
    await threads.parallelFor('text', 'mergeRuns', pairs.length, argsOf);
    [records, spare] = [spare, records];
  }
  const fields = threads.view('u32', records, (count * recordBytes) / 4);
  return Array.from({ length: count }, (_, k) => ({
    address: fields[k * 6 + 2],
    length: fields[k * 6 + 3],
    slot: fields[k * 6 + 4],
  }));
}
