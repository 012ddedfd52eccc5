/** A table in two: rows that break a failed rule, with the reason, and the others. None is thrown away. */
import { tableRulesSchema, type TableRulesInput } from '../contracts/table-rules.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import { literal, withDatabase, type DataOptions } from './database.ts';
import { breakingOneOf, countBroken, rowRules, type RowRule } from './row-rules.ts';

export interface QuarantineResult {
  /** Rows that stay. */
  rows: number;
  quarantined: number;
}

/**
 * Writes two Parquet files with the columns of `path` and its order of rows. That of the quarantine has two columns more:
 * `quarantine_row BIGINT`, the number of the row in `path`, from 0, and `quarantine_reasons VARCHAR`, e.g. `price: min;
 * id: unique`. Only failed rules on rows put rows aside: a share of missing values within its limit does not.
 *
 * @param rules - those that `validateTable` was given.
 */
export async function quarantineRows(
  path: string,
  columns: readonly ColumnDefinition[],
  rules: TableRulesInput,
  outPath: string,
  quarantinePath: string,
  options: DataOptions = {},
): Promise<QuarantineResult> {
  return setRowsAside(path, rowRules(path, columns, tableRulesSchema.parse(rules)), outPath, quarantinePath, options);
}

/** The same for rules on rows of whatever kind; the reason of one without a column is its name alone. */
export async function setRowsAside(
  path: string,
  onRows: readonly RowRule[],
  outPath: string,
  quarantinePath: string,
  options: DataOptions = {},
): Promise<QuarantineResult> {
  return withDatabase(options, async (database) => {
    const failed = (await countBroken(database, path, onRows)).flatMap(({ rule, passed }) => (passed ? [] : [rule]));
    const source = `read_parquet(${literal(path)}, file_row_number = true)`;
    const breaks = breakingOneOf(failed);
    const reasons = failed.map(
      ({ rule, column, broken }) =>
        `CASE WHEN ${broken} THEN ${literal(column === undefined ? rule : `${column}: ${rule}`)} END`,
    );
    // A join, which `unique` is, may give its rows in any order.
    const order = failed.some(({ table }) => table !== undefined) ? 'ORDER BY file_row_number' : '';
    const rows = await database.writeParquet(
      `SELECT * EXCLUDE (file_row_number) FROM ${source} WHERE NOT (${breaks}) ${order}`,
      outPath,
    );
    const quarantined = await database.writeParquet(
      `SELECT * EXCLUDE (file_row_number), file_row_number AS quarantine_row,
         concat_ws('; ', ${['NULL', ...reasons].join(', ')}) AS quarantine_reasons
       FROM ${source} WHERE ${breaks} ORDER BY file_row_number`,
      quarantinePath,
    );
    return { rows, quarantined };
  });
}
