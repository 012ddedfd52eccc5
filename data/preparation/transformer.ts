/**
 * What a step of a preparation is. It learns on training rows alone, in TypeScript; what it does to rows is said once,
 * as operations of a graph, which onnxruntime runs for training and for serving alike: what is served is what was
 * trained, by construction.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Tensor } from '../../compute/graph/program.ts';
import type { ArrayFile } from '../../compute/arrays/safetensors.ts';
import type { Column, Table, Target } from '../table.ts';
import type { Features } from '../features.ts';

/** What a column is in the graph: `[batch]` as `contracts/tables.ts` says, or `[batch, width]` once it is features. */
export type ColumnTensor =
  | { readonly kind: 'strings'; readonly tensor: Tensor<'string'> }
  | { readonly kind: 'time'; readonly tensor: Tensor<'float64'> }
  /** float32 `[batch, names.length]`. */
  | { readonly kind: 'numbers'; readonly tensor: Tensor<'float32'>; readonly names: readonly string[] };

/** What a step learns from: a column as it came, or what the steps before made of it. */
export type StepInput = Column | Features;

export interface LearningContext {
  readonly seed: number;
  readonly threads: number;
  /** Number of each row's group, where rows of one group must not be in two folds. */
  readonly groups?: Int32Array;
}

/** A fitted step: plain data, so that it is stored, digested and lowered alike. */
export interface FittedStep {
  readonly names: readonly string[];
  /** Adds its operations to a graph. Never fails on values: what it has not seen has a stated encoding. */
  lower(graph: Graph, input: ColumnTensor): ColumnTensor & { kind: 'numbers' };
  /**
   * Of the training rows, where they must be told other numbers than rows that come later: target encoding, out of
   * fold. `[rows × names.length]`.
   */
  readonly training?: Float32Array;
  /** For the report, e.g. `{ median: 3, missing: 120 }`. */
  readonly learned: Readonly<Record<string, number | string>>;
}

/**
 * @param column - name for its features: a step that gives one keeps it, others add `=value`, `:term` or `_part`.
 * @throws TradewindError `PREPARATION_FAILED` where nothing can be learned, e.g. no value at all is there.
 */
export type ColumnStep<P> = (
  column: string,
  input: StepInput,
  parameters: P,
  target: Target | undefined,
  context: LearningContext,
) => FittedStep | Promise<FittedStep>;

/** @returns the numbers of the features that stay, ascending; at least one, and with what each was judged by. */
export type SelectionStep<P> = (
  features: Features,
  parameters: P,
  target: Target,
  context: LearningContext,
) => Promise<{ kept: Int32Array; scores: Float64Array }>;

/** A fitted preparation. */
export interface FittedPreparation {
  readonly names: readonly string[];
  /** Features of any rows with the columns that it was fitted on; others are ignored. By onnxruntime, in blocks of rows. */
  transform(table: Table): Promise<Features>;
  /** From the graph's own inputs, one a column, named like it, to float32 `[batch, names.length]`. */
  lower(graph: Graph): Tensor<'float32'>;
  state(): ArrayFile;
  close(): Promise<void>;
}
