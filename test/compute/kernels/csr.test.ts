import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { CsrMatrix } from '../../../compute/kernels/csr.ts';
import type { Csr } from '../../../compute/kernels/csr.ts';
import * as scalar from '../../../compute/kernels/scalar/csr.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { epsilon, lengths, normals, randomCsr, withinBounds } from './random-arrays.ts';
import { sectionsOf } from './wasm-sections.ts';

const [alone, together] = [new KernelThreads(1, ['csr']), new KernelThreads(3, ['csr'])];
afterAll(() => Promise.all([alone.close(), together.close()]));

/** Rows of all lengths, long ones past several blocks of 128 included. */
const rowLengths = [...lengths, 127, 128, 129, 300, 0];
const columns = 320;
const absolute = (csr: Csr): Csr => ({ ...csr, values: csr.values.map(Math.abs) });

function matrix(seed: number): Csr {
  const random = new Random(seed);
  return randomCsr(random, rowLengths, columns, () => random.normal());
}

describe('CSR times dense', () => {
  it.each([...lengths, 20, 64, 83])('is within its bound for %i columns', async (width) => {
    const csr = matrix(width);
    const B = normals(new Random(width, 1), columns * width);
    const actual = await CsrMatrix.put(alone, csr, columns).multiply(B, width);
    const magnitudes = scalar.multiply(absolute(csr), B.map(Math.abs), width);
    const bounds = magnitudes.map((sum) => 2 * (66 + 300 / 128) * epsilon * sum);
    expect(withinBounds(actual, scalar.multiply(csr, B, width), bounds)).toBe(true);
  });

  it('gives a column the same bits whatever stands beside it', async () => {
    const width = 39;
    const a = CsrMatrix.put(alone, matrix(3), columns);
    const B = normals(new Random(3, 1), columns * width);
    const whole = await a.multiply(B, width);
    for (const first of [0, 1, 13, 16, 33, 38]) {
      const part = B.filter((_, k) => k % width >= first);
      const expected = whole.filter((_, k) => k % width >= first);
      expect(await a.multiply(part, width - first)).toEqual(expected);
    }
  });

  it('writes nothing past its result and reads nothing past its factor', async () => {
    const a = CsrMatrix.put(alone, matrix(4), columns);
    const { indptr, indices, values } = a.addresses;
    for (const width of [1, 2, 3, 5, 18]) {
      const mark = alone.mark();
      const B = alone.alloc((columns * width + 4) * 4);
      const out = alone.alloc((a.rows * width + 4) * 4);
      alone.view('f32', B, columns * width + 4).fill(1);
      alone.view('f32', B + columns * width * 4, 4).fill(Number.NaN);
      const cells = alone.view('f32', out, a.rows * width + 4).fill(7);
      await alone.parallelFor('csr', 'multiply', 1, () => [indptr, indices, values, B, width, out, 0, a.rows]);
      expect(cells.subarray(0, -4).every(Number.isFinite)).toBe(true);
      expect(Array.from(cells.subarray(-4))).toEqual([7, 7, 7, 7]);
      alone.release(mark);
    }
  });

  it('refuses a factor of another size', async () => {
    const a = CsrMatrix.put(alone, matrix(1), columns);
    await expect(a.multiply(new Float32Array(5), 2)).rejects.toThrow('must have 320 rows');
    await expect(a.multiplyVector(new Float32Array(5))).rejects.toThrow('Got 5');
  });
});

describe('CSR times a vector', () => {
  it('is rounded once', async () => {
    const csr = matrix(5);
    const x = normals(new Random(6), columns);
    const actual = await CsrMatrix.put(alone, csr, columns).multiplyVector(x);
    const expected = scalar.multiply(csr, x, 1);
    const magnitudes = scalar.multiply(absolute(csr), x.map(Math.abs), 1);
    const bounds = expected.map((value, r) => epsilon * Math.abs(value) + 300 * 2 ** -52 * magnitudes[r]);
    expect(withinBounds(actual, expected, bounds)).toBe(true);
  });
});

describe('CSR transposed', () => {
  it.each([...lengths, 2000])('has the entries of %i rows, in order', async (rows) => {
    const random = new Random(rows);
    const csr = randomCsr(
      random,
      Array.from({ length: rows }, () => random.integer(18)),
      37,
      () => random.normal(),
    );
    const turned = await CsrMatrix.put(alone, csr, 37).transpose();
    expect(turned.read()).toEqual(scalar.transpose(csr, 37));
    expect([turned.rows, turned.columns]).toEqual([37, rows]);
    // What is not of the chunks' making: turning twice is nothing.
    expect((await turned.transpose()).read()).toEqual(csr);
  });

  it('multiplies as Aᵀ', async () => {
    const csr = matrix(8);
    const B = normals(new Random(9), rowLengths.length * 6);
    const turned = await CsrMatrix.put(alone, csr, columns).transpose();
    const expected = scalar.multiply(scalar.transpose(csr, columns), B, 6);
    const bounds = expected.map(() => 2e-5);
    expect(withinBounds(await turned.multiply(B, 6), expected, bounds)).toBe(true);
  });
});

describe('products of rows', () => {
  it.each(lengths)('are rounded once, for %i rows of the other', async (rows) => {
    const csr = matrix(11);
    const random = new Random(rows, 2);
    const other = randomCsr(
      random,
      Array.from({ length: rows }, (_, r) => (r * 19) % columns),
      columns,
      () => random.normal(),
    );
    const [a, b] = [CsrMatrix.put(alone, csr, columns), CsrMatrix.put(alone, other, columns)];
    const actual = await a.rowProducts(b);
    const expected = scalar.rowProducts(csr, other);
    const magnitudes = scalar.rowProducts(absolute(csr), absolute(other));
    const bounds = expected.map((value, k) => epsilon * Math.abs(value) + 300 * 2 ** -52 * magnitudes[k]);
    expect(withinBounds(actual, expected, bounds)).toBe(true);
    for (const [from, to] of [
      [0, 0],
      [3, 4],
      [0, 2],
      [2, 5],
      [1, 9],
    ]) {
      expect(await a.rowProducts(b, from, to)).toEqual(actual.subarray(from * rows, to * rows));
    }
  });

  it('make a Gram matrix that is symmetric to the bit', async () => {
    const a = CsrMatrix.put(alone, matrix(12), columns);
    const gram = await a.rowProducts(a);
    const turned = gram.map((_, k) => gram[(k % a.rows) * a.rows + Math.floor(k / a.rows)]);
    expect(gram).toEqual(turned);
  });

  it('are refused for rows that are not there', async () => {
    const a = CsrMatrix.put(alone, matrix(1), columns);
    await expect(a.rowProducts(a, 3, 99)).rejects.toThrow('[3, 99)');
    await expect(a.rowProducts(await a.transpose())).rejects.toThrow('320 columns');
  });

  it.each([
    { what: 'a column twice', indices: [0, 2, 2] },
    { what: 'columns that descend', indices: [0, 2, 1] },
  ])('are refused for a row with $what, on either side', async ({ indices }) => {
    const values = Float32Array.of(1, 1, 1);
    const put = (columnsOf: number[]) =>
      CsrMatrix.put(alone, { indptr: Int32Array.of(0, 1, 3), indices: Int32Array.from(columnsOf), values }, 4);
    const [bad, good] = [put(indices), put([3, 0, 1])];
    await expect(bad.rowProducts(good)).rejects.toThrow('Row 1 breaks that');
    await expect(good.rowProducts(bad)).rejects.toThrow('Row 1 breaks that');
    expect(await good.rowProducts(good)).toEqual(Float32Array.of(1, 0, 0, 2));
  });
});

describe('a sparse matrix in kernel memory', () => {
  it('gives the same bits with any number of threads, very uneven rows included', async () => {
    const random = new Random(21);
    const uneven = Array.from({ length: 3000 }, (_, r) => (r === 1500 ? 4000 : r % 40));
    const csr = randomCsr(random, uneven, 4000, () => random.normal());
    const B = normals(random, 4000 * 7);
    const results = [alone, together].map(async (threads) => {
      const a = CsrMatrix.put(threads, csr, 4000);
      const turned = await a.transpose();
      const block = await a.rowProducts(a, 1490, 1510);
      const x = B.subarray(0, 4000);
      const products = [await a.multiply(B, 7), await turned.multiply(await a.multiply(B, 7), 7)];
      return [turned.read(), block, ...products, await a.multiplyVector(x)];
    });
    expect(await results[1]).toEqual(await results[0]);
  });

  it.each([
    { what: 'columns outside', csr: { indptr: [0, 1], indices: [4], values: [1] }, message: 'within its 4' },
    { what: 'a negative column', csr: { indptr: [0, 1], indices: [-1], values: [1] }, message: 'Got -1' },
    { what: 'rows that end too early', csr: { indptr: [0, 2, 1], indices: [0], values: [1] }, message: 'Row 1' },
    { what: 'missing values', csr: { indptr: [0, 1], indices: [0], values: [] }, message: 'Got 1 and 0' },
    { what: 'no indptr', csr: { indptr: [], indices: [], values: [] }, message: 'begin with 0' },
  ])('is refused with $what', ({ csr: { indptr, indices, values }, message }) => {
    const csr = {
      indptr: Int32Array.from(indptr),
      indices: Int32Array.from(indices),
      values: Float32Array.from(values),
    };
    expect(() => CsrMatrix.put(alone, csr, 4)).toThrow(message);
  });

  it('needs a module without static data, and without state', () => {
    expect(sectionsOf('csr')).not.toContain('data');
    expect(sectionsOf('csr')).not.toContain('global');
  });
});
