import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import type { Csr } from '../../../compute/kernels/scalar/csr.ts';
import { neighboursOf } from '../../../compute/kernels/scalar/similarity.ts';
import { epsilon, lengths, randomCsr, transposed } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['similarity']);
afterAll(() => kernels.close());

/** Every `step`-th row of AB, A the transpose of `byUser`. */
async function neighbours(byUser: Csr, items: number, K: number, step = 1, h?: number) {
  const put = ({ indptr, indices }: Csr, values: Float32Array | Float64Array) =>
    [indptr, indices, values].map((array) => kernels.put(array));
  const byItem = transposed(byUser, items);
  const a = put(byItem, h === undefined ? byItem.values : Float64Array.from(byItem.values));
  const b = put(byUser, byUser.values);
  const [counts, columns, values] = [items, items * K, items * K].map((length) => kernels.alloc(length * 4));
  const shrink = h === undefined ? [] : [h];
  const argsOf = () => [...a, ...b, items, K, ...shrink, 0, items, counts, columns, values];
  const scratch = Math.ceil(items / 64) * 64 * (h === undefined ? 16 : 32);
  await kernels.parallelFor('similarity', h === undefined ? 'neighbours' : 'shrunkNeighbours', 1, argsOf, scratch);
  const kept = kernels.view('i32', counts, items);
  const rows = Array.from({ length: Math.ceil(items / step) }, (_, k) => k * step);
  return rows.map((i) => ({
    actual: Array.from({ length: kept[i] }, (_unused, k) => ({
      column: kernels.view('i32', columns, items * K)[i * K + k],
      value: kernels.view('f32', values, items * K)[i * K + k],
    })),
    expected: neighboursOf(byItem, byUser, items, K, i, h),
  }));
}

/** Whole numbers make every sum exact, and many sums equal. */
function counted(seed: number, userLengths: readonly number[], items: number): Csr {
  const random = new Random(seed);
  return randomCsr(random, userLengths, items, () => 1 + random.integer(3));
}

describe('similarity neighbours', () => {
  it.each([...lengths, 64, 65, 1000])(
    'keeps exactly the largest of %i columns, ties to the lower one',
    async (items) => {
      const most = Math.min(items, 40);
      const users = [...lengths, 30].map((length) => Math.min(length, most));
      for (const K of new Set([1, 2, 7, Math.max(1, items)])) {
        for (const { actual, expected } of await neighbours(counted(items, users, items), items, K)) {
          expect(actual).toEqual(expected);
        }
      }
    },
  );

  it('finds the same from a dense row as from a sparse one', async () => {
    // The first 100 users have nearly everything, so that the rows of their items have thousands of products; the
    // items from 1000 on have one short history each.
    const items = 2000;
    const random = new Random(1);
    const dense = counted(
      2,
      Array.from({ length: 100 }, () => 600),
      1000,
    );
    const indices = [...dense.indices];
    const indptr = [...dense.indptr];
    for (let item = 1000; item < items; item += 4) {
      indices.push(random.integer(1000), item, item + 1, item + 2, item + 3);
      indptr.push(indices.length);
    }
    const byUser = {
      indptr: Int32Array.from(indptr),
      indices: Int32Array.from(indices),
      values: Float32Array.from(indices, () => 1 + random.integer(2)),
    };
    for (const K of [5, 150, 1500]) {
      for (const { actual, expected } of await neighbours(byUser, items, K, 61)) expect(actual).toEqual(expected);
    }
  });

  it('finds all of the largest where a sample of the sums misleads', async () => {
    // Every 16th column, which is what the kernel samples, is far above the rest: fewer than K reach that threshold.
    const items = 640;
    const indices = Int32Array.from({ length: items }, (_, j) => j);
    const values = Float32Array.from(indices, (j) => (j % 16 === 0 ? 1000 + j : 1 + (j % 7)));
    const byUser = { indptr: Int32Array.of(0, items), indices, values };
    for (const { actual, expected } of await neighbours(byUser, items, 60)) expect(actual).toEqual(expected);
  });

  it('keeps no sums that are zero or negative', async () => {
    const byUser: Csr = {
      indptr: Int32Array.of(0, 3, 5),
      indices: Int32Array.of(0, 1, 2, 0, 1),
      values: Float32Array.of(1, -2, 3, 2, 1),
    };
    const rows = await neighbours(byUser, 4, 4);
    // 0·1 = −2 + 2 = 0, 1·2 < 0, and item 3 has nobody.
    expect(rows.map(({ actual }) => actual.map(({ column }) => column))).toEqual([[0, 2], [1], [0, 2], []]);
  });

  it('is within its bound for values that are not whole', async () => {
    const random = new Random(4);
    const byUser = randomCsr(
      random,
      Array.from({ length: 50 }, () => 40),
      120,
      () => random.uniform(),
    );
    for (const { actual, expected } of await neighbours(byUser, 120, 120)) {
      expect(actual.map(({ column }) => column)).toEqual(expected.map(({ column }) => column));
      for (const [k, { value }] of actual.entries()) {
        expect(Math.abs(value - expected[k].value)).toBeLessThanOrEqual(51 * epsilon * expected[k].value);
      }
    }
  });
});

describe('shrunk similarity neighbours', () => {
  it.each([...lengths, 64, 65, 1000])('keeps exactly the largest of %i columns', async (items) => {
    const most = Math.min(items, 40);
    const users = [...lengths, 30].map((length) => Math.min(length, most));
    for (const h of [0, 2.5, 100]) {
      for (const K of new Set([1, 7, Math.max(1, items)])) {
        for (const { actual, expected } of await neighbours(counted(items, users, items), items, K, 1, h)) {
          expect(actual).toEqual(expected);
        }
      }
    }
  });

  it('rounds sums once, whatever their order', async () => {
    const random = new Random(4);
    const users = Array.from({ length: 300 }, () => 20);
    const byUser = randomCsr(random, users, 50, () => random.normal());
    for (const { actual, expected } of await neighbours(byUser, 50, 50, 1, 3)) {
      expect(actual.map(({ column }) => column)).toEqual(expected.map(({ column }) => column));
      for (const [k, { value }] of actual.entries()) {
        expect(Math.abs(value - expected[k].value)).toBeLessThanOrEqual(epsilon * Math.abs(expected[k].value));
      }
    }
  });
});
