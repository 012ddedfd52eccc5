/** Is this table fit to learn from? Rules of the spec, each with its limit, what was found, and the rows that break it. */
import { TradewindError } from '../contracts/errors.ts';
import { tableRulesSchema, type TableRules, type TableRulesInput } from '../contracts/table-rules.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import { withDatabase, type DataOptions } from './database.ts';
import { countBreaking, countBroken, rowRules, unknownColumn } from './row-rules.ts';
import {
  dayRules,
  driftRules,
  noiseWarnings,
  reportOf,
  rowsPerDay,
  type RowsPerDay,
  type RuleReport,
} from './rule-reports.ts';
import { count, counted } from './source-failures.ts';
import { tableDrift, type ColumnDrift } from './table-drift.ts';
import { profileTable, type ColumnProfile, type TableProfile } from './table-profile.ts';

export interface TableValidationReport {
  rows: number;
  rules: RuleReport[];
  /** Rows that break a failed rule on rows: what dropping them costs. */
  breakingRows: number;
  /** Worth a look, but no reason to stop. */
  warnings: string[];
  /** By column, against the reference; empty without one. */
  drift: ColumnDrift[];
  /** Where the rules name a column of times: days in UTC, `YYYY-MM-DD`. */
  rowsPerDay: RowsPerDay;
  profile: TableProfile;
}

/**
 * @param path - Parquet of `ingestTable`, or with the same types.
 * @param reference - profile of what the champion has learned from, for drift.
 * @returns a report also where rules are broken: see `brokenRules` of `data/rule-reports.ts`.
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
    const days = asked.perDay ? await rowsPerDay(database, path, asked.perDay.column) : [];
    const compared = reference
      ? await tableDrift(database, path, columns, reference, asked.drift?.columns)
      : { drift: [], warnings: asked.drift ? ['There is no reference yet: drift is not looked at.'] : [] };
    const reports: RuleReport[] = [
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
      ...dayRules(days, asked),
      ...driftRules(compared.drift, asked),
    ];
    return {
      rows,
      rules: reports,
      breakingRows: await countBreaking(database, path, found),
      warnings: [...profileWarnings(profile), ...compared.warnings, ...noiseWarnings(compared.drift, asked)],
      drift: compared.drift,
      rowsPerDay: days,
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

function kindRules(columns: readonly ColumnDefinition[], rules: TableRules): RuleReport[] {
  return columns.flatMap(({ name, kind }) => {
    const limit = rules.columns[name]?.kind;
    if (limit === undefined) return [];
    const says = 'be of that kind';
    return [{ rule: 'kind', column: name, says, limit, found: kind, passed: kind === limit, broken: null }];
  });
}

/** Each thing that looks wrong is told once, with all the columns it holds of: a wide table has hundreds alike. */
function profileWarnings({ rows, columns }: TableProfile): string[] {
  if (rows === 0) return [];
  const present = (column: ColumnProfile) => rows - column.missing;
  const told = (
    says: (column: ColumnProfile) => string,
    holds: (column: ColumnProfile) => boolean,
    so = 'So it is with',
  ) => {
    const [first, ...others] = columns.filter(holds);
    if (first === undefined) return [];
    const more = others.length === 0 ? '' : ` ${so} ${counted(others.length, 'more column')}${namesOf(others)}.`;
    return [`Column "${first.name}" ${says(first)}${more}`];
  };
  return [
    ...told(
      () => `has no value in any of ${counted(rows, 'row')}.`,
      (column) => present(column) === 0,
    ),
    ...told(
      ({ missing }) => `has no value in ${count(missing)} of ${counted(rows, 'row')}.`,
      (column) => present(column) > 0 && column.missing > rows / 2,
      'More than half is missing in',
    ),
    ...told(
      () => 'has one value alone: nothing can be learned from it.',
      (column) => column.distinct === 1 && present(column) > 1,
    ),
    ...told(
      () => 'has another value in nearly every row: is it an identifier?',
      (column) => column.kind === 'category' && present(column) > 100 && column.distinct > 0.9 * present(column),
    ),
  ];
}

const namesOf = (columns: readonly ColumnProfile[]) => {
  const named = columns.slice(0, 3).map(({ name }) => `"${name}"`);
  return columns.length > named.length ? `, such as ${named.join(', ')}` : `: ${named.join(', ')}`;
};
