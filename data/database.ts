/**
 * One DuckDB per piece of work: in memory, spilling to a folder of its own above a limit, offline (no extension is ever
 * downloaded), in UTC, and keeping the order of rows, so that what it writes does not depend on the number of threads.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

export interface DataOptions {
  /** DuckDB's threads; 2 by default. No result depends on it. */
  threads?: number;
  /** DuckDB spills to disk above it; `1GiB` by default. */
  memoryLimit?: string;
  /** Where the folder for spilling is made, and removed again; the system's temporary folder by default. */
  temporaryFolder?: string;
  /** Aborting interrupts the running statement; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

export type Row = Record<string, string | number | boolean | null>;

export interface Database {
  run(sql: string): Promise<void>;
  /** Writes a query's rows to a Parquet file, the same bytes for the same rows in the same order. @returns their number */
  writeParquet(query: string, path: string): Promise<number>;
  /** Small results only: everything is held in memory. Integers must be cast to INTEGER or DOUBLE. */
  rows<R = Row>(sql: string): Promise<R[]>;
  /** Calls back for each piece of a result, column by column; nothing else is held in memory. */
  columns(sql: string, visit: (columns: readonly (readonly unknown[])[], rows: number) => void): Promise<void>;
}

export async function withDatabase<T>(options: DataOptions, use: (database: Database) => Promise<T>): Promise<T> {
  const { threads = 2, memoryLimit = '1GiB', temporaryFolder = tmpdir(), signal } = options;
  signal?.throwIfAborted();
  const folder = await mkdtemp(join(temporaryFolder, 'tradewind-duckdb-'));
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: memoryLimit,
    temp_directory: folder,
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const interrupt = () => connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    return await use(databaseOver(connection, signal));
  } catch (error) {
    // DuckDB answers an interrupt with an error of its own.
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

function databaseOver(connection: DuckDBConnection, signal: AbortSignal | undefined): Database {
  return {
    async run(sql) {
      signal?.throwIfAborted();
      await connection.run(sql);
    },
    async writeParquet(query, path) {
      signal?.throwIfAborted();
      const result = await connection.runAndReadAll(`COPY (${query}) TO ${literal(path)} ${parquetSettings}`);
      return Number(result.getRows()[0][0]);
    },
    async rows<R>(sql: string) {
      signal?.throwIfAborted();
      return (await connection.runAndReadAll(sql)).getRowObjectsJS() as R[];
    },
    async columns(sql, visit) {
      signal?.throwIfAborted();
      const result = await connection.stream(sql);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        visit(chunk.getColumns(), chunk.rowCount);
        signal?.throwIfAborted();
      }
    },
  };
}

/** A text literal of SQL. */
export function literal(text: string): string {
  return `'${withoutNul(text).replaceAll("'", "''")}'`;
}

/** A quoted identifier of SQL. */
export function identifier(name: string): string {
  return `"${withoutNul(name).replaceAll('"', '""')}"`;
}

/** A literal list of local files; DuckDB would read `*`, `?` and `[` in a name as a pattern. */
export function fileList(paths: readonly string[]): string {
  return `[${paths.map((path) => literal(path.replaceAll(/[*?[]/g, '[$&]'))).join(', ')}]`;
}

// Settled here, so that a release of DuckDB with other defaults does not change the bytes.
const parquetSettings = '(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)';

// DuckDB takes SQL as a C string, which a NUL would end early.
function withoutNul(text: string): string {
  if (text.includes('\0'))
    throw new TypeError(`A name in SQL must not hold a NUL character. Got ${JSON.stringify(text)}.`);
  return text;
}
