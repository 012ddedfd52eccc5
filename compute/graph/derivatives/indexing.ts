/** Derivatives of reading and writing by index. */
import type { IndexType, Tensor } from '../program.ts';
import type { AttributesOf } from '../operations/table.ts';
import { ofOutput } from './definition.ts';

export const indexing = {
  // What was read from one place more than once comes back as a sum.
  GatherElements: ofOutput<AttributesOf<'GatherElements'>>((g, { graph, inputs: [data, index], attributes }) => [
    graph.scatterElements(graph.full(data.type, data.shape, 0), index as Tensor as Tensor<IndexType>, g, {
      axis: attributes.axis,
      reduction: 'add',
    }),
  ]),
};
