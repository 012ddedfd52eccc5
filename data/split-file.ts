/**
 * The split of a table as a file of arrays: `part` uint8 `[rows]` (`partCodes`), `fold` int32 `[rows]` (held out in that
 * fold, −1 in none), and of a split in time `trains_from` int32 `[rows]` (learned from in that fold and all later ones).
 * Row numbers are places in the Parquet that was split, from 0.
 */
import { readArrays, writeArrays } from '../compute/arrays/safetensors.ts';

/**
 * `beforeValidation`: only the final training may learn from it, as it lies within the gap before the validation part.
 * `beforeTest`: within the gap before the test part; used nowhere. `outside`: after the end, or without what decides.
 */
export const partCodes = { train: 0, validation: 1, test: 2, beforeValidation: 3, beforeTest: 4, outside: 5 } as const;
export const partNames = ['train', 'validation', 'test'] as const;
export type PartName = (typeof partNames)[number];

const format = 'tradewind-table-split/1';

/** As in the file. */
export interface SplitArrays {
  part: Uint8Array;
  fold: Int32Array;
  /** Undefined: a row is learned from in every fold but its own. */
  trainsFrom?: Int32Array;
  folds: number;
}

export interface TableSplit {
  /** Of the table that was split. */
  readonly rows: number;
  /** Row numbers, ascending; no row is in two. Trials learn from `train` and are judged on `validation`. */
  readonly parts: Readonly<Record<PartName, Int32Array>>;
  /** Ascending: what the final training learns from, to be judged on `parts.test`. Training, validation, and the gap between. */
  readonly learning: Int32Array;
  /** How many folds there are; see `foldOf`. */
  readonly folds: number;
  readonly arrays: SplitArrays;
}

/** Row numbers, ascending. No row is in both. */
export interface Fold {
  readonly train: Int32Array;
  readonly held: Int32Array;
}

/** Fold `fold` in [0, split.folds) of the cross-validation over `split.learning`; no test row is in any. */
export function foldOf(split: TableSplit, fold: number): Fold {
  if (!Number.isInteger(fold) || fold < 0 || fold >= split.folds) {
    throw new RangeError(`A fold must be an integer in [0, ${split.folds}). Got ${fold}.`);
  }
  const { fold: heldIn, trainsFrom } = split.arrays;
  const trains =
    trainsFrom === undefined
      ? (row: number) => heldIn[row] >= 0 && heldIn[row] !== fold
      : (row: number) => trainsFrom[row] <= fold;
  return { train: rowsWhere(split.rows, trains), held: rowsWhere(split.rows, (row) => heldIn[row] === fold) };
}

/** All of `foldOf`. */
export function foldsOf(split: TableSplit): Fold[] {
  return Array.from({ length: split.folds }, (_, fold) => foldOf(split, fold));
}

export function splitOf(arrays: SplitArrays): TableSplit {
  const { part, folds } = arrays;
  const of = (code: number) => rowsWhere(part.length, (row) => part[row] === code);
  const { train, validation, test, beforeValidation } = partCodes;
  return {
    rows: part.length,
    parts: { train: of(train), validation: of(validation), test: of(test) },
    learning: rowsWhere(
      part.length,
      (r) => part[r] === train || part[r] === validation || part[r] === beforeValidation,
    ),
    folds,
    arrays,
  };
}

/** The same split gives the same bytes. */
export async function writeSplit(path: string, { part, fold, trainsFrom, folds }: SplitArrays): Promise<void> {
  await writeArrays(path, {
    arrays: {
      part: { data: part },
      fold: { data: fold },
      ...(trainsFrom === undefined ? {} : { trains_from: { data: trainsFrom } }),
    },
    metadata: { format, folds: String(folds) },
  });
}

/** @throws RangeError where the file is not one of `planSplit`. */
export async function readSplit(path: string): Promise<TableSplit> {
  const { arrays, metadata } = await readArrays(path);
  const part = arrays['part']?.data;
  const fold = arrays['fold']?.data;
  const trainsFrom = arrays['trains_from']?.data;
  const folds = Number(metadata['folds']);
  if (
    metadata['format'] !== format ||
    !(part instanceof Uint8Array) ||
    !(fold instanceof Int32Array) ||
    fold.length !== part.length ||
    !(trainsFrom === undefined || (trainsFrom instanceof Int32Array && trainsFrom.length === part.length)) ||
    !Number.isInteger(folds)
  ) {
    throw new RangeError(`${path} must be a split of a table (${format}).`);
  }
  return splitOf({ part, fold, folds, ...(trainsFrom === undefined ? {} : { trainsFrom }) });
}

/** Those of 0 … rows − 1 that pass, ascending. */
export function rowsWhere(rows: number, test: (row: number) => boolean): Int32Array {
  const found = new Int32Array(rows);
  let size = 0;
  for (let row = 0; row < rows; row++) if (test(row)) found[size++] = row;
  return found.slice(0, size);
}
