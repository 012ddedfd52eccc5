/** A table's source files, opened: those that are not sound are mended into a folder first, as far as the spec lets. */
import { basename, join } from 'node:path';
import type { TradewindError } from '../contracts/errors.ts';
import type { TableReading } from '../contracts/table-rules.ts';
import type { Database } from './database.ts';
import { lookAtCsv, mendCsv, requireWellFormed, type CsvLayout } from './mend-csv.ts';
import { mendNdjson, requireObjects } from './mend-ndjson.ts';
import type { QuarantineFile } from './quarantine.ts';
import { counted, readingFailed } from './source-failures.ts';
import { firstKeys, formatOf, openFile, unreadable, type FileFormat, type OpenedFile } from './source-format.ts';
import { decodeText, encodingOf, requireUtf8, sniffText } from './text-encoding.ts';

export interface TableSource {
  /** Local files; they are read in this order. */
  files: readonly string[];
  /** What messages call each file, e.g. `s3://bucket/key` of one that was fetched; its path when left out. */
  names?: readonly string[] | undefined;
  /** By each file's name when left out. */
  format?: FileFormat | undefined;
}

/** Something that was not as it should be and was taken all the same. */
export interface Repair {
  /** What was done, e.g. `rows with too few fields dropped`; the same words for the same thing. */
  repair: string;
  /** Rows or values; files where it is about a whole one. */
  count: number;
  file?: string;
  column?: string;
  /** A value, or how a file was written. */
  example?: string;
}

export interface TableFiles {
  opened: OpenedFile[];
  /** By name. */
  emptyFiles: string[];
  repairs: Repair[];
}

/** What people call each file, and each copy of it that is made. */
export interface FileNames {
  /** Beside each other, for `withNames`. */
  files: string[];
  names: string[];
  of: (path: string) => string;
}

export function namesOfFiles({ files, names }: TableSource, folder: string): FileNames {
  const called = files.flatMap((path, index) => {
    const copy = copyOf(path, index, folder);
    return [`${copy}.utf8`, copy, path].map((of) => [of, names?.[index] ?? path] as const);
  });
  const byPath = new Map(called);
  return {
    files: called.map(([path]) => path),
    names: called.map(([, name]) => name),
    of: (path) => byPath.get(path)!,
  };
}

function copyOf(path: string, index: number, folder: string): string {
  return join(folder, `${index}-${basename(path).replace(/\.(gz|zst)$/i, '')}`);
}

export interface OpeningContext {
  reading: TableReading;
  /** Names of the columns that will be read; all when left out. */
  wanted: readonly string[] | undefined;
  /** For copies. */
  folder: string;
  names: FileNames;
  quarantine: QuarantineFile;
  signal?: AbortSignal | undefined;
}

/**
 * @throws TradewindError `SOURCE_UNREADABLE`; paths may be those of copies (`namesOfFiles`).
 */
export async function openTableFiles(
  database: Database,
  source: TableSource,
  context: OpeningContext,
): Promise<TableFiles> {
  const files: TableFiles = { opened: [], emptyFiles: [], repairs: [] };
  for (const [index, path] of source.files.entries()) {
    const format = source.format ?? formatOf(path);
    const open = async (from: string) => {
      const wanted = context.wanted ?? (format === 'ndjson' ? await firstKeys(from) : []);
      return openFile(database, from, format, wanted).catch((error: unknown) => {
        throw readingFailed(error, [from]);
      });
    };
    const file =
      format === 'parquet'
        ? await open(path)
        : await openText(path, format, copyOf(path, index, context.folder), open, files.repairs, context);
    if (file === null) files.emptyFiles.push(context.names.of(path));
    else files.opened.push(file);
  }
  return files;
}

async function openText(
  path: string,
  format: 'csv' | 'ndjson',
  copy: string,
  open: (path: string) => Promise<OpenedFile | null>,
  repairs: Repair[],
  { reading, names, quarantine, signal }: OpeningContext,
): Promise<OpenedFile | null> {
  const file = names.of(path);
  const repaired = (repair: string, n: number, example?: string) => {
    if (n > 0) repairs.push({ repair, count: n, file, ...(example === undefined ? {} : { example }) });
  };
  const findings = await sniffText(path, signal);
  if (findings.empty) return null;
  let from = path;
  let { nuls, carriageReturns } = findings;
  const { encoding, overruled } = encodingOf(findings, reading.encoding);
  if (encoding === null) {
    await requireUtf8(path, findings, signal);
    repaired('files read as UTF-8, not as the encoding named', overruled ? 1 : 0);
  } else {
    from = `${copy}.utf8`;
    await decodeText(path, encoding, from, signal);
    repaired('files decoded to UTF-8', 1, encoding);
    ({ nuls, carriageReturns } = await sniffText(from, signal));
  }
  if (nuls > 0 && reading.repair === 'none') throw hasNuls(path, nuls);
  if (format === 'ndjson') {
    if (reading.repair === 'none') return open(from);
    const dropped = await mendNdjson(from, copy, quarantine, signal);
    repaired('lines that are no JSON objects dropped', dropped);
    repaired('NUL bytes taken out', nuls);
    return open(dropped + nuls > 0 ? copy : from);
  }
  const opened = await open(from);
  if (opened === null || (reading.repair === 'none' && !carriageReturns)) return opened;
  const layout = layoutOf(opened);
  const look = await lookAtCsv(layout, signal);
  if (reading.repair === 'none') requireWellFormed(layout, look);
  if (look.first === null && nuls === 0 && !look.mixedLineEnds) return opened;
  const { dropped, padded } = await mendCsv(layout, reading.repair, copy, quarantine, signal);
  repaired('rows with too few fields dropped', dropped.tooFew);
  repaired('rows with too many fields dropped', dropped.tooMany);
  repaired('rows with broken quotes dropped', dropped.quote);
  repaired('rows with too few fields filled up', padded);
  repaired('NUL bytes taken out', nuls);
  repaired('files with line ends of several kinds', look.mixedLineEnds ? 1 : 0);
  return open(copy);
}

function layoutOf(file: OpenedFile): CsvLayout {
  return { path: file.path, delimiter: file.delimiter!, columns: file.columns.length };
}

function hasNuls(path: string, nuls: number): TradewindError {
  return unreadable(
    path,
    counted(nuls, 'NUL byte'),
    'Write it anew, or set "repair" to drop beside its "path": they are taken out and counted.',
  );
}

/** Says in our words why DuckDB could not read them: where, and how many rows are the same. Returns where all are well. */
export async function explain(files: readonly OpenedFile[], signal?: AbortSignal): Promise<void> {
  for (const file of files) {
    if (file.format === 'ndjson') await requireObjects(file.path, signal);
    if (file.format !== 'csv') continue;
    const layout = layoutOf(file);
    requireWellFormed(layout, await lookAtCsv(layout, signal));
  }
}
