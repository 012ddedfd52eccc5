/** The rule of differentiation of every operation, by its ONNX name. */
import type { OperationName } from '../operations/table.ts';
import type { Derivative } from './definition.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { layout } from './layout.ts';
import { linear } from './linear.ts';
import { reductions } from './reduction.ts';

export const derivatives = { ...elementwise, ...linear, ...reductions, ...layout, ...indexing } as const;

/** The row of any name, with its attributes' type left open. */
export function derivativeOf(name: OperationName): Derivative<unknown> {
  return (derivatives as Record<string, unknown>)[name] as Derivative<unknown>;
}
