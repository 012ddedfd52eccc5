/** From ingested rows to events that may be counted. Each dropped row has a reason. */
import type { PipelineSpec } from '../contracts/spec.ts';
import { literal, withDatabase, type Database, type DataOptions } from './database.ts';

/** Checked in this order; a row is counted under the first that applies. */
export type DropReason = 'missing' | 'return' | 'duplicate' | 'notHuman';

export interface CleanCounts {
  /** Rows that stay. */
  rows: number;
  dropped: Record<DropReason, number>;
}

/**
 * Writes the columns of `ingestInteractions` and `not_human_from DATE`, sorted by all columns: the same rows in any order
 * give the same bytes. Drops
 *
 * - `missing`: rows without user, item or time;
 * - `return`: a quantity of 0 or less, if `dropReturns`; a row without a quantity stays;
 * - `duplicate`: rows equal in all six columns to one that stays;
 * - `notHuman`: of users with more than `maxEventsPerUserPerDay` events on a day (UTC), all rows from the first such day
 *   on. Their earlier rows carry that day in `not_human_from`, so that a split leaves out whoever was found out before
 *   its cut-off, and does not learn from what happened later (law 5).
 *
 * @param path - Parquet of `ingestInteractions`
 */
export async function cleanInteractions(
  path: string,
  preparation: Pick<PipelineSpec['preparation'], 'dropReturns' | 'maxEventsPerUserPerDay'>,
  outPath: string,
  options: DataOptions = {},
): Promise<CleanCounts> {
  const { dropReturns, maxEventsPerUserPerDay } = preparation;
  return withDatabase(options, async (database) => {
    const source = `read_parquet(${literal(path)})`;
    const incomplete = '"user" IS NULL OR item IS NULL OR time IS NULL';
    const returned = dropReturns ? 'coalesce(quantity <= 0, false)' : 'false';
    const kept = `SELECT DISTINCT "user", item, time, quantity, value, basket
      FROM ${source} WHERE NOT (${incomplete}) AND NOT ${returned}`;
    const [counts] = await database.rows<Counts>(`
      SELECT CAST(count(*) AS DOUBLE) AS rows, CAST(count(*) FILTER (${incomplete}) AS DOUBLE) AS missing,
        CAST(count(*) FILTER (NOT (${incomplete}) AND ${returned}) AS DOUBLE) AS returned
      FROM ${source}`);
    const flagged = await flagNotHuman(database, source, kept, incomplete, maxEventsPerUserPerDay);
    const order = 'ORDER BY "user", time, item, basket, quantity, value';
    if (flagged === 0) {
      const rows = await database.writeParquet(
        `SELECT *, CAST(NULL AS DATE) AS not_human_from FROM (${kept}) ${order}`,
        outPath,
      );
      return { rows, dropped: reasons(counts, rows, 0) };
    }
    const joined = `(${kept}) AS kept LEFT JOIN flagged USING ("user")`;
    const rows = await database.writeParquet(
      `SELECT kept.*, flagged.day AS not_human_from FROM ${joined} WHERE flagged.day IS NULL OR kept.time < flagged.day ${order}`,
      outPath,
    );
    const [{ notHuman }] = await database.rows<{ notHuman: number }>(
      `SELECT CAST(count(*) AS DOUBLE) AS "notHuman" FROM ${joined} WHERE kept.time >= flagged.day`,
    );
    return { rows, dropped: reasons(counts, rows, notHuman) };
  });
}

type Counts = Record<'rows' | 'missing' | 'returned', number>;

function reasons({ rows: all, missing, returned }: Counts, rows: number, notHuman: number): CleanCounts['dropped'] {
  return { missing, return: returned, duplicate: all - missing - returned - notHuman - rows, notHuman };
}

/** Leaves the table `flagged ("user", day)` behind. @returns its rows */
async function flagNotHuman(
  database: Database,
  source: string,
  kept: string,
  incomplete: string,
  limit: number,
): Promise<number> {
  if (!Number.isSafeInteger(limit))
    throw new RangeError(`maxEventsPerUserPerDay must be a whole number. Got ${limit}.`);
  const daysAbove = (table: string) =>
    `SELECT "user", CAST(time AS DATE) AS day FROM ${table} GROUP BY ALL HAVING count(*) > ${limit}`;
  // Busy days are rare: few users remain to be looked at closely, without their duplicates.
  await database.run(`CREATE TEMP TABLE suspects AS
    SELECT DISTINCT "user" FROM (${daysAbove(`(FROM ${source} WHERE NOT (${incomplete}))`)})`);
  await database.run(`CREATE TEMP TABLE flagged AS
    SELECT "user", min(day) AS day FROM (${daysAbove(`(FROM (${kept}) SEMI JOIN suspects USING ("user"))`)}) GROUP BY "user"`);
  const [{ n }] = await database.rows<{ n: number }>('SELECT CAST(count(*) AS DOUBLE) AS n FROM flagged');
  return n;
}
