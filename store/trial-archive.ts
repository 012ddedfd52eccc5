/**
 * The trials of studies, in pieces: a study keeps one reference, to a list of pieces, and its history stays small
 * however many trials there are (law 1). Pieces are written as trials end; a reader puts them in order.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { blobRefSchema, type BlobRef } from '../contracts/artifacts.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { TrialReport } from '../contracts/study.ts';
import type { ArtifactStore } from './artifact-store.ts';

const listSchema = z.strictObject({ pieces: z.array(blobRefSchema), trials: z.int().min(0) });

const trialSchema = z.looseObject({
  index: z.int().min(0),
  // Absent in the tables of earlier versions.
  candidate: z.int().min(0).default(0),
  algorithm: z.string(),
  parameters: z.record(z.string(), z.union([z.number(), z.string()])),
  state: z.enum(['done', 'pruned', 'failed', 'stopped']),
  value: z.number().optional(),
  rungs: z.array(z.strictObject({ rung: z.number(), value: z.number() })).optional(),
});

/** Pieces of 50 trials that are kept parsed: 25,000 trials. */
const remembered = 500;

/** One JSON line a trial, in the order given. Times are left out, so that equal studies give equal bytes. */
export function trialLines(trials: readonly TrialReport[]): string {
  return trials
    .map(
      ({ index, candidate, algorithm, parameters, state, value, rungs, enqueued, error }) =>
        `${JSON.stringify({ index, candidate, algorithm, parameters, state, value, rungs, enqueued, error })}\n`,
    )
    .join('');
}

export class TrialArchive {
  readonly #store: ArtifactStore;
  readonly #parsed = new Map<string, Promise<readonly TrialReport[]>>();

  constructor(store: ArtifactStore) {
    this.#store = store;
  }

  /** @returns the archive with these trials besides; the earlier one stays what it was */
  async append(archive: BlobRef | null, trials: readonly TrialReport[]): Promise<BlobRef> {
    const earlier = archive === null ? { pieces: [], trials: 0 } : await this.#list(archive);
    const piece = await this.#store.putBytes(trialLines(trials), 'trials.ndjson');
    const list = { pieces: [...earlier.pieces, piece], trials: earlier.trials + trials.length };
    return await this.#store.putBytes(`${JSON.stringify(list)}\n`, 'trial-pieces.json');
  }

  /** All trials of an archive, ascending by index. */
  async read(archive: BlobRef | null): Promise<TrialReport[]> {
    if (archive === null) return [];
    const { pieces } = await this.#list(archive);
    const trials = await Promise.all(pieces.map((piece) => this.table(piece)));
    return trials.flat().toSorted((a, b) => a.index - b.index);
  }

  /**
   * The trials of a piece, or of a study's whole table; not to be changed.
   * @throws TradewindError `ARTIFACT_MISSING`; `ARTIFACT_CORRUPT` for anything but a table of trials
   */
  async table(piece: BlobRef): Promise<readonly TrialReport[]> {
    let trials = this.#parsed.get(piece.digest);
    if (trials === undefined) {
      trials = this.#parse(piece);
      trials.catch(() => this.#parsed.delete(piece.digest));
    }
    // Those asked for last are last in the map, and go last.
    this.#parsed.delete(piece.digest);
    this.#parsed.set(piece.digest, trials);
    for (const oldest of this.#parsed.keys()) {
      if (this.#parsed.size <= remembered) break;
      this.#parsed.delete(oldest);
    }
    return await trials;
  }

  async #list(archive: BlobRef): Promise<z.infer<typeof listSchema>> {
    const text = await readFile(await this.#store.fetch(archive), 'utf8');
    return listSchema.parse(JSON.parse(text));
  }

  async #parse(piece: BlobRef): Promise<readonly TrialReport[]> {
    const lines = (await readFile(await this.#store.fetch(piece), 'utf8')).split('\n');
    return lines.flatMap((line, i) => {
      if (line === '') return [];
      const parsed = trialSchema.safeParse(tryJson(line));
      if (!parsed.success) {
        throw new TradewindError('ARTIFACT_CORRUPT', {
          subject: `Line ${i + 1} of ${piece.name} (${piece.digest.slice(0, 12)})`,
          rule: 'be a trial of a study',
          value: parsed.error.issues[0]?.message ?? 'something else',
          remedy: 'A warm start takes the "tables" of a study\'s result.',
        });
      }
      return [parsed.data as TrialReport];
    });
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
