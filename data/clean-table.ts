/**
 * Row rules of tables: which rows of typed Parquet are worth learning from. Nothing is fitted here, and no value changes,
 * except that rare classes may become one. Rules on columns (missing values, outliers) are steps of the preparation.
 */
import { TradewindError } from '../contracts/errors.ts';
import type { TableCleaningSpec } from '../contracts/table-splits.ts';
import type { TableTask } from '../contracts/tables.ts';
import { identifier, literal, withDatabase, type Database, type DataOptions, type Row } from './database.ts';
import { hashOf, openTable, requireColumn, valueOf, type TableFile } from './row-values.ts';

/** Checked in this order; a row is counted under the first that applies. */
export const tableDropReasons = ['noTarget', 'duplicate', 'notHuman', 'rareClass'] as const;
export type TableDropReason = (typeof tableDropReasons)[number];

export interface TableCleaningContext {
  target: string;
  task: TableTask;
  /**
   * Columns in which rows are alike for `contradicting`; by default all but the target, `duplicateKeys`, and the user and
   * time of `humans`. An id among them would make every row differ.
   */
  features?: readonly string[];
  /** Where dropped rows are kept: Parquet of all columns, `dropped_row` (number in the file read) and `dropped_for`. */
  droppedPath?: string;
}

export interface TableCleaningReport {
  /** Rows that stay. */
  rows: number;
  dropped: Record<TableDropReason, number>;
  /** Rows whose class became `otherClass`. */
  merged: number;
  /** Rows equal in all features to one of another class; of classes only. They stay: see `data/contradictions.ts`. */
  contradicting: number;
  /** The first three of each reason: `row` (number in the file read) and up to 20 columns as text, cut at 80 characters. */
  examples: Partial<Record<TableDropReason, Row[]>>;
}

/**
 * Writes the rows that stay, in their order and with their columns. Drops
 *
 * - `noTarget`: rows without a target, or with one that is not finite;
 * - `duplicate`: rows equal to an earlier one in all columns, or in `duplicateKeys`;
 * - `notHuman`: of users with more than `maxRowsPerUserPerDay` rows on a day (UTC), all rows from the first such day on.
 *   Their earlier rows stay: whoever judges a row knows nothing of what came after its day (law 5);
 * - `rareClass`: rows of classes with fewer than `minRowsPerClass` of the rows left by now; or these classes become
 *   `otherClass`, whose rows go if they are still too few.
 *
 * The last looks at the classes of all rows, those that will be judged included: use it against noise in the source, not
 * to make a task easier. Rows that contradict others are counted.
 *
 * @param path - typed Parquet, see `contracts/tables.ts`
 * @throws TradewindError `VALIDATION_FAILED` where no row stays; `COLUMN_MISSING`, `COLUMN_TYPE`; `SOURCE_EMPTY`
 */
export async function cleanTable(
  path: string,
  rules: TableCleaningSpec,
  context: TableCleaningContext,
  outPath: string,
  options: DataOptions = {},
): Promise<TableCleaningReport> {
  return withDatabase(options, async (database) => {
    const table = await openTable(database, path);
    const cleaning = new Cleaning(database, table, rules, context);
    await cleaning.start();
    await cleaning.dropWithoutTarget();
    if (rules.duplicates === 'drop') await cleaning.dropDuplicates();
    if (rules.humans) await cleaning.dropNotHuman(rules.humans);
    const contradicting = context.task === 'classify' ? await cleaning.countContradictions() : 0;
    const merged =
      context.task === 'classify' && rules.minRowsPerClass > 1
        ? await cleaning.dropRareClasses(rules.minRowsPerClass)
        : 0;
    return { ...(await cleaning.finish(outPath)), merged, contradicting };
  });
}

/**
 * Keeps the numbers of dropped rows in the table `gone (number, reason)` and, as bits by row number, in the variable
 * `gone`: a filter by bits leaves rows in their order and holds none of them, which neither a join nor a sort does.
 */
class Cleaning {
  readonly #database: Database;
  readonly #table: TableFile;
  readonly #rules: TableCleaningSpec;
  readonly #context: TableCleaningContext;
  /** The rows not yet dropped, in SQL. */
  readonly #left: string;
  readonly #target: string;

  constructor(database: Database, table: TableFile, rules: TableCleaningSpec, context: TableCleaningContext) {
    this.#database = database;
    this.#table = table;
    this.#rules = rules;
    this.#context = context;
    this.#left = `(SELECT * FROM ${table.source} WHERE ${isMarked('gone')} = 0)`;
    this.#target = valueOf(table, context.target);
  }

  async start(): Promise<void> {
    const { target, task, features = [] } = this.#context;
    requireColumn(this.#table, target, 'the target', task === 'regress' ? 'DOUBLE' : undefined);
    for (const column of features) requireColumn(this.#table, column, 'a feature');
    await this.#database.run('CREATE TEMP TABLE gone (number INTEGER, reason VARCHAR)');
    await this.#mark('gone', 'SELECT number FROM gone');
  }

  async dropWithoutTarget(): Promise<void> {
    const infinite = this.#context.task === 'regress' ? ' OR isinf(v0)' : '';
    await this.#drop('noTarget', `SELECT number FROM ${this.#values(this.#target)} WHERE v0 IS NULL${infinite}`);
  }

  async dropDuplicates(): Promise<void> {
    const keys = this.#rules.duplicateKeys ?? [...this.#table.columns.keys()];
    for (const key of keys) requireColumn(this.#table, key, 'cleaning.duplicateKeys');
    const places = keys.map((_, i) => `v${i}`).join(', ');
    const known = keys.map((key) => `${valueOf(this.#table, key)} IS NOT NULL`).join(' AND ');
    const rows = this.#values(...keys.map(identifier), hashOf(keys), this.#rules.duplicateKeys ? known : 'true');
    const [hash, isWhole] = [`v${keys.length}`, `v${keys.length + 1}`];
    // Few rows have a hash twice: these are looked at closely, so that no row goes for a hash that it happens to share.
    await this.#database.run(`CREATE TEMP TABLE copies AS
      SELECT number, copy, ${this.#rules.duplicateKeys ? '1' : 'votes'} AS votes
      FROM (SELECT number, row_number() OVER (same ORDER BY number) AS copy, count(*) OVER (same) AS votes
            FROM ${rows} SEMI JOIN (SELECT ${hash} FROM ${rows} WHERE ${isWhole} GROUP BY ${hash} HAVING count(*) > 1)
              USING (${hash})
            WHERE ${isWhole} WINDOW same AS (PARTITION BY ${places}))
      WHERE votes > 1`);
    await this.#drop('duplicate', 'SELECT number FROM copies WHERE copy > 1');
  }

  async dropNotHuman({ user, time, maxRowsPerUserPerDay }: NonNullable<TableCleaningSpec['humans']>): Promise<void> {
    requireColumn(this.#table, user, 'cleaning.humans.user');
    requireColumn(this.#table, time, 'cleaning.humans.time', 'TIMESTAMP');
    const rows = `(SELECT number, v0 AS who, v1 AS day FROM ${this.#values(
      valueOf(this.#table, user),
      `CAST(${identifier(time)} AS DATE)`,
    )} WHERE v0 IS NOT NULL AND v1 IS NOT NULL)`;
    await this.#database.run(`CREATE TEMP TABLE flagged AS SELECT who, min(day) AS since
      FROM (SELECT who, day FROM ${rows} GROUP BY ALL HAVING count(*) > ${whole(maxRowsPerUserPerDay)}) GROUP BY who`);
    await this.#drop('notHuman', `SELECT number FROM ${rows} JOIN flagged USING (who) WHERE day >= since`);
  }

  async countContradictions(): Promise<number> {
    const { target } = this.#context;
    const { duplicateKeys = [], humans } = this.#rules;
    const known = new Set([target, ...duplicateKeys, ...(humans ? [humans.user, humans.time] : [])]);
    const features = this.#context.features ?? [...this.#table.columns.keys()].filter((column) => !known.has(column));
    if (features.length === 0) return 0;
    const rows = this.#values(...features.map(identifier), hashOf(features), this.#target);
    const [hash, label] = [`v${features.length}`, `v${features.length + 1}`];
    const suspects = `(SELECT ${hash} FROM ${rows} GROUP BY ${hash} HAVING min(${label}) <> max(${label}))`;
    await this.#database.run(`CREATE TEMP TABLE alike AS
      SELECT number, ${label} AS class, rank() OVER (ORDER BY ${features.map((_, i) => `v${i}`).join(', ')}) AS likeness
      FROM ${rows} SEMI JOIN ${suspects} USING (${hash})`);
    await this.#database.run(`CREATE TEMP TABLE contradicting AS
      SELECT * FROM alike SEMI JOIN
        (SELECT likeness FROM alike GROUP BY likeness HAVING min(class) <> max(class)) USING (likeness)`);
    const [{ n }] = await this.#database.rows<{ n: number }>('SELECT CAST(count(*) AS DOUBLE) AS n FROM contradicting');
    return n;
  }

  /** @returns rows whose class became `otherClass` */
  async dropRareClasses(least: number): Promise<number> {
    const { rareClasses, otherClass } = this.#rules;
    const { target } = this.#context;
    const rows = this.#values(this.#target);
    const ofClasses = (having: string) =>
      `SELECT number FROM ${rows} SEMI JOIN (SELECT v0 FROM ${rows} GROUP BY v0 HAVING ${having}) USING (v0)`;
    if (rareClasses === 'drop') {
      await this.#drop('rareClass', ofClasses(`count(*) < ${whole(least)}`));
      return 0;
    }
    const type = this.#table.columns.get(target)!;
    if (type !== 'VARCHAR') {
      throw new TradewindError('COLUMN_TYPE', {
        subject: `Column "${target}", the target,`,
        rule: 'hold strings where rare classes are merged',
        value: `the type ${type}`,
        remedy: 'Set cleaning.rareClasses to drop, or declare the column as a category.',
      });
    }
    const other = literal(otherClass);
    await this.#mark('merged', ofClasses(`count(*) < ${whole(least)} AND v0 <> ${other}`));
    const isOther = `(${this.#target} = ${other} OR ${isMarked('merged')} = 1)`;
    const [{ others, merged }] = await this.#database.rows<{ others: number; merged: number }>(`
      SELECT CAST(count(*) AS DOUBLE) AS others, CAST(count(*) FILTER (${isMarked('merged')} = 1) AS DOUBLE) AS merged
      FROM ${this.#left} WHERE ${isOther}`);
    if (others >= least) return merged;
    await this.#drop(
      'rareClass',
      `SELECT CAST(file_row_number AS INTEGER) AS number FROM ${this.#left} WHERE ${isOther}`,
    );
    await this.#mark('merged', 'SELECT number FROM gone WHERE false');
    return 0;
  }

  async finish(outPath: string): Promise<Pick<TableCleaningReport, 'rows' | 'dropped' | 'examples'>> {
    const counts = await this.#database.rows<{ reason: TableDropReason; rows: number }>(
      'SELECT reason, CAST(count(*) AS DOUBLE) AS rows FROM gone GROUP BY reason',
    );
    const dropped = Object.fromEntries(
      tableDropReasons.map((reason) => [reason, counts.find((found) => found.reason === reason)?.rows ?? 0]),
    ) as Record<TableDropReason, number>;
    const rows = this.#table.rows - Object.values(dropped).reduce((sum, n) => sum + n, 0);
    if (rows === 0) {
      const reasons = counts.map(({ reason, rows: n }) => `${reason}: ${n}`).join(', ');
      throw new TradewindError('VALIDATION_FAILED', {
        subject: 'The table',
        rule: 'hold rows after cleaning',
        value: `none of ${this.#table.rows} (${reasons})`,
        remedy: 'Correct the target column, or loosen the rules under cleaning.',
      });
    }
    const { target, droppedPath } = this.#context;
    const name = identifier(target);
    const merges = this.#rules.rareClasses === 'merge' && this.#context.task === 'classify';
    const replaced =
      merges && this.#rules.minRowsPerClass > 1
        ? ` REPLACE (CASE WHEN ${isMarked('merged')} = 1 THEN ${literal(this.#rules.otherClass)} ELSE ${name} END AS ${name})`
        : '';
    await this.#database.writeParquet(
      `SELECT * EXCLUDE (file_row_number)${replaced} FROM ${this.#table.source} WHERE ${isMarked('gone')} = 0`,
      outPath,
    );
    const goneRows = `FROM ${this.#table.source} AS source JOIN gone ON gone.number = source.file_row_number`;
    if (droppedPath !== undefined) {
      await this.#database.writeParquet(
        `SELECT source.* EXCLUDE (file_row_number), gone.number AS dropped_row, gone.reason AS dropped_for ${goneRows} ORDER BY gone.number`,
        droppedPath,
      );
    }
    return { rows, dropped, examples: await this.#examples() };
  }

  async #examples(): Promise<TableCleaningReport['examples']> {
    const { target } = this.#context;
    const shown = [target, ...[...this.#table.columns.keys()].filter((column) => column !== target)].slice(0, 20);
    const texts = shown.map((c, i) => `left(CAST(source.${identifier(c)} AS VARCHAR), 80) AS c${i}`);
    await this.#database.run(`CREATE TEMP TABLE shown AS
      SELECT * FROM gone QUALIFY row_number() OVER (PARTITION BY reason ORDER BY number) <= 3`);
    const found = await this.#database.rows<Row>(`
      SELECT shown.reason, shown.number, ${texts.join(', ')}
      FROM ${this.#table.source} AS source JOIN shown ON shown.number = source.file_row_number ORDER BY shown.number`);
    const examples: TableCleaningReport['examples'] = {};
    for (const values of found) {
      const [reason, number, ...cells] = Object.values(values);
      const row = Object.fromEntries([['row', number], ...shown.map((column, i) => [column, cells[i]])]) as Row;
      (examples[reason as TableDropReason] ??= []).push(row);
    }
    return examples;
  }

  /** Of the rows not yet dropped these expressions, as `v0`, `v1` …, and `number`: no name of a column is in its way. */
  #values(...expressions: string[]): string {
    const named = expressions.map((expression, i) => `${expression} AS v${i}`);
    return `(SELECT CAST(file_row_number AS INTEGER) AS number, ${named.join(', ')} FROM ${this.#left})`;
  }

  async #drop(reason: TableDropReason, query: string): Promise<void> {
    await this.#database.run(`INSERT INTO gone SELECT number, ${literal(reason)} FROM (${query})`);
    await this.#mark('gone', 'SELECT number FROM gone');
  }

  async #mark(name: 'gone' | 'merged', query: string): Promise<void> {
    // One bit beyond the rows, so that there is a string of bits where no row is marked.
    await this.#database.run(`SET VARIABLE ${name} = (
      SELECT bitstring_agg(number, 0, ${this.#table.rows}) FROM (${query} UNION ALL SELECT ${this.#table.rows}))`);
  }
}

/** 1 where the row's bit is set in that variable, in SQL. */
function isMarked(name: 'gone' | 'merged'): string {
  return `get_bit(getvariable('${name}'), CAST(file_row_number AS INTEGER))`;
}

function whole(limit: number): number {
  if (!Number.isSafeInteger(limit)) throw new RangeError(`A limit of cleaning must be a whole number. Got ${limit}.`);
  return limit;
}
