import { describe, expect, it } from 'vitest';
import { gradients } from '../../../../compute/graph/gradients.ts';
import { Graph } from '../../../../compute/graph/graph.ts';
import { convolutionBlock, flattenedProduct, type BlockOptions } from '../../../../compute/graph/layers/convolution.ts';
import type { Node, Tensor } from '../../../../compute/graph/program.ts';
import type { TensorValue } from '../../../../compute/onnx/session.ts';
import { checkGradients, generator } from '../gradient-check.ts';
import { FedGraph, plain } from '../running.ts';

type X = Tensor<'float32'>;

interface BlockCase {
  /** Of a sample: `[channels, …space]`; the batch is 3. */
  image: readonly number[];
  weight: readonly number[];
  options: BlockOptions;
}

/** By what is special about each; the second ones of a kind have so many channels that planes share no patches. */
const cases: Record<string, BlockCase> = {
  'one channel, planes that share patches': { image: [1, 8, 6], weight: [3, 1, 3, 3], options: { pads: 1, pool: 2 } },
  'many channels, patches of their own': { image: [16, 6, 8], weight: [40, 16, 3, 3], options: { pads: 1, pool: 2 } },
  'positions that the pool leaves over': { image: [1, 7, 8], weight: [2, 1, 2, 3], options: { pool: [2, 3] } },
  'positions left over, many channels': { image: [16, 7, 8], weight: [40, 16, 2, 3], options: { pool: [2, 3] } },
  'uneven pads, strides and dilations': {
    image: [2, 9, 8],
    weight: [3, 2, 2, 3],
    options: { pads: [1, 0, 2, 1], strides: [1, 2], dilations: [2, 1], pool: [2, 1] },
  },
  'strides and dilations, many channels': {
    image: [16, 9, 8],
    weight: [40, 16, 2, 3],
    options: { pads: [1, 0, 2, 1], strides: [2, 1], dilations: [2, 1], pool: [1, 2] },
  },
  'a sequence': { image: [4, 11], weight: [3, 4, 3], options: { pads: [2, 0], pool: 4 } },
  'no pool': { image: [3, 4, 5], weight: [2, 3, 3, 3], options: { pads: 1 } },
  'no activation': { image: [3, 4, 5], weight: [2, 3, 1, 1], options: { pool: 2, activation: 'none' } },
};

function operations(g: Graph, x: X, weight: X, bias: X | undefined, options: BlockOptions): X {
  const { pool = 1, activation = 'relu', ...window } = options;
  const pooled = g.maxPool(g.conv(x, weight, bias, window), pool);
  return activation === 'relu' ? g.relu(pooled) : pooled;
}

/** Values in steps, so that many are equal. */
function tensors(g: FedGraph, { image, weight }: BlockCase, seed: number, steps = 1000): [X, X, X] {
  const random = generator(seed);
  const draw = (shape: readonly number[]) =>
    Array.from({ length: shape.reduce((n, size) => n * size, 1) }, () => Math.floor(random() * steps) / steps - 0.4);
  return [
    g.feed('float32', draw([3, ...image]), ['batch', ...image], [3, ...image]),
    g.feed('float32', draw(weight), weight),
    g.feed('float32', draw([weight[0]]), [weight[0]]),
  ];
}

function expectAlike(values: Readonly<Record<string, TensorValue>>, suffixes: readonly string[]): void {
  for (const suffix of suffixes) {
    const [got, expected] = [`ours${suffix}`, `theirs${suffix}`].map((key) => plain(values[key]).map(Number));
    const scale = Math.max(1, ...expected.map(Math.abs));
    expect(got.length).toBe(expected.length);
    for (const [i, value] of expected.entries()) {
      if (!(Math.abs(got[i] - value) < 1e-5 * scale)) throw new Error(`${suffix}[${i}]: ${got[i]} ≠ ${value}`);
    }
  }
}

/** The nodes that a tensor depends on. */
function neededFor(tensor: Tensor, found = new Set<Node>()): Node[] {
  const { source } = tensor;
  if (source.kind === 'node' && !found.has(source.node)) {
    found.add(source.node);
    for (const input of source.node.inputs) neededFor(input, found);
  }
  return [...found];
}

const names = Object.keys(cases);

describe('a convolutional block', () => {
  it.each(names)('computes what its operations do, forth and back: %s', async (name) => {
    const one = cases[name];
    for (const seed of [1, 2]) {
      const g = new FedGraph();
      const inputs = tensors(g, one, seed);
      const [ours, theirs] = [convolutionBlock, operations].map((layer) => layer(g, ...inputs, one.options));
      expect(ours.shape).toEqual(theirs.shape);
      const results: Record<string, Tensor> = { ours, theirs };
      for (const [side, y] of Object.entries({ ours, theirs })) {
        const loss = g.sum(g.mul(y, g.sin(y)));
        for (const [i, gradient] of gradients(g, loss, inputs).entries()) results[`${side} ${i}`] = gradient;
      }
      const values = await g.run(results);
      expectAlike(values, ['', ' 0', ' 1', ' 2']);
    }
  });

  it('gives the gradient of equal elements to the first, as max pooling does', async () => {
    const one: BlockCase = { image: [1, 6, 6], weight: [2, 1, 3, 3], options: { pads: 1, pool: [3, 2] } };
    const g = new FedGraph();
    const [, weight, bias] = tensors(g, one, 3);
    // Each window has one value throughout, away from the border.
    const x = g.feed(
      'float32',
      Array.from({ length: 36 }, () => 0.5),
      [1, 1, 6, 6],
    );
    const found = [convolutionBlock, operations].flatMap((layer) =>
      gradients(g, g.sum(layer(g, x, weight, bias, one.options)), [x, weight, bias]),
    );
    const values = await g.run(Object.fromEntries(found.map((tensor, i) => [`g${i}`, tensor])));
    for (const i of [0, 1, 2]) {
      const [got, expected] = [`g${i}`, `g${i + 3}`].map((key) => plain(values[key]).map(Number));
      for (const [at, value] of expected.entries()) expect(got[at]).toBeCloseTo(value, 4);
    }
  });

  it('may follow another without its images being laid out anew, and so may a product', async () => {
    const g = new FedGraph();
    const random = generator(7);
    const draw = (...shape: number[]) => {
      const count = shape.reduce((n, size) => n * size, 1);
      return g.feed(
        'float32',
        Array.from({ length: count }, () => random() - 0.4),
        shape,
      );
    };
    const [x, first, second, last] = [draw(2, 16, 6, 4), draw(16, 16, 3, 3), draw(16, 16, 3, 3), draw(16 * 6, 3)];
    const images = convolutionBlock(
      g,
      convolutionBlock(g, x, first, undefined, { pads: 1, pool: 2 }),
      second,
      undefined,
      { pads: 1 },
    );
    const ours = flattenedProduct(g, images, last);
    const moved = neededFor(ours).filter(
      ({ operation, inputs }) => operation === 'Transpose' && inputs[0].shape[0] === 2,
    );
    // The input's.
    expect(moved).toHaveLength(1);
    const theirs = g.matmul(
      g.reshape(
        operations(g, operations(g, x, first, undefined, { pads: 1, pool: 2 }), second, undefined, { pads: 1 }),
        [2, 96],
      ),
      last,
    );
    const plainImages = flattenedProduct(g, x, draw(16 * 24, 2));
    expect(plainImages.shape).toEqual([2, 2]);
    const results: Record<string, Tensor> = { ours, theirs };
    for (const [side, y] of Object.entries({ ours, theirs })) {
      const found = gradients(g, g.sum(g.mul(y, y)), [x, first, second, last]);
      for (const [i, gradient] of found.entries()) results[`${side} ${i}`] = gradient;
    }
    expectAlike(await g.run(results), ['', ' 0', ' 1', ' 2', ' 3']);
  });

  it('takes sizes that are not known while building, by its operations', async () => {
    const g = new FedGraph();
    const x = g.feed('float32', [1, 5, 2, 4, 3], [1, 1, 'length'], [1, 1, 5]);
    const y = convolutionBlock(g, x, g.feed('float32', [1, -1], [1, 1, 2]), undefined);
    expect(y.shape).toEqual([1, 1, 'length+-1']);
    expect(plain((await g.run({ y }))['y'])).toEqual([0, 3, 0, 1]);
  });

  it('refuses a pool that does not fit', () => {
    const g = new Graph();
    const [x, w] = [g.input('x', 'float32', ['n', 1, 3, 3]), g.input('w', 'float32', [1, 1, 1, 1])];
    expect(() => convolutionBlock(g, x, w, undefined, { pool: 4 })).toThrow(
      'convolutionBlock: the pool must be positive integers, at most [3, 3]. Got [4, 4].',
    );
    expect(() => convolutionBlock(g, x, w, undefined, { pool: 0 })).toThrow('positive integers');
  });

  it('has the gradients that its difference quotients say', async () => {
    await checkGradients(
      (g) => {
        const [x, weight, bias] = [
          g.apart([2, 1, 4, 4]),
          g.given([2, 1, 2, 2], [1, -2, 3, 0.5]),
          g.given([2], [0.3, -0.2]),
        ];
        return convolutionBlock(g, x as X, weight as X, bias as X, {
          pool: [3, 1],
          pads: [1, 0, 0, 0],
          activation: 'none',
        });
      },
      'float32',
      5,
    );
  });
});
