import { afterEach, describe, expect, it } from 'vitest';
import { KernelThreads } from '../../../compute/kernels/threads.ts';
import type { KernelName } from '../../../compute/kernels/load.ts';

const opened: KernelThreads[] = [];
function open(threads: number, kernels: KernelName[] = ['scoring']): KernelThreads {
  const group = new KernelThreads(threads, kernels);
  opened.push(group);
  return group;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((group) => group.close()));
});

/** x · y of one user and one item of 8 factors per chunk, written to the chunk's place of `scores`. */
function products(group: KernelThreads, chunks: number) {
  const X = group.put(Float32Array.from({ length: chunks * 8 }, (_, k) => Math.floor(k / 8) + 1));
  const Y = group.put(new Float32Array(8).fill(1));
  const scores = group.put(new Float32Array(chunks));
  const argsOf = (chunk: number) => [X + chunk * 32, Y, 8, 1, 0, 1, 0, 1, scores + chunk * 4];
  const expected = Array.from({ length: chunks }, (_, chunk) => (chunk + 1) * 8);
  return { argsOf, expected, read: () => Array.from(group.view('f32', scores, chunks)) };
}

describe.each([1, 3])('KernelThreads with %i threads', (threads) => {
  it('calls the function once for each chunk', async () => {
    const group = open(threads);
    const { argsOf, expected, read } = products(group, 500);
    await group.parallelFor('scoring', 'dense', 500, argsOf);
    expect(read()).toEqual(expected);
  });

  it('does nothing for no chunks', async () => {
    const group = open(threads);
    await group.parallelFor('scoring', 'dense', 0, () => expect.unreachable());
  });

  it('runs loops that are started together one after the other', async () => {
    const group = open(threads);
    const loops = [40, 7, 90].map((chunks) => ({ chunks, ...products(group, chunks) }));
    await Promise.all(loops.map(({ chunks, argsOf }) => group.parallelFor('scoring', 'dense', chunks, argsOf)));
    for (const { read, expected } of loops) expect(read()).toEqual(expected);
  });

  it('sees memory that was allocated after the threads started', async () => {
    const group = open(threads);
    const first = products(group, 10);
    await group.parallelFor('scoring', 'dense', 10, first.argsOf);
    group.alloc(80 * 2 ** 20);
    const second = products(group, 10);
    await group.parallelFor('scoring', 'dense', 10, second.argsOf);
    expect(second.read()).toEqual(second.expected);
    expect(first.read()).toEqual(first.expected);
  });

  it('gives each thread a scratch of its own, which no allocation overlaps', async () => {
    const group = open(threads, ['similarity']);
    // 200 rows of the identity: each row's only neighbour is itself, whatever another thread has in its sums.
    const n = 200;
    const indptr = group.put(Int32Array.from({ length: n + 1 }, (_, k) => k));
    const indices = group.put(Int32Array.from({ length: n }, (_, k) => k));
    const values = group.put(new Float32Array(n).fill(1));
    const [counts, columns, similarities] = [0, 1, 2].map(() => group.put(new Int32Array(n)));
    const csr = [indptr, indices, values];
    const argsOf = (row: number) => [...csr, ...csr, n, 1, row, row + 1, counts, columns, similarities];
    const mark = group.mark();
    await group.parallelFor('similarity', 'neighbours', n, argsOf, 4 * 4 * 256);
    expect(group.mark()).toBe(mark);
    expect(Array.from(group.view('i32', counts, n))).toEqual(Array.from({ length: n }, () => 1));
    expect(Array.from(group.view('i32', columns, n))).toEqual(Array.from({ length: n }, (_, k) => k));
  });

  it('rejects when a chunk traps, and goes on with the next loop', async () => {
    const group = open(threads);
    const { argsOf, expected, read } = products(group, 20);
    const outside = (chunk: number) => (chunk === 3 ? argsOf(chunk).with(0, 2 ** 32 - 64) : argsOf(chunk));
    await expect(group.parallelFor('scoring', 'dense', 20, outside)).rejects.toThrow(/memory access out of bounds/);
    await group.parallelFor('scoring', 'dense', 20, argsOf);
    expect(read()).toEqual(expected);
  });

  it('takes and gives back no memory while a loop is under way', async () => {
    const group = open(threads);
    const { argsOf, expected, read } = products(group, 300);
    const mark = group.mark();
    const loops = [
      group.parallelFor('scoring', 'dense', 300, argsOf),
      group.parallelFor('scoring', 'dense', 300, argsOf),
    ];
    expect(() => group.alloc(8)).toThrow(/one function at a time/);
    expect(() => group.release(mark)).toThrow(/one function at a time/);
    await loops[0];
    expect(() => group.put(new Float32Array(1))).toThrow(/one function at a time/);
    await loops[1];
    expect(group.mark()).toBe(mark);
    expect(group.alloc(8)).toBe(mark);
    expect(read()).toEqual(expected);
  });

  it('takes memory again after a loop whose arguments could not be made', async () => {
    const group = open(threads);
    const failing = group.parallelFor('scoring', 'dense', 1, () => {
      throw new Error('no arguments');
    }, 64); // prettier-ignore
    await expect(failing).rejects.toThrow('no arguments');
    const mark = group.mark();
    expect(group.alloc(8)).toBe(mark);
    expect(mark).toBe(128);
  });

  it('names a function that a kernel lacks', async () => {
    const group = open(threads);
    await expect(group.parallelFor('scoring', 'absent', 1, () => [])).rejects.toThrow(/"scoring".*"absent"/);
    await expect(group.parallelFor('als', 'gram', 1, () => [])).rejects.toThrow(/"als".*"gram"/);
  });

  it('ends a running loop before it closes, and takes no other', async () => {
    const group = open(threads);
    const { argsOf, expected, read } = products(group, 300);
    const loop = group.parallelFor('scoring', 'dense', 300, argsOf);
    await group.close();
    await loop;
    expect(read()).toEqual(expected);
    await expect(group.parallelFor('scoring', 'dense', 1, argsOf)).rejects.toThrow(/closed/);
  });
});

describe('KernelThreads', () => {
  it('aligns allocations to 64 bytes and keeps them apart', () => {
    const group = open(1);
    const addresses = [0, 1, 63, 64, 65, 4].map((bytes) => group.alloc(bytes));
    expect(addresses.map((address) => address % 64)).toEqual(addresses.map(() => 0));
    expect(addresses.slice(1).map((address, k) => address - addresses[k])).toEqual([0, 64, 64, 64, 128]);
  });

  it('gives released memory out again', () => {
    const group = open(1);
    const mark = group.mark();
    const first = group.alloc(1000);
    group.alloc(1000);
    group.release(mark);
    expect(group.alloc(1000)).toBe(first);
  });

  it('releases in the order of marks', () => {
    const group = open(1);
    const first = group.mark();
    group.alloc(64);
    const second = group.mark();
    group.release(first);
    expect(() => group.release(second)).toThrow(/order of its marks/);
  });

  it('keeps the content of arrays and of views while the memory grows', () => {
    const group = open(1);
    const address = group.put(Float32Array.of(1, 2, 3));
    const view = group.view('f32', address, 3);
    group.alloc(64 * 2 ** 20);
    view[1] = 20;
    expect(Array.from(group.view('f32', address, 3))).toEqual([1, 20, 3]);
  });

  it('refuses more than a kernel can address, and says what to lower', () => {
    const group = open(1);
    expect(() => group.alloc(2 ** 32)).toThrow(
      expect.objectContaining({ code: 'PARAMETER_INVALID', message: expect.stringContaining('Got 4.0 GiB') }),
    );
    expect(group.alloc(64)).toBeGreaterThan(0);
  });

  it('lets timers run during a long loop of a single thread', async () => {
    const group = open(1);
    const { argsOf } = products(group, 1);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    // Chunks are counted, not timed: the loop goes on until a timer has run, or gives up.
    const started = performance.now();
    while (ticks === 0 && performance.now() - started < 20_000) {
      await group.parallelFor('scoring', 'dense', 20_000, () => argsOf(0));
    }
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });

  it('refuses a number of threads that is not a positive integer', () => {
    for (const threads of [0, -1, 1.5]) expect(() => new KernelThreads(threads, [])).toThrow(/at least 1/);
  });
});
