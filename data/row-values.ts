/** Single columns of a typed Parquet table (`contracts/tables.ts`) as arrays by row number: what rules on rows look at. */
import { TradewindError } from '../contracts/errors.ts';
import { nearest } from '../contracts/nearest.ts';
import { identifier, literal, type Database } from './database.ts';

export interface TableFile {
  readonly path: string;
  /** A table in SQL, with the rows' numbers as `file_row_number`: a scan may give its rows in any order. */
  readonly source: string;
  readonly rows: number;
  /** Names with DuckDB's types, in the order of the file. */
  readonly columns: ReadonlyMap<string, string>;
}

/** @throws TradewindError `SOURCE_EMPTY` where it has no row, or more than 2^31 − 1. */
export async function openTable(database: Database, path: string): Promise<TableFile> {
  const table = `read_parquet(${literal(path)})`;
  const described = await database.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${table}`,
  );
  const [{ rows }] = await database.rows<{ rows: number }>(`SELECT CAST(count(*) AS DOUBLE) AS rows FROM ${table}`);
  if (rows === 0 || rows > 0x7fff_ffff) {
    throw new TradewindError('SOURCE_EMPTY', {
      subject: 'The table',
      rule: 'hold between 1 and 2147483647 rows',
      value: `${rows} rows`,
      remedy: 'Check the files that it is made of.',
    });
  }
  return {
    path,
    source: `read_parquet(${literal(path)}, file_row_number = true)`,
    rows,
    columns: new Map(described.map(({ column_name, column_type }) => [column_name, column_type])),
  };
}

/**
 * @param role - what the column is for, e.g. `split.group`
 * @param kind - a type of DuckDB that it must have; any when left out
 * @throws TradewindError `COLUMN_MISSING`, `COLUMN_TYPE`
 */
export function requireColumn(table: TableFile, column: string, role: string, kind?: 'TIMESTAMP' | 'DOUBLE'): void {
  const type = table.columns.get(column);
  const names = [...table.columns.keys()];
  if (type === undefined) {
    const near = nearest(column, names);
    throw new TradewindError('COLUMN_MISSING', {
      subject: `Column "${column}", named as ${role},`,
      rule: 'be in the table',
      value: `the columns ${names.slice(0, 40).join(', ')}${names.length > 40 ? `, and ${names.length - 40} more` : ''}`,
      remedy: `${near === undefined ? '' : `Did you mean "${near}"? `}Correct the name in the spec.`,
    });
  }
  if (kind !== undefined && type !== kind) {
    throw new TradewindError('COLUMN_TYPE', {
      subject: `Column "${column}", named as ${role},`,
      rule: kind === 'TIMESTAMP' ? 'hold times' : 'hold numbers',
      value: `the type ${type}`,
      remedy: 'Declare its kind in the schema of the table, or name another column.',
    });
  }
}

/** A value in SQL, NULL where it is missing: also empty strings and NaN. */
export function valueOf(table: TableFile, column: string): string {
  const name = identifier(column);
  switch (table.columns.get(column)) {
    case 'VARCHAR':
      return `nullif(${name}, '')`;
    case 'DOUBLE':
    case 'FLOAT':
      return `CASE WHEN isnan(${name}) THEN NULL ELSE ${name} END`;
    default:
      return name;
  }
}

export interface Codes {
  /** `[rows]`: places of the distinct values in ascending order (strings by their UTF-8 bytes); −1 where it is missing. */
  codes: Int32Array;
  size: number;
}

/** Leaves the table `<name>_codes (id, n)` behind. */
export async function readCodes(database: Database, table: TableFile, column: string, name: string): Promise<Codes> {
  const value = valueOf(table, column);
  await database.run(`CREATE TEMP TABLE ${name}_codes AS
    SELECT id, CAST(row_number() OVER (ORDER BY id) - 1 AS INTEGER) AS n
    FROM (SELECT DISTINCT ${value} AS id FROM ${table.source}) WHERE id IS NOT NULL`);
  const codes = new Int32Array(table.rows).fill(-1);
  await readInto(
    database,
    `SELECT CAST(file_row_number AS INTEGER), n
     FROM (SELECT file_row_number, ${value} AS id FROM ${table.source}) JOIN ${name}_codes USING (id)`,
    codes,
  );
  const [{ size }] = await database.rows<{ size: number }>(
    `SELECT CAST(count(*) AS DOUBLE) AS size FROM ${name}_codes`,
  );
  return { codes, size };
}

/** The values of `readCodes` as text, by code. */
export async function readNames(database: Database, name: string): Promise<string[]> {
  const names: string[] = [];
  await database.columns(`SELECT id FROM ${name}_codes ORDER BY n`, ([ids]) => {
    for (const id of ids) names.push(String(id));
  });
  return names;
}

/** Seconds since 1970 of a column of times, or the numbers of another; NaN where it is missing. `[rows]` */
export async function readNumbers(database: Database, table: TableFile, column: string): Promise<Float64Array> {
  const value = valueOf(table, column);
  const number = table.columns.get(column) === 'TIMESTAMP' ? `epoch(${value})` : `CAST(${value} AS DOUBLE)`;
  const values = new Float64Array(table.rows).fill(NaN);
  await readInto(database, `SELECT CAST(file_row_number AS INTEGER), ${number} FROM ${table.source}`, values);
  return values;
}

/** A query of row numbers and values; where it gives NULL, or nothing, `into` stays as it is. */
export async function readInto(database: Database, query: string, into: Int32Array | Float64Array): Promise<void> {
  await database.columns(query, ([rows, values], length) => {
    for (let i = 0; i < length; i++) if (values[i] !== null) into[rows[i] as number] = values[i] as number;
  });
}

/** A hash of these columns of a row, in SQL: of rows that are equal in them, the same. */
export function hashOf(columns: readonly string[]): string {
  return columns.length === 0 ? '0::UBIGINT' : `hash(${columns.map(identifier).join(', ')})`;
}
