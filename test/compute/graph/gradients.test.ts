import { describe, expect, it } from 'vitest';
import { zero } from '../../../compute/graph/derivatives/definition.ts';
import { derivatives } from '../../../compute/graph/derivatives/table.ts';
import { gradients } from '../../../compute/graph/gradients.ts';
import { Graph } from '../../../compute/graph/graph.ts';
import { operationNames } from '../../../compute/graph/operations/table.ts';
import { GraphError, type Tensor } from '../../../compute/graph/program.ts';
import { encodeModel } from '../../../compute/onnx/model.ts';
import { openSession } from '../../../compute/onnx/session.ts';
import { gradientCases } from './gradient-cases.ts';
import { CheckedGraph, checkGradients, type Differentiable } from './gradient-check.ts';
import { FedGraph, plain } from './running.ts';

const draws = 3;

describe('the derivative of', () => {
  it.each(operationNames)('%s is its difference quotient, by each input and in every broadcast', async (name) => {
    const given = gradientCases[name];
    expect(given, `${name} needs programs in gradient-cases.ts, or the reason why it has no derivative`).toBeDefined();
    if ('none' in given) {
      if (given.none !== 'is refused') expect(derivatives[name]).toBe(zero);
      return;
    }
    const type = given.type ?? 'float64';
    for (const [at, [title, build]] of Object.entries(given.programs).entries()) {
      for (let draw = 0; draw < draws; draw++) {
        const seed = 1000 * at + draw;
        const g = new CheckedGraph(type, seed);
        build(g);
        expect(g.nodes.map((node) => node.operation)).toContain(name);
        await checkGradients(build, type, seed).catch((cause: unknown) => {
          throw new Error(`${name}, ${title}: ${(cause as Error).message}`, { cause });
        });
      }
    }
  });
});

describe('the gradient of a whole program', () => {
  const networks: Record<string, Differentiable> = {
    'a perceptron with decay and batches of any size': (g) => {
      const [w, v] = [g.variable([3, 4]), g.variable([4, 2])];
      const hidden = g.tanh(g.add(g.matmul(g.variable(['batch', 3]), w), g.variable([4])));
      const scores = g.add(g.matmul(hidden, v), g.variable([2]));
      const truth = g.index('int64', ['batch', 1], 2, false);
      const loss = g.neg(g.mean(g.gatherElements(g.logSoftmax(scores), truth, 1)));
      return g.add(loss, g.mul(g.add(g.sum(g.mul(w, w)), g.sumOfSquares(v)), 0.1));
    },
    'attention of sequences over themselves': (g) => {
      const table = g.variable([5, 4]);
      const x = g.gather(table, g.index('int64', ['batch', 'history'], 5));
      const heads = (weights: Tensor<'float32' | 'float64'>) =>
        g.transpose(g.reshape(g.matmul(x, weights), ['batch', 'history', 2, 2]), [0, 2, 1, 3]);
      const [query, key, value] = [0, 1, 2].map(() => heads(g.variable([4, 4])));
      const scores = g.div(g.matmul(query, g.transpose(key, [0, 1, 3, 2])), Math.SQRT2);
      const mask = g.fed('bool', ['batch', 1, 1, 'history'], () => g.integer(0, 1));
      const attended = g.matmul(g.softmax(g.where(mask, scores, -1e4)), value);
      return g.matmul(g.reshape(g.transpose(attended, [0, 2, 1, 3]), ['batch', 'history', 4]), g.transpose(table));
    },
    'a normalised layer of primitives': (g) => {
      const x = g.variable(['batch', 4]);
      const centred = g.sub(x, g.mean(x, [-1], true));
      const deviation = g.sqrt(g.add(g.mean(g.mul(centred, centred), [-1], true), 0.1));
      return g.add(g.mul(g.div(centred, deviation), g.variable([4])), g.variable([4]));
    },
  };
  it.each(Object.entries(networks))('is its difference quotient: %s', async (_, build) => {
    for (let seed = 0; seed < 4; seed++) await checkGradients(build, 'float64', seed);
  });

  it('adds up what went several ways, through tensors that are no inputs as well', async () => {
    const g = new FedGraph();
    const x = g.feed('float32', [2, 3]);
    const square = g.mul(x, x);
    // x⁴ + x² + x: 4 x³ + 2 x + 1; by x²: 2 x² + 1
    const loss = g.sum(g.add(g.add(g.mul(square, square), square), x));
    const [byX, bySquare] = gradients(g, loss, [x, square]);
    const results = await g.run({ byX, bySquare });
    expect(plain(results['byX'])).toEqual([37, 115]);
    expect(plain(results['bySquare'])).toEqual([9, 19]);
  });

  it('is zero by what the loss does not depend on, in its type and shape', async () => {
    const g = new FedGraph();
    const x = g.feed('float64', [1, 2]);
    const unused = g.feed('float64', [1, 2, 3, 4], ['n', 2], [2, 2]);
    const counted = g.cast(g.argMax(g.add(x, 1), 0), 'float64');
    const [byUnused, byX, byLoss] = gradients(g, counted, [unused, x, counted]);
    expect(byUnused.shape).toEqual(['n', 2]);
    const results = await g.run({ byUnused, byX, byLoss });
    expect(plain(results['byUnused'])).toEqual([0, 0, 0, 0]);
    expect(results['byUnused'].shape).toEqual([2, 2]);
    expect(plain(results['byX'])).toEqual([0, 0]);
    expect(plain(results['byLoss'])).toEqual([1]);
  });

  it('has gradients of its own: a Hessian times a vector is the difference quotient of gradients', async () => {
    // f(x) = Σ softplus(A x)² + log Σ exp(x) + Σ (x₁ … xₙ) / |x| + max(x)²
    const build = (values: readonly number[]) => {
      const g = new FedGraph();
      const x = g.feed('float64', values, [4, 1]);
      const a = g.feed('float64', [1, -1, 0.5, 2, 0.3, 1.2, -0.7, 0.1, 2, 0.4, -1.5, 0.6], [3, 4]);
      const soft = g.softplus(g.matmul(a, x));
      const terms = [g.sum(g.mul(soft, soft)), g.logSumExp(x), g.div(g.prod(x), g.norm(x)), g.pow(g.largest(x), 2)];
      const f = terms.reduce((total, term) => g.add(total, term));
      return { g, x, gradient: gradients(g, f, [x])[0] };
    };
    const at = [0.5, -1.2, 0.8, 1.5];
    const direction = [1, 0.5, -2, 0.25];
    const { g, x, gradient } = build(at);
    const v = g.feed('float64', direction, [4, 1]);
    const [product] = gradients(g, g.sum(g.mul(gradient, v)), [x]);
    const found = plain((await g.run({ product }))['product']) as number[];
    const step = 1e-5;
    const sides = await Promise.all(
      [step, -step].map(async (h) => {
        const moved = build(at.map((value, i) => value + h * direction[i]));
        return plain((await moved.g.run({ gradient: moved.gradient }))['gradient']) as number[];
      }),
    );
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo((sides[0][i] - sides[1][i]) / (2 * step), 6);
  });
});

describe('a reduction over all axes of a scalar', () => {
  const reductions: [string, (g: FedGraph, x: Tensor<'float64'>) => Tensor<'float64'>, (x: number) => number[]][] = [
    ['sum', (g, x) => g.sum(x), (x) => [x, 1]],
    ['mean', (g, x) => g.mean(x, []), (x) => [x, 1]],
    ['largest', (g, x) => g.largest(x, undefined, true), (x) => [x, 1]],
    ['least', (g, x) => g.least(x), (x) => [x, 1]],
    ['prod', (g, x) => g.prod(x), (x) => [x, 1]],
    ['logSumExp', (g, x) => g.logSumExp(x), (x) => [x, 1]],
    ['sumOfSquares', (g, x) => g.sumOfSquares(x), (x) => [x * x, 2 * x]],
    ['norm', (g, x) => g.norm(x), (x) => [Math.abs(x), Math.sign(x)]],
  ];
  it.each(reductions)('is that of its one element, with its slope: %s', async (_, reduce, expected) => {
    for (const value of [-1.5, 0, 2]) {
      const g = new FedGraph();
      const x = g.feed('float64', [value], []);
      const y = reduce(g, x);
      const [slope] = gradients(g, y, [x]);
      const results = await g.run({ y, slope });
      expect(results['y'].shape).toEqual([]);
      expect([...plain(results['y']), ...plain(results['slope'])]).toEqual(expected(value));
    }
  });
});

describe('where there is no derivative, or more than one', () => {
  const cases: [string, (g: FedGraph) => { y: Tensor<'float64'>; by: Tensor<'float64'>[] }, number[][]][] = [
    ['Max gives half to each of two that tie', (g) => pair(g, [1, 2, 3], [1, 3, 2], g.max), [[0.5, 0, 1], [0.5, 1, 0]]], // prettier-ignore
    ['Min gives half to each of two that tie', (g) => pair(g, [1, 2, 3], [1, 3, 2], g.min), [[0.5, 1, 0], [0.5, 0, 1]]], // prettier-ignore
    ['ReduceMax shares among all that tie', (g) => one(g, [2, 1, 2, 2], (x) => g.largest(x)), [[1 / 3, 0, 1 / 3, 1 / 3]]], // prettier-ignore
    ['ReduceMin shares among all that tie', (g) => one(g, [2, 1, 1, 2], (x) => g.least(x)), [[0, 0.5, 0.5, 0]]],
    ['Relu, Abs and Sign are flat at 0', (g) => one(g, [0, -0], (x) => g.add(g.add(g.relu(x), g.abs(x)), g.sign(x))), [[0, 0]]], // prettier-ignore
    ['ReduceL2 is flat at the zero vector', (g) => one(g, [0, 0, 3, 4], (x) => g.norm(g.reshape(x, [2, 2]), [1])), [[0, 0, 0.6, 0.8]]], // prettier-ignore
    [
      'a power of 0 is flat at 0',
      (g) => pair(g, [0, 0], [0, 2], g.pow),
      [
        [0, 0],
        [0, 0],
      ],
    ],
    [
      'a power of a negative base is flat by its exponent',
      (g) => pair(g, [-2, -2], [2, 3], g.pow),
      [
        [-4, 12],
        [0, 0],
      ],
    ],
  ];
  it.each(cases)('%s', async (_, build, expected) => {
    const g = new FedGraph();
    const { y, by } = build(g);
    const found = gradients(g, y.shape.length === 0 ? y : g.sum(y), by);
    const results = await g.run(Object.fromEntries(found.map((gradient, i) => [`out_${i}`, gradient])));
    for (const [i, values] of expected.entries()) {
      for (const [at, value] of plain(results[`out_${i}`]).entries()) expect(value).toBeCloseTo(values[at], 12);
    }
  });

  it('Where leaves no trace of the branch that was not taken, though it be infinite', async () => {
    const g = new FedGraph();
    const x = g.feed('float32', [0, 4]);
    const y = g.sqrt(g.where(g.greater(x, 1), x, 0));
    // √ has an infinite slope at 0.
    const [gradient] = gradients(g, g.sum(y), [x]);
    expect(plain((await g.run({ gradient }))['gradient'])).toEqual([0, 0.25]);
  });

  it('Gather adds up every read of a row, whatever the number of threads', async () => {
    // ScatterND of onnxruntime 1.30 lost 1 in 100 of these on two threads.
    const [rows, width, reads] = [10, 64, 20_000];
    const g = new Graph();
    const table = g.input('table', 'float32', [rows, width]);
    const read = g.gather(table, g.input('index', 'int64', ['reads']));
    g.output('gradient', gradients(g, g.sum(read), [table])[0]);
    const session = await openSession(encodeModel(g.toModel()), { threads: 2 });
    try {
      const index = BigInt64Array.from({ length: reads }, (_, i) => BigInt(i % rows));
      const { gradient } = await session.run({
        table: { datatype: 'float32', shape: [rows, width], data: new Float32Array(rows * width) },
        index: { datatype: 'int64', shape: [reads], data: index },
      });
      expect(new Set(plain(gradient))).toEqual(new Set([reads / rows]));
    } finally {
      await session.close();
    }
  });
});

describe('a gradient is refused', () => {
  const refusals: [string, (g: Graph, x: Tensor<'float32'>) => Tensor, string][] = [
    ['of a vector', (_, x) => x, 'A loss must be a float scalar. Got float32 [batch, 3].'],
    ['of an integer', (g, x) => g.sum(g.cast(x, 'int32')), 'A loss must be a float scalar. Got int32 [].'],
    [
      'through a loop',
      (g, x) => {
        const trips = g.literal('int64', 3);
        const { states } = g.loop({ trips, states: { x }, size: 'steps' }, (body, now) => ({
          states: { x: body.mul(now.states.x, 2) },
          collected: {},
        }));
        return g.sum(states.x);
      },
      'Loop cannot be differentiated: what each iteration computed is not kept. Write its steps out one after the ' +
        'other, or take the gradient within the body, as training does. Got int64 [] and bool [] and float32 [batch, 3].',
    ],
    [
      'of what keeps the greatest of those written to one place',
      (g, x) => {
        const index = g.input('index', 'int32', ['batch', 3]);
        return g.sum(g.scatterElements(x, index, x, { axis: 1, reduction: 'max' }));
      },
      'ScatterElements cannot be differentiated: the reduction "max" has no rule; "none" and "add" have. ' +
        'Got float32 [batch, 3] and int32 [batch, 3] and float32 [batch, 3].',
    ],
    [
      'of tuples that multiply',
      (g, x) => g.sum(g.scatterND(x, g.input('at', 'int64', ['k', 2]), g.input('u', 'float32', ['k']), 'mul')),
      'ScatterND cannot be differentiated: the reduction "mul" has no rule; "none" and "add" have. ' +
        'Got float32 [batch, 3] and int64 [k, 2] and float32 [k].',
    ],
  ];
  it.each(refusals)('%s', (_, build, message) => {
    const g = new Graph();
    const x = g.input('x', 'float32', ['batch', 3]);
    const loss = build(g, x) as Tensor<'float32'>;
    expect(() => gradients(g, loss, [x])).toThrow(new GraphError(message));
  });

  it('by integers', () => {
    const g = new Graph();
    const n = g.input('n', 'int64', [2]);
    const loss = g.sum(g.cast(n, 'float32'));
    expect(() => gradients(g, loss, [n as Tensor as Tensor<'float32'>])).toThrow(
      'What a loss is differentiated by must be float. Got int64 [2].',
    );
  });

  it('by what is of a size or of 1, as long as that is not known; by the rest it is had', () => {
    const g = new Graph();
    const scale = g.input('scale', 'float32', ['batch|1', 3]);
    const x = g.input('x', 'float32', ['batch', 3]);
    const loss = g.sum(g.mul(x, scale));
    expect(gradients(g, loss, [x])[0].shape).toEqual(['batch', 3]);
    expect(() => gradients(g, loss, [scale])).toThrow(
      'Mul cannot be differentiated: whether "batch|1" is 1 is not known while building, and [batch, 3] has to be ' +
        'added up to [batch|1, 3]. Got float32 [batch, 3] and float32 [batch|1, 3].',
    );
  });
});

type Unary = (x: Tensor<'float64'>) => Tensor<'float64'>;
function one(g: FedGraph, values: number[], f: Unary) {
  const x = g.feed('float64', values);
  return { y: f(x), by: [x] };
}
type Binary = (a: Tensor<'float64'>, b: Tensor<'float64'>) => Tensor<'float64'>;
function pair(g: FedGraph, left: number[], right: number[], f: Binary) {
  const [a, b] = [g.feed('float64', left), g.feed('float64', right)];
  return { y: f(a, b), by: [a, b] };
}
