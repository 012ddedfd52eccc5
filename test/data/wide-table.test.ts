import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ingestTable } from '../../data/ingest-table.ts';
import { validateTable } from '../../data/validate-table.ts';
import { folder } from './files.ts';

const width = 130;

/** Columns `c0` … `c129`: of rows 0 … 9, column i holds i + row, but every tenth one the same number throughout. */
async function wide() {
  const where = folder();
  const source = join(where, 'wide.csv');
  const lines = [Array.from({ length: width }, (_, i) => `c${i}`).join(',')];
  for (let row = 0; row < 10; row++) {
    lines.push(
      Array.from({ length: width }, (_, i) => (i % 10 === 0 ? i : i === 77 && row > 2 ? '' : i + row)).join(','),
    );
  }
  await writeFile(source, `${lines.join('\n')}\n`);
  const path = join(where, 'wide.parquet');
  const { columns } = await ingestTable({ files: [source] }, undefined, path, { threads: 1 });
  return validateTable(path, columns, {}, undefined, { threads: 1 });
}

test('every column of a wide table has its own findings, and what holds of many is told once', async () => {
  const { profile, warnings } = await wide();
  expect(profile.columns.map(({ name, missing }) => [name, missing])).toEqual(
    Array.from({ length: width }, (_, i) => [`c${i}`, i === 77 ? 7 : 0]),
  );
  const least = profile.columns.map((column) => ('bins' in column ? column.numbers?.least : undefined));
  expect(least).toEqual(Array.from({ length: width }, (_, i) => i));
  expect(warnings).toEqual([
    'Column "c77" has no value in 7 of 10 rows.',
    'Column "c0" has one value alone: nothing can be learned from it. So it is with 12 more columns, such as "c10", "c20", "c30".',
  ]);
});
