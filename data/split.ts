/**
 * The split in time, from cleaned events: what a model may learn from, and what it is judged on. Everything about the
 * training part (users, catalogue, their order) follows from rows before its cut-off alone (law 5).
 */
import { join } from 'node:path';
import { TradewindError } from '../contracts/errors.ts';
import type { PipelineSpec } from '../contracts/spec.ts';
import { literal, withDatabase, type Database, type DataOptions } from './database.ts';
import { writeHeldOut, writeInteractions, type HeldOut, type Interactions } from './interactions.ts';

export type SplitPreparation = Pick<PipelineSpec['preparation'], 'minUsersPerItem' | 'minItemsPerUser'>;
export type SplitDays = Pick<PipelineSpec['split'], 'validationFrom' | 'testFrom' | 'testUntil'>;

export interface SplitFiles {
  /** Safetensors of `writeInteractions`. */
  train: string;
  /** Safetensors of `writeHeldOut`. */
  heldOut: string;
  users: number;
  items: number;
  /** User-item pairs of the training part. */
  interactions: number;
  judgedUsers: number;
}

/**
 * Writes four files into `folder`. Counts are distinct baskets, or events where a row has no basket. Users come in the
 * order of their ids' UTF-8 bytes ("10" before "9"); items with most training users first, then in that order of ids.
 *
 * An item is in the catalogue when at least `minUsersPerItem` users had it before the cut-off; then a user stays who had
 * at least `minItemsPerUser` of these. Items that lose all their users by that go too; the first rule is not asked again.
 *
 * @param path - Parquet of `cleanInteractions`
 * @returns `tuning`: before `validationFrom`, judged on [validationFrom, testFrom); `final`: before `testFrom`, judged on
 * [testFrom, testUntil).
 * @throws TradewindError `SPLIT_EMPTY` when a part has nothing to learn from or nobody to be judged on.
 */
export async function splitInteractions(
  path: string,
  spec: { preparation: SplitPreparation; split: SplitDays },
  folder: string,
  options: DataOptions = {},
): Promise<{ tuning: SplitFiles; final: SplitFiles }> {
  const { validationFrom, testFrom, testUntil } = spec.split;
  return withDatabase(options, async (database) => {
    const names = await numberIds(database, path);
    const part = async (name: string, keys: [string, string], from: string, until: string | undefined) => {
      const pairs = await trainingPairs(database, from);
      const training = arrangeTraining(pairs, names, spec.preparation);
      if (training.x.indices.length === 0) {
        const few = `no item that ${spec.preparation.minUsersPerItem} users had`;
        throw await emptyPart(
          database,
          `before ${keys[0]} (${from})`,
          pairs.users.length === 0 ? 'none' : few,
          keys[0],
        );
      }
      const heldOut = await arrangeHeldOut(database, training, from, until);
      if (heldOut.rows.length === 0) {
        const period = until === undefined ? `from ${from} on` : `in [${from}, ${until})`;
        throw await emptyPart(
          database,
          `${period} by users and on items known before`,
          'none',
          `${keys[0]} or ${keys[1]}`,
        );
      }
      const files = {
        train: join(folder, `${name}-train.safetensors`),
        heldOut: join(folder, `${name}-held-out.safetensors`),
      };
      await writeInteractions(files.train, training.x);
      await writeHeldOut(files.heldOut, heldOut);
      const { users, items, indices } = training.x;
      return {
        ...files,
        users: users.length,
        items: items.length,
        interactions: indices.length,
        judgedUsers: heldOut.rows.length,
      };
    };
    return {
      tuning: await part('tuning', ['validationFrom', 'testFrom'], validationFrom, testFrom),
      final: await part('final', ['testFrom', 'testUntil'], testFrom, testUntil),
    };
  });
}

interface Names {
  users: string[];
  items: string[];
}

/**
 * Leaves the tables `events` and `baskets`, both `(u, i, time, not_human_from)`, behind. `baskets` has a row for each
 * basket in which a user had an item, with the first time in it, and one for each event without a basket: what lies
 * before a cut-off is what counts there. The numbers follow the order of ids; none of them gets into a part's files.
 */
async function numberIds(database: Database, path: string): Promise<Names> {
  const source = `read_parquet(${literal(path)})`;
  const list = async (column: string, table: string) => {
    await database.run(`CREATE TEMP TABLE ${table} AS
      SELECT id, CAST(row_number() OVER (ORDER BY id) - 1 AS INTEGER) AS n FROM (SELECT DISTINCT ${column} AS id FROM ${source})`);
    const ids: string[] = [];
    await database.columns(`SELECT id FROM ${table} ORDER BY n`, ([names]) => {
      for (const name of names) ids.push(name as string);
    });
    return ids;
  };
  const users = await list('"user"', 'users');
  const items = await list('item', 'items');
  await database.run(`CREATE TEMP TABLE events AS
    SELECT users.n AS u, items.n AS i, time, basket, not_human_from
    FROM ${source} AS source JOIN users ON users.id = source."user" JOIN items ON items.id = source.item`);
  await database.run(`CREATE TEMP TABLE baskets AS
    SELECT u, i, min(time) AS time, any_value(not_human_from) AS not_human_from
    FROM events WHERE basket IS NOT NULL GROUP BY u, i, basket
    UNION ALL SELECT u, i, time, not_human_from FROM events WHERE basket IS NULL`);
  return { users, items };
}

interface Pairs {
  users: Int32Array;
  items: Int32Array;
  counts: Float32Array;
}

async function trainingPairs(database: Database, from: string): Promise<Pairs> {
  return readPairs(
    database,
    `SELECT u, i, CAST(count(*) AS INTEGER) AS n
     FROM baskets WHERE time < ${day(from)} AND (not_human_from IS NULL OR not_human_from >= ${day(from)})
     GROUP BY u, i`,
  );
}

async function readPairs(database: Database, sql: string): Promise<Pairs> {
  const pieces: Pairs[] = [];
  let length = 0;
  await database.columns(sql, ([users, items, counts], rows) => {
    pieces.push({
      users: Int32Array.from(users as number[]),
      items: Int32Array.from(items as number[]),
      counts: counts === undefined ? new Float32Array(rows) : Float32Array.from(counts as number[]),
    });
    length += rows;
  });
  const all: Pairs = { users: new Int32Array(length), items: new Int32Array(length), counts: new Float32Array(length) };
  let at = 0;
  for (const piece of pieces) {
    all.users.set(piece.users, at);
    all.items.set(piece.items, at);
    all.counts.set(piece.counts, at);
    at += piece.users.length;
  }
  return all;
}

interface Training {
  x: Interactions;
  /** Number in `events` → row or catalogue index of the part; −1 for who and what is not in it. */
  rowOf: Int32Array;
  indexOf: Int32Array;
}

function arrangeTraining(pairs: Pairs, names: Names, { minUsersPerItem, minItemsPerUser }: SplitPreparation): Training {
  const { users, items, counts } = pairs;
  const tally = (of: Int32Array, size: number, keep: (pair: number) => boolean) => {
    const n = new Int32Array(size);
    for (let p = 0; p < of.length; p++) if (keep(p)) n[of[p]]++;
    return n;
  };
  const hadBy = tally(items, names.items.length, () => true);
  const inCatalogue = (p: number) => hadBy[items[p]] >= minUsersPerItem;
  const has = tally(users, names.users.length, inCatalogue);
  const kept = (p: number) => inCatalogue(p) && has[users[p]] >= Math.max(1, minItemsPerUser);
  const trainingUsers = tally(items, names.items.length, kept);

  const rows = numbersWhere(names.users.length, (u) => has[u] >= Math.max(1, minItemsPerUser));
  // Numbers follow ids, so they order items of as many users.
  const catalogue = numbersWhere(names.items.length, (i) => trainingUsers[i] > 0).sort(
    (a, b) => trainingUsers[b] - trainingUsers[a] || a - b,
  );
  const rowOf = inverse(rows, names.users.length);
  const indexOf = inverse(catalogue, names.items.length);
  const csr = compress(users, items, kept, rowOf, indexOf, rows.length, catalogue.length);
  const x: Interactions = {
    users: Array.from(rows, (u) => names.users[u]),
    items: Array.from(catalogue, (i) => names.items[i]),
    indptr: csr.indptr,
    indices: csr.indices,
    counts: new Float32Array(csr.pairs.length),
  };
  for (let at = 0; at < csr.pairs.length; at++) x.counts[at] = counts[csr.pairs[at]];
  return { x, rowOf, indexOf };
}

async function arrangeHeldOut(
  database: Database,
  training: Training,
  from: string,
  until: string | undefined,
): Promise<HeldOut> {
  const { x, rowOf, indexOf } = training;
  const end = until === undefined ? 'true' : `time < ${day(until)}`;
  const human =
    until === undefined ? 'not_human_from IS NULL' : `(not_human_from IS NULL OR not_human_from >= ${day(until)})`;
  const pairs = await readPairs(
    database,
    `SELECT DISTINCT u, i FROM events WHERE time >= ${day(from)} AND ${end} AND ${human}`,
  );
  const isKnown = (p: number) => rowOf[pairs.users[p]] >= 0 && indexOf[pairs.items[p]] >= 0;
  const csr = compress(pairs.users, pairs.items, isKnown, rowOf, indexOf, x.users.length, x.items.length);
  const judged = numbersWhere(x.users.length, (row) => csr.indptr[row] < csr.indptr[row + 1]);
  const cold = new Set<number>();
  let coldItemEvents = 0;
  for (let p = 0; p < pairs.users.length; p++) {
    const row = rowOf[pairs.users[p]];
    if (row < 0) cold.add(pairs.users[p]);
    else if (indexOf[pairs.items[p]] < 0 && csr.indptr[row] < csr.indptr[row + 1]) coldItemEvents++;
  }
  return {
    rows: judged,
    indptr: startsOf(judged, csr.indptr),
    indices: csr.indices,
    coldUsers: cold.size,
    coldItemEvents,
  };
}

/** Rows between the judged ones are empty, so that the judged rows follow each other in `indices` as they are. */
function startsOf(judged: Int32Array, indptr: Int32Array): Int32Array {
  const starts = new Int32Array(judged.length + 1);
  for (const [at, row] of judged.entries()) starts[at + 1] = indptr[row + 1];
  return starts;
}

/** CSR of the pairs that `keep` lets pass, indices ascending within a row: sorted by item, then by row, both stably. */
function compress(
  users: Int32Array,
  items: Int32Array,
  keep: (pair: number) => boolean,
  rowOf: Int32Array,
  indexOf: Int32Array,
  rows: number,
  columns: number,
): { indptr: Int32Array; indices: Int32Array; pairs: Int32Array } {
  const kept = numbersWhere(users.length, keep);
  const byColumn = countingSort(kept, (p) => indexOf[items[p]], columns).order;
  const { order, starts } = countingSort(byColumn, (p) => rowOf[users[p]], rows);
  return { indptr: starts, indices: order.map((p) => indexOf[items[p]]), pairs: order };
}

function countingSort(
  values: Int32Array,
  key: (value: number) => number,
  size: number,
): { order: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(size + 1);
  for (const value of values) starts[key(value) + 1]++;
  for (let k = 0; k < size; k++) starts[k + 1] += starts[k];
  const next = starts.slice();
  const order = new Int32Array(values.length);
  for (const value of values) order[next[key(value)]++] = value;
  return { order, starts };
}

/** Those of 0 … length − 1 that pass, ascending. Loops, because iterators would hold each number as an object. */
function numbersWhere(length: number, test: (n: number) => boolean): Int32Array {
  const found = new Int32Array(length);
  let size = 0;
  for (let n = 0; n < length; n++) if (test(n)) found[size++] = n;
  return found.slice(0, size);
}

function inverse(chosen: Int32Array, size: number): Int32Array {
  const position = new Int32Array(size).fill(-1);
  for (const [at, index] of chosen.entries()) position[index] = at;
  return position;
}

async function emptyPart(database: Database, where: string, found: string, keys: string): Promise<TradewindError> {
  const [{ first, last }] = await database.rows<{ first: string | null; last: string | null }>(
    `SELECT strftime(min(time), '%Y-%m-%d') AS first, strftime(max(time), '%Y-%m-%d') AS last FROM events`,
  );
  const range =
    first === null ? 'There are no events at all after cleaning.' : `The events run from ${first} to ${last}.`;
  return new TradewindError('SPLIT_EMPTY', {
    subject: 'The split',
    rule: `find events ${where}`,
    value: found,
    remedy: `${range} Move ${keys} in the spec, or lower preparation.minUsersPerItem.`,
  });
}

function day(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) throw new RangeError(`A cut-off must be written YYYY-MM-DD. Got ${text}.`);
  return `TIMESTAMP ${literal(text)}`;
}
