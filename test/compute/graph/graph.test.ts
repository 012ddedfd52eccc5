import { describe, expect, it } from 'vitest';
import type { Shape } from '../../../compute/graph/dimensions.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { GraphError, type Tensor } from '../../../compute/graph/program.ts';
import { decodeModel, encodeModel } from '../../../compute/onnx/model.ts';
import { FedGraph, plain } from './running.ts';

describe('a program that cannot be right', () => {
  it('names the operation, the rule and both shapes', () => {
    const g = new Graph();
    const a = g.input('a', 'float32', ['batch', 64]);
    const b = g.input('b', 'float32', [32, 10]);
    expect(() => g.matmul(a, b)).toThrow(
      'MatMul: the inner sizes must be equal, not 64 and 32. Got float32 [batch, 64] and float32 [32, 10].',
    );
    expect(() => g.add(a, b)).toThrow(
      'Add: the shapes must broadcast to each other. Got float32 [batch, 64] and float32 [32, 10].',
    );
    expect(() => g.matmul(a, b)).toThrow(GraphError);
  });

  it.each<[string, (g: Graph) => unknown, RegExp]>([
    [
      'two element types',
      (g) => g.apply('Add', [g.literal('float32', 1), g.literal('int64', 1)], {}),
      /one element type/,
    ],
    ['text where numbers belong', (g) => g.apply('Neg', [g.input('s', 'string', [1])], {}), /must be float32 or/],
    ['an axis beyond the rank', (g) => g.softmax(g.input('x', 'float32', [2, 3]), 2), /\[-2, 1\], not 2/],
    [
      'a reshape that loses elements',
      (g) => g.reshape(g.input('x', 'float32', ['n', 6]), ['n', 5]),
      /stay 6\*n, not become 5\*n/,
    ],
    ['an impossible remainder', (g) => g.reshape(g.input('x', 'float32', [7]), [2, -1]), /the 7 elements must divide/],
    [
      'pieces that leave something',
      (g) => g.split(g.input('x', 'float32', ['n', 6]), -1, [2, 3]),
      /add up to 6, not 5/,
    ],
    [
      'a piece of less than nothing',
      (g) => g.split(g.input('x', 'float32', [6]), 0, [7, -1]),
      /at least 0 or symbols, not -1/,
    ],
    ['padding of one axis of two', (g) => g.pad(g.input('x', 'float32', ['n', 2]), [1], [1]), /name all 2 axes/],
    [
      'padding that takes away',
      (g) => g.pad(g.input('x', 'float32', ['n']), [0], [-1]),
      /at least 0 or symbols, not -1/,
    ],
    ['too few inputs', (g) => g.apply('Add', [g.literal('float32', 1)], {}), /takes 2 inputs/],
    [
      'data that does not fill its shape',
      (g) => g.constant('float32', new Float32Array(5), [2, 3]),
      /\[2, 3\].*5 elements/,
    ],
    ['two inputs of one name', (g) => [g.input('x', 'bool', []), g.input('x', 'bool', [])], /Two inputs/],
    ['a dimension that is no name', (g) => g.input('x', 'bool', ['a b']), /no symbol/],
    ['a negative size', (g) => g.input('x', 'bool', [-1]), /no size/],
    ['an output named like an input', (g) => g.output('x', g.input('x', 'bool', [])), /a name of its own/],
    ['a size that no tensor has', (g) => g.full('float32', ['batch'], 0), /has the size "batch"/],
    ['keys that repeat', (g) => g.labelEncode(g.input('s', 'string', [1]), ['a', 'a'], -1), /keys must differ/],
    ['a reduction over nothing', (g) => g.sum(g.input('x', 'float32', [2]), []), /at least one axis/],
    ['no output', (g) => g.toModel(), /must have an output/],
  ])('is refused: %s', (_, build, message) => {
    expect(() => build(new Graph())).toThrow(message);
  });

  const x = (g: Graph, shape: Shape) => g.input('x', 'float32', shape);
  it.each<[string, (g: Graph) => unknown, string]>([
    [
      'sizes below zero',
      (g) => g.reshape(x(g, [6]), [-2, -3]),
      'Reshape: the sizes, but for one that is -1, must be integers of at least 0 or symbols, not -2. Got float32 [6] with shape [-2, -3].',
    ],
    [
      'two sizes left open',
      (g) => g.reshape(x(g, [6]), [-1, -1]),
      'Reshape: one size at most may be -1. Got float32 [6] with shape [-1, -1].',
    ],
    [
      'nothing that fits for the size left open',
      (g) => g.reshape(x(g, [6]), [4, -1]),
      'Reshape: the 6 elements must divide by the sizes beside -1. Got float32 [6] with shape [4, -1].',
    ],
    [
      'another number of elements',
      (g) => g.reshape(x(g, [6]), [2, 2]),
      'Reshape: the number of elements must stay 6, not become 4. Got float32 [6] with shape [2, 2].',
    ],
    [
      'half a size',
      (g) => g.reshape(x(g, [6]), [0.5, 12]),
      'Reshape: the sizes, but for one that is -1, must be integers of at least 0 or symbols, not 0.5. Got float32 [6] with shape [0.5, 12].',
    ],
    [
      'a constant of less than nothing',
      (g) => g.full('float32', [-1], 0),
      'ConstantOfShape: the sizes must be integers of at least 0 or symbols, not -1. Got shape [-1].',
    ],
    [
      'a constant of half an element',
      (g) => g.full('float32', [2, 0.5], 0),
      'ConstantOfShape: the sizes must be integers of at least 0 or symbols, not 0.5. Got shape [2, 0.5].',
    ],
    [
      'a size that is no symbol',
      (g) => g.full('float32', ['a b'], 0),
      'ConstantOfShape: the sizes must be integers of at least 0 or symbols, not a b. Got shape [a b].',
    ],
    [
      'a repetition by a fraction',
      (g) => g.expand(x(g, [1]), [1.5]),
      'Expand: the sizes must be integers of at least 0 or symbols, not 1.5. Got float32 [1] with shape [1.5].',
    ],
    [
      'pieces of the wrong sizes',
      (g) => g.split(x(g, [6]), 0, [1, 2]),
      'Split: the sizes must add up to 6, not 3. Got float32 [6] with axis 0, sizes [1, 2].',
    ],
    [
      'pieces of fractions',
      (g) => g.split(x(g, [6]), 0, [1.5, 4.5]),
      'Split: the sizes must be integers of at least 0 or symbols, not 1.5. Got float32 [6] with axis 0, sizes [1.5, 4.5].',
    ],
    [
      'padding by a fraction',
      (g) => g.pad(x(g, [6]), [0.5], [0]),
      'Pad: the sizes must be integers of at least 0 or symbols, not 0.5. Got float32 [6] and float32 [] with before [0.5], after [0].',
    ],
    [
      'a slice from half an element',
      (g) => g.slice(x(g, [4]), 0, 0.5, 2),
      'Slice: start and end must be integers, not 0.5. Got float32 [4] with axis 0, start 0.5, end 2, step 1.',
    ],
    [
      'a range that stands still',
      (g) => g.range('float32', 0, 1, 0),
      'Range: the delta must not be 0. Got float32 [] and float32 [] and float32 [].',
    ],
    ['half an integer', (g) => g.literal('int64', [1, 0.5]), 'A constant of int64 must be of integers. Got 0.5.'],
    [
      'more of the greatest than there are',
      (g) => g.topK(x(g, [3]), g.literal('int64', [4]), { size: 4 }),
      'TopK: k must be from 0 to the 3 elements of the axis, not 4. Got float32 [3] and int64 [1] with axis -1, size 4.',
    ],
    [
      'the same, by another name',
      (g) => g.topK(x(g, [3]), g.literal('int64', [4]), { size: 'k' }),
      'TopK: k must be from 0 to the 3 elements of the axis, not 4. Got float32 [3] and int64 [1] with axis -1, size k.',
    ],
    [
      'two numbers of the greatest',
      (g) => g.topK(x(g, [3]), g.literal('int64', [2]), { size: 1 }),
      'TopK: the size must be k, 2, not 1. Got float32 [3] and int64 [1] with axis -1, size 1.',
    ],
    [
      'a window of too many axes',
      (g) => g.maxPool(x(g, [1, 3, 8, 8]), [2, 2, 2]),
      'MaxPool: the window must be 2 positive integers. Got float32 [1, 3, 8, 8] with kernel [2, 2, 2], strides [2, 2, 2], pads [0, 0, 0, 0], dilations [1, 1].',
    ],
    [
      'a window beyond its axis',
      (g) => g.conv(x(g, [1, 1, 4]), g.input('w', 'float32', [1, 1, 9]), undefined, { pads: 1 }),
      'Conv: the window reaches beyond the 6 elements of its axis. Got float32 [1, 1, 4] and float32 [1, 1, 9] with strides [1], pads [1, 1], dilations [1], groups 1.',
    ],
  ])('names what was wrong of the settings as well: %s', (_, build, message) => {
    expect(() => build(new Graph())).toThrow(new GraphError(message));
  });

  it('is refused when it mixes tensors of two programs', () => {
    const foreign = new Graph().input('x', 'float32', [1]);
    const g = new Graph();
    expect(() => g.add(foreign, g.literal('float32', 1))).toThrow(/belong to this program/);
    expect(() => g.output('y', foreign)).toThrow(/belong to this program/);
  });

  it('is refused when its operations are newer than the operator set', () => {
    const g = new Graph();
    g.output('y', g.largest(g.input('x', 'float32', [2])));
    expect(() => g.toModel({ opset: 17 })).toThrow('ReduceMax needs operator set 18 or later. Got 17.');
  });
});

describe('a program', () => {
  it('has the first operator set that has all its operations', () => {
    const versions = (write: (g: Graph) => Tensor) => {
      const g = new Graph();
      g.output('out', write(g));
      const { opsetImport, irVersion } = g.toModel();
      return [irVersion, ...opsetImport.map(({ domain, version }) => [domain, version])];
    };
    expect(versions((g) => g.neg(g.input('x', 'float32', [])))).toEqual([8n, ['', 18n]]);
    expect(versions((g) => g.append(g.input('a', 'string', []), g.input('b', 'string', [])))).toEqual([9n, ['', 20n]]);
    const words = versions((g) => g.tokens(g.input('x', 'string', ['n']), 'x'));
    expect(words).toEqual([8n, ['', 18n], ['com.microsoft', 1n]]);
  });

  it('reads free sizes from its inputs when it runs', async () => {
    const g = new FedGraph();
    const x = g.feed('float32', [1, 2, 3, 4, 5, 6], ['n', 'm'], [2, 3]);
    const widened = g.concat([x, g.full('float32', ['n', 1], 9)], 1);
    expect(widened.shape).toEqual(['n', 'm+1']);
    const outputs = {
      flat: g.reshape(widened, [-1]),
      sizes: g.shapeTensor(['m+1', 5, 'm*n+n']),
      swapped: g.reshape(x, ['m', 'n']),
    };
    expect(outputs.flat.shape).toEqual(['m*n+n']);
    const results = await g.run(outputs);
    expect(plain(results['flat'])).toEqual([1, 2, 3, 9, 4, 5, 6, 9]);
    expect(plain(results['sizes'])).toEqual([4, 5, 8]);
    expect(results['swapped'].shape).toEqual([3, 2]);
  });

  it('takes a symbol that ends in |1 as that size or 1', async () => {
    for (const rows of [1, 2]) {
      const g = new FedGraph();
      const x = g.feed('float32', [1, 2, 3, 4], ['n', 2], [2, 2]);
      const mask = g.feed('bool', [true, false, false, true].slice(0, 2 * rows), ['n|1', 2], [rows, 2]);
      const masked = g.where(mask, x, 0);
      expect(masked.shape).toEqual(['n', 2]);
      expect(plain((await g.run({ masked }))['masked'])).toEqual(rows === 1 ? [1, 0, 3, 0] : [1, 0, 0, 4]);
    }
  });

  it('may give out an input, a constant, and one tensor under two names', async () => {
    const g = new FedGraph();
    const x = g.feed('float32', [1, 2]);
    const sum = g.add(x, 1);
    const results = await g.run({ x, c: g.literal('float32', [5]), sum, again: sum });
    expect(Object.values(results).map(plain)).toEqual([[1, 2], [5], [2, 3], [2, 3]]);
  });

  it('keeps zeros of both signs apart', async () => {
    const g = new FedGraph();
    const one = g.feed('float32', [1]);
    const { plus, minus } = await g.run({ plus: g.div(one, 0), minus: g.div(one, -0) });
    expect([...plain(plus), ...plain(minus)]).toEqual([Infinity, -Infinity]);
  });

  it('gives the same bytes each time, without what no output needs', () => {
    const build = () => {
      const g = new Graph();
      const x = g.input('x', 'float32', ['n', 2]);
      g.exp(g.matmul(x, g.constant('float32', new Float32Array(2000), [2, 1000], 'unused')));
      const w = g.constant('float32', Float32Array.of(1, 2, 3, 4), [2, 2], 'w');
      g.output('y', g.add(g.mul(g.matmul(x, w), 2), 2));
      return encodeModel(g.toModel({ metadata: { b: '2', a: '1' } }));
    };
    expect(Buffer.compare(build(), build())).toBe(0);
    const { graph } = decodeModel(build());
    expect(graph!.node.map((node) => node.opType)).toEqual(['MatMul', 'Mul', 'Add']);
    // The two literals "2" are one.
    expect(graph!.initializer.map((tensor) => tensor.name)).toEqual(['w', 'constant_0']);
  });

  it('leaves out what an operation may leave out and nothing needs', () => {
    const outputsOf = (withIndices: boolean) => {
      const g = new Graph();
      const [values, indices] = g.apply('MaxPool', [g.input('x', 'float32', [1, 1, 4])], {
        kernel: [2],
        strides: [2],
        pads: [0, 0],
        dilations: [1],
      });
      g.output('y', values);
      if (withIndices) g.output('i', indices);
      return g.toModel().graph!.node[0].output;
    };
    expect(outputsOf(false)).toEqual(['y']);
    expect(outputsOf(true)).toEqual(['y', 'i']);
  });

  it('never gives a value the name of an input or output', async () => {
    const g = new FedGraph();
    const x = g.input('Add_0', 'float32', [1]);
    g.feeds['Add_0'] = { datatype: 'float32', shape: [1], data: Float32Array.of(1) };
    const results = await g.run({ Add_1: g.add(g.add(x, 1), 1), Mul_0: g.mul(g.mul(x, 3), 3) });
    expect([...plain(results['Add_1']), ...plain(results['Mul_0'])]).toEqual([3, 9]);
  });
});
