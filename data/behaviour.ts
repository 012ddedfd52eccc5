/**
 * Rows for classifiers and regressors from events: what each user did before a cut-off, and whether they came back after
 * it. A feature of a row sees only events strictly before the row's cut-off (law 5); the label only those from it on.
 */
import { resolveCutOff } from '../contracts/cut-offs.ts';
import { TradewindError } from '../contracts/errors.ts';
import type { BehaviourSpec } from '../contracts/table-splits.ts';
import type { ColumnDefinition } from '../contracts/tables.ts';
import { behaviourFeatures, sumsOf, type SettledBehaviour } from './behaviour-features.ts';
import { identifier, literal, withDatabase, type Database, type DataOptions } from './database.ts';

const millisecondsPerDay = 86_400_000;

export interface BehaviourOptions extends DataOptions {
  /** Of the table that a model was trained on: the same columns for rows to be scored. */
  settled?: SettledBehaviour;
  /** Rows to be scored: no target, and cut-offs up to the day after the last event. */
  withoutTarget?: boolean;
}

export interface CutOffReport {
  /** `YYYY-MM-DD` */
  cutOff: string;
  rows: number;
  /** Mean of the target: of `returns` the share of users who came back. Null without target or rows. */
  mean: number | null;
}

export interface BehaviourTable {
  rows: number;
  /** Distinct users with a row. */
  users: number;
  /** Ascending. */
  cutOffs: CutOffReport[];
  /** `user` (category), `time` (the cut-off), the features (numbers), and the target: `returns` (boolean) or `spend` (number). */
  columns: ColumnDefinition[];
  /** What each feature is, by name. */
  features: Record<string, string>;
  target: 'returns' | 'spend' | null;
  /** Days that a label reaches beyond its cut-off: the gap that a split in time needs (`SplitContext.gapDays`). */
  horizonDays: number;
  settled: SettledBehaviour;
  /** Rows left out because the user was found not to be human before the end of the horizon. */
  notHuman: number;
  warnings: string[];
}

/**
 * Writes Parquet with a row for each cut-off and each user seen before it, by cut-off and then by the user's UTF-8 bytes.
 * Cut-offs are midnights (UTC): `from`, and each `everyDays` after it up to `until`, as long as the horizon ends within the
 * data: no later than the end of the last event's day. See `behaviour-features.ts` for the features.
 *
 * Label: `returns` is true where the user has an event in [cut-off, cut-off + days); `spend` is the sum of the values there.
 * Neighbouring cut-offs closer than the horizon have labels that overlap: a split in time keeps `horizonDays` between its
 * parts. Values are summed to six decimals, exactly, so that the bytes do not depend on the number of threads.
 *
 * Departments are chosen by events before the first cut-off that has some; so nothing that happens later decides on a column.
 *
 * @param eventsPath - Parquet of `ingestInteractions`, or better of `cleanInteractions`, which drops returns and marks users
 * who are not human: these have no rows from that day on, nor rows whose horizon reaches beyond it
 * @param itemsPath - Parquet of `ingestItems`, for departments
 * @throws TradewindError `SPLIT_EMPTY` where no cut-off fits the data or no user was seen before one; `COLUMN_MISSING` where
 * the target is `spend` and events have no values
 */
export async function behaviourTable(
  eventsPath: string,
  itemsPath: string | undefined,
  spec: BehaviourSpec,
  outPath: string,
  options: BehaviourOptions = {},
): Promise<BehaviourTable> {
  return withDatabase(options, async (database) => {
    const target = options.withoutTarget ? null : spec.target.kind;
    const horizonDays = target === null ? 0 : spec.target.days;
    const range = await readEvents(database, eventsPath, itemsPath);
    const cutOffs = cutOffsOf(spec, range, horizonDays);
    // Of cut-offs with nothing before them nothing follows.
    const first = cutOffs.find((cutOff) => cutOff > range.firstDay) ?? cutOffs[0];
    const settled = options.settled ?? (await settle(database, spec.departments, first));
    if (target === 'spend' && !settled.monetary) {
      throw new TradewindError('COLUMN_MISSING', {
        subject: 'The column of values, which the target "spend" adds up,',
        rule: 'have values before the first cut-off',
        value: 'none',
        remedy: 'Name it as data.interactions.columns.value, or predict "returns".',
      });
    }
    await arrangeDays(database, settled);
    const features = behaviourFeatures(spec, settled);
    const notHuman = await fillRows(database, spec, settled, cutOffs, target, horizonDays);
    const values = features.map(({ name, sql }) => `${sql} AS ${identifier(name)}`);
    const label = target === null ? [] : [target];
    const rows = await database.writeParquet(
      `SELECT users.id AS "user", CAST(cut_off AS TIMESTAMP) AS time, ${[...values, ...label].join(', ')}
       FROM sums JOIN users ON users.n = u ORDER BY time, "user"`,
      outPath,
    );
    if (rows === 0) throw nobody(spec, range);
    const reports = await reportCutOffs(database, cutOffs, target);
    const [{ users }] = await database.rows<{ users: number }>(
      'SELECT CAST(count(DISTINCT u) AS DOUBLE) AS users FROM sums',
    );
    return {
      rows,
      users,
      cutOffs: reports,
      columns: [
        { name: 'user', kind: 'category' },
        { name: 'time', kind: 'time' },
        ...features.map(({ name }) => ({ name, kind: 'number' as const })),
        ...label.map((name) => ({ name, kind: name === 'returns' ? ('boolean' as const) : ('number' as const) })),
      ],
      features: Object.fromEntries(features.map(({ name, doc }) => [name, doc])),
      target,
      horizonDays,
      settled,
      notHuman,
      warnings: warningsOf(reports, spec, settled, itemsPath),
    };
  });
}

interface EventRange {
  firstDay: string;
  lastDay: string;
}

/** Leaves `users (n, id, not_human_from)`, `numbered` (the events) and `item_departments` behind. */
async function readEvents(database: Database, eventsPath: string, itemsPath: string | undefined): Promise<EventRange> {
  const source = `read_parquet(${literal(eventsPath)})`;
  const described = await database.rows<{ column_name: string }>(`DESCRIBE SELECT * FROM ${source}`);
  const isMarked = described.some(({ column_name }) => column_name === 'not_human_from');
  const human = isMarked ? 'min(not_human_from)' : 'CAST(NULL AS DATE)';
  await database.run(`CREATE TEMP TABLE users AS
    SELECT CAST(row_number() OVER (ORDER BY id) AS INTEGER) AS n, id, not_human_from
    FROM (SELECT "user" AS id, ${human} AS not_human_from FROM ${source}
          WHERE "user" IS NOT NULL AND time IS NOT NULL GROUP BY "user")`);
  // Integers in place of strings: windows and joins on them take a fraction of the memory.
  await database.run(`CREATE TEMP TABLE items AS
    SELECT id, CAST(row_number() OVER (ORDER BY id) AS INTEGER) AS n FROM (SELECT DISTINCT item AS id FROM ${source})
    WHERE id IS NOT NULL`);
  await database.run(`CREATE TEMP TABLE baskets AS
    SELECT id, CAST(row_number() OVER (ORDER BY id) AS INTEGER) AS n FROM (SELECT DISTINCT basket AS id FROM ${source})
    WHERE id IS NOT NULL`);
  await database.run(`CREATE TEMP TABLE numbered AS
    SELECT users.n AS u, items.n AS i, baskets.n AS b, time, CAST(time AS DATE) AS day,
      CAST(CASE WHEN abs(value) < 1e15 THEN value END AS DECIMAL(38, 6)) AS value
    FROM ${source} AS source JOIN users ON users.id = source."user"
      LEFT JOIN items ON items.id = source.item LEFT JOIN baskets ON baskets.id = source.basket
    WHERE time IS NOT NULL`);
  const departments =
    itemsPath === undefined
      ? '(SELECT NULL AS item, NULL AS department WHERE false)'
      : `read_parquet(${literal(itemsPath)})`;
  await database.run(`CREATE TEMP TABLE item_departments AS
    SELECT items.n AS i, CAST(department AS VARCHAR) AS department FROM ${departments} AS described
    JOIN items ON items.id = CAST(described.item AS VARCHAR) WHERE department IS NOT NULL AND department <> ''`);
  const [range] = await database.rows<{ firstDay: string | null; lastDay: string | null }>(
    `SELECT CAST(min(day) AS VARCHAR) AS "firstDay", CAST(max(day) AS VARCHAR) AS "lastDay" FROM numbered`,
  );
  if (range.firstDay === null) {
    throw new TradewindError('SOURCE_EMPTY', {
      subject: 'The events',
      rule: 'hold at least one with a user and a time',
      value: 'none',
      remedy: 'Check the columns under data.interactions.columns.',
    });
  }
  return range as EventRange;
}

function cutOffsOf(spec: BehaviourSpec, { firstDay, lastDay }: EventRange, horizonDays: number): string[] {
  const at = (day: string) => Date.parse(`${day}T00:00:00Z`);
  const from = at(resolveCutOff(spec.from, lastDay));
  const horizonFits = at(lastDay) + (1 - horizonDays) * millisecondsPerDay;
  const until = spec.until === undefined ? horizonFits : Math.min(horizonFits, at(resolveCutOff(spec.until, lastDay)));
  const cutOffs: string[] = [];
  for (let t = from; t <= until; t += spec.everyDays * millisecondsPerDay) {
    cutOffs.push(new Date(t).toISOString().slice(0, 10));
  }
  if (cutOffs.length > 0) return cutOffs;
  throw new TradewindError('SPLIT_EMPTY', {
    subject: 'Behaviour',
    rule: `find a cut-off from ${new Date(from).toISOString().slice(0, 10)} on with ${horizonDays} days of events after it`,
    value: `events from ${firstDay} to ${lastDay}`,
    remedy: 'Move data.behaviour.from and until, or shorten the horizon of the target.',
  });
}

async function settle(database: Database, limit: number, firstCutOff: string): Promise<SettledBehaviour> {
  const before = `WHERE day < ${date(firstCutOff)}`;
  const departments = await database.rows<{ department: string }>(
    `SELECT department FROM numbered JOIN item_departments USING (i) ${before}
     GROUP BY department ORDER BY count(*) DESC, department LIMIT ${Math.trunc(limit)}`,
  );
  const [{ values }] = await database.rows<{ values: number }>(
    `SELECT CAST(count(value) AS DOUBLE) AS values FROM numbered ${before}`,
  );
  return { departments: departments.map(({ department }) => department), monetary: values > 0 };
}

/**
 * Leaves the users' days behind, from which every cut-off is counted. `previous` is the day before of the same basket or
 * item of the user: as it is earlier, no later event changes a row.
 *
 * `visits (u, day, previous, opens_day, value, events, first, last)`: one row a user, basket and day; an event without a
 * basket is one. `item_days (u, day, previous)`: one row a user, item and day. `department_days (u, day, department, value,
 * events)`: of the departments with a feature, by their place.
 */
async function arrangeDays(database: Database, { departments }: SettledBehaviour): Promise<void> {
  await database.run(`CREATE TEMP TABLE visits AS
    SELECT u, day, lag(day) OVER (PARTITION BY u, b, lone ORDER BY day) AS previous,
      row_number() OVER (PARTITION BY u, day) = 1 AS opens_day, value, events, first, last
    FROM (SELECT u, day, b, lone, sum(value) AS value, count(*) AS events, min(time) AS first, max(time) AS last
          FROM (SELECT *, CASE WHEN b IS NULL THEN row_number() OVER () END AS lone FROM numbered)
          GROUP BY u, day, b, lone)`);
  await database.run(`CREATE TEMP TABLE item_days AS
    SELECT u, day, lag(day) OVER (PARTITION BY u, i ORDER BY day) AS previous
    FROM (SELECT DISTINCT u, i, day FROM numbered WHERE i IS NOT NULL)`);
  if (departments.length === 0) return;
  const places = departments.map((name, d) => `(${literal(name)}, ${d})`).join(', ');
  await database.run(`CREATE TEMP TABLE department_days AS
    SELECT u, day, places.place AS department, sum(value) AS value, count(*) AS events
    FROM numbered JOIN item_departments USING (i) JOIN (VALUES ${places}) AS places(name, place) ON name = department
    GROUP BY ALL`);
}

/** Leaves `sums (cut_off, u, …, returns or spend)` behind. @returns rows left out as not human */
async function fillRows(
  database: Database,
  spec: BehaviourSpec,
  settled: SettledBehaviour,
  cutOffs: readonly string[],
  target: BehaviourTable['target'],
  horizonDays: number,
): Promise<number> {
  let notHuman = 0;
  for (const [i, cutOff] of cutOffs.entries()) {
    const at = date(cutOff);
    const end = `(${at} + ${horizonDays})`;
    const isKnown = spec.seenWithinDays === undefined ? 'true' : `recency <= ${spec.seenWithinDays}`;
    const isHuman = `(not_human_from IS NULL OR not_human_from >= ${end})`;
    const seen = `(${sumsOf(spec, settled, at)}) AS seen JOIN users ON users.n = u`;
    const label =
      target === null
        ? { column: '', join: '' }
        : {
            column:
              target === 'returns'
                ? ', label.u IS NOT NULL AS returns'
                : ', CAST(coalesce(label.value, 0) AS DOUBLE) AS spend',
            join: `LEFT JOIN (SELECT u, sum(value) AS value FROM visits WHERE day >= ${at} AND day < ${end} GROUP BY u)
              AS label ON label.u = seen.u`,
          };
    await database.run(`${i === 0 ? 'CREATE TEMP TABLE sums AS' : 'INSERT INTO sums'}
      SELECT ${at} AS cut_off, seen.*${label.column} FROM ${seen} ${label.join} WHERE ${isKnown} AND ${isHuman}`);
    const [{ n }] = await database.rows<{ n: number }>(`
      SELECT CAST(count(DISTINCT u) AS DOUBLE) AS n FROM visits JOIN users ON users.n = u
      WHERE day < ${at} AND NOT ${isHuman}`);
    notHuman += n;
  }
  return notHuman;
}

async function reportCutOffs(
  database: Database,
  cutOffs: readonly string[],
  target: BehaviourTable['target'],
): Promise<CutOffReport[]> {
  const label = target === 'returns' ? 'CAST(returns AS INTEGER)' : (target ?? 'NULL');
  // Whole numbers and sums to six decimals: exact in any order.
  const found = await database.rows<{ cutOff: string; rows: number; sum: number | null }>(`
    SELECT CAST(cut_off AS VARCHAR) AS "cutOff", CAST(count(*) AS DOUBLE) AS rows,
      CAST(sum(CAST(${label} AS DECIMAL(38, 6))) AS DOUBLE) AS sum
    FROM sums GROUP BY cut_off`);
  return cutOffs.map((cutOff) => {
    const { rows, sum } = found.find((report) => report.cutOff === cutOff) ?? { rows: 0, sum: null };
    return { cutOff, rows, mean: sum === null ? null : sum / rows };
  });
}

function warningsOf(
  reports: readonly CutOffReport[],
  spec: BehaviourSpec,
  { departments }: SettledBehaviour,
  itemsPath: string | undefined,
): string[] {
  const warnings: string[] = [];
  const empty = reports.filter(({ rows }) => rows === 0).map(({ cutOff }) => cutOff);
  if (empty.length > 0) warnings.push(`No user was seen before ${empty.join(', ')}.`);
  if (spec.departments > 0 && itemsPath !== undefined && departments.length === 0) {
    warnings.push('No item of the events before the first cut-off has a department.');
  }
  return warnings;
}

function nobody(spec: BehaviourSpec, { firstDay, lastDay }: EventRange): TradewindError {
  const recently = spec.seenWithinDays === undefined ? '' : ` in the ${spec.seenWithinDays} days`;
  return new TradewindError('SPLIT_EMPTY', {
    subject: 'Behaviour',
    rule: `find users with events${recently} before a cut-off`,
    value: 'none',
    remedy: `The events run from ${firstDay} to ${lastDay}. Move data.behaviour.from to a later day.`,
  });
}

function date(day: string): string {
  return `DATE ${literal(day)}`;
}
