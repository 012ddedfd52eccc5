import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { BinnedMatrix, binEdges } from '../../../compute/kernels/bins.ts';
import { binOf } from '../../../compute/kernels/scalar/trees.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { lengths, normals } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['trees']);
afterAll(() => kernels.close());

describe('BinnedMatrix', () => {
  it.each([...lengths, 70_001])('puts %i values into the bins that their edges give', async (rows) => {
    const random = new Random(rows);
    for (const count of [...lengths, 254, 255, 1000]) {
      const edges = new Float32Array(new Set(normals(random, count))).sort();
      const values = normals(random, rows);
      const odd = [NaN, Infinity, -Infinity, -0, edges[0] ?? 0, edges.at(-1) ?? 0, edges[count >> 1] ?? 0];
      values.set(odd.slice(0, rows));
      const matrix = await BinnedMatrix.from(kernels, [values], [{ edges }]);
      expect(matrix.wide).toBe(edges.length > 254);
      const bins = matrix.column(0);
      const wrong = Array.from(values).findIndex((x, r) => bins[r] !== binOf(x, edges));
      expect(wrong).toBe(-1);
      if (rows > 1000 && count > 17) break;
    }
  });

  it('takes any value that is no category for missing', async () => {
    const values = Float32Array.of(0, 1, 2, 3, -1, 0.5, NaN, Infinity, 255, 254);
    const few = await BinnedMatrix.from(kernels, [values], [{ categories: 3 }]);
    expect(Array.from(few.column(0))).toEqual([0, 1, 2, 3, 3, 3, 3, 3, 3, 3]);
    const many = await BinnedMatrix.from(kernels, [values], [{ categories: 255 }]);
    expect(Array.from(many.column(0))).toEqual([0, 1, 2, 3, 255, 255, 255, 255, 255, 254]);
  });

  it('keeps narrow columns right beside a wide one', async () => {
    const values = Float32Array.of(5, NaN, 299.5);
    const edges = Float32Array.from({ length: 300 }, (_, k) => k);
    const binnings = [{ edges }, { edges: Float32Array.of(5) }, { categories: 9 }];
    const matrix = await BinnedMatrix.from(kernels, [values, values, values], binnings);
    expect([0, 1, 2].map((f) => Array.from(matrix.column(f)))).toEqual([
      [5, 301, 300],
      [0, 2, 1],
      [5, 9, 9],
    ]);
  });

  it('is the same from any number of threads', async () => {
    const several = new KernelThreads(3, ['trees']);
    const values = normals(new Random(5), 200_001);
    const binning = [{ edges: binEdges(values, 255) }];
    const [one, three] = [kernels, several].map((threads) => BinnedMatrix.from(threads, [values], binning));
    expect(new Uint8Array((await three).column(0))).toEqual(new Uint8Array((await one).column(0)));
    await several.close();
  });

  it('refuses columns and binnings that do not fit', async () => {
    const two = Float32Array.of(1, 2);
    const edges = Float32Array.of(1);
    await expect(BinnedMatrix.from(kernels, [two, edges], [{ edges }, { edges }])).rejects.toThrow('equally long');
    await expect(BinnedMatrix.from(kernels, [two], [])).rejects.toThrow('a binning each');
    for (const bad of [Float32Array.of(1, 1), Float32Array.of(2, 1), Float32Array.of(NaN)]) {
      await expect(BinnedMatrix.from(kernels, [two], [{ edges: bad }])).rejects.toThrow('must ascend');
    }
    await expect(BinnedMatrix.from(kernels, [two], [{ categories: 256 }])).rejects.toThrow('0 to 255 categories');
  });

  it('gives its memory back where it cannot be made', async () => {
    const other = new KernelThreads(1, ['csr']);
    const mark = other.mark();
    await expect(BinnedMatrix.from(other, [Float32Array.of(1)], [{ categories: 2 }])).rejects.toThrow('"trees"');
    expect(other.mark()).toBe(mark);
    await other.close();
  });
});

describe('binEdges', () => {
  const rowsOfBins = (values: Float32Array, edges: Float32Array) => {
    const counts = Array.from({ length: edges.length + 1 }, () => 0);
    for (const x of values) if (!Number.isNaN(x)) counts[binOf(x, edges)]++;
    return counts;
  };

  it('gives each value a bin of its own where there are enough, parted halfway', () => {
    expect(Array.from(binEdges(Float32Array.of(3, 1, NaN, 2, 1, 7), 255))).toEqual([1.5, 2.5, 5]);
    expect(Array.from(binEdges(Float32Array.of(-0, 0, -Infinity, Infinity), 4))).toEqual([-Infinity, 0]);
  });

  it('has no edge where there is nothing to part', () => {
    for (const values of [[], [NaN, NaN], [4, 4, 4]]) expect(binEdges(Float32Array.from(values), 16)).toHaveLength(0);
    expect(binEdges(Float32Array.of(1, 2, 3), 1)).toHaveLength(0);
  });

  it('parts neighbouring floats, which have no number between them', () => {
    const values = new Float32Array(new Uint32Array([0x3f800000, 0x3f800001, 0x3f800002]).buffer);
    const edges = binEdges(values, 8);
    expect(Array.from(values, (x) => binOf(x, edges))).toEqual([0, 1, 2]);
  });

  it.each([2, 16, 255])('fills %i bins about equally', (bins) => {
    const values = normals(new Random(bins), 20_000);
    const counts = rowsOfBins(values, binEdges(values, bins));
    expect(counts).toHaveLength(bins);
    const fair = values.length / bins;
    expect(Math.min(...counts)).toBeGreaterThan(0.9 * fair - 1);
    expect(Math.max(...counts)).toBeLessThan(1.1 * fair + 1);
  });

  it('leaves a value that is most of the rows alone, and the other bins to the others', () => {
    const random = new Random(3);
    const values = Float32Array.from({ length: 10_000 }, () => (random.uniform() < 0.9 ? 0 : random.normal()));
    const edges = binEdges(values, 20);
    const counts = rowsOfBins(values, edges);
    expect(edges.length).toBeGreaterThan(16);
    expect(counts[binOf(0, edges)]).toBe(values.filter((x) => x === 0).length);
  });

  it('looks at a part of many rows, drawn by the seed', () => {
    const values = Float32Array.from({ length: 600_000 }, (_, k) => k);
    const edges = binEdges(values, 4, 1);
    expect(edges).toEqual(binEdges(values, 4, 1));
    expect(edges).not.toEqual(binEdges(values, 4, 2));
    for (const [k, edge] of edges.entries()) expect(Math.abs(edge - 150_000 * (k + 1))).toBeLessThan(100);
  });

  it('refuses a number of bins that no matrix holds', () => {
    for (const bins of [0, 1.5, 65_536]) expect(() => binEdges(new Float32Array(3), bins)).toThrow('[1, 65535]');
  });
});
