/** Programs of the kinds and sizes that models are made of; the graph's own tests have one for each operation. */
import { gradients } from '../../../compute/graph/gradients.ts';
import type { Tensor } from '../../../compute/graph/program.ts';
import { Random } from '../../../contracts/random.ts';
import type { FedGraph } from '../graph/running.ts';

export type BuildProgram = (g: FedGraph) => Readonly<Record<string, Tensor>>;

const random = new Random(20171201);
const normal = (...shape: number[]) => Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
const below = (limit: number, count: number) => Array.from({ length: count }, () => random.integer(limit));
const matrix = (g: FedGraph, ...shape: number[]) => g.feed('float32', normal(...shape), shape);

/** Of the sizes and kinds that models are made of; the single operations are the cases of the graph's own tests. */
export const programs: Readonly<Record<string, BuildProgram>> = {
  'matrix product': (g) => ({ y: g.matmul(matrix(g, 96, 512), matrix(g, 512, 64)) }),
  'batch of matrix products': (g) => ({ y: g.matmul(matrix(g, 3, 4, 20, 48), matrix(g, 3, 4, 48, 33)) }),
  softmax: (g) => ({ y: g.softmax(g.mul(matrix(g, 32, 1000), 4)) }),
  'row sums and norms': (g) => {
    const x = matrix(g, 16, 4099);
    return { sum: g.sum(x, [1]), norm: g.norm(x, [1]), most: g.largest(x, [1]), at: g.argMax(x, 1) };
  },
  'double precision': (g) => {
    const [a, b] = [g.feed('float64', normal(20, 30), [20, 30]), g.feed('float64', normal(30, 10), [30, 10])];
    return { y: g.tanh(g.matmul(a, b)) };
  },
  // Every row of the table is added to several times.
  'embedding and its gradient': (g) => {
    const table = matrix(g, 40, 16);
    const rows = g.gather(table, g.feed('int64', below(40, 300)));
    const loss = g.mean(g.mul(g.mul(rows, rows), matrix(g, 300, 16)));
    return { loss, gradient: gradients(g, loss, [table])[0] };
  },
  'top 20 of 500': (g) => {
    const x = g.feed('float32', normal(16, 500), [16, 500]);
    return g.topK(x, g.feed('int64', [20]), { size: 20 });
  },
  attention: (g) => {
    const [query, key, value] = [0, 1, 2].map(() => matrix(g, 2, 4, 24, 16));
    const at = (axis: 0 | 1) => g.unsqueeze(g.range('int32', 0, 24, 1, 24), [axis]);
    const scores = g.div(g.matmul(query, g.transpose(key, [0, 1, 3, 2])), Math.sqrt(16));
    const masked = g.where(g.less(at(1), at(0)), scores, Number.NEGATIVE_INFINITY);
    return { y: g.matmul(g.softmax(g.where(g.equal(at(0), at(1)), 0, masked)), value) };
  },
  'convolutional network and its gradients': (g) => {
    const x = matrix(g, 4, 1, 14, 14);
    const [kernel, bias] = [g.mul(matrix(g, 6, 1, 3, 3), 0.3), matrix(g, 6)];
    const [scale, weight] = [matrix(g, 6 * 6 * 6), g.mul(matrix(g, 6 * 6 * 6, 5), 0.1)];
    const seen = g.maxPool(g.relu(g.conv(x, kernel, bias)), 2);
    const y = g.logSoftmax(g.matmul(g.layerNorm(g.reshape(seen, [4, -1]), scale), weight), 1);
    const loss = g.neg(g.mean(g.gatherElements(y, g.feed('int64', [1, 0, 4, 2], [4, 1]), 1)));
    const [byKernel, byBias, byScale, byWeight] = gradients(g, loss, [kernel, bias, scale, weight]);
    return { y, loss, byKernel, byBias, byScale, byWeight };
  },
  'power iteration in a loop': (g) => {
    const m = matrix(g, 24, 24);
    const state = { x: matrix(g, 24, 1) };
    const { states, collected } = g.loop(
      { trips: g.feed('int64', [30], []), states: state, size: 'steps' },
      (body, now) => {
        const y = body.matmul(body.capture(m), now.states.x);
        const length = body.norm(y, [0, 1], true);
        return { states: { x: body.div(y, length) }, collected: { length } };
      },
    );
    return { x: states.x, lengths: collected.length };
  },
};
