/** What the columns of source files are by what the files say themselves: by their types, or nothing. */
import { fractions, integers, moments } from './column-casts.ts';
import { fileList, literal, type Database } from './database.ts';
import { castKind } from './kind-casts.ts';
import { missingColumn } from './source-failures.ts';
import {
  firstKeys,
  inRuns,
  jsonCompression,
  openFile,
  unreadable,
  type OpenedFile,
  type SourceColumn,
} from './source-format.ts';

/** What the files say themselves of a column. */
export type Nature = 'number' | 'boolean' | 'time' | 'string' | 'untyped' | 'nested' | 'none';

/**
 * Of every column with a name, in the order of the files.
 * @throws TradewindError `SOURCE_UNREADABLE` for names that cannot be told apart, `COLUMN_MISSING` for a column that only
 * some files have, where the format says what it holds.
 */
export async function naturesOf(
  database: Database,
  files: readonly OpenedFile[],
): Promise<{ natures: { name: string; nature: Exclude<Nature, 'none'> }[]; unnamed: string[] }> {
  const natures = new Map<string, Nature>();
  const spelt = new Map<string, string>();
  const meet = (path: string, name: string, nature: Nature) => {
    const same = spelt.get(name.toLowerCase());
    if (same !== undefined && same !== name) {
      throw unreadable(
        path,
        `columns that differ in capitals alone, "${same}" and "${name}"`,
        'Rename one of the two, or declare the columns in the spec.',
      );
    }
    spelt.set(name.toLowerCase(), name);
    const before = natures.get(name) ?? 'none';
    natures.set(name, before === 'none' ? nature : nature === 'none' || nature === before ? before : 'untyped');
  };
  const unnamed = new Set<string>();
  for (const run of inRuns(files)) {
    const [file] = run;
    if (file.format === 'ndjson') {
      for (const { name, nature } of await keysOf(database, run)) meet(file.path, name, nature);
      continue;
    }
    const seen = new Set<string>();
    for (const [index, { name, type }] of file.columns.entries()) {
      if (name.trim() === '') {
        unnamed.add(`column ${index + 1}`);
        continue;
      }
      if (seen.has(name)) {
        throw unreadable(
          file.path,
          `column "${name}" twice in the header`,
          'Name each column once, or declare the columns that are to be read.',
        );
      }
      seen.add(name);
      meet(file.path, name, file.format === 'csv' ? 'untyped' : natureOf(type, { name, expression: name, type }));
    }
  }
  for (const file of files.filter(({ knowsItsColumns }) => knowsItsColumns)) {
    const there = file.columns.map(({ name }) => name);
    for (const name of natures.keys()) {
      if (!there.includes(name)) throw missingColumn(file.path, name, ', which other files have,', there);
    }
  }
  return {
    natures: [...natures].map(([name, nature]) => ({ name, nature: nature === 'none' ? 'untyped' : nature })),
    unnamed: [...unnamed],
  };
}

function natureOf(type: string, column: SourceColumn): Nature {
  if (integers.test(type) || fractions.test(type)) return 'number';
  if (type === 'BOOLEAN') return 'boolean';
  if (moments.test(type)) return 'time';
  return castKind(column, 'category', { missing: [] }, 'p') === null ? 'nested' : 'string';
}

/** NDJSON files with these keys to read; the others have them all. */
export async function withAllKeys(
  database: Database,
  files: readonly OpenedFile[],
  names: readonly string[],
): Promise<OpenedFile[]> {
  const opened: OpenedFile[] = [];
  for (const file of files) {
    const again = file.format === 'ndjson' ? await openFile(database, file.path, file.format, names) : file;
    if (again) opened.push(again);
  }
  return opened;
}

/** Keys in the order of the first lines, then in that of the alphabet. */
async function keysOf(database: Database, run: readonly OpenedFile[]): Promise<{ name: string; nature: Nature }[]> {
  const first = new Set<string>();
  for (const { path } of run) for (const key of await firstKeys(path)) first.add(key);
  const paths = fileList(run.map(({ path }) => path));
  const [{ structure }] = await database.rows<{ structure: string | null }>(
    `SELECT CAST(json_group_structure(json) AS VARCHAR) AS structure
     FROM read_json_objects(${paths}, format = 'newline_delimited', compression = ${literal(jsonCompression(run[0].path))})`,
  );
  const found = JSON.parse(structure ?? '{}') as Record<string, unknown>;
  const names = [
    ...first,
    ...Object.keys(found)
      .filter((key) => !first.has(key))
      .toSorted(),
  ];
  return names
    .filter((name) => name.trim() !== '' && Object.hasOwn(found, name))
    .map((name) => {
      const type = found[name];
      if (typeof type !== 'string') return { name, nature: 'nested' };
      if (type === 'NULL') return { name, nature: 'none' };
      if (type === 'VARCHAR') return { name, nature: 'string' };
      return { name, nature: type === 'JSON' ? 'untyped' : natureOf(type, { name, expression: name, type }) };
    });
}
