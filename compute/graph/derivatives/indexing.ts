/** Derivatives of reading and writing by index. */
import { product, type Dim, type Shape } from '../dimensions.ts';
import type { Graph } from '../graph.ts';
import type { Reduction } from '../operations/indexing.ts';
import { refuse } from '../operations/definition.ts';
import type { AttributesOf } from '../operations/table.ts';
import type { IndexType, Tensor } from '../program.ts';
import { ofOutput, sizeAs, zero, type Backward, type FloatTensor } from './definition.ts';

const indexOf = (tensor: FloatTensor) => tensor as Tensor as Tensor<IndexType>;
const tupleOf = (tensor: FloatTensor) => tensor as Tensor as Tensor<'int64'>;

/**
 * Zeros of a shape, to whose rows `rows[index[i]] += updates[i]`. By ScatterElements, which adds in the order of the
 * indices: onnxruntime's ScatterND shares the updates among threads, and loses some where two of them meet in a row
 * (1.30: up to 1 in 100 of 40,960 rows of 64 on two threads). It is over the flat table, since with `[n, columns]`
 * indices ScatterElements takes longer by a fifth to a half (2.1 ms against 2.7 for 4,096 rows of 64 in 20,000; 1.0
 * by ScatterND).
 */
function addRows(graph: Graph, shape: Shape, index: Tensor<IndexType>, updates: FloatTensor): FloatTensor {
  const total = product(shape);
  const columns = product(shape.slice(1));
  const count = product(index.shape);
  const type = typeof total === 'number' && total < 2 ** 31 ? 'int32' : 'int64';
  let positions: Tensor<IndexType> = graph.reshape(index.type === type ? index : graph.cast(index, type), [count, 1]);
  if (columns !== 1) {
    // Negative indices, which count from the end, stay what they are in the flat table.
    const width = sizeAs(graph, type, columns);
    positions = graph.add(graph.mul(positions, width), graph.range(type, 0, width, 1, columns));
  }
  const flat = graph.scatterElements(
    graph.full(updates.type, [total], 0),
    graph.reshape(positions, [product([count, columns])]),
    graph.reshape(updates, [product([count, columns])]),
    { axis: 0, reduction: 'add' },
  );
  return graph.reshape(flat, shape);
}

/** Of what several updates of one place leave, only their last and their sum have a rule. */
function requireWritten(reduction: Reduction): void {
  if (reduction !== 'none' && reduction !== 'add') {
    refuse(`the reduction "${reduction}" has no rule; "none" and "add" have`);
  }
}

/** 0, 1, … as int64. */
function positions(graph: Graph, count: Dim): Tensor<'int64'> {
  return graph.range('int64', 0, sizeAs(graph, 'int64', count), 1, count);
}

/**
 * What went to the updates of ScatterElements that are still there: of several that were written to one place, one is.
 * Which one is found by writing, in place of the updates, where along the axis each stands, and reading that back.
 */
function toLastElements(graph: Graph, g: FloatTensor, index: Tensor<IndexType>, axis: number): FloatTensor {
  const at = axis < 0 ? axis + g.shape.length : axis;
  const count = index.shape[at];
  const along = g.shape.map((_, i) => (i === at ? count : 1));
  const own = graph.expand(graph.reshape(positions(graph, count), along), index.shape);
  const last = graph.scatterElements(graph.full('int64', g.shape, 0), index, own, { axis });
  return graph.where(
    graph.equal(graph.gatherElements(last, index, axis), own),
    graph.gatherElements(g, index, axis),
    0,
  );
}

/** The same for the slices that ScatterND writes, by the number of each tuple. */
function toLastSlices(graph: Graph, g: FloatTensor, index: Tensor<'int64'>): FloatTensor {
  const tuples = index.shape.slice(0, -1);
  const depth = index.shape.at(-1) as number;
  const own = graph.reshape(positions(graph, product(tuples)), tuples);
  const last = graph.scatterND(graph.full('int64', g.shape.slice(0, depth), 0), index, own);
  const kept = graph.equal(graph.gatherND(last, index), own);
  const whole = [...tuples, ...g.shape.slice(depth).map(() => 1)];
  return graph.where(graph.reshape(kept, whole), graph.gatherND(g, index), 0);
}

export const indexing = {
  Gather: ofOutput<AttributesOf<'Gather'>>((g, { graph, inputs: [data, indices], attributes }) => {
    const index = indexOf(indices);
    const axis = attributes.axis < 0 ? attributes.axis + data.shape.length : attributes.axis;
    if (axis === 0) return [addRows(graph, data.shape, index, g)];
    // As [before, axis, after], in which one index holds for a whole row of what comes after, and again for each before.
    const [before, after] = [product(data.shape.slice(0, axis)), product(data.shape.slice(axis + 1))];
    const count = product(index.shape);
    const blocks = graph.scatterElements(
      graph.full(data.type, [before, data.shape[axis], after], 0),
      graph.expand(graph.reshape(index, [1, count, 1]), [before, count, after]),
      graph.reshape(g, [before, count, after]),
      { axis: 1, reduction: 'add' },
    );
    return [graph.reshape(blocks, data.shape)];
  }),
  // What was read from one place more than once comes back as a sum.
  GatherElements: ofOutput<AttributesOf<'GatherElements'>>((g, { graph, inputs: [data, index], attributes }) => [
    graph.scatterElements(graph.full(data.type, data.shape, 0), indexOf(index), g, {
      axis: attributes.axis,
      reduction: 'add',
    }),
  ]),
  GatherND: ofOutput<object>((g, { graph, inputs: [data, indices] }) => {
    const index = tupleOf(indices);
    const depth = index.shape.at(-1) as number;
    const [sizes, rest] = [data.shape.slice(0, depth), data.shape.slice(depth)];
    let rows = index;
    if (depth > 1) {
      // Tuples become row numbers; here those that count from the end have to be counted from the start.
      const fromStart = graph.add(
        index,
        graph.mul(graph.cast(graph.less(index, 0), 'int64'), graph.shapeTensor(sizes)),
      );
      const strides = sizes.map((_, axis) => product(sizes.slice(axis + 1)));
      rows = graph.sum(graph.mul(fromStart, graph.shapeTensor(strides)), [-1], true);
    }
    return [graph.reshape(addRows(graph, [product(sizes), ...rest], rows, g), data.shape)];
  }),
  ScatterElements: ofOutput<AttributesOf<'ScatterElements'>>(
    (g, { graph, inputs: [, index, updates], attributes: { axis, reduction }, wanted }) => {
      requireWritten(reduction);
      const toData = () =>
        reduction === 'add'
          ? g
          : graph.scatterElements(g, indexOf(index), graph.full(g.type, updates.shape, 0), { axis });
      const toUpdates = () =>
        reduction === 'add'
          ? graph.gatherElements(g, indexOf(index), axis)
          : toLastElements(graph, g, indexOf(index), axis);
      return [wanted[0] ? toData() : undefined, undefined, wanted[2] ? toUpdates() : undefined];
    },
  ),
  ScatterND: ofOutput<AttributesOf<'ScatterND'>>(
    (g, { graph, inputs: [, index, updates], attributes: { reduction }, wanted }) => {
      requireWritten(reduction);
      const toData = () =>
        reduction === 'add' ? g : graph.scatterND(g, tupleOf(index), graph.full(g.type, updates.shape, 0));
      const toUpdates = () =>
        reduction === 'add' ? graph.gatherND(g, tupleOf(index)) : toLastSlices(graph, g, tupleOf(index));
      return [wanted[0] ? toData() : undefined, undefined, wanted[2] ? toUpdates() : undefined];
    },
  ),
  // The places of an order differ, so that nothing need be added.
  TopK: ({ graph, inputs: [x], outputs: [, places], gradients: [g], attributes }: Backward<AttributesOf<'TopK'>>) => [
    graph.scatterElements(graph.full(x.type, x.shape, 0), indexOf(places), g!, { axis: attributes.axis }),
  ],
  NonZero: zero,
};
