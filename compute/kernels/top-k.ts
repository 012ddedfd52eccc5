/** Exact top-k on kernel threads: of given scores, or of scores that are chosen from as they are made. */
import type { KernelThreads } from './threads.ts';

/** The best of each row, by score descending, then index ascending. */
export interface TopLists {
  /** Places of a row: k, or the number of columns where that is smaller. */
  width: number;
  /** `[rows × width]`, row-major; of each row the first `lengths[row]` are used. */
  items: Int32Array;
  /** `[rows × width]`: the scores of these, 0 for −0. */
  scores: Float32Array;
  /** `[rows]`: at most `width`; less where fewer are candidates. */
  lengths: Int32Array;
  /** `[rows]`: candidates outside a full list that score as its last place. */
  ties: Int32Array;
}

/** Scores of some items of each row, as CSR. */
export interface AskedItems {
  /** `[rows + 1]` */
  indptr: Int32Array;
  /** `[nnz]`: ascending within a row. */
  indices: Int32Array;
}

/** What is wanted of rows that are ranked where they are scored. */
export interface Wanted {
  k: number;
  /** Lists of everything. */
  all: boolean;
  /** Lists without what the history holds. */
  fresh: boolean;
  /** Whether to look if all scores are finite. */
  checked: boolean;
  /** Items whose scores are asked for. */
  asked?: AskedItems;
}

/** In kernel memory; byte addresses. */
export interface RankedPiece {
  rows: number;
  items: number;
  /** `int32 [rows + 1]` and `int32 [nnz]`: the histories, ascending within a row. */
  history: { indptr: number; indices: number };
}

export interface Ranked {
  all?: TopLists;
  fresh?: TopLists;
  /** `[rows]`: 1 where all scores are finite, else 0. */
  finite?: Int32Array;
  /** `[nnz]` of the asked items. */
  askedScores?: Float32Array;
}

/** Constants of `assembly/top-k.ts` and `assembly/selection.ts`. */
const block = 960;
const group = 32;
const selectionBytes = (k: number) => 16 + (2 * k + 256) * 8;
const userBytes = (k: number) => 16 + 2 * selectionBytes(k);

/** Rows that a thread takes at a time: as many as share the reading of the item factors, fewer where there are few. */
const chunkRows = (rows: number) => Math.min(group, Math.max(4, Math.ceil(rows / 64)));

/**
 * The k best of each row of scores.
 * @param threads - with the kernel `top-k`.
 * @param scores - `[rows × columns]`, row-major; −∞ and NaN are no candidates.
 * @param k - an integer of at least 1.
 * @throws RangeError where the scores have not that shape, or a number of rows or columns or k is no length.
 */
export async function topK(
  threads: KernelThreads,
  scores: Float32Array,
  [rows, columns]: readonly [rows: number, columns: number],
  k: number,
): Promise<TopLists> {
  const width = widthOf(k, rows, columns);
  if (scores.length !== rows * columns) {
    throw new RangeError(`Scores of ${rows} × ${columns} must be ${rows * columns} floats. Got ${scores.length}.`);
  }
  const mark = threads.mark();
  try {
    const at = threads.put(scores);
    const lists = threads.alloc(listBytes(rows, width));
    const chunks = chunksOf(rows, chunkRows(rows));
    const argsOf = (chunk: number) => [at, columns, width, rows, lists, ...chunks.range(chunk)];
    await threads.parallelFor('top-k', 'rows', chunks.count, argsOf, selectionBytes(width));
    return readLists(threads, lists, rows, width, columns);
  } finally {
    threads.release(mark);
  }
}

/**
 * Lists by x_u · yᵢ, without the scores ever being in memory as a whole.
 * @param threads - with the kernel `top-k`.
 * @param factors - addresses of `float32 [rows × width]` and `float32 [items × width]`, row-major, width a multiple of 8.
 */
export async function rankDense(
  threads: KernelThreads,
  piece: RankedPiece,
  factors: { users: number; items: number; width: number },
  wanted: Wanted,
): Promise<Ranked> {
  const { indptr, indices } = piece.history;
  const scorer = [factors.users, factors.items, factors.width, piece.items, indptr, indices];
  return await rank(threads, 'dense', piece, scorer, group * block * 4, wanted);
}

/**
 * Lists by Σ_i h_ui n_ij.
 * @param threads - with the kernel `top-k`.
 * @param weights - address of `float32 [nnz]`, beside the histories' indices.
 * @param neighbours - addresses of the CSR arrays of the items' neighbours.
 */
export async function rankSparse(
  threads: KernelThreads,
  piece: RankedPiece,
  weights: number,
  neighbours: { indptr: number; indices: number; values: number },
  wanted: Wanted,
): Promise<Ranked> {
  const { indptr, indices } = piece.history;
  const table = [neighbours.indptr, neighbours.indices, neighbours.values];
  const scratch = Math.ceil(piece.items / 4) * 16;
  return await rank(threads, 'sparse', piece, [indptr, indices, weights, ...table, piece.items], scratch, wanted);
}

async function rank(
  threads: KernelThreads,
  fn: 'dense' | 'sparse',
  { rows, items }: RankedPiece,
  scorer: number[],
  scoreBytes: number,
  { k, all, fresh, checked, asked }: Wanted,
): Promise<Ranked> {
  const width = widthOf(k, rows, items);
  const mark = threads.mark();
  try {
    const lists = [all, fresh].map((asFor) => (asFor ? threads.alloc(listBytes(rows, width)) : 0));
    const finite = checked ? threads.alloc(rows * 4) : 0;
    const askedAt = asked
      ? [threads.put(asked.indptr), threads.put(asked.indices), threads.alloc(asked.indices.length * 4)]
      : [0, 0, 0];
    const size = fn === 'dense' ? chunkRows(rows) : 4;
    const chunks = chunksOf(rows, size);
    const argsOf = (chunk: number) => [...scorer, ...askedAt, width, rows, ...lists, finite, ...chunks.range(chunk)];
    const scratch = scoreBytes + userBytes(width) * (fn === 'dense' ? size : 1);
    await threads.parallelFor('top-k', fn, chunks.count, argsOf, scratch);
    return {
      ...(all ? { all: readLists(threads, lists[0], rows, width, items) } : {}),
      ...(fresh ? { fresh: readLists(threads, lists[1], rows, width, items) } : {}),
      ...(checked ? { finite: threads.view('i32', finite, rows).slice() } : {}),
      ...(asked ? { askedScores: threads.view('f32', askedAt[2], asked.indices.length).slice() } : {}),
    };
  } finally {
    threads.release(mark);
  }
}

/** Places of a row in the kernel's memory: at least one, although there is nothing to put there without columns. */
function widthOf(k: number, rows: number, columns: number): number {
  for (const count of [rows, columns]) {
    if (!Number.isInteger(count) || count < 0) {
      throw new RangeError(`Numbers of rows and columns must be integers of at least 0. Got ${count}.`);
    }
  }
  if (!Number.isInteger(k) || k < 1) throw new RangeError(`k must be an integer of at least 1. Got ${k}.`);
  return Math.max(1, Math.min(k, columns));
}

function chunksOf(rows: number, size: number) {
  return {
    count: Math.ceil(rows / size),
    range: (chunk: number) => [chunk * size, Math.min(rows, (chunk + 1) * size)],
  };
}

const listBytes = (rows: number, width: number) => rows * (width * 8 + 8);

/** Copies a block of lists, laid out as `assembly/top-k.ts` says. */
function readLists(threads: KernelThreads, lists: number, rows: number, width: number, columns: number): TopLists {
  const cells = rows * width;
  const used = columns === 0 ? 0 : cells;
  return {
    width: Math.min(width, columns),
    items: threads.view('i32', lists, used).slice(),
    scores: threads.view('f32', lists + cells * 4, used).slice(),
    lengths: threads.view('i32', lists + cells * 8, rows).slice(),
    ties: threads.view('i32', lists + cells * 8 + rows * 4, rows).slice(),
  };
}
