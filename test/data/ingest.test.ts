import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ingestInteractions, ingestItems, type InteractionColumns } from '../../data/ingest.ts';
import { digest, failure, folder, parquet, parquetRows, write } from './files.ts';

const columns = { user: 'user', item: 'item', time: 'time' };
const shown = `"user", item, CAST(time AS VARCHAR) AS time, quantity, value, basket`;
const threads = 1;

async function ingestCsv(content: string | Uint8Array, roles: InteractionColumns = columns, name = 'events.csv') {
  const dir = folder();
  const out = join(dir, 'out.parquet');
  await ingestInteractions({ files: [write(dir, name, content)], columns: roles }, out, { threads });
  return parquetRows(out, shown);
}

async function failCsv(content: string | Uint8Array, roles: InteractionColumns = columns, name = 'events.csv') {
  const dir = folder();
  const path = write(dir, name, content);
  const error = await failure(
    ingestInteractions({ files: [path], columns: roles }, join(dir, 'out.parquet'), { threads }),
  );
  expect(readdirSync(dir)).toEqual([name]);
  return { code: error.code, message: error.message.replaceAll(dir, '') };
}

const row = (user: unknown, item: unknown, time: unknown, rest: object = {}) => ({
  user,
  item,
  time,
  quantity: null,
  value: null,
  basket: null,
  ...rest,
});

describe('what is read', () => {
  test('columns take their roles by name, other columns are left, nulls are kept', async () => {
    const csv = 'price,who,x,what,when,n,order\n1.5,u1,-,"a,b",2017-01-01 10:00:00,2,b1\n,u2,-,,2017-01-02,,\n';
    const roles = { user: 'who', item: 'what', time: 'when', quantity: 'n', value: 'price', basket: 'order' };
    expect(await ingestCsv(csv, roles)).toEqual([
      row('u1', 'a,b', '2017-01-01 10:00:00', { quantity: 2, value: 1.5, basket: 'b1' }),
      row('u2', null, '2017-01-02 00:00:00'),
    ]);
  });

  test.each([
    ['semicolons', 'user;item;time\nu;a,b;2017-01-01\n', 'events.csv'],
    ['tabs', 'user\titem\ttime\nu\ta,b\t2017-01-01\n', 'events.tsv'],
    ['bars', 'user|item|time\nu|a,b|2017-01-01\n', 'events.txt'],
    ['CRLF and a byte order mark', '\uFEFFuser,item,time\r\nu,"a,b",2017-01-01\r\n', 'events.csv'],
    ['gzip', gzipSync('user,item,time\nu,"a,b",2017-01-01\n'), 'events.csv.gz'],
    ['no line end after the last row', 'user,item,time\nu,"a,b",2017-01-01', 'events.csv'],
    ['a name that looks like a glob', 'user,item,time\nu,"a,b",2017-01-01', 'events[1]*?.csv'],
    ['a name with a quote', 'user,item,time\nu,"a,b",2017-01-01', "o'brien.csv"],
  ])('CSV with %s is read', async (_, content, name) => {
    expect(await ingestCsv(content, columns, name)).toEqual([row('u', 'a,b', '2017-01-01 00:00:00')]);
  });

  test.each([
    ['2017-12-01', '2017-12-01 00:00:00'],
    ['2017-12-01T10:00:00.5Z', '2017-12-01 10:00:00.5'],
    ['2017-12-01T10:00:00+02:00', '2017-12-01 08:00:00'],
    ['1512086400', '2017-12-01 00:00:00'],
    ['1512086400.5', '2017-12-01 00:00:00.5'],
    ['1512086400123', '2017-12-01 00:00:00.123'],
    ['1512086400123456', '2017-12-01 00:00:00.123456'],
    ['20171201', '2017-12-01 00:00:00'],
  ])('the time %s is %s in UTC', async (text, time) => {
    expect(await ingestCsv(`user,item,time\nu,a,${text}\n`)).toEqual([row('u', 'a', time)]);
  });

  test('column names with quotes, spaces and capitals are names, never SQL', async () => {
    const odd = `it"em'); DROP TABLE x; --`;
    const csv = `User Id,"${odd.replaceAll('"', '""')}",TIME\nu,a,2017-01-01\n`;
    expect(await ingestCsv(csv, { user: 'User Id', item: odd, time: 'TIME' })).toEqual([
      row('u', 'a', '2017-01-01 00:00:00'),
    ]);
    const dir = folder();
    const path = await parquet(
      join(dir, 'odd.parquet'),
      `SELECT 'u' AS "User Id", 'a' AS "${odd.replaceAll('"', '""')}", DATE '2017-01-01' AS "TIME"`,
    );
    const out = join(dir, 'out.parquet');
    await ingestInteractions({ files: [path], columns: { user: 'User Id', item: odd, time: 'TIME' } }, out, {
      threads,
    });
    expect(await parquetRows(out, shown)).toEqual([row('u', 'a', '2017-01-01 00:00:00')]);
  });

  test('Parquet columns of any sensible type are read; ids that were stored as floats lose their ".0"', async () => {
    const dir = folder();
    const path = await parquet(
      join(dir, 'typed.parquet'),
      `SELECT * FROM (VALUES
         (12.0, 7::BIGINT, TIMESTAMPTZ '2017-01-01 10:00:00+02', 2::DECIMAL(5,1), 'x'),
         ('nan'::DOUBLE, 8, TIMESTAMPTZ '2017-01-02 00:00:00Z', NULL, '')) AS t("user", item, time, n, basket)`,
    );
    const out = join(dir, 'out.parquet');
    await ingestInteractions({ files: [path], columns: { ...columns, quantity: 'n', basket: 'basket' } }, out, {
      threads,
    });
    expect(await parquetRows(out, shown)).toEqual([
      row('12', '7', '2017-01-01 08:00:00', { quantity: 2, basket: 'x' }),
      row(null, '8', '2017-01-02 00:00:00'),
    ]);
  });

  test('NDJSON keys may come in any order and be left out; numbers and text are ids alike', async () => {
    const ndjson = '{"item":"a","user":1,"time":"2017-01-01","extra":{}}\n{"user":"u","time":1512086400}\n';
    expect(await ingestCsv(ndjson, { ...columns, quantity: 'item' }, 'events.ndjson').catch(String)).toMatch(
      /"a" \(1 of 2 rows/,
    );
    expect(await ingestCsv(ndjson, columns, 'events.jsonl')).toEqual([
      row('1', 'a', '2017-01-01 00:00:00'),
      row('u', null, '2017-12-01 00:00:00'),
    ]);
  });

  test('files are read in the given order, whatever their layout; an empty one among several is reported', async () => {
    const dir = folder();
    const files = [
      write(dir, '2.csv', 'user,item,time\n1,a,2017-01-01\n2,a,2017-01-01\n'),
      write(dir, '1.csv', 'user,item,time\n3,a,2017-01-01\n'),
      write(dir, 'none.csv', ''),
      write(dir, '3.csv', 'time;user;item\n2017-01-01;4;a\n'),
      write(dir, '4.ndjson', '{"user":5,"item":"a","time":"2017-01-01"}\n'),
      await parquet(join(dir, '5.parquet'), `SELECT 6 AS "user", 'a' AS item, DATE '2017-01-01' AS time`),
    ];
    const out = join(dir, 'out.parquet');
    const counts = await ingestInteractions({ files, columns }, out, { threads: 2 });
    expect(counts).toEqual({ rows: 6, emptyFiles: [files[2]] });
    expect((await parquetRows(out)).map((r) => r['user'])).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  test('the bytes written do not depend on the number of threads', async () => {
    const dir = folder();
    const lines = Array.from(
      { length: 300_000 },
      (_, i) => `u${(i * 7919) % 5003},i${i % 977},2017-01-${String((i % 28) + 1).padStart(2, '0')},${i % 5}`,
    );
    const files = [0, 1].map((half) =>
      write(dir, `${half}.csv`, ['user,item,time,n', ...lines.slice(half * 150_000, (half + 1) * 150_000)].join('\n')),
    );
    const digests = await Promise.all(
      [1, 2, 5].map(async (threads) => {
        const out = join(dir, `out-${threads}.parquet`);
        await ingestInteractions({ files, columns: { ...columns, quantity: 'n' } }, out, { threads });
        return digest(out);
      }),
    );
    expect(new Set(digests).size).toBe(1);
    const [first] = await parquetRows(
      join(dir, 'out-5.parquet'),
      'CAST(count(*) AS INTEGER) AS n, CAST(sum(quantity) AS INTEGER) AS q',
    );
    expect(first).toEqual({ n: 300_000, q: 600_000 });
  });

  test('items: one row per item in order of ids, missing descriptions null', async () => {
    const dir = folder();
    const path = write(dir, 'items.csv', 'sku,name,dep\nb,Bread,X\na,,\nb,Bagel,Y\n,Nothing,\n');
    const out = join(dir, 'items.parquet');
    const source = { files: [path], columns: { item: 'sku', title: 'name', department: 'dep' } };
    expect(await ingestItems(source, out, { threads })).toEqual({ rows: 2, emptyFiles: [] });
    expect(await parquetRows(out)).toEqual([
      { item: 'a', title: null, category: null, department: null },
      { item: 'b', title: 'Bagel', category: null, department: 'Y' },
    ]);
  });
});

describe('what is refused, once and with a sentence', () => {
  test.each([
    ['an empty file', ''],
    ['a header without rows', 'user,item,time\n'],
    ['an empty gzip file', gzipSync('')],
  ])('%s is SOURCE_EMPTY', async (_, content) => {
    const name = typeof content === 'string' ? 'events.csv' : 'events.csv.gz';
    const { code, message } = await failCsv(content, columns, name);
    expect(code).toBe('SOURCE_EMPTY');
    expect(message).toContain(`/${name} must hold at least one row.`);
  });

  test('a missing column names the column, its role, the file, the columns there and the nearest one', async () => {
    expect(await failCsv('household_id,item,time\nu,a,2017-01-01\n', { ...columns, user: 'houshold_id' })).toEqual({
      code: 'COLUMN_MISSING',
      message:
        'Column "houshold_id", named as data.interactions.columns.user, must be in /events.csv. Got the columns ' +
        'household_id, item, time. Did you mean "household_id"? Correct the name in the spec, or the header of the file.',
    });
  });

  test('column names are compared exactly, also in Parquet, where DuckDB would not', async () => {
    const dir = folder();
    const path = await parquet(join(dir, 'x.parquet'), `SELECT 'u' AS "User", 'a' AS item, DATE '2017-01-01' AS time`);
    const error = await failure(ingestInteractions({ files: [path], columns }, join(dir, 'out'), { threads }));
    expect(error.code).toBe('COLUMN_MISSING');
    expect(error.message).toContain('Did you mean "User"?');
  });

  test('a key that no line of NDJSON has is a missing column; one that is always null is not', async () => {
    const { code, message } = await failCsv('{"user":1,"item":2,"times":3}\n', columns, 'events.ndjson');
    expect(code).toBe('COLUMN_MISSING');
    expect(message).toContain('Got the columns user, item, times. Did you mean "times"?');
    expect(await ingestCsv('{"user":1,"item":2,"time":null}\n', columns, 'events.ndjson')).toEqual([
      row('1', '2', null),
    ]);
  });

  test.each([
    [
      'a time that is not ISO',
      'time',
      'u,a,31/12/2017,1\nu,a,2017-12-30,1\n',
      '"31/12/2017" (1 of 2 rows cannot be read)',
    ],
    ['a day of no calendar', 'time', 'u,a,2017-02-30,1\n', '"2017-02-30" (1 of 1 rows cannot be read)'],
    ['a number that is no time', 'time', 'u,a,2017,1\n', '"2017" (1 of 1'],
    ['an endless time', 'time', 'u,a,infinity,1\n', '"infinity" (1 of 1'],
    ['a decimal comma', 'n', 'u,a,2017-12-30,"1,5"\nu,a,2017-12-30,2\n', '"1,5" (1 of 2 rows'],
  ])('%s is COLUMN_TYPE with an example and a count', async (_, column, rows, found) => {
    const { code, message } = await failCsv(`user,item,time,n\n${rows}`, { ...columns, quantity: 'n' });
    expect(code).toBe('COLUMN_TYPE');
    expect(message).toContain(`Column "${column}" of /events.csv must hold`);
    expect(message).toContain(found);
  });

  test('a Parquet column whose type cannot serve is refused before it is read', async () => {
    const dir = folder();
    const path = await parquet(join(dir, 'x.parquet'), `SELECT ['u'] AS "user", 'a' AS item, true AS time`);
    const out = join(dir, 'out.parquet');
    const error = await failure(
      ingestInteractions({ files: [path], columns: { ...columns, user: 'item' } }, out, { threads }),
    );
    expect(error.message).toMatch(/Column "time" of .*x.parquet must hold dates or timestamps.*Got the type BOOLEAN\./);
    const other = await failure(
      ingestInteractions({ files: [path], columns: { ...columns, time: 'item' } }, out, { threads }),
    );
    expect(other.message).toMatch(/Column "user" .*Got the type VARCHAR\[\]\./);
  });

  test.each([
    ['a short row', 'user,item,time\nu,a,2017-01-01\nu,b\n', /Line: 3.*Expected Number of Columns: 3 Found: 2/],
    ['a long row', 'user,item,time\nu,a,2017-01-01,x\n', /Line: 2.*Expected Number of Columns: 3 Found: 4/],
    ['an open quote', 'user,item,time\nu,"a,2017-01-01\n', /unterminated quote/],
    ['Latin-1', Buffer.from('user,item,time\nu,caf\xe9,2017-01-01\n', 'latin1'), /not utf-8 encoded/],
    ['UTF-16', Buffer.from('\uFEFFuser,item,time\nu,a,2017-01-01\n', 'utf16le'), /not UTF-8/],
    ['a column named twice', 'user,item,time,user\nu,a,2017-01-01,v\n', /"user" appears twice/],
  ])('CSV with %s is SOURCE_UNREADABLE and keeps the reason', async (_, content, reason) => {
    const { code, message } = await failCsv(content);
    expect(code).toBe('SOURCE_UNREADABLE');
    expect(message).toMatch(/^\/events.csv must be readable in its format\. Got /);
    expect(message).toMatch(reason);
    expect(message).not.toContain('strict_mode');
  });

  test.each([
    ['events.ndjson', '{"user":1\n', /Malformed JSON/],
    ['events.ndjson', '[{"user":1}]\n', /Expected OBJECT, but got ARRAY/],
    ['events.parquet', 'user,item,time\nu,a,2017-01-01\n', /No magic bytes|too small to be a Parquet file/],
    ['events.csv.gz', 'user,item,time\n', /incorrect header check/],
    ['events.xlsx', 'user,item,time\n', /must follow from its name.*Got \.xlsx\./],
  ])('%s with %j is SOURCE_UNREADABLE', async (name, content, reason) => {
    const { code, message } = await failCsv(content, columns, name);
    expect(code).toBe('SOURCE_UNREADABLE');
    expect(message).toMatch(reason);
  });

  test('among several files the broken one is named', async () => {
    const dir = folder();
    const files = [
      write(dir, 'good.csv', 'user,item,time\nu,a,2017-01-01\n'),
      write(dir, 'torn.csv', 'user,item,time\nu,a\n'),
    ];
    const error = await failure(ingestInteractions({ files, columns }, join(dir, 'out'), { threads: 2 }));
    expect(error.message).toContain('torn.csv must be readable');
    files[1] = write(dir, 'late.csv', 'user,item,time\nu,a,tomorrow\n');
    const other = await failure(ingestInteractions({ files, columns }, join(dir, 'out'), { threads: 2 }));
    expect(other.message).toMatch(/Column "time" of .*late.csv must hold/);
  });

  test('a fetched file is called by the name that people know', async () => {
    const dir = folder();
    const files = [
      write(dir, '0-a.csv', 'user,item,time\nu,a,2017-01-01\n'),
      write(dir, '1-a.csv', 'user,thing,time\n'),
    ];
    const names = ['s3://shop/1/a.csv', 's3://shop/2/a.csv'];
    const error = await failure(ingestInteractions({ files, names, columns }, join(dir, 'out'), { threads }));
    expect(error.message).toContain('must be in s3://shop/2/a.csv. Got the columns user, thing, time.');
    expect(error.message).not.toContain(dir);
  });

  test('an aborted signal stops the work with its reason', async () => {
    const dir = folder();
    const path = await parquet(
      join(dir, 'big.parquet'),
      `SELECT i AS "user", i AS item, TIMESTAMP '2017-01-01' AS time FROM range(3000000) AS r(i)`,
    );
    const controller = new AbortController();
    const work = ingestInteractions({ files: [path], columns }, join(dir, 'out'), {
      threads,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error('enough')), 50);
    expect((await failure(work)).message).toBe('enough');
    expect(readdirSync(dir)).toEqual(['big.parquet']);
  });
});
