import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { easeWeights, type EaseWeights } from '../../../compute/kernels/ease.ts';
import type { Csr } from '../../../compute/kernels/csr.ts';
import { easeOf } from '../../../compute/kernels/scalar/ease.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import { largestDifference, lengths, randomCsr, transposed } from './random-arrays.ts';

const [alone, together] = [1, 3].map((threads) => new KernelThreads(threads, ['ease', 'csr']));
afterAll(() => Promise.all([alone.close(), together.close()]));

/** Users who have up to half of the items, strengths 1 to 3. */
function strengths(seed: number, users: number, items: number): Csr {
  const random = new Random(seed);
  const rows = Array.from({ length: users }, () => random.integer(Math.floor(items / 2) + 1));
  return randomCsr(random, rows, items, () => 1 + random.integer(3));
}

function denseOf({ weights: { indptr, indices, values } }: EaseWeights, items: number): Float64Array {
  const dense = new Float64Array(items * items);
  for (let i = 0; i < items; i++) {
    for (let k = indptr[i]; k < indptr[i + 1]; k++) dense[i * items + indices[k]] = values[k];
  }
  return dense;
}

describe('EASE weights', () => {
  // By the items' inverse where there are not more items than users, else by the users'.
  const shapes = [...lengths, 64, 127, 128, 129].flatMap((n) => [[n, n], [n, n + 30], [n + 30, n]]); // prettier-ignore
  it.each(shapes)('are those of the closed form for %i users and %i items', async (users, items) => {
    const x = strengths(users + items, users, items);
    const found = await easeWeights(alone, x, items, { regularization: 5, keep: Math.max(1, items) });
    const expected = easeOf(x, items, 5);
    expect(largestDifference(denseOf(found, items), expected)).toBeLessThan(items <= users ? 2e-7 : 1e-5);
    expect(found.squares.kept).toBeCloseTo(found.squares.whole, 9);
    expect(found.squares.whole).toBeCloseTo(
      expected.reduce((sum, b) => sum + b * b, 0),
      3,
    );
  });

  it.each([
    [300, 200],
    [200, 300],
  ])('have the same bits on any number of threads, and twice, for %i users and %i items', async (users, items) => {
    const x = strengths(1, users, items);
    const options = { regularization: 20, keep: 40 };
    const first = await easeWeights(alone, x, items, options);
    expect(await easeWeights(alone, x, items, options)).toEqual(first);
    expect(await easeWeights(together, x, items, options)).toEqual(first);
  });

  it.each([
    [300, 200],
    [200, 300],
  ])('are the largest by magnitude where not all are kept, for %i users and %i items', async (users, items) => {
    const x = strengths(2, users, items);
    const whole = denseOf(await easeWeights(alone, x, items, { regularization: 20, keep: items }), items);
    for (const keep of [1, 7, 50]) {
      const found = await easeWeights(alone, x, items, { regularization: 20, keep });
      const kept = denseOf(found, items);
      let squares = 0;
      for (let i = 0; i < items; i++) {
        const row = whole.subarray(i * items, (i + 1) * items);
        const order = Array.from(row.keys()).toSorted((a, b) => Math.abs(row[b]) - Math.abs(row[a]) || a - b);
        const expected = new Float64Array(items);
        for (const j of order.slice(0, keep)) expected[j] = row[j];
        expect(kept.slice(i * items, (i + 1) * items)).toEqual(expected);
        for (const b of expected) squares += b * b;
      }
      expect(found.squares.kept).toBeCloseTo(squares, 9);
      expect(found.squares.kept).toBeLessThan(found.squares.whole);
    }
  });

  it('keep of equal magnitudes those of the lower items', async () => {
    // Everybody has one pair of items, so that within a block of four all weights are the same.
    const pairs = [0, 4].flatMap((first) => [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]].map((p) => p.map((i) => first + i))); // prettier-ignore
    const byUser = {
      indptr: Int32Array.from({ length: pairs.length + 1 }, (_, u) => 2 * u),
      indices: Int32Array.from(pairs.flat()),
      values: new Float32Array(2 * pairs.length).fill(1),
    };
    const { weights } = await easeWeights(alone, byUser, 8, { regularization: 1, keep: 2 });
    const rows = Array.from({ length: 8 }, (_, i) => [...weights.indices.subarray(weights.indptr[i], weights.indptr[i + 1])]); // prettier-ignore
    expect(rows).toEqual([[1, 2], [0, 2], [0, 1], [0, 1], [5, 6], [4, 6], [4, 5], [4, 5]]); // prettier-ignore
  });

  it('come of both inverses alike', async () => {
    const x = strengths(3, 90, 90);
    const square = denseOf(await easeWeights(alone, x, 90, { regularization: 3, keep: 90 }), 90);
    // Ten items that nobody has make the users the fewer.
    const wider = denseOf(await easeWeights(alone, x, 100, { regularization: 3, keep: 100 }), 100);
    for (let i = 0; i < 90; i++) {
      const row = wider.subarray(i * 100, i * 100 + 90);
      expect(largestDifference(row, square.subarray(i * 90, (i + 1) * 90))).toBeLessThan(1e-5);
    }
  });

  it('leave the memory as it was', async () => {
    const mark = alone.mark();
    await easeWeights(alone, transposed(strengths(4, 40, 30), 30), 40, { regularization: 1, keep: 5 });
    expect(alone.mark()).toBe(mark);
  });

  it('report how far they are, never back', async () => {
    for (const [users, items] of [
      [200, 150],
      [150, 200],
    ]) {
      // prettier-ignore
      const fractions: number[] = [];
      await easeWeights(alone, strengths(5, users, items), items, { regularization: 9, keep: 9 }, (f) => fractions.push(f)); // prettier-ignore
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions[0]).toBeGreaterThan(0);
      expect(fractions.at(-1)).toBeLessThanOrEqual(1);
    }
  });
});
