import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../contracts/random.ts';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import {
  rankDense,
  rankSparse,
  topK,
  type Ranked,
  type TopLists,
  type Wanted,
} from '../../../compute/kernels/top-k.ts';
import type { Csr } from '../../../compute/kernels/scalar/csr.ts';
import { topOf, type TopList } from '../../../compute/kernels/scalar/top-k.ts';
import { lengths, normals, randomCsr } from './random-arrays.ts';

const kernels = new KernelThreads(1, ['top-k', 'scoring']);
const three = new KernelThreads(3, ['top-k', 'scoring']);
afterAll(async () => {
  await Promise.all([kernels.close(), three.close()]);
});

function listOf({ width, items, scores, lengths: counts, ties }: TopLists, row: number): TopList {
  const span = [row * width, row * width + counts[row]] as const;
  return { items: [...items.subarray(...span)], scores: [...scores.subarray(...span)], ties: ties[row] };
}

async function listsOf(rows: Float32Array[], k: number, threads = kernels): Promise<TopList[]> {
  const columns = rows[0].length;
  const all = Float32Array.from(rows.flatMap((row) => [...row]));
  const lists = await topK(threads, all, [rows.length, columns], k);
  return rows.map((_, row) => listOf(lists, row));
}

/** 0 and −0 compare as equal, and a list says 0 for both. */
const plain = ({ scores, ...list }: TopList): TopList => ({ ...list, scores: scores.map((score) => score + 0) });

const kinds: Record<string, (random: Random, length: number) => Float32Array> = {
  'distinct scores': normals,
  'scores of few values': (random, length) => Float32Array.from({ length }, () => random.integer(4) - 2),
  'ascending scores': (_, length) => Float32Array.from({ length }, (_unused, i) => i),
  'descending scores': (_, length) => Float32Array.from({ length }, (_unused, i) => -i),
  // The median of first, middle and last is among the smallest again and again.
  'an organ pipe': (_, length) => Float32Array.from({ length }, (_unused, i) => Math.min(i, length - i)),
  'one score': (_, length) => new Float32Array(length).fill(-3),
  'zeros of both signs': (random, length) => Float32Array.from({ length }, () => (random.uniform() < 0.5 ? -0 : 0)),
  'denormals of both signs': (random, length) =>
    Float32Array.from({ length }, () => (random.integer(9) - 4) * 2 ** -149),
  'what is no candidate between': (random, length) =>
    Float32Array.from({ length }, () => [-Infinity, Number.NaN, random.normal(), 7][random.integer(4)]),
  'no candidate': (_, length) => new Float32Array(length).fill(-Infinity),
  'infinity and the largest finite': (random, length) =>
    Float32Array.from({ length }, () => [Infinity, 3.4028234663852886e38, -3.4028234663852886e38][random.integer(3)]),
};

describe.each(Object.keys(kinds))('topK of %s', (kind) => {
  it.each([...lengths, 64, 5000])('is what sorting the row gives, of %i columns', async (columns) => {
    for (const k of [1, 3, 16, 17, 100, 1024]) {
      const random = new Random(columns, k);
      const rows = Array.from({ length: 3 }, () => kinds[kind](random, columns));
      expect(await listsOf(rows, k)).toEqual(rows.map((row) => plain(topOf(row, k))));
    }
  });
});

describe('topK', () => {
  it('gives the same on any number of threads', async () => {
    const rows = Array.from({ length: 301 }, (_, row) => normals(new Random(row), 777));
    expect(await listsOf(rows, 10, three)).toEqual(await listsOf(rows, 10));
  });

  it('gives rows of fewer candidates than k places of their own', async () => {
    const lists = await topK(kernels, Float32Array.of(1, -Infinity, 2, -Infinity, -Infinity, 5), [2, 3], 10);
    expect(lists.width).toBe(3);
    expect([...lists.lengths]).toEqual([2, 1]);
    expect([0, 1].map((row) => listOf(lists, row))).toEqual([
      { items: [2, 0], scores: [2, 1], ties: 0 },
      { items: [2], scores: [5], ties: 0 },
    ]);
  });

  it.each([0, -1, 2.5, Number.NaN])('refuses a list of length %s', async (k) => {
    await expect(topK(kernels, new Float32Array(4), [2, 2], k)).rejects.toThrow(RangeError);
  });

  it('gives lists of no places where there are no columns', async () => {
    const none = new Float32Array(0);
    const lists = {
      width: 0,
      items: new Int32Array(0),
      scores: none,
      lengths: new Int32Array(2),
      ties: new Int32Array(2),
    };
    expect(await topK(kernels, none, [2, 0], 3)).toEqual(lists);
    const history = { indptr: kernels.put(new Int32Array(3)), indices: kernels.put(new Int32Array(0)) };
    const factors = { users: kernels.put(new Float32Array(16)), items: kernels.put(none), width: 8 };
    const wanted = { all: true, fresh: true, checked: true, k: 3 };
    const ranked = await rankDense(kernels, { rows: 2, items: 0, history }, factors, wanted);
    expect(ranked).toEqual({ all: lists, fresh: lists, finite: Int32Array.of(1, 1) });
  });

  it('refuses numbers of rows and columns that are none', async () => {
    for (const shape of [
      [-2, -2],
      [0.5, 8],
      [8, 0.5],
    ] as const) {
      await expect(topK(kernels, new Float32Array(4), shape, 1)).rejects.toThrow(/integers of at least 0/);
    }
  });

  it('refuses scores of another shape', async () => {
    await expect(topK(kernels, new Float32Array(5), [2, 2], 1)).rejects.toThrow(/must be 4 floats. Got 5/);
  });
});

const everything: Omit<Wanted, 'k'> = { all: true, fresh: true, checked: true };

/** The lists, and what they would be by scoring first, with the same bits, and sorting then. */
async function bothWays(
  { histories, asked, k, items }: { histories: Csr; asked: Csr; k: number; items: number },
  scorer: { rank(wanted: Wanted): Promise<Ranked>; scores(): Promise<Float32Array> },
) {
  const users = histories.indptr.length - 1;
  const ranked = await scorer.rank({ ...everything, k, asked });
  const scores = await scorer.scores();
  const rows = Array.from({ length: users }, (_, u) => scores.slice(u * items, (u + 1) * items));
  const fresh = rows.map((row, u) => {
    const left = row.slice();
    for (const item of histories.indices.subarray(histories.indptr[u], histories.indptr[u + 1])) left[item] = -Infinity;
    return left;
  });
  const finite = rows.map((row) => Number(row.every(Number.isFinite)));
  const askedScores = rows.flatMap((row, u) =>
    Array.from(asked.indices.subarray(asked.indptr[u], asked.indptr[u + 1]), (item) => row[item]),
  );
  return {
    actual: {
      all: rows.map((_, u) => listOf(ranked.all!, u)),
      fresh: rows.map((_, u) => listOf(ranked.fresh!, u)),
      finite: [...ranked.finite!],
      askedScores: [...ranked.askedScores!],
    },
    expected: {
      all: rows.map((row) => plain(topOf(row, k))),
      fresh: fresh.map((row) => plain(topOf(row, k))),
      finite,
      askedScores,
    },
  };
}

function draw(users: number, items: number, k: number) {
  const random = new Random(users, items);
  const rowLengths = (most: number) =>
    Array.from({ length: users }, (_, u) => Math.min(items, lengths[u % lengths.length], most));
  const histories = randomCsr(random, rowLengths(99), items, () => 1 + random.integer(3));
  const asked = randomCsr(random, rowLengths(4).toReversed(), items, () => 0);
  return { random, histories, asked, k, items };
}

async function dense(threads: KernelThreads, X: Float32Array, Y: Float32Array, n: number, of: ReturnType<typeof draw>) {
  const mark = threads.mark();
  const users = X.length / n;
  const [x, y, indptr, indices] = [X, Y, of.histories.indptr, of.histories.indices].map((array) => threads.put(array));
  const scores = threads.alloc(users * of.items * 4);
  const result = await bothWays(of, {
    rank: (wanted) =>
      rankDense(
        threads,
        { rows: users, items: of.items, history: { indptr, indices } },
        { users: x, items: y, width: n },
        wanted,
      ),
    async scores() {
      await threads.parallelFor('scoring', 'dense', 1, () => [x, y, n, of.items, 0, users, 0, of.items, scores]);
      return threads.view('f32', scores, users * of.items).slice();
    },
  });
  threads.release(mark);
  return result;
}

describe('rankDense', () => {
  const cases = [...lengths, 959, 960, 961, 2500].flatMap((items) => [0, 1, 5, 33].map((users) => ({ users, items })));
  it.each(cases)('chooses what scoring and sorting give, for $users users and $items items', async (size) => {
    const [n, k] = [8, 17];
    const of = draw(size.users, size.items, k);
    const { actual, expected } = await dense(
      kernels,
      normals(of.random, size.users * n),
      normals(of.random, size.items * n),
      n,
      of,
    );
    expect(actual).toEqual(expected);
  });

  it('gives the same on any number of threads, for more users than one thread takes at a time', async () => {
    const [n, users, items] = [16, 2200, 100];
    const of = draw(users, items, 5);
    const [X, Y] = [normals(of.random, users * n), normals(of.random, items * n)];
    const { actual, expected } = await dense(three, X, Y, n, of);
    expect(actual).toEqual(expected);
    expect((await dense(kernels, X, Y, n, of)).actual).toEqual(actual);
  });

  it('counts equal scores beyond the list, also where they are in different stretches of items', async () => {
    const [n, items] = [8, 3000];
    const of = draw(9, items, 40);
    const X = new Float32Array(9 * n).fill(1);
    const Y = Float32Array.from({ length: items * n }, (_, at) => Math.floor(at / n) % 7);
    const { actual, expected } = await dense(kernels, X, Y, n, of);
    expect(actual).toEqual(expected);
    expect(actual.all[0].ties).toBe(Math.floor(items / 7) - 40);
  });

  it('tells rows with a score that is not finite, wherever it is', async () => {
    const [n, items] = [8, 1000];
    const of = draw(6, items, 3);
    const Y = normals(of.random, items * n);
    for (const [at, value] of [
      [0, Number.NaN],
      [999, Infinity],
      [961, -Infinity],
    ] as const) {
      const broken = Y.slice();
      broken[at * n] = value;
      const X = Float32Array.from({ length: 6 * n }, (_, f) => (f % n === 0 ? Number(f >= 3 * n) : 1));
      // 0 · ∞ is NaN, so that the first three users have one as well; they are left out of a sound row by 0 alone.
      const { actual, expected } = await dense(kernels, X, broken, n, of);
      expect(actual).toEqual(expected);
      expect(actual.finite).toContain(0);
    }
    expect((await dense(kernels, normals(of.random, 6 * n), Y, n, of)).actual.finite).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('makes only what is wanted', async () => {
    const of = draw(5, 30, 4);
    const [x, y, indptr, indices] = [
      normals(of.random, 40),
      normals(of.random, 240),
      of.histories.indptr,
      of.histories.indices,
    ].map((array) => kernels.put(array));
    const piece = { rows: 5, items: 30, history: { indptr, indices } };
    const factors = { users: x, items: y, width: 8 };
    const whole = await rankDense(kernels, piece, factors, { ...everything, k: 4 });
    const all = await rankDense(kernels, piece, factors, { k: 4, all: true, fresh: false, checked: false });
    const fresh = await rankDense(kernels, piece, factors, { k: 4, all: false, fresh: true, checked: false });
    expect(all).toEqual({ all: whole.all });
    expect(fresh).toEqual({ fresh: whole.fresh });
  });
});

describe('rankSparse', () => {
  async function sparse(threads: KernelThreads, users: number, items: number, k: number) {
    const of = draw(users, items, k);
    const rowLengths = Array.from({ length: items }, (_, i) => Math.min(items, lengths[i % lengths.length]));
    const neighbours = randomCsr(of.random, rowLengths, items, () => of.random.normal());
    const put = ({ indptr, indices, values }: Csr) => [indptr, indices, values].map((array) => threads.put(array));
    const [h, t, scores] = [put(of.histories), put(neighbours), threads.alloc(users * items * 4)];
    return await bothWays(of, {
      rank: (wanted) =>
        rankSparse(
          threads,
          { rows: users, items, history: { indptr: h[0], indices: h[1] } },
          h[2],
          { indptr: t[0], indices: t[1], values: t[2] },
          wanted,
        ),
      async scores() {
        await threads.parallelFor('scoring', 'sparse', users, (u) => [...h, ...t, items, u, u + 1, scores]);
        return threads.view('f32', scores, users * items).slice();
      },
    });
  }

  const cases = [...lengths, 901].flatMap((items) => [0, 1, 9].map((users) => ({ users, items })));
  it.each(cases)('chooses what scoring and sorting give, for $users users and $items items', async (size) => {
    // Most scores are 0, so that lists end in a tie.
    const { actual, expected } = await sparse(kernels, size.users, size.items, 17);
    expect(actual).toEqual(expected);
  });

  it('gives the same on any number of threads', async () => {
    expect((await sparse(three, 70, 300, 50)).actual).toEqual((await sparse(kernels, 70, 300, 50)).actual);
  });
});
