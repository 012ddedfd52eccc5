/** How far a column is from what a profile says of it: the same for a later table and for what is asked of a model. */
import type { ColumnDefinition } from '../contracts/tables.ts';
import { literal, type Database } from './database.ts';
import { binnedKolmogorovSmirnov, coarseBins, groupedCounts, stabilityIndex, type Distance } from './drift.ts';
import { countInBins, labelOf, measuresIn, type ColumnProfile, type TableProfile } from './table-profile.ts';

export interface ColumnDrift {
  column: string;
  /**
   * Population stability index over groups of about a tenth of the reference's rows, or over its most frequent values
   * and all others; missing values are one more.
   */
  psi: Distance;
  /** Kolmogorov-Smirnov distance of numbers, times and lengths of texts, missing ones left out; else null. */
  ks: Distance | null;
  /** Shares of rows without a value. */
  missing: { reference: number; current: number };
  /** Share of rows with a value that is not among the reference's most frequent ones; only of categories. */
  unseen?: { reference: number; current: number };
}

/** What there is of a column now: in the bins of the reference's profile, or by value. */
export type ColumnCounts =
  | { missing: number; /** `data/drift.ts`, `binCounts`. */ counts: readonly number[] }
  | { missing: number; values: ReadonlyMap<string, number> };

/** @throws RangeError where the counts are not in the bins of this reference. */
export function columnDrift(reference: ColumnProfile, current: ColumnCounts): ColumnDrift {
  const column = reference.name;
  if ('bins' in reference) {
    if (!('counts' in current)) throw new RangeError(`Column "${column}" must be counted in bins.`);
    const groups = coarseBins(reference.bins.counts);
    const of = (counts: readonly number[], missing: number) => [...groupedCounts(counts, groups), missing];
    return {
      column,
      psi: stabilityIndex(of(reference.bins.counts, reference.missing), of(current.counts, current.missing)),
      ks: binnedKolmogorovSmirnov(reference.bins.counts, current.counts),
      missing: {
        reference: share(reference.missing, sum(reference.bins.counts) + reference.missing),
        current: share(current.missing, sum(current.counts) + current.missing),
      },
    };
  }
  if (!('values' in current)) throw new RangeError(`Column "${column}" must be counted by value.`);
  const before = reference.top.map(({ rows }) => rows);
  const now = reference.top.map(({ value }) => current.values.get(value) ?? 0);
  const others = sum([...current.values.values()]) - sum(now);
  const rows = { reference: sum(before) + reference.others, current: sum(now) + others };
  return {
    column,
    psi: stabilityIndex([...before, reference.others, reference.missing], [...now, others, current.missing]),
    ks: null,
    missing: {
      reference: share(reference.missing, rows.reference + reference.missing),
      current: share(current.missing, rows.current + current.missing),
    },
    unseen: { reference: share(reference.others, rows.reference), current: share(others, rows.current) },
  };
}

/** Of every column that the reference knows as of the same kind, times left out unless they are asked for. */
export async function tableDrift(
  database: Database,
  path: string,
  columns: readonly ColumnDefinition[],
  reference: TableProfile,
  asked?: readonly string[],
): Promise<{ drift: ColumnDrift[]; warnings: string[] }> {
  const drift: ColumnDrift[] = [];
  const warnings: string[] = [];
  const known = new Map(reference.columns.map((column) => [column.name, column]));
  for (const column of columns) {
    if (asked ? !asked.includes(column.name) : column.kind === 'time') continue;
    const profile = known.get(column.name);
    if (profile?.kind === column.kind)
      drift.push(columnDrift(profile, await countsOf(database, path, column, profile)));
    else {
      const why = profile === undefined ? 'the reference does not have it' : `it was of the kind ${profile.kind} there`;
      warnings.push(`Drift of column "${column.name}" cannot be told: ${why}.`);
    }
  }
  return { drift, warnings };
}

async function countsOf(
  database: Database,
  path: string,
  column: ColumnDefinition,
  reference: ColumnProfile,
): Promise<ColumnCounts> {
  const [{ rows }] = await database.rows<{ rows: number }>(
    `SELECT CAST(count(*) AS DOUBLE) AS rows FROM read_parquet(${literal(path)})`,
  );
  if ('bins' in reference) {
    const counts = await countInBins(database, measuresIn(path, column), reference.bins.edges);
    return { missing: rows - sum(counts), counts };
  }
  const label = labelOf(column.name);
  const top = reference.top.map(({ value }) => literal(value));
  const known = top.length === 0 ? 'NULL' : `CASE WHEN value IN (${top.join(', ')}) THEN value END`;
  const found = await database.rows<{ known: string | null; present: boolean; n: number }>(
    `SELECT ${known} AS known, value IS NOT NULL AS present, CAST(count(*) AS DOUBLE) AS n
     FROM (SELECT ${label} AS value FROM read_parquet(${literal(path)})) GROUP BY ALL`,
  );
  const values = new Map<string, number>();
  let missing = 0;
  for (const { known: value, present, n } of found) {
    if (value !== null) values.set(value, n);
    else if (present) values.set(othersKey(reference), n);
    else missing = n;
  }
  return { missing, values };
}

/** All values that are not among the most frequent ones, under a name that none of these has. */
function othersKey(reference: ColumnProfile): string {
  const taken = 'top' in reference ? new Set(reference.top.map(({ value }) => value)) : new Set<string>();
  let key = '';
  while (taken.has(key)) key += ' ';
  return key;
}

function share(part: number, all: number): number {
  return all === 0 ? 0 : part / all;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, n) => total + n, 0);
}
