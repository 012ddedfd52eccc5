/**
 * The split of a table: what is trained on, what trials are judged on, and what decides in the end. It follows from the
 * table's content, the spec and the seed alone: a row's part depends on its number in the file and, by kind, on its
 * target, group or time; not on where the file lies.
 */
import { resolveCutOff } from '../contracts/cut-offs.ts';
import { TradewindError } from '../contracts/errors.ts';
import { Random } from '../contracts/random.ts';
import type { TableSplitSpec } from '../contracts/table-splits.ts';
import type { TableTask } from '../contracts/tables.ts';
import { withDatabase, type Database, type DataOptions } from './database.ts';
import {
  countsOf,
  groupedParts,
  isBefore,
  lastOutParts,
  quantileBins,
  randomParts,
  stratifiedFolds,
  stratifiedParts,
  timeFolds,
  type Labels,
} from './folds.ts';
import { hashOf, openTable, readCodes, readInto, readNames, readNumbers, requireColumn } from './row-values.ts';
import type { TableFile } from './row-values.ts';
import { partCodes, rowsWhere, splitOf, writeSplit, type SplitArrays } from './split-file.ts';
import { requireApart, summarize, type RowValues, type SplitSummary } from './split-summary.ts';

export interface SplitContext {
  /** Safe integer. The parts and the folds draw from streams of their own: folds more or less leave the parts as they are. */
  seed: number;
  /** Column of the target, with a value in every row. */
  target: string;
  task: TableTask;
  /** Takes the place of `gapDays` where the spec has none: the horizon of behaviour features. 0 by default. */
  gapDays?: number;
  /** Columns that make two rows equal, for the warning; by default all but the target and those the spec of the split names. */
  features?: readonly string[];
  /** `YYYY-MM-DD`: the day that cut-offs like `-31d` count from; the last of the time column by default. */
  lastDay?: string;
}

/**
 * Writes the file that `readSplit` reads. The parts:
 *
 * - `random`: whole rows drawn to the exact shares, to within one row;
 * - `stratified`: so in each class, or in each of `bins` quantile bins of a number;
 * - `grouped`: whole groups, as `groupedParts` has it; rows without a group are one group together;
 * - `time`: rows before `validationFrom`, before `testFrom`, and from then on. A row is learned from, and judged in the
 *   validation part, only if its time + the gap is not after the later part's beginning: then no label of the horizon of
 *   the gap reaches into that part. Rows without a time, and from `testUntil` on, are left out;
 * - `leaveLastOut`: see `lastOutParts`. `comparisonOnly` in the summary.
 *
 * Folds part all rows that the final training learns from, in the same way; by time as an expanding window (`timeFolds`).
 *
 * @param path - typed Parquet, see `contracts/tables.ts`
 * @throws TradewindError `SPLIT_EMPTY` where a part or fold would hold no row, a class has fewer rows than there are parts
 * or folds, or there are fewer groups or times than these; `COLUMN_MISSING`, `COLUMN_TYPE`; `SOURCE_EMPTY`
 */
export async function planSplit(
  path: string,
  spec: TableSplitSpec,
  context: SplitContext,
  outPath: string,
  options: DataOptions = {},
): Promise<SplitSummary> {
  return withDatabase(options, async (database) => {
    const table = await openTable(database, path);
    const values = await readValues(database, table, spec, context);
    const { part, gapSeconds } = partsOf(spec, context, values, table.rows);
    const arrays: SplitArrays = { part, ...foldArrays(spec, context, values, part, gapSeconds) };
    const split = splitOf(arrays);
    requireApart(split, values, gapSeconds);
    const summary = summarize(spec, context, split, values, await equalRows(database, table, spec, context));
    await writeSplit(outPath, arrays);
    return summary;
  });
}

async function readValues(
  database: Database,
  table: TableFile,
  spec: TableSplitSpec,
  { target, task }: SplitContext,
): Promise<RowValues> {
  requireColumn(table, target, 'the target', task === 'regress' ? 'DOUBLE' : undefined);
  const values: RowValues = {};
  if (task === 'classify') {
    const { codes } = await readCodes(database, table, target, 'target');
    requireTargets(target, codes, (code) => code >= 0);
    const names = await readNames(database, 'target');
    const classes = names.toSorted();
    const placeOf = new Map(classes.map((name, place) => [name, place]));
    values.classes = { names: classes, size: classes.length, codes: codes.map((code) => placeOf.get(names[code])!) };
  } else {
    values.numbers = await readNumbers(database, table, target);
    requireTargets(target, values.numbers, Number.isFinite);
  }
  if (spec.by === 'grouped' || spec.by === 'leaveLastOut') {
    const [column, role] = spec.by === 'grouped' ? [spec.group, 'split.group'] : [spec.user, 'split.user'];
    requireColumn(table, column, role);
    values.groups = await readCodes(database, table, column, 'groups');
  }
  if (spec.by === 'time' || spec.by === 'leaveLastOut') {
    requireColumn(table, spec.time, 'split.time', 'TIMESTAMP');
    values.times = await readNumbers(database, table, spec.time);
  }
  return values;
}

function requireTargets<T extends Int32Array | Float64Array>(
  column: string,
  values: T,
  isThere: (value: number) => boolean,
): void {
  const missing = rowsWhere(values.length, (row) => !isThere(values[row])).length;
  if (missing === 0) return;
  throw new TradewindError('COLUMN_TYPE', {
    subject: `Column "${column}", the target,`,
    rule: 'hold a value in every row',
    value: `${missing} of ${values.length} rows without`,
    remedy: 'Cleaning drops such rows: split the table that it writes.',
  });
}

function partsOf(
  spec: TableSplitSpec,
  context: SplitContext,
  values: RowValues,
  rows: number,
): { part: Uint8Array; gapSeconds: number } {
  const random = new Random(context.seed, 0);
  if (spec.by === 'time') return timeParts(spec, context, values.times!);
  if (spec.by === 'leaveLastOut') {
    const { codes, size } = values.groups!;
    const times = values.times!;
    const known = rowsWhere(rows, (row) => codes[row] >= 0 && !Number.isNaN(times[row]));
    const users: Labels = { codes: known.map((row) => codes[row]), size };
    const part = spread(
      lastOutParts(
        users,
        Float64Array.from(known, (row) => times[row]),
      ),
      known,
      rows,
    );
    requireParts(part, ['train', 'test'], 'Each user has a single row. Name the column of users as split.user.');
    return { part, gapSeconds: 0 };
  }
  const shares = [1 - spec.validation - spec.test, spec.validation, spec.test];
  const used = [partCodes.train, partCodes.validation, partCodes.test].filter((part) => shares[part] > 0);
  const usedShares = used.map((part) => shares[part]);
  const drawn = draw(
    spec,
    values,
    rowsWhere(rows, () => true),
    usedShares,
    'parts',
    random,
  );
  return { part: drawn.map((place) => used[place]), gapSeconds: 0 };
}

/** Part of each of the `chosen` rows, as a place in `shares`. */
function draw(
  spec: Extract<TableSplitSpec, { by: 'random' | 'stratified' | 'grouped' }>,
  values: RowValues,
  chosen: Int32Array,
  shares: readonly number[],
  what: 'parts' | 'folds',
  random: Random,
): Uint8Array {
  const counts = countsOf(chosen.length, shares);
  const smallest = Math.min(...counts);
  if (smallest === 0) throw tooFew(`${shares.length} ${what} of at least a row`, `${chosen.length} rows`, what);
  if (spec.by === 'random') return randomParts(counts, random);

  const classes = spec.by === 'stratified' || spec.stratify ? stratifiedBy(values, chosen, spec.bins) : undefined;
  if (spec.by === 'stratified') {
    requireRows(values, classes!, shares.length, what);
    return what === 'folds'
      ? stratifiedFolds(classes!, shares.length, random)
      : stratifiedParts(classes!, counts, random);
  }
  const groups = renumbered(chosen.map((row) => values.groups!.codes[row]));
  if (groups.size < shares.length) {
    throw tooFew(`at least as many groups of "${spec.group}" as ${what}, ${shares.length}`, `${groups.size}`, what);
  }
  const partOfGroup = groupedParts(groups, shares, random, classes);
  const parts = new Uint8Array(chosen.length);
  for (let i = 0; i < parts.length; i++) parts[i] = partOfGroup[groups.codes[i]];
  return parts;
}

function stratifiedBy(values: RowValues, chosen: Int32Array, bins: number): Labels {
  if (values.classes) return { codes: chosen.map((row) => values.classes!.codes[row]), size: values.classes.size };
  const numbers = Float64Array.from(chosen, (row) => values.numbers![row]);
  return quantileBins(numbers, bins);
}

function requireRows(values: RowValues, { codes, size }: Labels, parts: number, what: 'parts' | 'folds'): void {
  const rows = new Int32Array(size);
  for (const code of codes) rows[code]++;
  const rarest = rows.reduce((least, n, k) => (n < rows[least] ? k : least), 0);
  if (rows[rarest] >= parts || values.classes === undefined) return;
  const rare = rows.filter((n) => n < parts).length;
  const others = rare === 1 ? '' : `, and ${rare - 1} more such classes`;
  throw new TradewindError('SPLIT_EMPTY', {
    subject: 'The stratified split',
    rule: `find at least ${parts} rows of each class, one for each of its ${parts} ${what}`,
    value: `${rows[rarest]} of class "${values.classes.names[rarest]}"${others}`,
    remedy: 'Set cleaning.minRowsPerClass, which drops or merges rare classes, or use fewer folds.',
  });
}

function timeParts(
  spec: Extract<TableSplitSpec, { by: 'time' }>,
  context: SplitContext,
  times: Float64Array,
): { part: Uint8Array; gapSeconds: number } {
  const gapSeconds = (spec.gapDays ?? context.gapDays ?? 0) * 86_400;
  let [first, last] = [Infinity, -Infinity];
  for (const t of times) {
    if (t < first) first = t;
    if (t > last) last = t;
  }
  if (last === -Infinity) throw tooFew(`a time in column "${spec.time}"`, 'none', 'parts');
  const lastDay = context.lastDay ?? day(last);
  const startOf = (cutOff: string | undefined) =>
    cutOff === undefined ? undefined : Date.parse(`${resolveCutOff(cutOff, lastDay)}T00:00:00Z`) / 1000;
  const testFrom = startOf(spec.testFrom)!;
  const validationFrom = startOf(spec.validationFrom) ?? testFrom;
  const until = startOf(spec.testUntil) ?? Infinity;
  const part = new Uint8Array(times.length);
  for (let r = 0; r < part.length; r++) {
    const t = times[r];
    if (!(t < until)) part[r] = partCodes.outside;
    else if (t >= testFrom) part[r] = partCodes.test;
    else if (!isBefore(t, testFrom, gapSeconds)) part[r] = partCodes.beforeTest;
    else if (t >= validationFrom) part[r] = partCodes.validation;
    else if (isBefore(t, validationFrom, gapSeconds) || spec.validationFrom === undefined) part[r] = partCodes.train;
    else part[r] = partCodes.beforeValidation;
  }
  const gap = gapSeconds === 0 ? '' : `, with a gap of ${gapSeconds / 86_400} days between parts`;
  const wanted =
    spec.validationFrom === undefined ? (['train', 'test'] as const) : (['train', 'validation', 'test'] as const);
  requireParts(part, wanted, `The rows run from ${day(first)} to ${day(last)}${gap}. Move the cut-offs of the split.`);
  return { part, gapSeconds };
}

function requireParts(part: Uint8Array, wanted: readonly (keyof typeof partCodes)[], remedy: string): void {
  const empty = wanted.filter((name) => !part.includes(partCodes[name]));
  if (empty.length === 0) return;
  throw new TradewindError('SPLIT_EMPTY', {
    subject: 'The split',
    rule: `find rows for its ${wanted.join(', ')} parts`,
    value: `none for ${empty.join(' and ')}`,
    remedy,
  });
}

function foldArrays(
  spec: TableSplitSpec,
  { seed }: SplitContext,
  values: RowValues,
  part: Uint8Array,
  gapSeconds: number,
): Omit<SplitArrays, 'part'> {
  const rows = part.length;
  if (spec.by === 'leaveLastOut' || spec.folds === undefined) return { fold: new Int32Array(rows).fill(-1), folds: 0 };
  const { folds } = spec;
  const { learning } = splitOf({ part, fold: new Int32Array(0), folds });
  const fold = new Int32Array(rows).fill(-1);
  if (spec.by !== 'time') {
    const drawn = draw(
      spec,
      values,
      learning,
      Array.from({ length: folds }, () => 1 / folds),
      'folds',
      new Random(seed, 1),
    );
    for (const [i, row] of learning.entries()) fold[row] = drawn[i];
    return { fold, folds };
  }
  const found = timeFolds(
    Float64Array.from(learning, (row) => values.times![row]),
    folds,
    gapSeconds,
  );
  if (found === undefined) {
    const gap = gapSeconds === 0 ? '' : `, the first at least ${gapSeconds / 86_400} days after the first row`;
    throw tooFew(`${folds + 1} different times before testFrom${gap}`, 'fewer', 'folds');
  }
  const trainsFrom = new Int32Array(rows).fill(folds);
  for (const [i, row] of learning.entries()) {
    fold[row] = found.fold[i];
    trainsFrom[row] = found.trainsFrom[i];
  }
  return { fold, trainsFrom, folds };
}

/**
 * `[rows]`: a number that equal rows share, −1 for rows without an equal one. Equal is a 64-bit hash of the features, as a
 * warning hangs on it: among 5 million rows two different ones share it with a chance below 10^-6.
 */
async function equalRows(
  database: Database,
  table: TableFile,
  spec: TableSplitSpec,
  { target, features }: SplitContext,
): Promise<Int32Array | undefined> {
  const named = new Set([
    target,
    'group' in spec && spec.group,
    'user' in spec && spec.user,
    'time' in spec && spec.time,
  ]);
  const columns = features ?? [...table.columns.keys()].filter((column) => !named.has(column));
  for (const column of columns) requireColumn(table, column, 'a feature');
  if (columns.length === 0) return undefined;
  await database.run(`CREATE TEMP TABLE hashed AS
    SELECT CAST(file_row_number AS INTEGER) AS number, ${hashOf(columns)} AS hash FROM ${table.source}`);
  await database.run(`CREATE TEMP TABLE alike AS
    SELECT hash, CAST(row_number() OVER () AS INTEGER) AS n FROM hashed GROUP BY hash HAVING count(*) > 1`);
  const [{ size }] = await database.rows<{ size: number }>('SELECT CAST(count(*) AS DOUBLE) AS size FROM alike');
  if (size === 0) return undefined;
  const equal = new Int32Array(table.rows).fill(-1);
  await readInto(database, 'SELECT number, n FROM hashed JOIN alike USING (hash)', equal);
  return equal;
}

/** The codes that occur, without holes; missing ones (−1) are one label together. */
function renumbered(codes: Int32Array): Labels {
  const places = new Map<number, number>();
  const found = codes.map((code) => {
    let place = places.get(code);
    if (place === undefined) places.set(code, (place = places.size));
    return place;
  });
  return { codes: found, size: places.size };
}

function spread(parts: Uint8Array, chosen: Int32Array, rows: number): Uint8Array {
  const all = new Uint8Array(rows).fill(partCodes.outside);
  for (const [i, row] of chosen.entries()) all[row] = parts[i];
  return all;
}

function tooFew(wanted: string, found: string, what: 'parts' | 'folds'): TradewindError {
  return new TradewindError('SPLIT_EMPTY', {
    subject: 'The split',
    rule: `find ${wanted}`,
    value: found,
    remedy: what === 'folds' ? 'Use fewer folds, or more rows.' : 'Use more rows, or another kind of split.',
  });
}

function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
