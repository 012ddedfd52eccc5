/** Is this table fit to learn from? Rules of the spec, each with its limit, what was found, and the rows that break it. */
import { TradewindError } from '../contracts/errors.ts';
import { tableRulesSchema, type TableRules, type TableRulesInput } from '../contracts/table-rules.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import { identifier, literal, withDatabase, type Database, type DataOptions } from './database.ts';
import {
  breakingOneOf,
  countBroken,
  rowRules,
  unknownColumn,
  type BrokenRule,
  type RowRule,
  type RowRuleName,
} from './row-rules.ts';
import { count, counted } from './source-failures.ts';
import { tableDrift, type ColumnDrift } from './table-drift.ts';
import { profileTable, type TableProfile } from './table-profile.ts';

export interface TableRuleReport {
  /** Key of the rule in the spec's `validation`, without the column's. */
  rule: RowRuleName | 'minRows' | 'kind' | 'least' | 'most' | 'maxGapDays' | 'maxPsi' | 'maxKs';
  column?: string;
  /** Follows "must". */
  says: string;
  limit: number | string;
  /** A count, a share, a distance, an extreme or an example; null where there is none. */
  found: number | string | null;
  passed: boolean;
  /** Rows that break it; null for a rule on the whole table, which dropping rows is no answer to. */
  broken: number | null;
}

export interface TableValidationReport {
  rows: number;
  rules: TableRuleReport[];
  /** Rows that break a failed rule on rows: what dropping them costs. */
  breakingRows: number;
  /** Worth a look, but no reason to stop. */
  warnings: string[];
  /** By column, against the reference; empty without one. */
  drift: ColumnDrift[];
  /** Where the rules name a column of times: days in UTC, `YYYY-MM-DD`. */
  rowsPerDay: { day: string; rows: number }[];
  profile: TableProfile;
}

/**
 * @param path - Parquet of `ingestTable`, or with the same types.
 * @param reference - profile of what the champion has learned from, for drift.
 * @returns a report also where rules are broken: see `brokenRules` and `requireValidTable`.
 * @throws TradewindError `COLUMN_MISSING`, `SPEC_INVALID` for rules that the columns cannot have.
 */
export async function validateTable(
  path: string,
  columns: readonly ColumnDefinition[],
  rules: TableRulesInput,
  reference?: TableProfile,
  options: DataOptions = {},
): Promise<TableValidationReport> {
  const asked = tableRulesSchema.parse(rules);
  const onRows = rowRules(path, columns, asked);
  requireColumns(columns, asked);
  return withDatabase(options, async (database) => {
    const profile = await profileTable(database, path, columns);
    const { rows } = profile;
    const found = await countBroken(database, path, onRows);
    const rowsPerDay = await daysOf(database, path, asked);
    const compared = reference
      ? await tableDrift(database, path, columns, reference, asked.drift?.columns)
      : { drift: [], warnings: asked.drift ? ['There is no reference yet: drift is not looked at.'] : [] };
    const reports: TableRuleReport[] = [
      {
        rule: 'minRows',
        says: 'hold at least that many rows',
        limit: asked.minRows,
        found: rows,
        passed: rows >= asked.minRows,
        broken: null,
      },
      ...kindRules(columns, asked),
      ...found.map(reportOf),
      ...dayRules(rowsPerDay, asked),
      ...driftRules(compared.drift, asked),
    ];
    const failed = found.filter(({ passed }) => !passed);
    return {
      rows,
      rules: reports,
      breakingRows:
        failed.length === 0
          ? 0
          : await countBreaking(
              database,
              path,
              failed.map(({ rule }) => rule),
            ),
      warnings: [...profileWarnings(profile), ...compared.warnings, ...noiseWarnings(compared.drift, asked)],
      drift: compared.drift,
      rowsPerDay,
      profile,
    };
  });
}

function requireColumns(columns: readonly ColumnDefinition[], { perDay, drift }: TableRules): void {
  const names = columns.map(({ name }) => name);
  for (const name of drift?.columns ?? []) {
    if (!names.includes(name)) throw unknownColumn(name, 'validation.drift.columns', names);
  }
  if (perDay === undefined) return;
  const column = columns.find(({ name }) => name === perDay.column);
  if (column === undefined) throw unknownColumn(perDay.column, 'validation.perDay.column', names);
  if (column.kind === 'time') return;
  throw new TradewindError('SPEC_INVALID', {
    subject: 'validation.perDay.column',
    rule: 'name a column of times',
    value: `"${column.name}", of the kind ${column.kind}`,
    remedy: 'Name another column, or declare it as a time.',
  });
}

function reportOf({ rule, broken, found, passed }: BrokenRule): TableRuleReport {
  return { rule: rule.rule, column: rule.column, says: rule.says, limit: rule.limit, found, passed, broken };
}

async function countBreaking(database: Database, path: string, failed: readonly RowRule[]): Promise<number> {
  const [{ n }] = await database.rows<{ n: number }>(
    `SELECT CAST(count(*) AS DOUBLE) AS n FROM read_parquet(${literal(path)}, file_row_number = true)
     WHERE ${breakingOneOf(failed)}`,
  );
  return n;
}

function kindRules(columns: readonly ColumnDefinition[], rules: TableRules): TableRuleReport[] {
  return columns.flatMap(({ name, kind }) => {
    const limit = rules.columns[name]?.kind;
    if (limit === undefined) return [];
    const says = 'be of that kind';
    return [{ rule: 'kind', column: name, says, limit, found: kind, passed: kind === limit, broken: null }];
  });
}

async function daysOf(
  database: Database,
  path: string,
  { perDay }: TableRules,
): Promise<TableValidationReport['rowsPerDay']> {
  if (perDay === undefined) return [];
  const time = identifier(perDay.column);
  return database.rows(`
    SELECT strftime(day, '%Y-%m-%d') AS day, rows
    FROM (SELECT CAST(${time} AS DATE) AS day, CAST(count(*) AS DOUBLE) AS rows
          FROM read_parquet(${literal(path)}) WHERE ${time} IS NOT NULL GROUP BY day)
    ORDER BY day`);
}

function dayRules(days: TableValidationReport['rowsPerDay'], { perDay }: TableRules): TableRuleReport[] {
  if (perDay === undefined) return [];
  const { column, least, most, maxGapDays } = perDay;
  const reports: TableRuleReport[] = [];
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

function dayNumber(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 86_400_000;
}

function driftRules(drift: readonly ColumnDrift[], { drift: limits }: TableRules): TableRuleReport[] {
  const reports: TableRuleReport[] = [];
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
function noiseWarnings(drift: readonly ColumnDrift[], { drift: limits }: TableRules): string[] {
  return drift.flatMap(({ column, psi, ks }) => [
    ...(limits?.maxPsi !== undefined && psi.noise > limits.maxPsi
      ? [`Column "${column}" has so few rows that its stability index may be ${shown(psi.noise)} by chance.`]
      : []),
    ...(limits?.maxKs !== undefined && ks !== null && ks.noise > limits.maxKs
      ? [`Column "${column}" has so few rows that its distance may be ${shown(ks.noise)} by chance.`]
      : []),
  ]);
}

function profileWarnings({ rows, columns }: TableProfile): string[] {
  if (rows === 0) return [];
  return columns.flatMap((column) => {
    const { name, kind, missing, distinct } = column;
    const present = rows - missing;
    if (present === 0) return [`Column "${name}" has no value in any of ${counted(rows, 'row')}.`];
    const warnings: string[] = [];
    if (missing > rows / 2)
      warnings.push(`Column "${name}" has no value in ${count(missing)} of ${counted(rows, 'row')}.`);
    if (distinct === 1 && present > 1)
      warnings.push(`Column "${name}" has one value alone: nothing can be learned from it.`);
    if (kind === 'category' && present > 100 && distinct > 0.9 * present) {
      warnings.push(`Column "${name}" has another value in nearly every row: is it an identifier?`);
    }
    return warnings;
  });
}

/** A sentence for each failed rule. */
export function brokenRules({ rules }: TableValidationReport): string[] {
  return rules
    .filter(({ passed }) => !passed)
    .map((rule) => `${subjectOf(rule)} must ${ruleOf(rule)}. Got ${foundOf(rule)}.`);
}

/**
 * @param subject - what the report is about, e.g. the data set's name.
 * @throws TradewindError `VALIDATION_FAILED` that names each failed rule with its limit and what was found.
 */
export function requireValidTable(report: TableValidationReport, subject: string): void {
  const [first, ...others] = report.rules.filter(({ passed }) => !passed);
  if (first === undefined) return;
  const also = others.map((rule) => `${subjectOf(rule)} must also ${ruleOf(rule)}. Got ${foundOf(rule)}. `).join('');
  const of = first.column === undefined ? '' : `column "${first.column}" of `;
  throw new TradewindError('VALIDATION_FAILED', {
    subject: `${of === '' ? 'The' : `${of.charAt(0).toUpperCase()}${of.slice(1)}the`} data ${subject}`,
    rule: ruleOf(first),
    value: foundOf(first),
    remedy: `${also}Look at the data first; if it is right as it is, change the limit in the spec.`,
  });
}

function subjectOf({ column }: TableRuleReport): string {
  return column === undefined ? 'The table' : `Column "${column}"`;
}

const dayRuleNames: readonly string[] = ['least', 'most', 'maxGapDays'];
const driftRuleNames: readonly string[] = ['maxPsi', 'maxKs'];

function ruleOf({ rule, column, says, limit }: TableRuleReport): string {
  const section = dayRuleNames.includes(rule) ? 'perDay.' : driftRuleNames.includes(rule) ? 'drift.' : '';
  const key = section !== '' || column === undefined ? `${section}${rule}` : `columns.${column}.${rule}`;
  return `${says} (validation.${key}: ${limit})`;
}

function foundOf({ found, broken }: TableRuleReport): string {
  const value = found === null ? 'none' : typeof found === 'number' ? shown(found) : JSON.stringify(found);
  return broken === null ? value : `${value} (${counted(broken, 'row')})`;
}

function shown(n: number): string {
  return String(Number(n.toPrecision(6)));
}
