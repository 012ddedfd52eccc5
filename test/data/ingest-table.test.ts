import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ColumnDefinition, ColumnKind } from '../../contracts/tables.ts';
import { ingestTable, type IngestTableOptions } from '../../data/ingest-table.ts';
import { digest, failure, folder, parquet, parquetRows, write } from './files.ts';

interface Asked extends IngestTableOptions {
  columns?: Record<string, ColumnKind>;
}

function settled({ columns, ...options }: Asked): [ColumnDefinition[] | undefined, IngestTableOptions] {
  const declared = columns && Object.entries(columns).map(([name, kind]) => ({ name, kind }));
  return [declared, { threads: 1, ...options }];
}

async function ingest(content: string | Uint8Array, asked: Asked = {}, name = 'leads.csv') {
  const dir = folder();
  const [out, quarantinePath] = [join(dir, 'out.parquet'), join(dir, 'quarantine.parquet')];
  const [columns, options] = settled({ quarantinePath, ...asked });
  const table = await ingestTable({ files: [write(dir, name, content)] }, columns, out, options);
  const shown = table.columns.map(({ name: column, kind }) => {
    const quoted = `"${column.replaceAll('"', '""')}"`;
    return kind === 'time' ? `CAST(${quoted} AS VARCHAR) AS ${quoted}` : quoted;
  });
  const kept = table.quarantined > 0 ? await parquetRows(quarantinePath) : [];
  return {
    ...table,
    kinds: Object.fromEntries(table.columns.map(({ name: column, kind }) => [column, kind])),
    repairs: table.repairs.map(({ file: _file, ...repair }) => repair),
    written: await parquetRows(out, shown.join(', ')),
    kept,
  };
}

async function refusal(content: string | Uint8Array, asked: Asked = {}, name = 'leads.csv') {
  const dir = folder();
  const path = write(dir, name, content);
  const [columns, options] = settled(asked);
  const error = await failure(ingestTable({ files: [path] }, columns, join(dir, 'out.parquet'), options));
  // Neither a half-written table nor a copy.
  expect(readdirSync(dir)).toEqual([name]);
  return `${error.code}: ${error.message.replaceAll(`${dir}/`, '')}`;
}

const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
const latin1 = (text: string) => Buffer.from(text, 'latin1');

describe('a file in another encoding', () => {
  it('is decoded where its bytes leave no doubt, and that is counted', async () => {
    const { written, repairs } = await ingest(utf16('name,age\nJosé,31\nЖ,32\n'));
    expect(written).toEqual([
      { name: 'José', age: 31 },
      { name: 'Ж', age: 32 },
    ]);
    expect(repairs).toEqual([{ repair: 'files decoded to UTF-8', count: 1, example: 'utf-16le' }]);
    const unmarked = await ingest(utf16('name,age\nJosé,31\n').subarray(2));
    expect(unmarked.written).toEqual([{ name: 'José', age: 31 }]);
  });

  it('is refused where it would be a guess, with line, byte and what it would read as', async () => {
    expect(await refusal(latin1('name,age\nAnn,30\nJosé,31\n'))).toMatch(
      /^SOURCE_UNREADABLE: leads\.csv must .* not UTF-8, 0xE9, in line 3; as windows-1252 .* "José,31".*set "encoding"/,
    );
  });

  it('is decoded from the one that the spec names', async () => {
    const { written, repairs } = await ingest(latin1('name,age\nJosé,31\n'), { reading: { encoding: 'windows-1252' } });
    expect(written).toEqual([{ name: 'José', age: 31 }]);
    expect(repairs).toEqual([{ repair: 'files decoded to UTF-8', count: 1, example: 'windows-1252' }]);
  });

  it('is UTF-8 all the same where a wrong one is named, and that is said', async () => {
    const { written, repairs } = await ingest('name\nЖ\n', { reading: { encoding: 'windows-1252' } });
    expect(written).toEqual([{ name: 'Ж' }]);
    expect(repairs).toEqual([{ repair: 'files read as UTF-8, not as the encoding named', count: 1 }]);
  });

  it('may begin with a byte order mark, be packed and end its lines in several ways', async () => {
    const { written, repairs } = await ingest(gzipSync('\uFEFFa,b\r\n1,x\n2,y\r\n'), {}, 'leads.csv.gz');
    expect(written).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]);
    expect(repairs).toEqual([{ repair: 'files with line ends of several kinds', count: 1 }]);
  });
});

describe('ragged rows', () => {
  const ragged = 'a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,"x" y,12\n';

  it('are refused: the first with its line, all with their number', async () => {
    expect(await refusal(ragged)).toMatch(
      /line 3 with 2 fields where the header has 3: "4,5" \(3 of 4 rows .*1 too short, 1 too long, 1 with broken quotes\)/,
    );
  });

  it('are dropped where the spec says so: counted by what is wrong, and kept', async () => {
    const { written, repairs, kept } = await ingest(ragged, { reading: { repair: 'drop' } });
    expect(written).toEqual([{ a: 1, b: 2, c: 3 }]);
    expect(repairs).toEqual([
      { repair: 'rows with too few fields dropped', count: 1 },
      { repair: 'rows with too many fields dropped', count: 1 },
      { repair: 'rows with broken quotes dropped', count: 1 },
    ]);
    expect(kept).toHaveLength(3);
    const text = kept.flatMap((line) => Object.values(line).map(String)).join('\n');
    for (const line of ['4,5', '6,7,8,9']) expect(text).toContain(line);
  });

  it('are filled up where the spec says so, if too short', async () => {
    const { written, repairs } = await ingest(ragged, { reading: { repair: 'pad' } });
    expect(written).toEqual([
      { a: 1, b: 2, c: 3 },
      { a: 4, b: 5, c: null },
    ]);
    expect(repairs).toContainEqual({ repair: 'rows with too few fields filled up', count: 1 });
  });

  it('of NDJSON are lines that hold no object', async () => {
    const lines = '{"a":1,"b":"x"}\nnot json\n[1]\n{"a":2}\n';
    expect(await refusal(lines, {}, 'leads.ndjson')).toMatch(/line 2 with no JSON: "not json" \(2 of 4 lines\)/);
    const { written, repairs } = await ingest(lines, { reading: { repair: 'drop' } }, 'leads.ndjson');
    expect(written).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: null },
    ]);
    expect(repairs).toEqual([{ repair: 'lines that are no JSON objects dropped', count: 2 }]);
  });

  it('may hold NUL bytes, which are refused or taken out', async () => {
    const nul = 'a,b\n1,x\0y\n';
    expect(await refusal(nul)).toMatch(/1 NUL byte/);
    const { written, repairs } = await ingest(nul, { reading: { repair: 'drop' } });
    expect(written).toEqual([{ a: 1, b: 'xy' }]);
    expect(repairs).toEqual([{ repair: 'NUL bytes taken out', count: 1 }]);
  });
});

describe('mixed types', () => {
  const mixed = `a,b\n${Array.from({ length: 20 }, (_, i) => `${i === 7 ? 'n/a' : i},x\n`).join('')}`;

  it('are a number where nine in ten are, and the others are refused with their number', async () => {
    expect(await refusal(mixed)).toMatch(
      /^COLUMN_TYPE: Column "a" of leads\.csv must hold numbers\. Got "n\/a" \(1 of 20 rows .*"unreadable" to missing/,
    );
  });

  it('are missing where the spec says so, counted with an example', async () => {
    const { kinds, missing, repairs } = await ingest(mixed, { reading: { unreadable: 'missing' } });
    expect(kinds).toEqual({ a: 'number', b: 'category' });
    expect(missing).toEqual({ a: 1, b: 0 });
    expect(repairs).toEqual([
      { repair: 'values that cannot be read taken as missing', count: 1, column: 'a', example: 'n/a' },
    ]);
  });

  it('need no repair where the text is named as missing', async () => {
    const { missing, repairs } = await ingest(mixed, { reading: { missing: ['n/a'] } });
    expect(missing).toEqual({ a: 1, b: 0 });
    expect(repairs).toEqual([]);
  });

  it('are a category where fewer than nine in ten are numbers', async () => {
    const { kinds } = await ingest('a\n1\n2\n3\nx\ny\n');
    expect(kinds).toEqual({ a: 'category' });
  });

  it('leave codes that begin with a 0 as they are', async () => {
    const { kinds, written } = await ingest('zip,n\n01234,1\n99999,2\n');
    expect(kinds).toEqual({ zip: 'category', n: 'number' });
    expect(written[0]).toEqual({ zip: '01234', n: 1 });
  });

  it.each([
    ['number', ' 1 ', 1],
    ['number', '-2e3', -2000],
    ['number', 'NaN', null],
    ['number', '', null],
    ['boolean', 'TRUE', true],
    ['boolean', '0.0', false],
    ['category', '', null],
  ] as const)('%s of "%s"', async (kind, value, expected) => {
    const { written, repairs } = await ingest(`id,v\n1,"${value}"\n`, { columns: { id: 'number', v: kind } });
    expect(written).toEqual([{ id: 1, v: expected }]);
    expect(repairs).toEqual([]);
  });

  it.each([
    ['number', '1e400', 'infinite values taken as missing'],
    ['number', '1,5', 'values that cannot be read taken as missing'],
    ['boolean', '2', 'values that cannot be read taken as missing'],
    ['time', 'infinity', 'values that cannot be read taken as missing'],
    ['time', '2024-02-30', 'values that cannot be read taken as missing'],
  ] as const)('%s of "%s" is missing, and counted', async (kind, value, repair) => {
    const asked: Asked = { columns: { id: 'number', v: kind }, reading: { unreadable: 'missing' } };
    const { written, repairs } = await ingest(`id,v\n1,"${value}"\n`, asked);
    expect(written).toEqual([{ id: 1, v: null }]);
    expect(repairs).toEqual([{ repair, count: 1, column: 'v', example: value }]);
  });
});

describe('dates in several formats', () => {
  const columns = { d: 'time' } as const;

  it('are read together, counted, and warned about', async () => {
    const { kinds, written, repairs, warnings } = await ingest('d,x\n2024-01-02,1\n13/02/2024,2\n1700000000,3\n');
    expect(kinds).toEqual({ d: 'time', x: 'number' });
    expect(written.map(({ d }) => d)).toEqual(['2024-01-02 00:00:00', '2024-02-13 00:00:00', '2023-11-14 22:13:20']);
    expect(repairs).toEqual([
      { repair: 'times written as day/month/year', count: 1, column: 'd' },
      { repair: 'times written as seconds since 1970', count: 1, column: 'd' },
    ]);
    expect(warnings).toEqual([expect.stringContaining('written in 3 ways')]);
  });

  it.each([
    ['2024-01-02T03:04:05+02:00', '2024-01-02 01:04:05'],
    ['2024-01-02T03:04:05Z', '2024-01-02 03:04:05'],
    [' 2024-01-02 ', '2024-01-02 00:00:00'],
    ['2024-01-02 03:04 PM', '2024-01-02 15:04:00'],
    ['20240102', '2024-01-02 00:00:00'],
    ['1700000000000', '2023-11-14 22:13:20'],
    ['13.2.2024 10:00', '2024-02-13 10:00:00'],
  ])('"%s" is a time', async (value, expected) => {
    expect((await ingest(`d\n"${value}"\n`, { columns })).written).toEqual([{ d: expected }]);
  });

  it('are refused where the order of day and month cannot be told, until the spec tells it', async () => {
    const either = 'd\n2024-01-02\n03/02/2024\n';
    expect(await refusal(either, { columns })).toMatch(
      /Got "03\/02\/2024" \(1 row that may be either\)\. Set "dateOrder"/,
    );
    for (const [dateOrder, day] of [
      ['dayFirst', '2024-02-03'],
      ['monthFirst', '2024-03-02'],
    ] as const) {
      const { written } = await ingest(either, { columns, reading: { dateOrder } });
      expect(written[1]).toEqual({ d: `${day} 00:00:00` });
    }
  });

  it('take the order that other rows settle', async () => {
    const { written } = await ingest('d\n03/02/2024\n02/13/2024\n', { columns });
    expect(written).toEqual([{ d: '2024-03-02 00:00:00' }, { d: '2024-02-13 00:00:00' }]);
  });

  it('are refused where rows settle it differently', async () => {
    expect(await refusal('d\n13/02/2024\n02/13/2024\n', { columns })).toMatch(
      /"13\/02\/2024" \(1 row with the day first\), "02\/13\/2024" \(1 row with the month first\)/,
    );
  });
});

describe('what is not there', () => {
  it('a column without any value is a category, with a warning', async () => {
    const { kinds, warnings } = await ingest('a,b\n1,\n2,\n');
    expect(kinds).toEqual({ a: 'number', b: 'category' });
    expect(warnings).toEqual(['Column "b" has no value in any of 2 rows.']);
  });

  it('a target without any value is refused', async () => {
    expect(await refusal('a,b\n1,\n2,\n', { target: 'b' })).toMatch(
      /^TARGET_INVALID: Column "b", the target, must hold/,
    );
  });

  it.each([
    ['a header alone', 'a,b\n'],
    ['nothing at all', ''],
  ])('%s is refused', async (_, content) => {
    expect(await refusal(content)).toMatch(/^SOURCE_EMPTY: leads\.csv must hold at least one row\./);
  });

  it('a declared column is refused, with those that are there', async () => {
    expect(await refusal('amount,b\n1,2\n', { columns: { amuont: 'number' } })).toMatch(
      /^COLUMN_MISSING: Column "amuont" must be in leads\.csv\. Got the columns amount, b\. Did you mean "amount"\?/,
    );
  });

  it('a column that is there twice is refused', async () => {
    expect(await refusal('a,a\n1,2\n')).toMatch(/^SOURCE_UNREADABLE: .*column "a" twice in the header/);
  });
});

describe('what is written', () => {
  it('is the same bytes for the same files, whatever the number of threads', async () => {
    const dir = folder();
    const rows = Array.from(
      { length: 50_000 },
      (_, i) => `${i % 97},c${i % 13},2024-01-${String(1 + (i % 28)).padStart(2, '0')}\n`,
    );
    const csv = write(dir, 'many.csv', `n,c,d\n${rows.join('')}`);
    const digests = [];
    for (const threads of [1, 2]) {
      const out = join(dir, `${threads}.parquet`);
      await ingestTable({ files: [csv] }, undefined, out, { threads });
      digests.push(digest(out));
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it('takes names that SQL would trip over', async () => {
    const { written } = await ingest('select,"a ""b""",émoji🙂\n1,2,3\n');
    expect(written).toEqual([{ select: 1, 'a "b"': 2, 'émoji🙂': 3 }]);
  });

  it('joins files of several formats by name, in their order, and leaves lists out', async () => {
    const dir = folder();
    const out = join(dir, 'out.parquet');
    const first = write(dir, '1.csv', 'a,b\n1,x\n');
    const second = await parquet(join(dir, '2.parquet'), `SELECT 'y' AS b, CAST(2 AS BIGINT) AS a, [1] AS l`);
    const columns = [
      { name: 'a', kind: 'number' },
      { name: 'b', kind: 'category' },
    ] as const;
    const { leftOut, rows } = await ingestTable({ files: [first, second] }, columns, out, { threads: 1 });
    expect({ leftOut, rows }).toEqual({ leftOut: ['l'], rows: 2 });
    expect(await parquetRows(out)).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]);
  });
});
