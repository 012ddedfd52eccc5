import { describe, expect, it } from 'vitest';
import { rowSums } from '../../../../compute/graph/layers/row-sums.ts';
import { Random } from '../../../../contracts/random.ts';
import { FedGraph, plain } from '../running.ts';

async function sums(rows: readonly (readonly number[])[]): Promise<number[]> {
  const g = new FedGraph();
  const width = rows[0].length;
  const { y } = await g.run({ y: rowSums(g, g.feed('float32', rows.flat(), ['n', width], [rows.length, width])) });
  expect(y.shape).toEqual([rows.length, 1]);
  return plain(y).map(Number);
}

describe('sums of rows', () => {
  it.each([1, 2, 3, 7, 8, 13, 100, 1001])('of %i numbers are right, and the same for a row alone', async (width) => {
    const random = new Random(width);
    const rows = Array.from({ length: 9 }, () => Array.from({ length: width }, () => Math.fround(random.normal())));
    const among = await sums(rows);
    for (const [i, row] of rows.entries()) {
      expect(among[i]).toBeCloseTo(
        row.reduce((sum, x) => sum + x, 0),
        4,
      );
      expect(await sums([row])).toEqual([among[i]]);
    }
  });
});
