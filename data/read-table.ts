/** Typed Parquet of a table into memory, column by column (`data/table.ts`), and what is to be predicted. */
import { TradewindError } from '../contracts/errors.ts';
import type { ColumnDefinition, TableTask } from '../contracts/tables.ts';
import { asText } from './column-casts.ts';
import { identifier, literal, withDatabase, type Database, type DataOptions } from './database.ts';
import { kindRules, sqlTypes } from './kind-casts.ts';
import { count, counted, missingColumn } from './source-failures.ts';
import { takeRows, takeTarget, type Column, type Table, type Target } from './table.ts';

export interface ReadOptions extends DataOptions {
  /** Row numbers in the file, from 0, in any order, also more than once; all rows when left out. */
  rows?: Int32Array;
}

/**
 * Reads columns in the given order; the file may have others. Numbers become float32, times seconds with fractions, and
 * a dictionary has the strings of the rows between the first and the last that are read. Peak: the columns, twice where
 * rows are chosen, and the distinct strings.
 *
 * @param path - Parquet of `ingestTable`, or with the same types.
 * @throws TradewindError `COLUMN_MISSING`, `COLUMN_TYPE`; RangeError for a row number that the file does not have.
 */
export async function readTable(
  path: string,
  columns: readonly ColumnDefinition[],
  options: ReadOptions = {},
): Promise<Table> {
  return withDatabase(options, async (database) => {
    const file = await describe(database, path);
    for (const column of columns) requireKind(file, column);
    const { from, to } = rangeOf(options.rows, file.rows);
    const source = `(SELECT * FROM read_parquet(${literal(path)}, file_row_number = true)
      WHERE file_row_number >= ${from} AND file_row_number < ${to})`;
    const loads: Load[] = [];
    for (const [i, column] of columns.entries()) loads.push(await prepare(database, source, column, i, to - from));
    await fill(database, source, from, loads);
    const table: Table = {
      rows: to - from,
      columns: Object.fromEntries(columns.map(({ name }, i) => [name, loads[i].finish()])),
    };
    return options.rows === undefined
      ? table
      : takeRows(
          table,
          options.rows.map((row) => row - from),
        );
  });
}

/** More classes than this are no classes. */
const mostClasses = 10_000;

/**
 * Reads the column to be predicted. Classes are those of the whole file, so that every part of a split has the same
 * codes: strings as they are, numbers as they are written shortest (`1`, `2.5`), booleans as `false` and `true`.
 *
 * @throws TradewindError `COLUMN_MISSING`; `TARGET_INVALID` for a kind that the task cannot take, a row without a value
 * and fewer than two classes.
 */
export async function readTarget(
  path: string,
  column: ColumnDefinition,
  task: TableTask,
  options: ReadOptions = {},
): Promise<Target> {
  const { name, kind } = column;
  if (task === 'regress') {
    if (kind !== 'number' && kind !== 'boolean')
      throw invalidTarget(name, 'hold numbers, to be predicted', `the kind ${kind}`);
    const { columns } = await readTable(path, [column], options);
    const { values } = columns[name] as { values: Float32Array };
    const missing = values.reduce((n, v) => (Number.isNaN(v) ? n + 1 : n), 0);
    if (missing > 0) throw withoutValue(name, missing, values.length);
    return { kind: 'number', values };
  }
  if (kind === 'time') throw invalidTarget(name, 'hold classes', 'the kind time');
  return withDatabase(options, async (database) => {
    const file = await describe(database, path);
    requireKind(file, column);
    rangeOf(options.rows, file.rows);
    const text = `coalesce(${asText(identifier(name), sqlTypes[kind])!}, '')`;
    const source = `(SELECT ${text} AS target, file_row_number FROM read_parquet(${literal(path)}, file_row_number = true))`;
    const load = await prepare(database, source, { name: 'target', kind: 'category' }, 0, file.rows);
    await fill(database, source, 0, [load]);
    const { codes, dictionary } = load.finish() as { codes: Int32Array; dictionary: readonly string[] };
    const classes = dictionary.filter((value) => value !== '');
    if (classes.length < 2) {
      throw invalidTarget(name, 'hold at least two classes', classes.length === 0 ? 'none' : `"${classes[0]}" alone`);
    }
    if (classes.length > mostClasses) {
      throw invalidTarget(name, `hold at most ${count(mostClasses)} classes`, count(classes.length));
    }
    // "" comes first where it is there.
    const shift = dictionary.length - classes.length;
    const all: Target = { kind: 'classes', codes: codes.map((code) => code - shift), classes };
    const target = options.rows === undefined ? all : takeTarget(all, options.rows);
    const missing = target.kind === 'classes' ? target.codes.reduce((n, code) => (code < 0 ? n + 1 : n), 0) : 0;
    if (missing > 0) throw withoutValue(name, missing, options.rows?.length ?? file.rows);
    return target;
  });
}

function invalidTarget(name: string, rule: string, value: string): TradewindError {
  return new TradewindError('TARGET_INVALID', {
    subject: `Column "${name}", the target,`,
    rule,
    value,
    remedy: 'Name another column as the target, or look at what dropped the others.',
  });
}

function withoutValue(name: string, missing: number, rows: number): TradewindError {
  return new TradewindError('TARGET_INVALID', {
    subject: `Column "${name}", the target,`,
    rule: 'have a value in every row that is learned from or judged',
    value: `${count(missing)} of ${counted(rows, 'row')} without one`,
    remedy: 'Drop these rows in cleaning.',
  });
}

interface TableFile {
  path: string;
  rows: number;
  types: ReadonlyMap<string, string>;
}

async function describe(database: Database, path: string): Promise<TableFile> {
  const table = `read_parquet(${literal(path)})`;
  const described = await database.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE SELECT * FROM ${table}`,
  );
  const [{ rows }] = await database.rows<{ rows: number }>(`SELECT CAST(count(*) AS DOUBLE) AS rows FROM ${table}`);
  if (rows > 0x7fff_ffff) throw new RangeError(`${path} must hold at most 2147483647 rows. Got ${rows}.`);
  return { path, rows, types: new Map(described.map(({ column_name, column_type }) => [column_name, column_type])) };
}

function requireKind({ path, types }: TableFile, { name, kind }: ColumnDefinition): void {
  const type = types.get(name);
  if (type === undefined) throw missingColumn(path, name, '', [...types.keys()]);
  if (type === sqlTypes[kind]) return;
  throw new TradewindError('COLUMN_TYPE', {
    subject: `Column "${name}" of ${path}`,
    rule: `be ${sqlTypes[kind]}, to ${kindRules[kind]}`,
    value: `the type ${type}`,
    remedy: 'Declare its kind in the columns of the spec.',
  });
}

/** Rows [from, to) hold all that are wanted. */
function rangeOf(rows: Int32Array | undefined, all: number): { from: number; to: number } {
  if (rows === undefined) return { from: 0, to: all };
  let [from, last] = [all, -1];
  for (const row of rows) {
    if (row < from) from = row;
    if (row > last) last = row;
  }
  if (rows.length === 0) return { from: 0, to: 0 };
  if (from < 0 || last >= all) {
    throw new RangeError(`Row numbers must be in [0, ${all}). Got ${from < 0 ? from : last}.`);
  }
  return { from, to: last + 1 };
}

/** A column on its way into memory. */
interface Load {
  /** SQL of its values, and what it joins to get them. */
  value: string;
  join: string;
  values: Float32Array | Float64Array | Int32Array;
  finish(): Column;
}

async function prepare(
  database: Database,
  source: string,
  { name, kind }: ColumnDefinition,
  index: number,
  rows: number,
): Promise<Load> {
  const x = `rows_.${identifier(name)}`;
  switch (kind) {
    case 'number':
    case 'boolean': {
      const values = new Float32Array(rows);
      return {
        value: `coalesce(CAST(${x} AS DOUBLE), 'nan')`,
        join: '',
        values,
        finish: () => finished(name, kind, values),
      };
    }
    case 'time': {
      const values = new Float64Array(rows);
      return { value: `coalesce(epoch(${x}), 'nan')`, join: '', values, finish: () => ({ kind, values }) };
    }
    case 'category':
    case 'text': {
      const { dictionary, places } = await dictionaryOf(database, source, identifier(name), `strings${index}`);
      const values = new Int32Array(rows);
      const join = `LEFT JOIN strings${index} ON strings${index}.v = coalesce(${x}, '')`;
      const finish = (): Column => ({ kind, codes: values.map((n) => places[n]), dictionary });
      return { value: `strings${index}.n`, join, values, finish };
    }
  }
}

function finished(name: string, kind: 'number' | 'boolean', values: Float32Array): Column {
  const infinite = values.findIndex((v) => v === Infinity || v === -Infinity);
  if (infinite < 0) return { kind, values };
  throw new TradewindError('COLUMN_TYPE', {
    subject: `Column "${name}"`,
    rule: 'hold finite numbers, up to 3.4e38',
    value: `${values[infinite]} in row ${infinite}`,
    remedy: 'Correct it, or take it as missing.',
  });
}

/**
 * Leaves the table `name (v, n)` behind, which numbers the strings in whatever order they come.
 * @returns the strings sorted by UTF-16 code units, and `places[n]` of each among them.
 */
async function dictionaryOf(
  database: Database,
  source: string,
  column: string,
  name: string,
): Promise<{ dictionary: string[]; places: Int32Array }> {
  await database.run(`CREATE TEMP TABLE ${name} AS
    SELECT v, CAST(row_number() OVER () - 1 AS INTEGER) AS n FROM (SELECT DISTINCT coalesce(${column}, '') AS v FROM ${source})`);
  const found: string[] = [];
  await database.columns(`SELECT v, n FROM ${name}`, ([values, numbers], rows) => {
    for (let r = 0; r < rows; r++) found[numbers[r] as number] = values[r] as string;
  });
  const order = Int32Array.from(found, (_, n) => n).sort((a, b) => (found[a] < found[b] ? -1 : 1));
  const places = new Int32Array(found.length);
  order.forEach((n, place) => (places[n] = place));
  return { dictionary: Array.from(order, (n) => found[n]), places };
}

async function fill(database: Database, source: string, from: number, loads: readonly Load[]): Promise<void> {
  const values = loads.map(({ value }, i) => `, ${value} AS v${i}`).join('');
  const joins = loads.map(({ join }) => join).join(' ');
  await database.columns(
    `SELECT CAST(rows_.file_row_number AS DOUBLE)${values} FROM ${source} AS rows_ ${joins}`,
    ([numbers, ...columns], rows) => {
      for (const [i, column] of columns.entries()) {
        const { values } = loads[i];
        // A scan may give its rows in any order.
        for (let r = 0; r < rows; r++) values[(numbers[r] as number) - from] = column[r] as number;
      }
    },
  );
}
