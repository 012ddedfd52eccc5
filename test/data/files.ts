/** Small source files for the tests of the data room. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { literal, withDatabase, type Row } from '../../data/database.ts';

/** A folder that goes when the test ends. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tradewind-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function write(dir: string, name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

export function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Rows of a Parquet file, times as text. */
export function parquetRows(path: string, columns = '*'): Promise<Row[]> {
  return withDatabase({ threads: 1 }, (database) =>
    database.rows(`SELECT ${columns} FROM read_parquet(${literal(path)})`),
  );
}

/** Writes the result of a query as Parquet. */
export async function parquet(path: string, query: string): Promise<string> {
  await withDatabase({ threads: 1 }, (database) => database.writeParquet(query, path));
  return path;
}

export interface Event {
  user: string | null;
  item: string | null;
  time: string | null;
  quantity?: number | null;
  basket?: string | null;
}

/** A file as ingest writes it. */
export function ingested(path: string, events: readonly Event[]): Promise<string> {
  const text = (value: string | null | undefined) => (value === null || value === undefined ? 'NULL' : literal(value));
  const rows = events.map(
    ({ user, item, time, quantity = 1, basket = null }) =>
      `(${text(user)}, ${text(item)}, CAST(${text(time)} AS TIMESTAMP), CAST(${quantity ?? 'NULL'} AS DOUBLE), ${text(basket)})`,
  );
  return parquet(
    path,
    `SELECT CAST("user" AS VARCHAR) AS "user", CAST(item AS VARCHAR) AS item, time, quantity,
       CAST(NULL AS DOUBLE) AS value, CAST(basket AS VARCHAR) AS basket
     FROM (VALUES ${rows.join(', ')}) AS events("user", item, time, quantity, basket)`,
  );
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => {
      throw new Error('It should have failed.');
    },
    (error: Error) => error,
  );
}
