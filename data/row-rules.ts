/** Rules on single rows as SQL: which rows break them. */
import { TradewindError } from '../contracts/errors.ts';
import { nearest } from '../contracts/nearest.ts';
import type { ColumnRules, TableRules } from '../contracts/table-rules.ts';
import type { ColumnDefinition, ColumnKind } from '../contracts/tables.ts';
import { identifier, literal, type Database } from './database.ts';

export type RowRuleName = 'min' | 'max' | 'allowed' | 'pattern' | 'unique' | 'maxMissing' | 'maxShareOfOneUser';

export interface RowRule {
  rule: RowRuleName;
  /** Left out where a rule is about several. */
  column?: string;
  /** Follows "must". */
  says: string;
  /** As a person writes it. */
  limit: number | string;
  /** Largest share of rows that may break it; 0 for all but `maxMissing`. */
  tolerance: number;
  /** SQL that is true of a row that breaks it; rows have their number as `file_row_number`. */
  broken: string;
  /** @returns SQL of an aggregate: the extreme, or the first of those where `b` is true, in alphabetical order. */
  found: (b: string) => string;
  /** Table that must be made first; of rules that compare rows with others. */
  table?: { name: string; query: string };
  /** What to look at first where it is broken. */
  remedy?: string;
}

/**
 * @param path - Parquet with `columns`.
 * @throws TradewindError `COLUMN_MISSING` for a rule of a column that is not there, `SPEC_INVALID` for one that its kind
 * cannot have.
 */
export function rowRules(
  path: string,
  columns: readonly ColumnDefinition[],
  { columns: rules }: Pick<TableRules, 'columns'>,
): RowRule[] {
  const kinds = new Map(columns.map(({ name, kind }) => [name, kind]));
  return Object.entries(rules).flatMap(([column, asked], index) => {
    const kind = kinds.get(column);
    if (kind === undefined) throw unknownColumn(column, `validation.columns.${column}`, [...kinds.keys()]);
    return rulesOf(path, column, kind, asked, index);
  });
}

export function unknownColumn(column: string, key: string, names: readonly string[]): TradewindError {
  const near = nearest(column, names);
  return new TradewindError('COLUMN_MISSING', {
    subject: `Column "${column}", named as ${key},`,
    rule: 'be in the table',
    value: `the columns ${names.slice(0, 40).join(', ')}${names.length > 40 ? `, and ${names.length - 40} more` : ''}`,
    remedy: `${near === undefined ? '' : `Did you mean "${near}"? `}Correct the name in the spec.`,
  });
}

function rulesOf(path: string, column: string, kind: ColumnKind, asked: ColumnRules, index: number): RowRule[] {
  const rules: RowRule[] = [];
  const x = valueOf(column, kind);
  const refuse = (rule: string, needs: string): never => {
    throw new TradewindError('SPEC_INVALID', {
      subject: `validation.columns.${column}.${rule}`,
      rule: `be about ${needs}`,
      value: `a column of the kind ${kind}`,
      remedy: 'Take the rule out, or declare the column as another kind.',
    });
  };
  const example = (b: string) => `min(CAST(${x} AS VARCHAR)) FILTER (${b})`;
  const add = (rule: RowRuleName, says: string, limit: number | string, broken: string, found = example) => {
    rules.push({ rule, column, says, limit, tolerance: 0, broken, found });
  };
  for (const [rule, sign, says] of [
    ['min', '<', 'not be below that'],
    ['max', '>', 'not be above that'],
  ] as const) {
    const limit = asked[rule];
    if (limit === undefined) continue;
    const isNumber = typeof limit === 'number';
    if (kind !== (isNumber ? 'number' : 'time')) refuse(rule, isNumber ? 'numbers' : 'times');
    const extreme = () => (isNumber ? `${rule}(${x})` : `CAST(${rule}(${x}) AS VARCHAR)`);
    add(rule, says, limit, `${x} ${sign} ${isNumber ? numberOf(limit) : momentOf(limit)}`, extreme);
  }
  if (asked.allowed) {
    const values = asked.allowed.map(
      (value) => allowedValue(value, kind) ?? refuse('allowed', `a column of such values`),
    );
    add('allowed', 'be one of those', asked.allowed.join(', '), `${x} NOT IN (${values.join(', ')})`);
  }
  if (asked.pattern !== undefined) {
    if (kind !== 'category' && kind !== 'text') refuse('pattern', 'categories or texts');
    add('pattern', 'match that', asked.pattern, `NOT regexp_full_match(${x}, ${literal(asked.pattern)})`);
  }
  if (asked.unique) {
    const name = `duplicates_${index}`;
    const source = `(SELECT ${x} AS x, file_row_number AS row FROM read_parquet(${literal(path)}, file_row_number = true))`;
    // The first row with a value keeps it; few values come twice, so few rows are joined.
    const query = `SELECT row FROM ${source} JOIN (SELECT x, min(row) AS first FROM ${source}
      WHERE x IS NOT NULL GROUP BY x HAVING count(*) > 1) USING (x) WHERE row > first`;
    rules.push({
      rule: 'unique',
      column,
      says: 'not come twice',
      limit: 'true',
      tolerance: 0,
      broken: `file_row_number IN (SELECT row FROM ${name})`,
      found: example,
      table: { name, query },
    });
  }
  if (asked.maxMissing !== undefined) {
    rules.push({
      rule: 'maxMissing',
      column,
      says: 'be missing in at most that share of rows',
      limit: asked.maxMissing,
      tolerance: asked.maxMissing,
      broken: `${x} IS NULL`,
      found: () => 'NULL',
    });
  }
  return rules;
}

/** SQL of a value, NULL where it is missing: also `''` and NaN. */
function valueOf(column: string, kind: ColumnKind): string {
  const x = identifier(column);
  if (kind === 'number') return `CASE WHEN isnan(${x}) THEN NULL ELSE ${x} END`;
  return kind === 'category' || kind === 'text' ? `nullif(${x}, '')` : x;
}

function numberOf(value: number): string {
  return `CAST('${value}' AS DOUBLE)`;
}

function momentOf(text: string): string {
  return `CAST(CAST(${literal(text)} AS TIMESTAMPTZ) AS TIMESTAMP)`;
}

function allowedValue(value: number | boolean | string, kind: ColumnKind): string | null {
  switch (kind) {
    case 'number':
      return typeof value === 'number' ? numberOf(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? String(value) : null;
    case 'time':
      return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? momentOf(value) : null;
    case 'category':
    case 'text':
      return literal(String(value));
  }
}

export interface BrokenRule {
  rule: RowRule;
  /** Rows that break it. */
  broken: number;
  /** A share for `maxMissing`; null where no row breaks it and there is no extreme. */
  found: number | string | null;
  passed: boolean;
}

/** Leaves the tables that the rules look into behind. */
export async function countBroken(database: Database, path: string, rules: readonly RowRule[]): Promise<BrokenRule[]> {
  if (rules.length === 0) return [];
  await prepareRules(database, rules);
  const columns = [...new Set(rules.flatMap(({ column }) => column ?? []))].map(identifier);
  const marks = rules.map(({ broken }, i) => `(${broken}) AS b${i}`);
  const counts = rules.map(
    ({ found }, i) => `CAST(count(*) FILTER (b${i}) AS DOUBLE) AS broken${i}, ${found(`b${i}`)} AS found${i}`,
  );
  const [totals] = await database.rows<Record<string, number | string | null>>(
    `SELECT CAST(count(*) AS DOUBLE) AS rows, ${counts.join(', ')}
     FROM (SELECT ${[...columns, ...marks].join(', ')} FROM read_parquet(${literal(path)}, file_row_number = true))`,
  );
  const rows = totals['rows'] as number;
  return rules.map((rule, i) => {
    const broken = totals[`broken${i}`] as number;
    const share = rows === 0 ? 0 : broken / rows;
    const found = rule.rule === 'maxMissing' ? share : totals[`found${i}`];
    return { rule, broken, found, passed: share <= rule.tolerance };
  });
}

async function prepareRules(database: Database, rules: readonly RowRule[]): Promise<void> {
  for (const { rule, column, limit, table } of rules) {
    if (table) await database.run(`CREATE OR REPLACE TEMP TABLE ${table.name} AS ${table.query}`);
    if (rule === 'pattern') await requirePattern(database, column!, String(limit));
  }
}

/** SQL that is true of rows that break one of the rules, which have been prepared. */
export function breakingOneOf(rules: readonly RowRule[]): string {
  return ['false', ...rules.map(({ broken }) => `coalesce(${broken}, false)`)].join(' OR ');
}

/** Rows that break one of the failed rules, which `countBroken` has prepared. */
export async function countBreaking(database: Database, path: string, found: readonly BrokenRule[]): Promise<number> {
  const failed = found.flatMap(({ rule, passed }) => (passed ? [] : [rule]));
  if (failed.length === 0) return 0;
  const [{ n }] = await database.rows<{ n: number }>(
    `SELECT CAST(count(*) AS DOUBLE) AS n FROM read_parquet(${literal(path)}, file_row_number = true)
     WHERE ${breakingOneOf(failed)}`,
  );
  return n;
}

async function requirePattern(database: Database, column: string, pattern: string): Promise<void> {
  try {
    await database.rows(`SELECT regexp_full_match('', ${literal(pattern)}) AS fits`);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid Input Error: /, '').split('\n')[0];
    throw new TradewindError(
      'SPEC_INVALID',
      {
        subject: `validation.columns.${column}.pattern`,
        rule: 'be a regular expression of RE2, which has no look-around and no back-references',
        value: reason,
        remedy: 'Correct it; github.com/google/re2/wiki/Syntax lists what there is.',
      },
      { cause: error },
    );
  }
}
