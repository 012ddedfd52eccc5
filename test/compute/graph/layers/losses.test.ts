import { describe, expect, it } from 'vitest';
import { gradients } from '../../../../compute/graph/gradients.ts';
import { Graph } from '../../../../compute/graph/graph.ts';
import {
  absoluteError,
  binaryCrossEntropy,
  bpr,
  hinge,
  huber,
  inBatchSoftmax,
  poisson,
  sampledSoftmax,
  softmaxCrossEntropy,
  squaredError,
  squaredHinge,
  tripletMargin,
} from '../../../../compute/graph/layers/losses.ts';
import type { FloatType, Tensor } from '../../../../compute/graph/program.ts';
import { checkGradients, generator, type CheckedGraph } from '../gradient-check.ts';
import { FedGraph, plain } from '../running.ts';

type X = Tensor<FloatType>;
type Plain = (values: Record<string, number[]>) => number;

/** A loss of inputs `[batch]` or `[batch, columns]`, and its formula in plain TypeScript. */
interface LossCase {
  /** By name: columns, 0 for a vector; integers below a bound where one is given. */
  inputs: Record<string, { columns: number; below?: number; draw?: (random: number) => number }>;
  build(g: Graph, x: Record<string, X>): X;
  plain: Plain;
}

const batch = 5;
const total = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const mean = (n: number, loss: (i: number) => number, weight: (i: number) => number = () => 1) =>
  total(range(n).map((i) => weight(i) * loss(i))) / total(range(n).map(weight));
const row = (values: number[], i: number, columns: number) => values.slice(i * columns, (i + 1) * columns);
const logSumExp = (values: number[]) => {
  const most = Math.max(...values);
  return most + Math.log(total(values.map((x) => Math.exp(x - most))));
};
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const dot = (a: number[], b: number[]) => total(a.map((x, i) => x * b[i]));
const distance = (a: number[], b: number[]) => Math.sqrt(total(a.map((x, i) => (x - b[i]) ** 2)) + 1e-12);

const vector = { columns: 0 };
const signs = { columns: 0, draw: (random: number) => (random < 0.5 ? -1 : 1) };
const share = { columns: 0, draw: (random: number) => random };
const counts = { columns: 0, draw: (random: number) => Math.floor(random * 6) };
const weights = { columns: 0, draw: (random: number) => (random < 0.3 ? 0 : random) };
const labels = { columns: 0, below: 4 };
const int64 = (x: X) => x as Tensor as Tensor<'int64'>;
const elementwise = (
  loss: (g: Graph, a: X, b: X, options: { weights?: X }) => X,
  f: (a: number, b: number) => number,
  other: LossCase['inputs'][string] = vector,
): Record<string, LossCase> => ({
  '': {
    inputs: { a: vector, b: other },
    build: (g, { a, b }) => loss(g, a, b, {}),
    plain: ({ a, b }) => mean(batch, (i) => f(a[i], b[i])),
  },
  ' of weighted samples': {
    inputs: { a: vector, b: other, w: weights },
    build: (g, { a, b, w }) => loss(g, a, b, { weights: w }),
    plain: ({ a, b, w }) =>
      mean(
        batch,
        (i) => f(a[i], b[i]),
        (i) => w[i],
      ),
  },
  ' of weighted rows': {
    inputs: { a: { columns: 3 }, b: { ...other, columns: 3 }, w: weights },
    build: (g, { a, b, w }) => loss(g, a, b, { weights: w }),
    plain: ({ a, b, w }) =>
      mean(
        batch,
        (i) => mean(3, (j) => f(a[3 * i + j], b[3 * i + j])),
        (i) => w[i],
      ),
  },
});
const named = (name: string, cases: Record<string, LossCase>) =>
  Object.entries(cases).map(([suffix, one]): [string, LossCase] => [name + suffix, one]);

const softmaxCases: Record<string, LossCase> = {
  '': {
    inputs: { x: { columns: 4 }, y: labels },
    build: (g, { x, y }) => softmaxCrossEntropy(g, x, int64(y)),
    plain: ({ x, y }) => mean(batch, (i) => logSumExp(row(x, i, 4)) - x[4 * i + y[i]]),
  },
  ' with weights of samples and classes, and smoothing': {
    inputs: { x: { columns: 4 }, y: labels, w: weights },
    build: (g, { x, y, w }) => {
      const classWeights = g.cast(g.literal('float64', [1, 0.5, 2, 0.25]), x.type);
      return softmaxCrossEntropy(g, x, int64(y), { weights: w, classWeights, smoothing: 0.2 });
    },
    plain: ({ x, y, w }) => {
      const ofClass = [1, 0.5, 2, 0.25];
      const losses = range(batch).map((i) => {
        const logs = row(x, i, 4).map((value) => value - logSumExp(row(x, i, 4)));
        return w[i] * -(0.8 * ofClass[y[i]] * logs[y[i]] + 0.05 * dot(ofClass, logs));
      });
      return total(losses) / total(range(batch).map((i) => w[i] * ofClass[y[i]]));
    },
  },
  ' of sequences': {
    inputs: { x: { columns: 8 }, y: { columns: 2, below: 4 }, w: { ...weights, columns: 2 } },
    build: (g, { x, y, w }) => softmaxCrossEntropy(g, g.reshape(x, [x.shape[0], 2, 4]), int64(y), { weights: w }),
    plain: ({ x, y, w }) =>
      mean(
        2 * batch,
        (i) => logSumExp(row(x, i, 4)) - x[4 * i + y[i]],
        (i) => w[i],
      ),
  },
};

const cases: [string, LossCase][] = [
  ...named('softmax cross entropy', softmaxCases),
  ...named(
    'binary cross entropy',
    elementwise(binaryCrossEntropy, (x, t) => t * softplus(-x) + (1 - t) * softplus(x), share),
  ),
  ...named(
    'binary cross entropy with heavier positives',
    elementwise(
      (g, x, t, options) => binaryCrossEntropy(g, x, t, { ...options, positiveWeight: 3 }),
      (x, t) => 3 * t * softplus(-x) + (1 - t) * softplus(x),
      share,
    ),
  ),
  ...named(
    'squared error',
    elementwise(squaredError, (x, t) => (x - t) ** 2),
  ),
  ...named(
    'absolute error',
    elementwise(absoluteError, (x, t) => Math.abs(x - t)),
  ),
  ...named(
    'Huber loss',
    elementwise(
      (g, x, t, options) => huber(g, x, t, { ...options, delta: 0.7 }),
      (x, t) => (Math.abs(x - t) <= 0.7 ? (x - t) ** 2 / 2 : 0.7 * (Math.abs(x - t) - 0.35)),
    ),
  ),
  ...named(
    'hinge loss',
    elementwise(hinge, (s, y) => Math.max(0, 1 - y * s), signs),
  ),
  ...named(
    'squared hinge loss',
    elementwise(squaredHinge, (s, y) => Math.max(0, 1 - y * s) ** 2, signs),
  ),
  ...named(
    'Poisson loss',
    elementwise(poisson, (x, t) => Math.exp(x) - t * x, counts),
  ),
  [
    'BPR',
    {
      inputs: { p: vector, n: vector, w: weights },
      build: (g, { p, n, w }) => bpr(g, p, n, { weights: w }),
      plain: ({ p, n, w }) =>
        mean(
          batch,
          (i) => softplus(n[i] - p[i]),
          (i) => w[i],
        ),
    },
  ],
  [
    'BPR against several',
    {
      inputs: { p: vector, n: { columns: 3 } },
      build: (g, { p, n }) => bpr(g, p, n),
      plain: ({ p, n }) => mean(3 * batch, (i) => softplus(n[i] - p[Math.floor(i / 3)])),
    },
  ],
  [
    'softmax within the batch',
    {
      inputs: { q: { columns: 3 }, v: { columns: 3 }, logQ: vector, ids: { columns: 0, below: 3 }, w: weights },
      build: (g, { q, v, logQ, ids, w }) =>
        inBatchSoftmax(g, q, v, { logQ, ids: int64(ids), weights: w, temperature: 0.5 }),
      plain: ({ q, v, logQ, ids, w }) =>
        mean(
          batch,
          (i) => {
            const score = (j: number) => dot(row(q, i, 3), row(v, j, 3)) / 0.5 - logQ[j];
            const others = range(batch).filter((j) => j === i || ids[j] !== ids[i]);
            return logSumExp(others.map(score)) - score(i);
          },
          (i) => w[i],
        ),
    },
  ],
  [
    'softmax over a sample',
    {
      inputs: {
        q: { columns: 3 },
        v: { columns: 3 },
        n: { columns: 3 },
        logQ: vector,
        logN: vector,
        ids: { columns: 0, below: 4 },
        idsN: { columns: 0, below: 4 },
      },
      build: (g, { q, v, n, logQ, logN, ids, idsN }) =>
        sampledSoftmax(g, q, v, n, {
          logQ: { positives: logQ, negatives: logN },
          ids: { positives: int64(ids), negatives: int64(idsN) },
        }),
      plain: ({ q, v, n, logQ, logN, ids, idsN }) =>
        mean(batch, (i) => {
          const chosen = dot(row(q, i, 3), row(v, i, 3)) - logQ[i];
          const others = range(batch).filter((j) => idsN[j] !== ids[i]);
          return logSumExp([chosen, ...others.map((j) => dot(row(q, i, 3), row(n, j, 3)) - logN[j])]) - chosen;
        }),
    },
  ],
  [
    'triplet margin loss',
    {
      inputs: { a: { columns: 3 }, p: { columns: 3 }, n: { columns: 3 }, w: weights },
      build: (g, { a, p, n, w }) => tripletMargin(g, a, p, n, { margin: 0.5, weights: w }),
      plain: ({ a, p, n, w }) =>
        mean(
          batch,
          (i) => {
            const [x, y, z] = [a, p, n].map((points) => row(points, i, 3));
            return Math.max(0, distance(x, y) - distance(x, z) + 0.5);
          },
          (i) => w[i],
        ),
    },
  ],
];

const shapeOf = (columns: number) => (columns === 0 ? ['batch'] : ['batch', columns]);
const sizesOf = (columns: number) => (columns === 0 ? [batch] : [batch, columns]);

/** Values of every input, those that are not drawn otherwise within ±`reach`. */
function drawn({ inputs }: LossCase, seed: number, reach: number): Record<string, number[]> {
  const random = generator(seed);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { columns, below, draw }]) => [
      name,
      Array.from({ length: batch * (columns || 1) }, () => {
        const value = random();
        if (below !== undefined) return Math.floor(value * below);
        return Math.fround(draw ? draw(value) : (2 * value - 1) * reach);
      }),
    ]),
  );
}

function fed(g: FedGraph, { inputs }: LossCase, values: Record<string, number[]>): Record<string, X> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { columns, below }]) => [
      name,
      g.feed(below === undefined ? 'float32' : 'int64', values[name], shapeOf(columns), sizesOf(columns)) as X,
    ]),
  );
}

describe('a loss', () => {
  it.each(cases)('is what its formula says: %s', async (_, one) => {
    for (const seed of [1, 2, 3]) {
      const values = drawn(one, seed, 2);
      const g = new FedGraph();
      const loss = one.build(g, fed(g, one, values));
      expect(loss.shape).toEqual([]);
      const { out } = await g.run({ out: loss });
      const expected = one.plain(values);
      expect(Math.abs(Number(plain(out)[0]) - expected)).toBeLessThan(2e-6 * (1 + Math.abs(expected)));
    }
  });

  it.each(cases)('has the gradient that its difference quotients say: %s', async (_, one) => {
    for (const seed of [1, 2]) {
      const values = drawn(one, seed, 2);
      const build = (g: CheckedGraph) => {
        const sizeless = Object.entries(one.inputs).map(([name, { columns, below, draw }]) => {
          const shape = shapeOf(columns).map((dim) => (dim === 'batch' ? batch : dim));
          if (below !== undefined) return [name, g.feed('int64', values[name], shape)];
          return [name, draw ? g.feed(g.type, values[name], shape) : g.given(shape, values[name])];
        });
        return one.build(g, Object.fromEntries(sizeless) as Record<string, X>);
      };
      await checkGradients(build, 'float64', seed);
    }
  });

  // Rates of e^10000 are infinite, and so is their loss.
  const bounded = cases.filter(([name]) => !name.startsWith('Poisson'));
  it.each(bounded)('and its gradients stay finite with scores of 1e4: %s', async (_, one) => {
    for (const seed of [1, 2, 3]) {
      const values = drawn(one, seed, 1e4);
      const g = new FedGraph();
      const inputs = fed(g, one, values);
      const loss = one.build(g, inputs);
      const floats = Object.values(inputs).filter(({ type }) => type === 'float32');
      const found = gradients(g, loss, floats);
      const results = await g.run({ loss, ...Object.fromEntries(found.map((x, i) => [`gradient_${i}`, x])) });
      const expected = one.plain(values);
      expect(Math.abs(Number(plain(results['loss'])[0]) - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
      for (const value of Object.values(results).flatMap(plain)) expect(value).toSatisfy(Number.isFinite);
    }
  });

  it('is 0 where no sample has a weight', async () => {
    const g = new FedGraph();
    const [x, t] = [g.feed('float32', [1, 2]), g.feed('float32', [3, 5])];
    const loss = squaredError(g, x, t, { weights: g.feed('float32', [0, 0]) });
    const [slope] = gradients(g, loss, [x]);
    const results = await g.run({ loss, slope });
    expect(plain(results['loss'])).toEqual([0]);
    expect(plain(results['slope']).map((x) => Math.abs(Number(x)))).toEqual([0, 0]);
  });

  it('of equal points in a triplet has gradients', async () => {
    const g = new FedGraph();
    const a = g.feed('float32', [1, 2], [1, 2]);
    const [slope] = gradients(g, tripletMargin(g, a, a, g.feed('float32', [1, 3], [1, 2]), { margin: 3 }), [a]);
    expect(plain((await g.run({ slope }))['slope'])).toEqual([0, 1]);
  });

  it('refuses shapes and settings that do not fit, with a sentence', () => {
    const g = new Graph();
    const x = g.input('x', 'float32', ['batch', 4]);
    const y = g.input('y', 'int64', ['batch', 4]);
    expect(() => softmaxCrossEntropy(g, x, y)).toThrow(
      'softmaxCrossEntropy: labels must have the shape [batch]. Got [batch, 4].',
    );
    expect(() => squaredError(g, x, g.sum(x, [1]))).toThrow('target must have the shape [batch, 4]. Got [batch]');
    expect(() => hinge(g, x, x, { weights: g.sum(x, [0]) })).toThrow('weights must have the shape [batch]. Got [4]');
    expect(() => huber(g, x, x, { delta: 0 })).toThrow('huber: delta must be positive. Got 0.');
    expect(() => inBatchSoftmax(g, x, x, { temperature: 0 })).toThrow('temperature must be positive. Got 0.');
    expect(() => binaryCrossEntropy(g, x, x, { positiveWeight: NaN })).toThrow('positiveWeight must be positive');
  });
});
