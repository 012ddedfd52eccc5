/** How files of each format are opened: which columns they have, and the SQL that reads them. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { TradewindError } from '../contracts/errors.ts';
import { fileList, identifier, literal, type Database } from './database.ts';

export type FileFormat = 'csv' | 'parquet' | 'ndjson';

/** A column of a source under the SQL expression that reads it. */
export interface SourceColumn {
  name: string;
  expression: string;
  /** DuckDB's name of the type; text formats are read as `VARCHAR` and cast by role. */
  type: string;
}

export interface OpenedFile {
  path: string;
  format: FileFormat;
  columns: SourceColumn[];
  /** False when `columns` lists what was asked for, because the format does not say what it holds. */
  knowsItsColumns: boolean;
  /** Of CSV. */
  delimiter?: string;
  /** Files with the same layout can be read as one table. */
  layout: string;
  /** @returns the SQL of a table of all rows of `paths`, in order. */
  table(paths: readonly string[]): string;
}

const formatsByEnding: Record<string, FileFormat> = {
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  parquet: 'parquet',
  pq: 'parquet',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'ndjson',
};

/**
 * Format by the ending of a file's name, `.gz` and `.zst` aside.
 * @throws TradewindError `SOURCE_UNREADABLE` for another ending.
 */
export function formatOf(path: string): FileFormat {
  const ending = /\.([^.]+)$/.exec(basename(path).replace(/\.(gz|zst)$/i, ''))?.[1].toLowerCase();
  if (ending !== undefined && Object.hasOwn(formatsByEnding, ending)) return formatsByEnding[ending];
  throw new TradewindError('SOURCE_UNREADABLE', {
    subject: `The format of ${path}`,
    rule: `follow from its name: ${Object.keys(formatsByEnding).join(', ')}`,
    value: ending === undefined ? 'a name without an ending' : `.${ending}`,
    remedy: 'Set "format" to csv, parquet or ndjson beside its "path".',
  });
}

/**
 * @param wanted - names of the columns that will be read.
 * @returns `null` for a file without any content.
 * @throws TradewindError `SOURCE_UNREADABLE`.
 */
export async function openFile(
  database: Database,
  path: string,
  format: FileFormat,
  wanted: readonly string[],
): Promise<OpenedFile | null> {
  if ((await stat(path)).size === 0) return null;
  if (format === 'csv') return openCsv(path, wanted);
  return format === 'parquet' ? openParquet(database, path) : openNdjson(path, wanted);
}

// The delimiter is the one that makes the named columns appear in the header. That is surer than guessing a dialect from
// the rows: a guess gets around a ragged row by another dialect, and then complains about something else.
async function openCsv(path: string, wanted: readonly string[]): Promise<OpenedFile | null> {
  const line = await readHeaderLine(path);
  if (line === null) return null;
  const headers = [',', ';', '\t', '|'].map((delimiter) => ({ delimiter, names: splitRecord(line, delimiter) }));
  const known = (names: string[]) => wanted.filter((name) => names.includes(name)).length;
  const [{ delimiter, names }] = headers.toSorted(
    (a, b) => known(b.names) - known(a.names) || b.names.length - a.names.length,
  );
  for (const name of wanted) {
    if (names.indexOf(name) !== names.lastIndexOf(name)) {
      throw unreadable(path, `column "${name}" appears twice in the header`, 'Name each column once.');
    }
  }
  const columns = names.map((name, index) => ({ name, expression: `c${index}`, type: 'VARCHAR' }));
  const types = columns.map(({ expression }) => `'${expression}': 'VARCHAR'`).join(', ');
  return {
    path,
    format: 'csv',
    columns,
    knowsItsColumns: true,
    delimiter,
    layout: JSON.stringify(['csv', delimiter, compressionOf(path), names]),
    table: (paths) =>
      `read_csv(${fileList(paths)}, auto_detect = false, header = true, delim = ${literal(delimiter)}, quote = '"', ` +
      `escape = '"', columns = {${types}}, strict_mode = true, null_padding = false, ignore_errors = false, ` +
      `compression = '${compressionOf(path)}', hive_partitioning = false)`,
  };
}

async function openParquet(database: Database, path: string): Promise<OpenedFile> {
  const table = (paths: readonly string[]) =>
    `read_parquet(${fileList(paths)}, binary_as_string = true, hive_partitioning = false, union_by_name = false)`;
  const described = await database.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${table([path])}`,
  );
  const columns = described.map(({ column_name: name, column_type: type }) => ({
    name,
    expression: identifier(name),
    type,
  }));
  return { path, format: 'parquet', columns, knowsItsColumns: true, layout: JSON.stringify(columns), table };
}

// Any line of NDJSON may hold keys that no earlier line has, so only reading all of it tells which are missing.
function openNdjson(path: string, wanted: readonly string[]): OpenedFile {
  const names = [...new Set(wanted)];
  const types = names.map((name) => `${literal(name)}: 'VARCHAR'`).join(', ');
  return {
    path,
    format: 'ndjson',
    columns: names.map((name) => ({ name, expression: identifier(name), type: 'VARCHAR' })),
    knowsItsColumns: false,
    layout: JSON.stringify(['ndjson', compressionOf(path)]),
    table: (paths) =>
      `read_json(${fileList(paths)}, format = 'newline_delimited', records = true, auto_detect = false, ` +
      `columns = {${types}}, compression = '${jsonCompression(path)}', hive_partitioning = false)`,
  };
}

/** Neighbouring files of one layout are read as one table: a folder of daily files is one read, not thousands. */
export function inRuns(files: readonly OpenedFile[]): OpenedFile[][] {
  const runs: OpenedFile[][] = [];
  for (const file of files) {
    const last = runs.at(-1);
    if (last && last[0].layout === file.layout) last.push(file);
    else runs.push([file]);
  }
  return runs;
}

/** Keys of the first lines of an NDJSON file, for messages. */
export async function firstKeys(path: string): Promise<string[]> {
  const start = (await readStart(path)).toString('utf8');
  const keys = new Set<string>();
  for (const line of start.split('\n').slice(0, 100)) {
    try {
      for (const key of Object.keys(JSON.parse(line) as object)) keys.add(key);
    } catch {
      // The last line may be cut; DuckDB has read the file and found the others well-formed.
    }
  }
  return [...keys];
}

/** `SOURCE_UNREADABLE` with the reason that the reader gave. */
export function unreadable(path: string, reason: string, remedy: string, cause?: unknown): TradewindError {
  const complaint = { subject: path, rule: 'be readable in its format', value: reason, remedy };
  return new TradewindError('SOURCE_UNREADABLE', complaint, { cause });
}

function compressionOf(path: string): 'gzip' | 'zstd' | 'none' {
  return /\.gz$/i.test(path) ? 'gzip' : /\.zst$/i.test(path) ? 'zstd' : 'none';
}

/** The same as read_json calls it. */
export function jsonCompression(path: string): string {
  return compressionOf(path).replace('none', 'uncompressed');
}

const longestHeader = 1 << 20;

/**
 * The bytes of a text file, unpacked, in pieces of at least a byte. Leaving early closes it.
 * @throws TradewindError `SOURCE_UNREADABLE` where it cannot be unpacked; the signal's reason.
 */
export async function* bytesOf(path: string, signal?: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const compression = compressionOf(path);
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  const unpacking = { chunkSize: 1 << 20 };
  const stream =
    compression === 'none'
      ? file
      : file.pipe(compression === 'gzip' ? createGunzip(unpacking) : createZstdDecompress(unpacking));
  // A pipe does not pass on what fails before it.
  if (stream !== file) file.on('error', (error) => stream.destroy(error));
  try {
    for await (const piece of stream) {
      signal?.throwIfAborted();
      yield piece as Buffer;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (compression === 'none' || error instanceof TradewindError) throw error;
    throw unreadable(path, `${(error as Error).message}`, `Check that it is a whole ${compression} file.`, error);
  } finally {
    stream.destroy();
    file.destroy();
  }
}

async function readStart(path: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of bytesOf(path)) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= longestHeader) break;
  }
  return Buffer.concat(pieces).subarray(0, longestHeader);
}

async function readHeaderLine(path: string): Promise<string | null> {
  const start = await readStart(path);
  if (start.length === 0) return null;
  const end = start.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? start : start.subarray(0, end));
  } catch (error) {
    throw unreadable(path, 'a first line that is not UTF-8', 'Save it as UTF-8 text, or set its "format".', error);
  }
}

/** One record of RFC 4180, trimmed of nothing. */
function splitRecord(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const character = line[i];
    if (quoted && character === '"' && line[i + 1] === '"') {
      field += '"';
      i++;
    } else if (character === '"') {
      quoted = !quoted;
    } else if (character === delimiter && !quoted) {
      fields.push(field);
      field = '';
    } else {
      field += character;
    }
  }
  return [...fields, field];
}
