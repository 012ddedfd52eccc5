/** What each column of a table is like: for reports, and as the reference that later data is compared with. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { canonicalJson, sha256 } from '../contracts/canonical.ts';
import { TradewindError } from '../contracts/errors.ts';
import { columnKinds, type ColumnDefinition, type ColumnKind } from '../contracts/tables.ts';
import { identifier, literal, withDatabase, type Database, type DataOptions } from './database.ts';

const count = z.int().min(0);
const common = { name: z.string(), kind: z.enum(columnKinds), missing: count, distinct: count };

/** Bins of `data/drift.ts`: (−∞, edges[0]], …, (edges[n−1], ∞). */
const binsSchema = z.object({ edges: z.array(z.number()), counts: z.array(count) });

const columnSchema = z.union([
  z.object({
    ...common,
    kind: z.enum(['number', 'time', 'text']),
    /** Of numbers as float32; of times in seconds since 1970; of texts their lengths in characters. */
    bins: binsSchema,
    /** Null without any value. */
    numbers: z
      .object({
        least: z.number(),
        most: z.number(),
        mean: z.number(),
        deviation: z.number(),
        /** At 1, 5, 25, 50, 75, 95 and 99 %: of at most 250,000 rows. */
        quantiles: z.array(z.number()),
      })
      .nullable(),
  }),
  z.object({
    ...common,
    kind: z.enum(['category', 'boolean']),
    /** Most rows first, then by UTF-8 bytes. */
    top: z.array(z.object({ value: z.string(), rows: count })),
    /** Rows with values that are not among them. */
    others: count,
  }),
]);

const profileSchema = z.object({
  format: z.literal('tradewind-table-profile/1'),
  rows: count,
  columns: z.array(columnSchema),
});

/** `distinct` is exact for categories and booleans, for others within a few percent (HyperLogLog). */
export type ColumnProfile = z.output<typeof columnSchema>;
export type NumericProfile = Extract<ColumnProfile, { bins: unknown }>;
export type CategoricalProfile = Extract<ColumnProfile, { top: unknown }>;
export type TableProfile = z.output<typeof profileSchema>;

export const profileQuantiles = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;
/** Of as many rows each, where values differ: what is drawn, and what the Kolmogorov-Smirnov distance is exact to. */
const bins = 200;
const topValues = 100;
/** Edges and quantiles are those of at most so many rows; counts are of all. */
const sampledRows = 250_000;

/**
 * The same table gives the same profile, and so the same JSON.
 * @param path - Parquet of `ingestTable`, or with the same types.
 */
export async function tableProfile(
  path: string,
  columns: readonly ColumnDefinition[],
  options: DataOptions = {},
): Promise<TableProfile> {
  return withDatabase(options, (database) => profileTable(database, path, columns));
}

export async function profileTable(
  database: Database,
  path: string,
  columns: readonly ColumnDefinition[],
): Promise<TableProfile> {
  const [{ rows }] = await database.rows<{ rows: number }>(
    `SELECT CAST(count(*) AS DOUBLE) AS rows FROM read_parquet(${literal(path)})`,
  );
  const totals = await totalsOf(database, path, columns);
  const profiles: ColumnProfile[] = [];
  // One after another: what a column needs in memory is bounded, what all need is not.
  for (const column of columns) {
    profiles.push(
      column.kind === 'category' || column.kind === 'boolean'
        ? await profileValues(database, path, column)
        : await profileNumbers(database, path, column, rows, totals.get(column.name)!),
    );
  }
  return { format: 'tradewind-table-profile/1', rows, columns: profiles };
}

/** What a column is measured by, as DOUBLE; null where it is missing. */
function measureOf(kind: ColumnKind, column: string): string {
  const x = identifier(column);
  if (kind === 'time') return `epoch(${x})`;
  if (kind === 'text') return `CAST(length(nullif(${x}, '')) AS DOUBLE)`;
  return `CASE WHEN isfinite(${x}) THEN CAST(CAST(${x} AS FLOAT) AS DOUBLE) END`;
}

/** What a category or boolean is, as text; null where it is missing. */
export function labelOf(column: string): string {
  return `nullif(CAST(${identifier(column)} AS VARCHAR), '')`;
}

interface Totals {
  values: number;
  distinct: number;
  least: number;
  most: number;
  mean: number;
  deviation: number;
}

/** By name, of what is measured in numbers. */
async function totalsOf(
  database: Database,
  path: string,
  columns: readonly ColumnDefinition[],
): Promise<Map<string, Totals>> {
  const measured = columns.filter(({ kind }) => kind !== 'category' && kind !== 'boolean');
  if (measured.length === 0) return new Map();
  const xs = measured.map(({ name, kind }, i) => `${measureOf(kind, name)} AS x${i}`);
  const sums = measured.map(
    (_, i) => `CAST(count(x${i}) AS DOUBLE) AS values${i}, CAST(approx_count_distinct(x${i}) AS DOUBLE) AS distinct${i},
      min(x${i}) AS least${i}, max(x${i}) AS most${i}, avg(x${i}) AS mean${i}, stddev_pop(x${i}) AS deviation${i}`,
  );
  const [{ threads }] = await database.rows<{ threads: number }>(
    `SELECT CAST(current_setting('threads') AS DOUBLE) AS threads`,
  );
  // The sum of doubles depends on their order: one thread adds them up in that of the file.
  await database.run('SET threads = 1');
  const [found] = await database.rows<Record<string, number | null>>(
    `SELECT ${sums.join(', ')} FROM (SELECT ${xs.join(', ')} FROM read_parquet(${literal(path)}))`,
  );
  await database.run(`SET threads = ${threads}`);
  const of = (key: keyof Totals, i: number) => found[`${key}${i}`] ?? 0;
  return new Map(
    measured.map(({ name }, i) => [
      name,
      {
        values: of('values', i),
        distinct: of('distinct', i),
        least: of('least', i),
        most: of('most', i),
        mean: of('mean', i),
        deviation: of('deviation', i),
      },
    ]),
  );
}

async function profileNumbers(
  database: Database,
  path: string,
  { name, kind }: ColumnDefinition,
  rows: number,
  { values, distinct, least, most, mean, deviation }: Totals,
): Promise<NumericProfile> {
  const described = { name, kind: kind as NumericProfile['kind'], missing: rows - values, distinct };
  if (values === 0) return { ...described, bins: { edges: [], counts: [0] }, numbers: null };
  const source = measuresIn(path, { name, kind });
  // Rows by a hash of their number (Knuth's multiplicative one): the same whatever the threads do.
  const chosen = Math.floor((sampledRows / rows) * 2 ** 32);
  const where = rows <= sampledRows ? '' : `AND (row * 2654435761) % 4294967296 < ${chosen}`;
  const steps = Array.from({ length: bins + 1 }, (_, i) => i / bins);
  const [{ found }] = await database.rows<{ found: number[] | null }>(
    `SELECT quantile_disc(x, [${[...steps, ...profileQuantiles].join(', ')}]) AS found
     FROM ${source} WHERE x IS NOT NULL ${where}`,
  );
  // A few values in so many rows may all be outside of the sample.
  const quantiles = found ?? [...steps, ...profileQuantiles].map((share) => (share < 1 ? least : most));
  const edges = edgesOf(quantiles.slice(0, bins + 1), kind === 'number' ? below32 : below64);
  return {
    ...described,
    bins: { edges, counts: await countInBins(database, source, edges) },
    numbers: { least, most, mean, deviation, quantiles: quantiles.slice(bins + 1) },
  };
}

/** SQL of a table `(x DOUBLE, row BIGINT)` of what a column is measured by. */
export function measuresIn(path: string, { name, kind }: ColumnDefinition): string {
  return `(SELECT ${measureOf(kind, name)} AS x, file_row_number AS row
    FROM read_parquet(${literal(path)}, file_row_number = true))`;
}

async function profileValues(
  database: Database,
  path: string,
  { name, kind }: ColumnDefinition,
): Promise<CategoricalProfile> {
  await database.run(`CREATE OR REPLACE TEMP TABLE labels AS
    SELECT ${labelOf(name)} AS value, count(*) AS rows FROM read_parquet(${literal(path)}) GROUP BY ALL`);
  const [totals] = await database.rows<Record<'missing' | 'distinct' | 'present', number>>(
    `SELECT CAST(coalesce(sum(rows) FILTER (value IS NULL), 0) AS DOUBLE) AS missing, CAST(count(value) AS DOUBLE) AS distinct,
       CAST(coalesce(sum(rows) FILTER (value IS NOT NULL), 0) AS DOUBLE) AS present FROM labels`,
  );
  const top = await database.rows<{ value: string; rows: number }>(
    `SELECT value, CAST(rows AS DOUBLE) AS rows FROM labels WHERE value IS NOT NULL
     ORDER BY rows DESC, value LIMIT ${topValues}`,
  );
  return {
    name,
    kind: kind as CategoricalProfile['kind'],
    missing: totals.missing,
    distinct: totals.distinct,
    top,
    others: totals.present - top.reduce((sum, { rows }) => sum + rows, 0),
  };
}

/**
 * Distinct quantiles. One that comes twice is the value of many rows: with an edge just below it, it has a bin of its own,
 * and what lies between it and the quantile before another.
 */
function edgesOf(quantiles: readonly number[], below: (x: number) => number): number[] {
  const edges: number[] = [];
  for (const [i, x] of quantiles.entries()) {
    if (edges.at(-1) === x) continue;
    const often = quantiles[i + 1] === x;
    const before = below(x);
    if (often && edges.length > 0 && edges.at(-1)! < before) edges.push(before);
    if (often && edges.length === 0) edges.push(before);
    edges.push(x);
  }
  return edges;
}

const float32 = new Float32Array(1);
const float32Bits = new Int32Array(float32.buffer);
const float64 = new Float64Array(1);
const float64Bits = new BigInt64Array(float64.buffer);

/** The next float32 below; numbers are compared as float32. */
function below32(x: number): number {
  float32[0] = x;
  if (x === 0) return -(2 ** -149);
  float32Bits[0] += x > 0 ? -1 : 1;
  return float32[0];
}

function below64(x: number): number {
  float64[0] = x;
  if (x === 0) return -Number.MIN_VALUE;
  float64Bits[0] += x > 0 ? -1n : 1n;
  return float64[0];
}

/** @param source - a table with a column x. */
export async function countInBins(database: Database, source: string, edges: readonly number[]): Promise<number[]> {
  if (edges.length === 0) {
    const [{ n }] = await database.rows<{ n: number }>(`SELECT CAST(count(x) AS DOUBLE) AS n FROM ${source}`);
    return [n];
  }
  // An upper edge of ∞ has what is above the last.
  const list = edges.map((edge) => `CAST('${edge}' AS DOUBLE)`).join(', ');
  const found = await database.rows<{ edge: number; n: number }>(
    `SELECT unnest(map_keys(h)) AS edge, CAST(unnest(map_values(h)) AS DOUBLE) AS n
     FROM (SELECT histogram(x, [${list}]) AS h FROM ${source} WHERE x IS NOT NULL)`,
  );
  const byEdge = new Map(found.map(({ edge, n }) => [edge, n]));
  return [...edges.map((edge) => byEdge.get(edge) ?? 0), byEdge.get(Infinity) ?? 0];
}

/** Writes it as canonical JSON. @returns the digest of the bytes, which is what it is called by. */
export async function writeProfile(path: string, profile: TableProfile): Promise<string> {
  const json = canonicalJson(profile);
  await writeFile(path, json);
  return sha256(json);
}

/** @throws TradewindError `ARTIFACT_CORRUPT` where it is no profile, or another than `digest` names. */
export async function readProfile(path: string, digest?: string): Promise<TableProfile> {
  const json = await readFile(path, 'utf8');
  const found = sha256(json);
  const corrupt = (rule: string, value: string, cause?: unknown) =>
    new TradewindError(
      'ARTIFACT_CORRUPT',
      { subject: `The profile ${path}`, rule, value, remedy: 'Make it anew from the data, or restore it.' },
      { cause },
    );
  if (digest !== undefined && found !== digest) throw corrupt(`have the digest ${digest}`, found);
  try {
    return profileSchema.parse(JSON.parse(json));
  } catch (error) {
    throw corrupt('be a table profile', 'another content', error);
  }
}
