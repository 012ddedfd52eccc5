import { describe, expect, it } from 'vitest';
import { Graph } from '../../../compute/graph/graph.ts';
import { GraphError } from '../../../compute/graph/program.ts';
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
    ['an impossible remainder', (g) => g.reshape(g.input('x', 'float32', [7]), [2, -1]), /stay 7/],
    [
      'pieces that leave something',
      (g) => g.split(g.input('x', 'float32', ['n', 6]), -1, [2, 3]),
      /add up to 6, not 5/,
    ],
    ['a piece of less than nothing', (g) => g.split(g.input('x', 'float32', [6]), 0, [7, -1]), /at least 0, not -1/],
    ['padding of one axis of two', (g) => g.pad(g.input('x', 'float32', ['n', 2]), [1], [1]), /name all 2 axes/],
    ['padding that takes away', (g) => g.pad(g.input('x', 'float32', ['n']), [0], [-1]), /at least 0, not -1/],
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
