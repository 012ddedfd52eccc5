/** Scoring and ranking of histories by kernels: what item-kNN and ALS have in common. */
import { KernelThreads } from '../compute/kernels/threads.ts';
import type { KernelName } from '../compute/kernels/load.ts';
import type { Histories, Ranked, Wanted } from './estimator.ts';

/** Scores that are in kernel memory at a time, in bytes; larger batches go through in pieces. */
const defaultPieceBytes = 64 * 2 ** 20;

/** Some rows of histories in kernel memory. Addresses are in bytes. */
export interface HistoryPiece {
  rows: number;
  /** `int32 [rows + 1]` */
  indptr: number;
  /** `int32 [nnz]` */
  indices: number;
  /** `float32 [nnz]`: what `weigh` made of the counts. */
  weights: number;
}
export interface ScoredPiece extends HistoryPiece {
  /** `float32 [rows × items]`, row-major: the scores to fill in. */
  scores: number;
}

export interface ScoringModel<Constants> {
  items: number;
  kernels: readonly KernelName[];
  /** Puts into kernel memory what every piece needs. */
  load(threads: KernelThreads): Promise<Constants>;
  weigh(counts: Float32Array): Float32Array;
  score(threads: KernelThreads, constants: Constants, piece: ScoredPiece): Promise<void>;
  /** Absent where a model does not choose while it scores: then `Scorer.rank` is not to be called. */
  rank?(threads: KernelThreads, constants: Constants, piece: HistoryPiece, wanted: Wanted): Promise<Ranked>;
}

/** Opens its threads with the first call and runs one call at a time, in the order of the calls. */
export class Scorer<Constants> {
  readonly #model: ScoringModel<Constants>;
  readonly #threads: number;
  readonly #pieceBytes: number;
  #opened: Promise<{ threads: KernelThreads; constants: Constants }> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(threads: number, model: ScoringModel<Constants>, pieceBytes = defaultPieceBytes) {
    this.#pieceBytes = pieceBytes;
    this.#threads = threads;
    this.#model = model;
  }

  /** See `FittedRecommender.score`. */
  async score(histories: Histories, from: number, to: number, out: Float32Array): Promise<void> {
    checkBatch(histories, from, to, this.#model.items, out);
    const { items } = this.#model;
    const rows = Math.max(1, Math.floor(this.#pieceBytes / 4 / Math.max(1, items)));
    await this.#call(async (threads, constants) => {
      for (let start = from; start < to; start += rows) {
        const stop = Math.min(start + rows, to);
        await inRoomOf(threads, async () => {
          const scores = threads.alloc((stop - start) * items * 4);
          await this.#model.score(threads, constants, { ...this.#put(threads, histories, start, stop), scores });
          out.set(threads.view('f32', scores, (stop - start) * items), (start - from) * items);
        });
      }
    });
  }

  /** See `FittedRecommender.rank`. */
  async rank(histories: Histories, from: number, to: number, wanted: Wanted): Promise<Ranked> {
    const { items } = this.#model;
    checkRows(histories, from, to, items);
    checkAscending('a history', histories, from, to);
    const { asked } = wanted;
    if (asked) {
      checkRows({ ...asked, counts: asked.indices }, from, to, items);
      checkAscending('the items that are asked about', asked, from, to);
    }
    const piece = asked ? { ...wanted, asked: rowsOf(asked, from, to) } : wanted;
    return await this.#call((threads, constants) =>
      inRoomOf(threads, () => this.#model.rank!(threads, constants, this.#put(threads, histories, from, to), piece)),
    );
  }

  async #call<Result>(work: (threads: KernelThreads, constants: Constants) => Promise<Result>): Promise<Result> {
    const call = this.#last.then(async () => {
      this.#opened ??= this.#open();
      const { threads, constants } = await this.#opened;
      return await work(threads, constants);
    });
    this.#last = call.then(
      () => undefined,
      () => undefined,
    );
    return await call;
  }

  async close(): Promise<void> {
    await this.#last;
    const opened = await this.#opened?.catch(() => undefined);
    this.#opened = undefined;
    await opened?.threads.close();
  }

  async #open(): Promise<{ threads: KernelThreads; constants: Constants }> {
    const threads = new KernelThreads(this.#threads, this.#model.kernels);
    try {
      return { threads, constants: await this.#model.load(threads) };
    } catch (error) {
      await threads.close();
      throw error;
    }
  }

  #put(threads: KernelThreads, histories: Histories, start: number, stop: number): HistoryPiece {
    const { indptr, indices } = rowsOf(histories, start, stop);
    const counts = histories.counts.subarray(histories.indptr[start], histories.indptr[stop]);
    return {
      rows: stop - start,
      indptr: threads.put(indptr),
      indices: threads.put(indices),
      weights: threads.put(this.#model.weigh(counts)),
    };
  }
}

/** Gives back what `work` allocated. */
async function inRoomOf<Result>(threads: KernelThreads, work: () => Promise<Result>): Promise<Result> {
  const mark = threads.mark();
  try {
    return await work();
  } finally {
    threads.release(mark);
  }
}

type Rows = Pick<Histories, 'indptr' | 'indices'>;

/** Rows [from, to) by themselves. */
function rowsOf({ indptr, indices }: Rows, from: number, to: number): Rows {
  return {
    indptr: indptr.slice(from, to + 1).map((at) => at - indptr[from]),
    indices: indices.subarray(indptr[from], indptr[to]),
  };
}

/** A kernel checks no bounds, so that the arguments are looked at before they get there. */
export function checkBatch(histories: Histories, from: number, to: number, items: number, out: Float32Array): void {
  checkRows(histories, from, to, items);
  if (out.length !== (to - from) * items) {
    throw new RangeError(`The scores of ${to - from} rows must be ${(to - from) * items} floats. Got ${out.length}.`);
  }
}

function checkRows(
  { indptr, indices, counts }: Rows & { counts: { length: number } },
  from: number,
  to: number,
  items: number,
): void {
  const rows = indptr.length - 1;
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= rows)) {
    throw new RangeError(`The rows to score must lie within the ${rows} histories. Got [${from}, ${to}).`);
  }
  for (let row = from; row < to; row++) {
    if (indptr[row] > indptr[row + 1])
      throw new RangeError(`Row ${row} of the histories must not end before it begins.`);
  }
  if (indptr[from] < 0 || indptr[to] > Math.min(indices.length, counts.length)) {
    throw new RangeError('The histories must lie within their arrays.');
  }
  for (let k = indptr[from]; k < indptr[to]; k++) {
    if (indices[k] < 0 || indices[k] >= items) {
      throw new RangeError(`Items of a history must lie within the catalogue of ${items}. Got ${indices[k]}.`);
    }
  }
}

/** Kernels go through a row and the catalogue side by side. */
function checkAscending(what: string, { indptr, indices }: Rows, from: number, to: number): void {
  for (let row = from; row < to; row++) {
    for (let k = indptr[row] + 1; k < indptr[row + 1]; k++) {
      if (indices[k] <= indices[k - 1]) {
        throw new RangeError(`Items of ${what} must ascend. Got ${indices[k]} behind ${indices[k - 1]}.`);
      }
    }
  }
}
