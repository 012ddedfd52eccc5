/** The rule of differentiation of every operation, by its ONNX name. */
import type { AttributesOf, OperationName } from '../operations/table.ts';
import { control } from './control.ts';
import { convolution } from './convolution.ts';
import type { Derivative } from './definition.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { layout } from './layout.ts';
import { linear } from './linear.ts';
import { normalization } from './normalization.ts';
import { reductions } from './reduction.ts';
import { text } from './text.ts';
import { trees } from './trees.ts';

/** An operation without a rule, or a rule for other attributes than its operation's, does not compile. */
export const derivatives: { readonly [N in OperationName]: Derivative<AttributesOf<N>> } = {
  ...elementwise,
  ...linear,
  ...convolution,
  ...normalization,
  ...reductions,
  ...layout,
  ...indexing,
  ...text,
  ...trees,
  ...control,
};

/** The row of any name, with its attributes' type left open. */
export function derivativeOf(name: OperationName): Derivative<unknown> {
  return derivatives[name] as Derivative<unknown>;
}
