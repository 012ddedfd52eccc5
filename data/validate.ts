/** Is this data fit to learn from? Rules of the spec, each with its limit and what was found. */
import { TradewindError } from '../contracts/errors.ts';
import type { PipelineSpec } from '../contracts/spec.ts';
import { literal, withDatabase, type DataOptions } from './database.ts';

export interface RuleReport {
  /** Key of `validation` in the spec. */
  rule: keyof PipelineSpec['validation'];
  /** Follows "must". */
  says: string;
  limit: number;
  found: number;
  passed: boolean;
}

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
  /** Worth a look, but no reason to stop. */
  warnings: string[];
  rowsPerDay: { day: string; rows: number }[];
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

/**
 * @param path - Parquet of `ingestInteractions`
 * @returns a report also when rules are broken: see `requireValid`.
 */
export async function validateInteractions(
  path: string,
  rules: PipelineSpec['validation'],
  options: DataOptions = {},
): Promise<ValidationReport> {
  return withDatabase(options, async (database) => {
    const table = `read_parquet(${literal(path)})`;
    const count = (filter: string, name: string) => `CAST(count(*) FILTER (${filter}) AS DOUBLE) AS ${name}`;
    const [totals] = await database.rows<Totals>(`
      SELECT CAST(count(*) AS DOUBLE) AS rows, CAST(count(DISTINCT "user") AS DOUBLE) AS users,
        CAST(count(DISTINCT item) AS DOUBLE) AS items,
        strftime(min(time), '%Y-%m-%d') AS "firstDay", strftime(max(time), '%Y-%m-%d') AS "lastDay",
        ${['user', 'item', 'time', 'quantity', 'value', 'basket'].map((c) => count(`"${c}" IS NULL`, `"${c}"`)).join(', ')},
        ${count('"user" IS NULL OR item IS NULL OR time IS NULL', 'incomplete')},
        ${count('quantity <= 0', '"notPositive"')},
        ${count(`time = date_trunc('day', time)`, '"atMidnight"')}
      FROM ${table}`);
    const [{ most }] = await database.rows<{ most: number | null }>(`
      SELECT CAST(max(n) AS DOUBLE) AS most
      FROM (SELECT count(*) AS n FROM ${table} WHERE "user" IS NOT NULL GROUP BY "user")`);
    const rowsPerDay = await database.rows<{ day: string; rows: number }>(`
      SELECT strftime(day, '%Y-%m-%d') AS day, rows
      FROM (SELECT CAST(time AS DATE) AS day, CAST(count(*) AS DOUBLE) AS rows FROM ${table} WHERE time IS NOT NULL GROUP BY day)
      ORDER BY day`);

    const { rows, users, items, firstDay, lastDay, user, item, time, quantity, value, basket } = totals;
    const share = (n: number) => (rows === 0 ? 0 : n / rows);
    const days = firstDay === null || lastDay === null ? 0 : dayNumber(lastDay) - dayNumber(firstDay) + 1;
    return {
      rows,
      users,
      items,
      firstDay,
      lastDay,
      missing: { user, item, time, quantity, value, basket },
      rules: [
        atLeast('minRows', 'hold at least that many rows', rules.minRows, rows),
        atMost(
          'maxMissing',
          'miss user, item or time in at most that share of rows',
          rules.maxMissing,
          share(totals.incomplete),
        ),
        atLeast('minDays', 'span at least that many days', rules.minDays, days),
        atMost(
          'maxShareOfOneUser',
          'have at most that share of rows by one user',
          rules.maxShareOfOneUser,
          share(most ?? 0),
        ),
      ],
      warnings: warningsAbout(totals, rowsPerDay, days),
      rowsPerDay,
    };
  });
}

const remedies: Record<RuleReport['rule'], string> = {
  minRows: 'Is the export complete, and does the path name all of its files?',
  maxMissing: 'Are the columns of data.interactions the right ones?',
  minDays: 'Is the export complete, and is the time column the right one?',
  maxShareOfOneUser: 'Is it a guest account or a crawler? Leave it out of the export.',
};

/**
 * @param subject - what the report is about, e.g. the data set's name.
 * @throws TradewindError `VALIDATION_FAILED` that names each broken rule with its limit, what was found and the remedy.
 */
export function requireValid(report: ValidationReport, subject: string): void {
  const broken = report.rules.filter(({ passed }) => !passed);
  if (broken.length === 0) return;
  const [first, ...others] = broken.map(({ rule, says, limit, found }) => ({
    rule: `${says} (validation.${rule}: ${limit})`,
    found: String(Number(found.toPrecision(6))),
    remedy: remedies[rule],
  }));
  const also = others.map(({ rule, found, remedy }) => `It must also ${rule}. Got ${found}. ${remedy} `).join('');
  throw new TradewindError('VALIDATION_FAILED', {
    subject: `The data ${subject}`,
    rule: first.rule,
    value: first.found,
    remedy: `${first.remedy} ${also}If the data is right as it is, change the limit in the spec.`,
  });
}

function atLeast(rule: RuleReport['rule'], says: string, limit: number, found: number): RuleReport {
  return { rule, says, limit, found, passed: found >= limit };
}

function atMost(rule: RuleReport['rule'], says: string, limit: number, found: number): RuleReport {
  return { rule, says, limit, found, passed: found <= limit };
}

function warningsAbout(totals: Totals, rowsPerDay: ValidationReport['rowsPerDay'], days: number): string[] {
  const warnings: string[] = [];
  const percent = (n: number) => `${((100 * n) / totals.rows).toFixed(1)} %`;
  const silent = days - rowsPerDay.length;
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
  const typical = median(rowsPerDay.map(({ rows }) => rows));
  const last = rowsPerDay.at(-1);
  if (last && rowsPerDay.length >= 7 && last.rows < typical / 4) {
    warnings.push(`The last day, ${last.day}, has ${last.rows} rows where ${typical} are usual: it may be incomplete.`);
  }
  return warnings;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[sorted.length >> 1];
}

function dayNumber(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 86_400_000;
}
