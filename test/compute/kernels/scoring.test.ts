import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import * as scalar from '../../../compute/kernels/scalar/scoring.ts';
import type { Csr } from '../../../compute/kernels/scalar/csr.ts';
import { epsilon, lengths, normals, randomCsr, withinBounds } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['scoring']);
afterAll(() => kernels.close());

interface Tile {
  users: [number, number];
  items: [number, number];
}

async function dense(X: Float32Array, Y: Float32Array, n: number, tiles?: Tile[]): Promise<Float32Array> {
  const [users, items] = [X.length / n, Y.length / n];
  const [x, y] = [kernels.put(X), kernels.put(Y)];
  const scores = kernels.alloc(users * items * 4);
  const cut = tiles ?? [{ users: [0, users], items: [0, items] }];
  const argsOf = (k: number) => [x, y, n, items, ...cut[k].users, ...cut[k].items, scores];
  await kernels.parallelFor('scoring', 'dense', cut.length, argsOf);
  return new Float32Array(kernels.view('f32', scores, users * items));
}

describe('scoring dense', () => {
  const cases = [...lengths, 901].flatMap((items) => [0, 1, 2, 3].map((users) => ({ users, items })));
  it.each(cases)('is within its bound for $users users and $items items', async ({ users, items }) => {
    for (const n of [8, 24, 64]) {
      const random = new Random(users, items);
      const [X, Y] = [normals(random, users * n), normals(random, items * n)];
      const magnitudes = scalar.dense(X.map(Math.abs), Y.map(Math.abs), n, users, items);
      const bounds = magnitudes.map((sum) => 2 * (n / 4 + 4) * epsilon * sum);
      expect(withinBounds(await dense(X, Y, n), scalar.dense(X, Y, n, users, items), bounds)).toBe(true);
    }
  });

  it('gives a user the same bits alone, in pairs, and in whatever tile of items', async () => {
    const n = 16;
    const random = new Random(9);
    const [X, Y] = [normals(random, 5 * n), normals(random, 101 * n)];
    const whole = await dense(X, Y, n);
    const alone = Array.from({ length: 5 }, (_, u): Tile => ({ users: [u, u + 1], items: [0, 101] }));
    expect(await dense(X, Y, n, alone)).toEqual(whole);
    const tiles = [0, 33, 34, 97].flatMap((from, k, all): Tile[] =>
      [0, 3].map((user) => ({ users: [user, user === 0 ? 3 : 5], items: [from, all[k + 1] ?? 101] })),
    );
    expect(await dense(X, Y, n, tiles)).toEqual(whole);
  });
});

describe('scoring sparse', () => {
  async function sparse(histories: Csr, neighbours: Csr, items: number): Promise<Float32Array> {
    const put = ({ indptr, indices, values }: Csr) => [indptr, indices, values].map((array) => kernels.put(array));
    const users = histories.indptr.length - 1;
    const [h, n, scores] = [put(histories), put(neighbours), kernels.alloc(users * items * 4)];
    kernels.view('f32', scores, users * items).fill(Number.NaN);
    await kernels.parallelFor('scoring', 'sparse', users, (u) => [...h, ...n, items, u, u + 1, scores]);
    return new Float32Array(kernels.view('f32', scores, users * items));
  }

  it.each([17, 300])(
    'is within its bound for histories and neighbour rows of all lengths over %i items',
    async (items) => {
      const random = new Random(items);
      const histories = randomCsr(random, [...lengths, items], items, () => 1 + 4 * random.uniform());
      const rowLengths = Array.from({ length: items }, (_, i) => lengths[i % lengths.length]);
      const neighbours = randomCsr(random, rowLengths, items, () => random.uniform());
      const expected = scalar.sparse(histories, neighbours, items);
      // All terms are positive, so that a score is its own sum of magnitudes.
      expect(
        withinBounds(
          await sparse(histories, neighbours, items),
          expected,
          expected.map((s) => (items + 2) * epsilon * s),
        ),
      ).toBe(true);
    },
  );

  it('gives zeros for an empty history', async () => {
    const random = new Random(1);
    const neighbours = randomCsr(random, [3, 3, 3, 3], 4, () => 1);
    const scores = await sparse(
      randomCsr(random, [0, 1, 0], 4, () => 1),
      neighbours,
      4,
    );
    expect(scores.filter((score) => score !== 0)).toHaveLength(3);
    expect(Array.from(scores.subarray(0, 4))).toEqual([0, 0, 0, 0]);
    expect(Array.from(scores.subarray(8))).toEqual([0, 0, 0, 0]);
  });
});
