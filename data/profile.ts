/** What a data set is like, in a page of numbers: for reports, and to compare one run's data with another's. */
import { literal, withDatabase, type DataOptions } from './database.ts';

export interface DataProfile {
  rows: number;
  users: number;
  items: number;
  /** Distinct user-item pairs. */
  pairs: number;
  /** Share of all possible user-item pairs that never happened, in [0, 1]. */
  sparsity: number;
  /** Share of purchases (user, item and basket; an event without a basket is one) of what the user had before, in [0, 1]. */
  repeatShare: number;
  /** Events of a user: median and 90th percentile. */
  eventsPerUser: { median: number; p90: number };
  /** Share of all rows that the most bought hundredth of the items has, in [0, 1]. */
  shareOfTopItems: number;
  rowsPerMonth: { month: string; rows: number; users: number }[];
  /** Most users first, then by id. */
  topItems: { item: string; title: string | null; users: number; rows: number }[];
}

/**
 * @param path - Parquet of `cleanInteractions`
 * @param itemsPath - Parquet of `ingestItems`, for titles
 */
export async function profileInteractions(
  path: string,
  itemsPath: string | undefined,
  options: DataOptions & { topItems?: number } = {},
): Promise<DataProfile> {
  return withDatabase(options, async (database) => {
    const table = `read_parquet(${literal(path)})`;
    await database.run(`CREATE TEMP TABLE pairs AS
      SELECT "user", item, count(*) AS rows, count(DISTINCT basket) + count(*) FILTER (basket IS NULL) AS purchases
      FROM ${table} GROUP BY "user", item`);
    await database.run(`CREATE TEMP TABLE per_item AS
      SELECT item, count(*) AS users, sum(rows) AS rows FROM pairs GROUP BY item`);
    const [totals] = await database.rows<Record<'rows' | 'users' | 'pairs' | 'purchases', number>>(`
      SELECT CAST(coalesce(sum(rows), 0) AS DOUBLE) AS rows, CAST(count(DISTINCT "user") AS DOUBLE) AS users,
        CAST(count(*) AS DOUBLE) AS pairs, CAST(coalesce(sum(purchases), 0) AS DOUBLE) AS purchases
      FROM pairs`);
    const [items] = await database.rows<Record<'items' | 'top', number>>(`
      SELECT CAST(count(*) AS DOUBLE) AS items,
        CAST(coalesce(sum(rows) FILTER (place <= ceil(total / 100)), 0) AS DOUBLE) AS top
      FROM (SELECT rows, row_number() OVER (ORDER BY rows DESC, item) AS place, count(*) OVER () AS total FROM per_item)`);
    const [eventsPerUser] = await database.rows<DataProfile['eventsPerUser']>(`
      SELECT CAST(coalesce(quantile_disc(n, 0.5), 0) AS DOUBLE) AS median, CAST(coalesce(quantile_disc(n, 0.9), 0) AS DOUBLE) AS p90
      FROM (SELECT sum(rows) AS n FROM pairs GROUP BY "user")`);
    const rowsPerMonth = await database.rows<DataProfile['rowsPerMonth'][number]>(`
      SELECT strftime(month, '%Y-%m') AS month, rows, users
      FROM (SELECT date_trunc('month', time) AS month, CAST(count(*) AS DOUBLE) AS rows,
              CAST(count(DISTINCT "user") AS DOUBLE) AS users FROM ${table} GROUP BY ALL)
      ORDER BY month`);
    const titles =
      itemsPath === undefined ? '(SELECT NULL AS item, NULL AS title)' : `read_parquet(${literal(itemsPath)})`;
    const topItems = await database.rows<DataProfile['topItems'][number]>(`
      SELECT item, CAST(title AS VARCHAR) AS title, CAST(users AS DOUBLE) AS users, CAST(rows AS DOUBLE) AS rows
      FROM (FROM per_item ORDER BY users DESC, item LIMIT ${Math.trunc(options.topItems ?? 10)}) AS top
      LEFT JOIN ${titles} AS titles USING (item)
      ORDER BY users DESC, item`);
    const cells = totals.users * items.items;
    return {
      rows: totals.rows,
      users: totals.users,
      items: items.items,
      pairs: totals.pairs,
      sparsity: cells === 0 ? 0 : 1 - totals.pairs / cells,
      repeatShare: totals.purchases === 0 ? 0 : 1 - totals.pairs / totals.purchases,
      eventsPerUser,
      shareOfTopItems: totals.rows === 0 ? 0 : items.top / totals.rows,
      rowsPerMonth,
      topItems,
    };
  });
}
