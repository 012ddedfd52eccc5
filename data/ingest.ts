/** Source files of any format to Parquet with settled columns and types: what every later stage reads. */
import { rm } from 'node:fs/promises';
import { TradewindError } from '../contracts/errors.ts';
import type { PipelineSpec } from '../contracts/spec.ts';
import { castColumn, roleRules, type RoleKind } from './column-casts.ts';
import { literal, withDatabase, type Database, type DataOptions } from './database.ts';
import { count, emptySource, missingColumn, readingFailed, withNames } from './source-failures.ts';
import { firstKeys, formatOf, inRuns, openFile, type FileFormat, type OpenedFile } from './source-format.ts';

export interface IngestSource<Columns> {
  /** Local files; they are read in this order. */
  files: readonly string[];
  /** What messages call each file, e.g. `s3://bucket/key` of one that was fetched; its path when left out. */
  names?: readonly string[];
  /** By each file's name when left out. */
  format?: FileFormat;
  /** Role → name of the source's column. */
  columns: Columns;
}
export interface IngestCounts {
  rows: number;
  /** Files of several that hold no row: worth a warning. */
  emptyFiles: string[];
}

export type InteractionColumns = PipelineSpec['data']['interactions']['columns'];
export type ItemColumns = NonNullable<PipelineSpec['data']['items']>['columns'];

interface Role {
  name: string;
  kind: RoleKind;
}
const interactionRoles: Role[] = [
  { name: 'user', kind: 'id' },
  { name: 'item', kind: 'id' },
  { name: 'time', kind: 'time' },
  { name: 'quantity', kind: 'number' },
  { name: 'value', kind: 'number' },
  { name: 'basket', kind: 'id' },
];
const itemRoles: Role[] = [
  { name: 'item', kind: 'id' },
  { name: 'title', kind: 'text' },
  { name: 'category', kind: 'text' },
  { name: 'department', kind: 'text' },
];
const sqlTypes: Record<RoleKind, string> = { id: 'VARCHAR', text: 'VARCHAR', time: 'TIMESTAMP', number: 'DOUBLE' };

/**
 * Writes Parquet `user VARCHAR, item VARCHAR, time TIMESTAMP (UTC), quantity DOUBLE, value DOUBLE, basket VARCHAR`: rows
 * in the order of the files, nulls kept, `''` and NaN read as null. The same files give the same bytes.
 * @throws TradewindError `SOURCE_EMPTY`, `SOURCE_UNREADABLE`, `COLUMN_MISSING`, `COLUMN_TYPE`
 */
export function ingestInteractions(
  source: IngestSource<InteractionColumns>,
  outPath: string,
  options: DataOptions = {},
): Promise<IngestCounts> {
  return ingest('interactions', interactionRoles, source, outPath, options, (table) => `SELECT * FROM ${table}`);
}

/**
 * Writes Parquet `item VARCHAR, title VARCHAR, category VARCHAR, department VARCHAR`: one row per item, by id; of rows
 * about the same item the first in alphabetical order stays, rows without an item go.
 * @throws TradewindError as `ingestInteractions`
 */
export function ingestItems(
  source: IngestSource<ItemColumns>,
  outPath: string,
  options: DataOptions = {},
): Promise<IngestCounts> {
  return ingest(
    'items',
    itemRoles,
    source,
    outPath,
    options,
    (table) => `SELECT DISTINCT ON (item) * FROM ${table} WHERE item IS NOT NULL ORDER BY ALL`,
  );
}

async function ingest(
  section: 'interactions' | 'items',
  roles: readonly Role[],
  source: IngestSource<Partial<Record<string, string>>>,
  outPath: string,
  options: DataOptions,
  arrange: (table: string) => string,
): Promise<IngestCounts> {
  const asked = roles.filter((role) => source.columns[role.name] !== undefined);
  const wanted = asked.map((role) => source.columns[role.name]!);
  return withNames(source, () =>
    withDatabase(options, async (database) => {
      const opened: OpenedFile[] = [];
      const emptyFiles: string[] = [];
      for (const path of source.files) {
        const format = source.format ?? formatOf(path);
        const file = await openFile(database, path, format, wanted).catch((error: unknown) => {
          throw readingFailed(error, [path]);
        });
        if (file === null) emptyFiles.push(path);
        else opened.push(file);
      }
      for (const file of opened)
        for (const role of asked) requireColumn(file, section, role, source.columns[role.name]!);
      if (opened.length === 0) throw emptySource(source.files);

      const select = (file: OpenedFile, paths: readonly string[]) => {
        const values = roles.map((role) => {
          const column = source.columns[role.name];
          if (column === undefined) return `CAST(NULL AS ${sqlTypes[role.kind]}) AS "${role.name}"`;
          const { value, bad } = castOf(file, section, role, column);
          const checked =
            role.kind === 'id' || role.kind === 'text'
              ? value
              : `CASE WHEN ${bad} THEN ${refusal(role)} ELSE ${value} END`;
          return `${checked} AS "${role.name}"`;
        });
        return `SELECT ${values.join(', ')} FROM ${file.table(paths)}`;
      };
      const parts = inRuns(opened).map((run) =>
        select(
          run[0],
          run.map((file) => file.path),
        ),
      );
      let rows: number;
      try {
        rows = await database.writeParquet(arrange(`(${parts.join(' UNION ALL ')})`), outPath);
        if (rows === 0) throw emptySource(source.files);
        const keyless = opened.find((file) => !file.knowsItsColumns);
        if (keyless) await requireValues(database, outPath, keyless, section, asked, source.columns);
      } catch (error) {
        await rm(outPath, { force: true });
        options.signal?.throwIfAborted();
        const refused = asked.find((role) => error instanceof Error && error.message.includes(mark(role)));
        if (refused) throw await badValues(database, opened, section, refused, source.columns[refused.name]!);
        throw readingFailed(error, source.files);
      }
      return { rows, emptyFiles };
    }),
  );
}

const mark = (role: Role) => `tradewind cannot read ${role.name}`;
const refusal = (role: Role) => `CAST(error(${literal(mark(role))}) AS ${sqlTypes[role.kind]})`;

function castOf(file: OpenedFile, section: string, role: Role, column: string) {
  const found = file.columns.find(({ name }) => name === column)!;
  const cast = castColumn(found, role.kind);
  if (cast) return cast;
  throw new TradewindError('COLUMN_TYPE', {
    subject: `Column "${column}" of ${file.path}`,
    rule: roleRules[role.kind],
    value: `the type ${found.type}`,
    remedy: `Convert it, or name another column as data.${section}.columns.${role.name}.`,
  });
}

function requireColumn(file: OpenedFile, section: string, role: Role, column: string): void {
  const names = file.columns.map(({ name }) => name);
  if (!names.includes(column)) throw missing(file.path, section, role, column, names);
}

async function requireValues(
  database: Database,
  path: string,
  file: OpenedFile,
  section: string,
  asked: readonly Role[],
  columns: Partial<Record<string, string>>,
): Promise<void> {
  const counts = asked.map((role) => `CAST(count("${role.name}") AS DOUBLE) AS "${role.name}"`);
  const [found] = await database.rows<Record<string, number>>(
    `SELECT ${counts.join(', ')} FROM read_parquet(${literal(path)})`,
  );
  for (const role of asked.filter(({ name }) => found[name] === 0)) {
    const keys = await firstKeys(file.path);
    if (!keys.includes(columns[role.name]!)) throw missing(file.path, section, role, columns[role.name]!, keys);
  }
}

function missing(path: string, section: string, role: Role, column: string, names: readonly string[]): TradewindError {
  return missingColumn(path, column, `, named as data.${section}.columns.${role.name},`, names);
}

/** Says how many values of which file cannot be read, and the first of them in alphabetical order. */
async function badValues(
  database: Database,
  files: readonly OpenedFile[],
  section: string,
  role: Role,
  column: string,
): Promise<TradewindError> {
  for (const file of files) {
    const { bad } = castOf(file, section, role, column);
    const { expression } = file.columns.find(({ name }) => name === column)!;
    const [found] = await database.rows<{ bad: number; rows: number; example: string | null }>(
      `SELECT CAST(count(*) FILTER (${bad}) AS DOUBLE) AS bad, CAST(count(*) AS DOUBLE) AS rows,
         min(CAST(${expression} AS VARCHAR)) FILTER (${bad}) AS example
       FROM ${file.table([file.path])}`,
    );
    if (found.bad === 0) continue;
    return new TradewindError('COLUMN_TYPE', {
      subject: `Column "${column}" of ${file.path}`,
      rule: roleRules[role.kind],
      value: `${JSON.stringify(found.example)} (${count(found.bad)} of ${count(found.rows)} rows cannot be read)`,
      remedy: `Correct these rows, or name another column as data.${section}.columns.${role.name}.`,
    });
  }
  throw new Error(`Column "${column}" was refused while reading, but each of its values can be read.`);
}
