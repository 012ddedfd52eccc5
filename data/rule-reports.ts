/** What was found of each rule, alike for tables and for events, and how people are told. */
import type { TableRules } from '../contracts/table-rules.ts';
import { identifier, literal, type Database } from './database.ts';
import type { BrokenRule, RowRuleName } from './row-rules.ts';
import { counted } from './source-failures.ts';
import type { ColumnDrift } from './table-drift.ts';

type DayRule = 'least' | 'most' | 'maxGapDays';
type DriftRule = 'maxPsi' | 'maxKs';

export interface RuleReport {
  /** Key of the rule in the spec's `validation`, without the column's. */
  rule: RowRuleName | 'minRows' | 'minDays' | 'kind' | DayRule | DriftRule;
  column?: string;
  /** Follows "must". */
  says: string;
  limit: number | string;
  /** A count, a share, a distance, an extreme or an example; null where there is none. */
  found: number | string | null;
  passed: boolean;
  /** Rows that break it; null for a rule on the whole, which dropping rows is no answer to. */
  broken: number | null;
  /** What to look at first, where that is known. */
  remedy?: string;
}

export function reportOf({
  rule: { rule, column, says, limit, remedy },
  broken,
  found,
  passed,
}: BrokenRule): RuleReport {
  return {
    rule,
    ...(column !== undefined && { column }),
    says,
    limit,
    found,
    passed,
    broken,
    ...(remedy !== undefined && { remedy }),
  };
}

/** In UTC, `YYYY-MM-DD`, ascending. */
export type RowsPerDay = { day: string; rows: number }[];

/** Days without a row are left out, and so are rows without a time. */
export async function rowsPerDay(database: Database, path: string, column: string): Promise<RowsPerDay> {
  const time = identifier(column);
  return database.rows(`
    SELECT strftime(day, '%Y-%m-%d') AS day, rows
    FROM (SELECT CAST(${time} AS DATE) AS day, CAST(count(*) AS DOUBLE) AS rows
          FROM read_parquet(${literal(path)}) WHERE ${time} IS NOT NULL GROUP BY day)
    ORDER BY day`);
}

export function dayRules(days: RowsPerDay, { perDay }: Pick<TableRules, 'perDay'>): RuleReport[] {
  if (perDay === undefined) return [];
  const { column, least, most, maxGapDays } = perDay;
  const reports: RuleReport[] = [];
  const add = (rule: 'least' | 'most' | 'maxGapDays', says: string, limit: number | undefined, found: number) => {
    if (limit === undefined) return;
    const passed = rule === 'least' ? found >= limit : found <= limit;
    reports.push({ rule, column, says, limit, found, passed, broken: null });
  };
  const rows = days.map((day) => day.rows);
  add(
    'least',
    'have at least that many rows on each day that has some',
    least,
    rows.reduce((a, b) => Math.min(a, b), rows[0] ?? 0),
  );
  add(
    'most',
    'have at most that many rows on each day',
    most,
    rows.reduce((a, b) => Math.max(a, b), 0),
  );
  const gaps = days.slice(1).map(({ day }, i) => dayNumber(day) - dayNumber(days[i].day) - 1);
  add(
    'maxGapDays',
    'have no longer run of days without a row',
    maxGapDays,
    gaps.reduce((a, b) => Math.max(a, b), 0),
  );
  return reports;
}

/** Days since 1970. */
export function dayNumber(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 86_400_000;
}

/** Limits without the columns that they are for. */
interface DriftRules {
  drift?: { maxPsi?: number | undefined; maxKs?: number | undefined } | undefined;
}

export function driftRules(drift: readonly ColumnDrift[], { drift: limits }: DriftRules): RuleReport[] {
  const reports: RuleReport[] = [];
  for (const { column, psi, ks } of drift) {
    for (const [rule, limit, distance, says] of [
      ['maxPsi', limits?.maxPsi, psi, "have at most that stability index against the champion's training data"],
      ['maxKs', limits?.maxKs, ks, "be at most at that distance from the champion's training data"],
    ] as const) {
      if (limit === undefined || distance === null) continue;
      reports.push({ rule, column, says, limit, found: distance.found, passed: distance.found <= limit, broken: null });
    }
  }
  return reports;
}

/** A limit below what chance alone does is a limit on the number of rows. */
export function noiseWarnings(drift: readonly ColumnDrift[], { drift: limits }: DriftRules): string[] {
  return drift.flatMap(({ column, psi, ks }) => [
    ...(limits?.maxPsi !== undefined && psi.noise > limits.maxPsi
      ? [`Column "${column}" has so few rows that its stability index may be ${shown(psi.noise)} by chance.`]
      : []),
    ...(limits?.maxKs !== undefined && ks !== null && ks.noise > limits.maxKs
      ? [`Column "${column}" has so few rows that its distance may be ${shown(ks.noise)} by chance.`]
      : []),
  ]);
}

/**
 * A sentence for each failed rule.
 * @param whole - what rules without a column are about.
 */
export function brokenRules(rules: readonly RuleReport[], whole: string): string[] {
  return rules
    .filter(({ passed }) => !passed)
    .map((rule) => {
      const subject = rule.column === undefined ? whole : `Column "${rule.column}"`;
      const remedy = rule.remedy === undefined ? '' : ` ${rule.remedy}`;
      return `${subject} must ${ruleOf(rule)}. Got ${foundOf(rule)}.${remedy}`;
    });
}

const dayRuleNames: readonly string[] = ['least', 'most', 'maxGapDays'];
const driftRuleNames: readonly string[] = ['maxPsi', 'maxKs'];

function ruleOf({ rule, column, says, limit }: RuleReport): string {
  const section = dayRuleNames.includes(rule) ? 'perDay.' : driftRuleNames.includes(rule) ? 'drift.' : '';
  const key = section !== '' || column === undefined ? `${section}${rule}` : `columns.${column}.${rule}`;
  return `${says} (validation.${key}: ${limit})`;
}

function foundOf({ found, broken }: RuleReport): string {
  const value = found === null ? 'none' : typeof found === 'number' ? shown(found) : JSON.stringify(found);
  return broken === null ? value : `${value} (${counted(broken, 'row')})`;
}

function shown(n: number): string {
  return String(Number(n.toPrecision(6)));
}
