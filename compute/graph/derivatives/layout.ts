/** Derivatives of the operations that move elements. */
import { unary } from './definition.ts';

export const layout = {
  Reshape: unary((g, x, _y, graph) => graph.reshape(g, x.shape)),
};
