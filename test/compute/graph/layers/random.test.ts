import { describe, expect, it } from 'vitest';
import { GraphError, type Tensor } from '../../../../compute/graph/program.ts';
import { gradients } from '../../../../compute/graph/gradients.ts';
import { CountedRandom, dropout } from '../../../../compute/graph/layers/random.ts';
import { encodeModel } from '../../../../compute/onnx/model.ts';
import { openSession } from '../../../../compute/onnx/session.ts';
import { FedGraph, plain } from '../running.ts';

type Draw = (random: CountedRandom, g: FedGraph) => Tensor;

async function draw(make: Draw, { seed = 1, step = 0 }: { seed?: number; step?: number } = {}): Promise<number[]> {
  const g = new FedGraph();
  const random = new CountedRandom(g, g.feed('int64', [seed], []), g.feed('int64', [step], []));
  const { out } = await g.run({ out: make(random, g) });
  return plain(out).map(Number);
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Correlation of two sequences. */
function correlation(a: number[], b: number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

const [rows, columns] = [256, 128];
const uniform: Draw = (random) => random.uniform([rows, columns]);

describe('the counted generator', () => {
  it.each([0, 1, 2, 2 ** 31 - 2])('draws uniformly, by chi-square over 64 bins (seed %i)', async (seed) => {
    const values = await draw(uniform, { seed });
    const bins = Array.from({ length: 64 }, () => 0);
    for (const value of values) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      bins[Math.floor(value * 64)]++;
    }
    const expected = values.length / 64;
    const chi = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 63 degrees of freedom: 99.99 % lie below 113, 99.99 % above 27.
    expect(chi).toBeLessThan(113);
    expect(chi).toBeGreaterThan(27);
  });

  // For n independent pairs the correlation has the deviation 1/√n; four of them are passed once in 16,000.
  const limit = (n: number) => 4 / Math.sqrt(n);
  it('draws without correlation between neighbours, rows, columns, steps, seeds and places', async () => {
    const values = await draw(uniform);
    const at = (row: number, column: number) => values[row * columns + column];
    const pairs: Record<string, [number[], number[]]> = { columns: [[], []], rows: [[], []], crossed: [[], []] };
    for (let row = 0; row + 1 < rows; row++) {
      for (let column = 0; column + 1 < columns; column++) {
        pairs['columns'][0].push(at(row, column));
        pairs['columns'][1].push(at(row, column + 1));
        pairs['rows'][0].push(at(row, column));
        pairs['rows'][1].push(at(row + 1, column));
        // What a sum of a row's and a column's number could betray.
        pairs['crossed'][0].push((at(row, column) - 0.5) * (at(row + 1, column + 1) - 0.5));
        pairs['crossed'][1].push((at(row, column + 1) - 0.5) * (at(row + 1, column) - 0.5));
      }
    }
    pairs['steps'] = [values, await draw(uniform, { step: 1 })];
    pairs['seeds'] = [values, await draw(uniform, { seed: 2 })];
    pairs['seed and step'] = [await draw(uniform, { seed: 1, step: 1 }), await draw(uniform, { seed: 2, step: 0 })];
    pairs['places'] = [
      values,
      await draw((random) => {
        random.uniform([rows, columns]);
        return random.uniform([rows, columns]);
      }),
    ];
    for (const [a, b] of Object.values(pairs)) expect(Math.abs(correlation(a, b))).toBeLessThan(limit(a.length));
  });

  it('draws no row, no column and no number of a row twice more often than chance would', async () => {
    const values = await draw((random) => random.integers(2 ** 31 - 1, [rows, columns]));
    // 32,768 numbers of 2³¹: a quarter of a pair is alike on average.
    expect(values.length - new Set(values).size).toBeLessThan(6);
  });

  it('is a function of seed and step: the same again, another one for each', async () => {
    const first = await draw(uniform, { seed: 5, step: 7 });
    expect(await draw(uniform, { seed: 5, step: 7 })).toEqual(first);
    expect(await draw(uniform, { seed: 5, step: 8 })).not.toEqual(first);
    expect(await draw(uniform, { seed: 6, step: 7 })).not.toEqual(first);
  });

  it('draws what the formula says in plain integers', async () => {
    const g = new FedGraph();
    const random = new CountedRandom(g, g.feed('int64', [123456789], []), g.feed('int64', [42], []));
    const { out } = await g.run({ out: random.integers(2 ** 31 - 1, [2, 3]) });
    // Held to these, as a change would change every training with dropout.
    expect(plain(out)).toEqual([1548782907, 196718956, 1862641477, 1233747654, 919104253, 254653576]);
  });

  it('gives a row of a smaller batch what it gives that row of a larger one, free sizes included', async () => {
    const whole = await draw((random) => random.uniform([8, 5]));
    const g = new FedGraph();
    const random = new CountedRandom(g, g.feed('int64', [1], []), g.feed('int64', [0], []));
    const x = g.feed(
      'float32',
      Array.from({ length: 15 }, () => 0),
      ['batch', 5],
      [3, 5],
    );
    const { out } = await g.run({ out: g.add(x, random.uniform(x.shape)) });
    expect(plain(out)).toEqual(whole.slice(0, 15));
  });

  it.each([1, 7, 1000])('draws integers below %i, all of them about as often', async (n) => {
    const values = await draw((random) => random.integers(n, [rows, columns]));
    const counts = Array.from({ length: n }, () => 0);
    for (const value of values) counts[value]++;
    const expected = values.length / n;
    // Five deviations of a count.
    for (const count of counts) expect(Math.abs(count - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected));
    expect(counts).toHaveLength(n);
  });

  it('draws normal deviates with the moments of the normal distribution', async () => {
    const values = await draw((random) => random.normal([rows, columns]));
    expect(values.every(Number.isFinite)).toBe(true);
    const n = values.length;
    const moment = (k: number) => mean(values.map((value) => value ** k));
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
  });
});

describe('dropout', () => {
  it.each([0.1, 0.5, 0.9])('drops a share of %f and keeps the mean', async (rate) => {
    const values = await draw((random, g) => dropout(g, g.full('float32', [rows, columns], 2), rate, random));
    const kept = values.filter((value) => value !== 0);
    for (const value of kept) expect(value).toBeCloseTo(2 / (1 - rate), 5);
    const n = values.length;
    expect(Math.abs(kept.length / n - (1 - rate))).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / n));
  });

  it('sends the gradient through what was kept, with the same factor', async () => {
    const g = new FedGraph();
    const random = new CountedRandom(g, g.feed('int64', [1], []), g.feed('int64', [0], []));
    const x = g.feed(
      'float32',
      Array.from({ length: 24 }, (_, i) => i + 1),
      [4, 6],
    );
    const y = dropout(g, x, 0.4, random);
    const [dx] = gradients(g, g.sum(y), [x]);
    const out = await g.run({ y, dx });
    const factors = plain(out.y).map((value, i) => Number(value) / (i + 1));
    plain(out.dx).forEach((value, i) => expect(value).toBeCloseTo(factors[i], 5));
    expect(new Set(plain(out.dx)).size).toBe(2);
  });

  it('adds nothing at the rate 0', () => {
    const g = new FedGraph();
    const x = g.feed('float32', [1, 2]);
    const random = new CountedRandom(g, g.feed('int64', [1], []), g.feed('int64', [0], []));
    expect(dropout(g, x, 0, random)).toBe(x);
  });

  it('refuses a rate outside of [0, 1), a bound below 1 and a shape without an axis', () => {
    const g = new FedGraph();
    const random = new CountedRandom(g, g.feed('int64', [1], []), g.feed('int64', [0], []));
    expect(() => dropout(g, g.feed('float32', [1]), 1, random)).toThrow('rate of a dropout must be in [0, 1). Got 1.');
    expect(() => random.integers(0, [2])).toThrow(
      'bound of random integers must be an integer in [1, 2147483647]. Got 0.',
    );
    expect(() => random.uniform([])).toThrow(GraphError);
  });

  it('runs on two threads as on one', async () => {
    const g = new FedGraph();
    const random = new CountedRandom(g, g.feed('int64', [1], []), g.feed('int64', [0], []));
    g.output('out', random.uniform([512, 256]));
    const model = encodeModel(g.toModel());
    const results = await Promise.all(
      [1, 2].map(async (threads) => {
        const session = await openSession(model, { threads });
        const { out } = await session.run(g.feeds);
        await session.close();
        return out.data;
      }),
    );
    expect(results[0]).toEqual(results[1]);
  });
});
