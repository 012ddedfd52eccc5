import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { compareRuns, openContext, runOurs } from '../../../bench/suites/tuning/preparation.ts';
import { departments } from '../../../bench/suites/tuning/preparation/orders.ts';
import { PeerUnavailable } from '../../../bench/peers.ts';

it('what is measured counts what the file holds', async () => {
  const context = await openContext(4000, () => Promise.reject(new PeerUnavailable('There is none in this test.')));
  const folder = mkdtempSync(join(tmpdir(), 'tradewind-test-'));
  onTestFinished(async () => {
    rmSync(folder, { recursive: true, force: true });
    await context.close();
  });
  const lines = readFileSync(context.csv, 'utf8').trimEnd().split('\n').slice(1);
  const rows = lines.map((line) => line.split(','));
  expect(rows).toHaveLength(4020);

  const run = await runOurs(context.csv, folder);
  // Infinite prices are missing, and break no rule.
  const unreadable = (column: number) =>
    rows.filter((row) => row[column] !== '' && !Number.isFinite(Number(row[column])));
  const breaks = ([, , department, , quantity, price]: string[]) =>
    Number(quantity) < 1 || Number(price) > 1000 || (department !== '' && !departments.includes(department));
  const good = rows.filter((row) => !breaks(row) || (row[5] === 'inf' && !breaks([...row.slice(0, 5), '0'])));
  const distinct = new Set(good.map((row) => row.join(','))).size;
  expect(run.counts).toMatchObject({
    rows: 4020,
    unreadable: {
      quantity: unreadable(4).length,
      price: unreadable(5).length,
      weight: 0,
      ordered_at: 0,
    },
    quarantined: rows.length - good.length,
    duplicates: good.length - distinct,
  });
  expect(run.counts.parts.reduce((sum, n) => sum + n, 0)).toBe(distinct);
  expect(run.counts.duplicates).toBeGreaterThan(10);

  expect(compareRuns(run, run)).toMatchObject({ agree: true });
  const other = { ...run, counts: { ...run.counts, quarantined: run.counts.quarantined + 1 } };
  expect(compareRuns(run, other)).toMatchObject({ agree: false });
  expect(compareRuns({ ...run, peak: 5 * 2 ** 30 }, run)).toMatchObject({ agree: false });
});
