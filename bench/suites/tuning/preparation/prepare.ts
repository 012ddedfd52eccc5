/**
 * One run in a process of its own: `node prepare.ts <csv> <folder> <threads>`. Prints a line of JSON: times and peak of
 * memory of the process, and what every stage counted.
 */
import { join } from 'node:path';
import { tableCleaningSchema } from '../../../../contracts/table-splits.ts';
import type { ColumnDefinition } from '../../../../contracts/tables.ts';
import { cleanTable } from '../../../../data/clean-table.ts';
import { ingestTable } from '../../../../data/ingest-table.ts';
import { quarantineRows } from '../../../../data/quarantine-rows.ts';
import { planSplit } from '../../../../data/table-split.ts';
import { validateTable } from '../../../../data/validate-table.ts';
import { rules, seed, shares, type PreparationRun } from './work.ts';

const columns: ColumnDefinition[] = [
  { name: 'quantity', kind: 'number' },
  { name: 'price', kind: 'number' },
  { name: 'weight', kind: 'number' },
  { name: 'order_id', kind: 'category' },
  { name: 'customer', kind: 'category' },
  { name: 'department', kind: 'category' },
  { name: 'channel', kind: 'category' },
  { name: 'title', kind: 'text' },
  { name: 'returned', kind: 'boolean' },
  { name: 'ordered_at', kind: 'time' },
];

const [csv, folder, threads] = process.argv.slice(2);
const options = { threads: Number(threads), temporaryFolder: folder };
const path = (name: string) => join(folder, name);
const stages: Record<string, number> = {};
let last = performance.now();
const stage = (name: string) => {
  stages[name] = Math.round(performance.now() - last);
  last = performance.now();
};

const start = { wall: performance.now(), cpu: process.cpuUsage() };
const ingested = await ingestTable({ files: [csv] }, columns, path('table.parquet'), {
  ...options,
  reading: { unreadable: 'missing' },
  target: 'returned',
});
stage('ingest');
const report = await validateTable(path('table.parquet'), columns, rules, undefined, options);
stage('validate');
const kept = await quarantineRows(
  path('table.parquet'),
  columns,
  rules,
  path('good.parquet'),
  path('bad.parquet'),
  options,
);
stage('quarantine');
const about = { target: 'returned', task: 'classify' } as const;
const cleaned = await cleanTable(
  path('good.parquet'),
  tableCleaningSchema.parse({}),
  about,
  path('clean.parquet'),
  options,
);
stage('clean');
const [, validation, test] = shares;
const split = await planSplit(
  path('clean.parquet'),
  { by: 'random', validation, test },
  { ...about, seed, features: ['order_id'] },
  path('split.safetensors'),
  options,
);
stage('split');
const { user, system } = process.cpuUsage(start.cpu);

const unreadable = (column: string) =>
  ingested.repairs
    .filter((repair) => repair.column === column && repair.repair.endsWith('taken as missing'))
    .reduce((sum, { count }) => sum + count, 0);
const run: PreparationRun = {
  wall: performance.now() - start.wall,
  cpu: (user + system) / 1000,
  peak: process.resourceUsage().maxRSS * 1024,
  counts: {
    rows: ingested.rows,
    unreadable: Object.fromEntries(['quantity', 'price', 'weight', 'ordered_at'].map((c) => [c, unreadable(c)])),
    quarantined: kept.quarantined,
    duplicates: cleaned.dropped.duplicate,
    parts: [split.parts.train.rows, split.parts.validation.rows, split.parts.test.rows],
  },
  stages,
};
console.log(JSON.stringify({ ...run, breaking: report.breakingRows }));
