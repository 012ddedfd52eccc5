/** Are these events fit to learn from? Rules of the spec, each with its limit, what was found, and the rows that break it. */
import {
  comparedRoles,
  eventColumns,
  eventRulesSchema,
  type EventRules,
  type EventRulesInput,
} from '../contracts/event-rules.ts';
import { literal, withDatabase, type DataOptions } from './database.ts';
import { setRowsAside, type QuarantineResult } from './quarantine-rows.ts';
import { countBreaking, countBroken, rowRules, type RowRule } from './row-rules.ts';
import {
  dayNumber,
  dayRules,
  driftRules,
  noiseWarnings,
  reportOf,
  rowsPerDay,
  type RowsPerDay,
  type RuleReport,
} from './rule-reports.ts';
import { tableDrift, type ColumnDrift } from './table-drift.ts';
import { profileTable, type TableProfile } from './table-profile.ts';

export interface ValidationReport {
  rows: number;
  users: number;
  items: number;
  /** `YYYY-MM-DD`, UTC; null when no row has a time. */
  firstDay: string | null;
  lastDay: string | null;
  /** Rows without it, by column. */
  missing: Record<'user' | 'item' | 'time' | 'quantity' | 'value' | 'basket', number>;
  rules: RuleReport[];
  /** Rows that break a failed rule on rows: what dropping them costs. */
  breakingRows: number;
  /** Worth a look, but no reason to stop. */
  warnings: string[];
  rowsPerDay: RowsPerDay;
  /** By column, against the reference; empty without one. */
  drift: ColumnDrift[];
  /** Of items, times, quantities and values: what later events are compared with. */
  profile: TableProfile;
}

interface Totals {
  rows: number;
  users: number;
  items: number;
  firstDay: string | null;
  lastDay: string | null;
  user: number;
  item: number;
  time: number;
  quantity: number;
  value: number;
  basket: number;
  incomplete: number;
  notPositive: number;
  atMidnight: number;
}

const profiled = eventColumns.filter(({ name }) => (comparedRoles as readonly string[]).includes(name));

/**
 * @param path - Parquet of `ingestInteractions`
 * @param reference - profile of what the champion has learned from, for drift.
 * @returns a report also where rules are broken: see `brokenRules` of `data/rule-reports.ts`.
 * @throws TradewindError `SPEC_INVALID` for rules that a column cannot have.
 */
export async function validateInteractions(
  path: string,
  rules: EventRulesInput,
  reference?: TableProfile,
  options: DataOptions = {},
): Promise<ValidationReport> {
  const asked = eventRulesSchema.parse(rules);
  const onRows = eventRowRules(path, asked);
  return withDatabase(options, async (database) => {
    const table = `read_parquet(${literal(path)})`;
    const count = (filter: string, name: string) => `CAST(count(*) FILTER (${filter}) AS DOUBLE) AS ${name}`;
    const [totals] = await database.rows<Totals>(`
      SELECT CAST(count(*) AS DOUBLE) AS rows, CAST(count(DISTINCT "user") AS DOUBLE) AS users,
        CAST(count(DISTINCT item) AS DOUBLE) AS items,
        strftime(min(time), '%Y-%m-%d') AS "firstDay", strftime(max(time), '%Y-%m-%d') AS "lastDay",
        ${['user', 'item', 'time', 'quantity', 'value', 'basket'].map((c) => count(`"${c}" IS NULL`, `"${c}"`)).join(', ')},
        ${count(incomplete, 'incomplete')},
        ${count('quantity <= 0', '"notPositive"')},
        ${count(`time = date_trunc('day', time)`, '"atMidnight"')}
      FROM ${table}`);
    const [missing, share, ...others] = await countBroken(database, path, onRows);
    const days = await rowsPerDay(database, path, 'time');
    const { drift, warnings } = reference
      ? await tableDrift(database, path, profiled, reference, asked.drift?.columns)
      : { drift: [], warnings: [] };

    const { rows, users, items, firstDay, lastDay, user, item, time, quantity, value, basket } = totals;
    const span = firstDay === null || lastDay === null ? 0 : dayNumber(lastDay) - dayNumber(firstDay) + 1;
    return {
      rows,
      users,
      items,
      firstDay,
      lastDay,
      missing: { user, item, time, quantity, value, basket },
      rules: [
        atLeast('minRows', 'hold at least that many rows', asked.minRows, rows),
        reportOf(missing),
        atLeast('minDays', 'span at least that many days', asked.minDays, span),
        ...[share, ...others].map(reportOf),
        ...dayRules(days, { perDay: asked.perDay && { column: 'time', ...asked.perDay } }),
        ...driftRules(drift, asked),
      ],
      breakingRows: await countBreaking(database, path, [missing, share, ...others]),
      warnings: [...warningsAbout(totals, days, span), ...warnings, ...noiseWarnings(drift, asked)],
      rowsPerDay: days,
      drift,
      profile: await profileTable(database, path, profiled),
    };
  });
}

export interface EventQuarantine extends QuarantineResult {
  /** Of the rows that stay: `YYYY-MM-DD`, UTC; null when none has a time. */
  lastDay: string | null;
  profile: TableProfile;
}

/** As `quarantineRows`, for events: rows that break a failed rule, each with its reasons, and the others. */
export async function quarantineInteractions(
  path: string,
  rules: EventRulesInput,
  outPath: string,
  quarantinePath: string,
  options: DataOptions = {},
): Promise<EventQuarantine> {
  const onRows = eventRowRules(path, eventRulesSchema.parse(rules));
  const aside = await setRowsAside(path, onRows, outPath, quarantinePath, options);
  return withDatabase(options, async (database) => {
    const [{ lastDay }] = await database.rows<{ lastDay: string | null }>(
      `SELECT strftime(max(time), '%Y-%m-%d') AS "lastDay" FROM read_parquet(${literal(outPath)})`,
    );
    return { ...aside, lastDay, profile: await profileTable(database, outPath, profiled) };
  });
}

const incomplete = '"user" IS NULL OR item IS NULL OR time IS NULL';

/** First those that need no column to be named: of what is missing, and of the share of one user. */
function eventRowRules(path: string, { maxMissing, maxShareOfOneUser, columns }: EventRules): RowRule[] {
  return [
    {
      rule: 'maxMissing',
      says: 'miss user, item or time in at most that share of rows',
      limit: maxMissing,
      tolerance: maxMissing,
      broken: incomplete,
      found: () => 'NULL',
      remedy: 'Are the columns of data.interactions the right ones?',
    },
    {
      rule: 'maxShareOfOneUser',
      says: 'have at most that share of rows by one user',
      limit: maxShareOfOneUser,
      tolerance: 0,
      // Of a user above it all rows: which of them were too many cannot be told.
      broken: `"user" IN (SELECT "user" FROM shares_of_users WHERE share > CAST('${maxShareOfOneUser}' AS DOUBLE))`,
      found: () => '(SELECT coalesce(max(share), 0) FROM shares_of_users)',
      table: {
        name: 'shares_of_users',
        query: `SELECT "user", share FROM (SELECT "user", n / sum(n) OVER () AS share
          FROM (SELECT "user", CAST(count(*) AS DOUBLE) AS n FROM read_parquet(${literal(path)}) GROUP BY "user"))
          WHERE "user" IS NOT NULL`,
      },
      remedy: 'Is it a guest account or a crawler? Leave it out of the export.',
    },
    ...rowRules(path, eventColumns, { columns }),
  ];
}

const remedies = {
  minRows: 'Is the export complete, and does the path name all of its files?',
  minDays: 'Is the export complete, and is the time column the right one?',
} as const;

function atLeast(rule: keyof typeof remedies, says: string, limit: number, found: number): RuleReport {
  return { rule, says, limit, found, passed: found >= limit, broken: null, remedy: remedies[rule] };
}

function warningsAbout(totals: Totals, perDay: RowsPerDay, days: number): string[] {
  const warnings: string[] = [];
  const percent = (n: number) => `${((100 * n) / totals.rows).toFixed(1)} %`;
  const silent = days - perDay.length;
  if (silent > 0) warnings.push(`${silent} of ${days} days between the first and the last have no events.`);
  if (totals.incomplete > 0) {
    warnings.push(
      `${totals.incomplete} rows (${percent(totals.incomplete)}) miss user, item or time and will be dropped.`,
    );
  }
  if (totals.notPositive > 0) {
    warnings.push(`${totals.notPositive} rows (${percent(totals.notPositive)}) have a quantity of 0 or less.`);
  }
  if (totals.basket > 0 && totals.basket < totals.rows) {
    warnings.push(`${totals.basket} rows (${percent(totals.basket)}) have no basket; each counts as one of its own.`);
  }
  if (totals.rows > 0 && totals.atMidnight === totals.rows) {
    warnings.push('All times are whole days: the order of events within a day is not known.');
  }
  const typical = median(perDay.map(({ rows }) => rows));
  const last = perDay.at(-1);
  if (last && perDay.length >= 7 && last.rows < typical / 4) {
    warnings.push(`The last day, ${last.day}, has ${last.rows} rows where ${typical} are usual: it may be incomplete.`);
  }
  return warnings;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[sorted.length >> 1];
}
