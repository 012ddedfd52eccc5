import { describe, expect, it } from 'vitest';
import { gradients } from '../../../../compute/graph/gradients.ts';
import { attention, selfAttention } from '../../../../compute/graph/layers/attention.ts';
import { CountedRandom, dropout } from '../../../../compute/graph/layers/random.ts';
import type { Tensor } from '../../../../compute/graph/program.ts';
import { checkGradients } from '../gradient-check.ts';
import { FedGraph, plain } from '../running.ts';

const values = (count: number, factor = 1) => Array.from({ length: count }, (_, i) => factor * Math.sin(1.7 * i + 0.3));

/** The formula in plain TypeScript: one query after the other. `sees(query, key)` tells what is visible. */
function byHand(q: number[], k: number[], v: number[], d: number, e: number, sees: (i: number, j: number) => boolean) {
  const [queries, keys] = [q.length / d, k.length / d];
  const result: number[] = [];
  for (let i = 0; i < queries; i++) {
    const scores = Array.from({ length: keys }, (_, j) => {
      let dot = 0;
      for (let c = 0; c < d; c++) dot += q[i * d + c] * k[j * d + c];
      return sees(i, j) ? dot / Math.sqrt(d) : -Infinity;
    });
    const largest = Math.max(...scores);
    const weights = scores.map((score) => (score === -Infinity ? 0 : Math.exp(score - largest)));
    const total = weights.reduce((a, b) => a + b, 0);
    for (let c = 0; c < e; c++) {
      result.push(total === 0 ? 0 : weights.reduce((sum, weight, j) => sum + (weight / total) * v[j * e + c], 0));
    }
  }
  return result;
}

const close = (found: (number | string)[], expected: number[]) => {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
};

describe('attention', () => {
  const [queries, keys, d, e] = [4, 5, 3, 2];
  const [q, k, v] = [values(queries * d), values(keys * d, 2), values(keys * e, 3)];
  const feed = (g: FedGraph, scale = 1) => [
    g.feed(
      'float32',
      q.map((value) => value * scale),
      [queries, d],
    ),
    g.feed(
      'float32',
      k.map((value) => value * scale),
      ['keys', d],
      [keys, d],
    ),
    g.feed('float32', v, ['keys', e], [keys, e]),
  ];
  // The third query sees nothing.
  const seen = (i: number, j: number) => i !== 2 && (i + 2 * j) % 3 !== 0;

  it('weighs the values by how alike query and keys are', async () => {
    const g = new FedGraph();
    const [query, key, value] = feed(g);
    const { out } = await g.run({ out: attention(g, query, key, value) });
    close(
      plain(out),
      byHand(q, k, v, d, e, () => true),
    );
    expect(out.shape).toEqual([queries, e]);
  });

  it('gives what is masked no weight, and zeros where all is masked', async () => {
    const g = new FedGraph();
    const [query, key, value] = feed(g);
    const bits = Array.from({ length: queries * keys }, (_, at) => seen(Math.floor(at / keys), at % keys));
    const mask = g.feed('bool', bits, [queries, 'keys'], [queries, keys]);
    const { out } = await g.run({ out: attention(g, query, key, value, { mask }) });
    close(plain(out), byHand(q, k, v, d, e, seen));
    expect(plain(out).slice(2 * e, 3 * e)).toEqual([0, 0]);
  });

  it('looks back only where it is causal', async () => {
    const g = new FedGraph();
    const [query, key, value] = feed(g);
    const { out } = await g.run({ out: attention(g, query, key, value, { causal: true }) });
    close(
      plain(out),
      byHand(q, k, v, d, e, (i, j) => j <= i),
    );
  });

  it('stays finite with scores of ±10⁴', async () => {
    const g = new FedGraph();
    const [query, key, value] = feed(g, 100);
    const { out } = await g.run({ out: attention(g, query, key, value, { causal: true }) });
    const scaled = (list: number[]) => list.map((x) => x * 100);
    close(
      plain(out),
      byHand(scaled(q), scaled(k), v, d, e, (i, j) => j <= i),
    );
  });

  it('refuses widths that differ and names all shapes', () => {
    const g = new FedGraph();
    const [query, key, value] = feed(g);
    expect(() => attention(g, query, value, value)).toThrow('Got [4, 3], [keys, 2], [keys, 2].');
    expect(() => attention(g, query, key, query)).toThrow('as many keys as values. Got [4, 3], [keys, 3], [4, 3].');
  });
});

describe('self-attention', () => {
  const [batch, length, width, heads] = [2, 3, 4, 2];
  const x = values(batch * length * width);
  const matrices = { query: 1, key: 2, value: 0.7, output: 1.3 };
  const weights = (g: FedGraph) =>
    Object.fromEntries(
      Object.entries(matrices).map(([name, factor]) => [name, g.feed('float32', values(16, factor), [width, width])]),
    ) as Record<keyof typeof matrices, Tensor<'float32'>>;
  const times = (rows: number[], matrix: number[]) =>
    Array.from({ length: rows.length }, (_, at) => {
      const [row, column] = [Math.floor(at / width), at % width];
      let sum = 0;
      for (let c = 0; c < width; c++) sum += rows[row * width + c] * matrix[c * width + column];
      return sum;
    });

  it.each([
    ['without padding', undefined],
    // The second sequence has one element.
    ['with padding', [true, true, true, true, false, false]],
  ])('has each head attend by itself over its sequence, %s', async (_name, padding) => {
    const g = new FedGraph();
    const input = g.feed('float32', x, ['batch', length, width], [batch, length, width]);
    const mask = padding && g.feed('bool', padding, ['batch', length], [batch, length]);
    const { out } = await g.run({ out: selfAttention(g, input, weights(g), heads, { causal: true, padding: mask }) });
    const [q, k, v] = (['query', 'key', 'value'] as const).map((name) => times(x, values(16, matrices[name])));
    const own = width / heads;
    const mixed = Array.from({ length: x.length }, () => 0);
    for (let sample = 0; sample < batch; sample++) {
      for (let head = 0; head < heads; head++) {
        const places = Array.from({ length: length * own }, (_, at) => {
          return (sample * length + Math.floor(at / own)) * width + head * own + (at % own);
        });
        const [hq, hk, hv] = [q, k, v].map((list) => places.map((place) => list[place]));
        const sees = (i: number, j: number) => j <= i && (padding?.[sample * length + j] ?? true);
        byHand(hq, hk, hv, own, own, sees).forEach((value, at) => (mixed[places[at]] = value));
      }
    }
    close(plain(out), times(mixed, values(16, matrices.output)));
  });

  it.each([1, 2, 3, 4])('has the gradients that differences show, masks included (seed %i)', async (seed) => {
    await checkGradients(
      (g) => {
        const input = g.variable([2, 3, 4], [-1, 1]);
        const square = () => g.variable([4, 4], [-1, 1]);
        const own = { query: square(), key: square(), value: square(), output: square() };
        const padding = g.feed('bool', [true, true, false, true, false, false], [2, 3]);
        return selfAttention(g, input, own, 2, { causal: seed % 2 === 0, padding });
      },
      'float64',
      seed,
    );
  });

  it('sends no gradient, not even NaN, to a sequence of which nothing is seen', async () => {
    const g = new FedGraph();
    const input = g.feed('float32', x, [batch, length, width]);
    const padding = g.feed('bool', [false, false, false, true, true, true], [batch, length]);
    const out = selfAttention(g, input, weights(g), heads, { padding });

    const [dx] = gradients(g, g.sum(g.mul(out, out)), [input]);
    const found = plain((await g.run({ dx })).dx).map(Number);
    expect(found.slice(0, length * width)).toEqual(Array.from({ length: length * width }, () => 0));
    expect(found.slice(length * width).every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
  });

  it('drops weights by a counted generator', async () => {
    const run = async (step: number) => {
      const g = new FedGraph();
      const random = new CountedRandom(g, g.feed('int64', [3], []), g.feed('int64', [step], []));
      const input = g.feed('float32', x, [batch, length, width]);
      const onWeights = (given: Tensor<'float32'>) => dropout(g, given, 0.5, random);
      const { out } = await g.run({ out: selfAttention(g, input, weights(g), heads, { onWeights }) });
      return plain(out);
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  it('refuses heads that do not divide the width, and padding of another shape', () => {
    const g = new FedGraph();
    const input = g.feed('float32', x, [batch, length, width]);
    expect(() => selfAttention(g, input, weights(g), 3)).toThrow(
      'divide the width of [batch, length, width]. Got 3 and',
    );
    const padding = g.feed('bool', [true, true], [2, 1]);
    expect(() => selfAttention(g, input, weights(g), 2, { padding })).toThrow(
      'must have the shape [2, 3]. Got [2, 1].',
    );
  });
});
