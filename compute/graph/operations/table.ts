/**
 * Every operation by its ONNX name. A new one is a row in one of these files and a case in the table's test; its rule of
 * differentiation is a row of `../derivatives/table.ts`.
 */
import { control } from './control.ts';
import { convolution } from './convolution.ts';
import type { Operation } from './definition.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { layout } from './layout.ts';
import { linear } from './linear.ts';
import { normalization } from './normalization.ts';
import { reductions } from './reduction.ts';
import { text } from './text.ts';
import { trees } from './trees.ts';

export const operations = {
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
} as const;

export type OperationName = keyof typeof operations;
export type AttributesOf<N extends OperationName> = (typeof operations)[N] extends Operation<infer A> ? A : never;
export const operationNames = Object.keys(operations) as OperationName[];

/** The row of any name, with its attributes' type left open. */
export function operationOf(name: OperationName): Operation<unknown> {
  return operations[name] as Operation<unknown>;
}
